//! What a mount shows: one bucket (or a folder of it), or all of a user's buckets as folders of its root.
//!
//! Each bucket is an [`Fs`] of its own; numbers, cache and connections are shared. A verb goes to the bucket of the inode
//! that it names; what concerns the root of all buckets is in `top`.

mod sum;

use super::top::Top;
use super::{Caller, Change, Entry, Found, Fs, FsError, Opened, Options, RenameRule, Result, Row, Slices, Space};
use crate::inode::ROOT;
use crate::store::{Store, StoreError};
use std::ffi::OsStr;
use std::sync::Arc;

/// A mounted bucket, or all buckets.
pub enum Volumes {
    /// The root is that of a bucket.
    One(Arc<Fs>),
    /// The root holds buckets.
    All(Arc<Top>),
}

/// Whom a verb concerns.
enum At {
    Bucket(Arc<Fs>),
    /// The root of all buckets.
    Top(Arc<Top>),
}

/// Verbs of an inode that go to its bucket, which is opened if it has not been used yet.
macro_rules! to_bucket {
    ($($(#[$doc:meta])* $name:ident($($arg:ident: $ty:ty),*) -> $out:ty;)*) => {
        impl Volumes {
            $($(#[$doc])* pub async fn $name(&self, ino: u64, $($arg: $ty),*) -> Result<$out> {
                self.bucket(ino).await?.$name(ino, $($arg),*).await
            })*
        }
    };
}

to_bucket! {
    /// Changes attributes and size.
    setattr(change: Change) -> Entry;
    /// The target of a symbolic link.
    readlink() -> Arc<str>;
    /// Makes a fifo, a socket, a device node or an empty regular file.
    mknod(name: &OsStr, mode: u32, rdev: u32, caller: Caller) -> Entry;
    /// Makes a symbolic link.
    symlink(name: &OsStr, target: &OsStr, caller: Caller) -> Entry;
    /// Removes a file's name.
    unlink(name: &OsStr) -> ();
    /// Opens a file.
    open(flags: i32, clear_suid: bool) -> Opened;
    /// Creates and opens a regular file.
    create(name: &OsStr, mode: u32, flags: i32, caller: Caller) -> (Entry, Opened);
    /// Sets an extended attribute.
    setxattr(name: &str, value: &[u8], create: bool, replace: bool) -> ();
    /// Removes an extended attribute.
    removexattr(name: &str) -> ();
}

/// Verbs of a handle. Its bucket is open, since the handle is.
macro_rules! of_handle {
    ($($(#[$doc:meta])* $name:ident($($arg:ident: $ty:ty),*) -> $out:ty;)*) => {
        impl Volumes {
            $($(#[$doc])* pub async fn $name(&self, ino: u64, fh: u64, $($arg: $ty),*) -> Result<$out> {
                self.opened(ino)?.$name(fh, $($arg),*).await
            })*
        }
    };
}

of_handle! {
    /// Reads.
    read(offset: u64, size: u32) -> Slices;
    /// Writes.
    write(offset: u64, data: &[u8], clear: bool) -> u32;
    /// Stores what a close must store.
    flush(pid: u32) -> ();
    /// Stores a file.
    fsync() -> ();
    /// Allocates, punches, zeroes.
    fallocate(offset: u64, length: u64, mode: i32) -> ();
}

impl Volumes {
    /// Mounts a bucket, or what is below the prefix of the options.
    pub async fn one(options: Options, store: Store) -> std::result::Result<Arc<Volumes>, StoreError> {
        Ok(Arc::new(Volumes::One(Fs::start(options, store, None).await?)))
    }

    /// Mounts all buckets of a user.
    pub async fn all(options: Options, store: Store) -> std::result::Result<Arc<Volumes>, StoreError> {
        Ok(Arc::new(Volumes::All(Top::start(options, store).await?)))
    }

    fn at(&self, ino: u64) -> Option<Result<At>> {
        match self {
            Volumes::One(fs) => Some(Ok(At::Bucket(fs.clone()))),
            Volumes::All(top) if ino == ROOT => Some(Ok(At::Top(top.clone()))),
            Volumes::All(top) => match top.known(ino) {
                Ok(fs) => fs.map(|fs| Ok(At::Bucket(fs))),
                Err(error) => Some(Err(error)),
            },
        }
    }

    /// The bucket of an inode. EPERM at the root of all buckets.
    async fn bucket(&self, ino: u64) -> Result<Arc<Fs>> {
        match (self.at(ino), self) {
            (Some(Ok(At::Bucket(fs))), _) => Ok(fs),
            (Some(Ok(At::Top(_))), _) => Err(FsError::Errno(libc::EPERM, "here are buckets only")),
            (Some(Err(error)), _) => Err(error),
            (None, Volumes::All(top)) => top.open(ino).await,
            (None, Volumes::One(fs)) => Ok(fs.clone()),
        }
    }

    /// The bucket of an inode that has open handles.
    pub(super) fn opened(&self, ino: u64) -> Result<Arc<Fs>> {
        match self.at(ino) {
            Some(Ok(At::Bucket(fs))) => Ok(fs),
            Some(Err(error)) => Err(error),
            _ => Err(FsError::bad_handle()),
        }
    }

    fn top(&self, ino: u64) -> Option<&Arc<Top>> {
        match self {
            Volumes::All(top) if ino == ROOT => Some(top),
            _ => None,
        }
    }

    /// Looks a name up in memory.
    pub fn try_lookup(&self, parent: u64, name: &OsStr) -> Option<Result<Found>> {
        match self.at(parent)? {
            Ok(At::Bucket(fs)) => fs.try_lookup(parent, name),
            Ok(At::Top(top)) => top.try_lookup(name),
            Err(error) => Some(Err(error)),
        }
    }

    /// Looks a name up.
    pub async fn lookup(&self, parent: u64, name: &OsStr) -> Result<Found> {
        match self.top(parent) {
            Some(top) => top.lookup(name).await,
            None => self.bucket(parent).await?.lookup(parent, name).await,
        }
    }

    /// The kernel gives back `n` mentions of a number.
    pub fn forget(&self, ino: u64, n: u64) {
        match self {
            Volumes::One(fs) => fs.forget(ino, n),
            Volumes::All(top) => top.forget(ino, n),
        }
    }

    /// Attributes from memory, if they may be believed.
    pub fn try_getattr(&self, ino: u64) -> Option<Result<Entry>> {
        match self.at(ino) {
            Some(Ok(At::Bucket(fs))) => fs.try_getattr(ino),
            Some(Err(error)) => Some(Err(error)),
            // The root of all, or of a bucket that nobody has entered yet.
            _ => match self {
                Volumes::All(top) => Some(top.getattr(ino)),
                Volumes::One(_) => None,
            },
        }
    }

    /// Attributes, asked for anew if they are too old.
    pub async fn getattr(&self, ino: u64) -> Result<Entry> {
        match self.try_getattr(ino) {
            Some(known) => known,
            None => self.bucket(ino).await?.getattr(ino).await,
        }
    }

    /// Changes attributes if the size stays.
    pub fn try_setattr(&self, ino: u64, change: &Change) -> Option<Result<Entry>> {
        match self.at(ino)? {
            Ok(At::Bucket(fs)) => fs.try_setattr(ino, change),
            Ok(At::Top(_)) => Some(Err(FsError::not_permitted())),
            Err(error) => Some(Err(error)),
        }
    }

    /// Makes a directory; at the root of all buckets a bucket.
    pub async fn mkdir(&self, parent: u64, name: &OsStr, mode: u32, caller: Caller) -> Result<Entry> {
        match self.top(parent) {
            Some(top) => top.mkdir(name).await,
            None => self.bucket(parent).await?.mkdir(parent, name, mode, caller).await,
        }
    }

    /// Removes an empty directory, or an empty bucket.
    pub async fn rmdir(&self, parent: u64, name: &OsStr) -> Result<()> {
        match self.top(parent) {
            Some(top) => top.rmdir(name).await,
            None => self.bucket(parent).await?.rmdir(parent, name).await,
        }
    }

    /// Renames within a bucket. EXDEV from one bucket to another: programs then copy.
    pub async fn rename(
        &self,
        parent: u64,
        name: &OsStr,
        new_parent: u64,
        new_name: &OsStr,
        rule: RenameRule,
    ) -> Result<()> {
        let (from, to) = (self.bucket(parent).await?, self.bucket(new_parent).await?);
        if !Arc::ptr_eq(&from, &to) {
            return Err(FsError::Errno(libc::EXDEV, "another bucket"));
        }
        from.rename(parent, name, new_parent, new_name, rule).await
    }

    /// Reads what is in memory.
    pub fn try_read(&self, ino: u64, fh: u64, offset: u64, size: u32) -> Option<Result<Slices>> {
        match self.opened(ino) {
            Ok(fs) => fs.try_read(fh, offset, size),
            Err(error) => Some(Err(error)),
        }
    }

    /// Writes, if nothing must be waited for.
    pub fn try_write(&self, ino: u64, fh: u64, offset: u64, data: &[u8], clear: bool) -> Option<Result<u32>> {
        match self.opened(ino) {
            Ok(fs) => fs.try_write(fh, offset, data, clear),
            Err(error) => Some(Err(error)),
        }
    }

    /// Whether a close has nothing to store.
    pub fn flush_is_idle(&self, ino: u64, fh: u64) -> bool {
        self.opened(ino).is_ok_and(|fs| fs.flush_is_idle(fh))
    }

    /// Closes a handle.
    pub fn release(&self, ino: u64, fh: u64) {
        if let Ok(fs) = self.opened(ino) {
            fs.release(fh);
        }
    }

    /// The next data or hole.
    pub fn seek(&self, ino: u64, fh: u64, from: u64, hole: bool) -> Result<u64> {
        self.opened(ino)?.seek(fh, from, hole)
    }

    /// Opens a directory.
    pub async fn opendir(&self, ino: u64) -> Result<u64> {
        match self.top(ino) {
            Some(top) => Ok(top.opendir()),
            None => self.bucket(ino).await?.opendir(ino),
        }
    }

    /// Opens a directory of a bucket in use.
    pub fn try_opendir(&self, ino: u64) -> Option<Result<u64>> {
        match self.at(ino)? {
            Ok(At::Bucket(fs)) => Some(fs.opendir(ino)),
            Ok(At::Top(top)) => Some(Ok(top.opendir())),
            Err(error) => Some(Err(error)),
        }
    }

    /// Closes a directory.
    pub fn releasedir(&self, ino: u64, fh: u64) {
        match (self.top(ino), self.opened(ino)) {
            (Some(top), _) => top.releasedir(fh),
            (None, Ok(fs)) => fs.releasedir(fh),
            (None, Err(_)) => {}
        }
    }

    /// Whether [`Volumes::fill_dir`] can go on at `offset` without asking the service.
    pub fn dir_ready(&self, ino: u64, fh: u64, offset: u64) -> Result<bool> {
        match self.top(ino) {
            Some(top) => Ok(offset > 0 && top.dir_ready(fh)),
            None => self.opened(ino)?.dir_ready(fh, offset),
        }
    }

    /// Takes the directory's content for this handle.
    pub async fn prepare_dir(&self, ino: u64, fh: u64, offset: u64) -> Result<()> {
        match self.top(ino) {
            Some(top) => top.prepare_dir(fh, offset).await,
            None => self.opened(ino)?.prepare_dir(fh, offset).await,
        }
    }

    /// Gives entries from `offset` on until `add` says that it is full.
    pub fn fill_dir(
        &self,
        ino: u64,
        fh: u64,
        offset: u64,
        plus: bool,
        add: &mut dyn FnMut(&Row) -> bool,
    ) -> Result<()> {
        match self.top(ino) {
            Some(top) => top.fill_dir(fh, offset, plus, add),
            None => self.opened(ino)?.fill_dir(fh, offset, plus, add),
        }
    }

    /// Stores the attributes of what is in a directory.
    pub async fn fsyncdir(&self, ino: u64, fh: u64) -> Result<()> {
        match self.top(ino) {
            Some(_) => Ok(()),
            None => self.opened(ino)?.fsyncdir(fh).await,
        }
    }

    /// The numbers for statfs(2).
    pub async fn space(&self, ino: u64) -> Result<Space> {
        match self.top(ino) {
            Some(top) => Ok(top.space().await),
            None => self.bucket(ino).await?.space().await,
        }
    }

    /// The value of an attribute, if it can be told from memory.
    pub fn try_getxattr(&self, ino: u64, name: &str) -> Option<Result<Vec<u8>>> {
        match self.at(ino)? {
            Ok(At::Bucket(fs)) => fs.try_getxattr(ino, name),
            Ok(At::Top(_)) => Some(Err(super::xattr::none(name))),
            Err(error) => Some(Err(error)),
        }
    }

    /// The value of an attribute.
    pub async fn getxattr(&self, ino: u64, name: &str) -> Result<Vec<u8>> {
        match self.try_getxattr(ino, name) {
            Some(known) => known,
            // `ls -l` asks for labels: no reason to open a bucket.
            None if !name.starts_with("user.") => Err(super::xattr::none(name)),
            None => self.bucket(ino).await?.getxattr(ino, name).await,
        }
    }

    /// Names of the attributes that are set, if memory knows them all.
    pub fn try_listxattr(&self, ino: u64) -> Option<Result<Vec<String>>> {
        match self.at(ino)? {
            Ok(At::Bucket(fs)) => fs.try_listxattr(ino),
            Ok(At::Top(_)) => Some(Ok(Vec::new())),
            Err(error) => Some(Err(error)),
        }
    }

    /// Names of the attributes that are set.
    pub async fn listxattr(&self, ino: u64) -> Result<Vec<String>> {
        match self.top(ino) {
            Some(_) => Ok(Vec::new()),
            None => self.bucket(ino).await?.listxattr(ino).await,
        }
    }
}
