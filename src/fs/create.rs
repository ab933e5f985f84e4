//! Making files, directories, links and special files.

use super::append::appends;
use super::handle::Access;
use super::{Entry, Fs, FsError, Opened, Result, now, object};
use crate::config::ExclusiveCreate;
use crate::draft::Draft;
use crate::inode::{Inode, Marker, Object, State};
use crate::meta::{self, Attrs, Kind, Xattrs};
use crate::names::{self, Name};
use crate::store::{Body, Condition, ErrorKind, ObjectHeaders, WriteHeaders};
use bytes::Bytes;
use std::ffi::OsStr;
use std::sync::Arc;
use std::time::{Instant, SystemTime};

/// Programs that create with O_EXCL only so as not to write through a link, and that check close(2): for them the
/// exclusive create is decided when the file is stored, which saves a request for each file.
const COPIERS: [&str; 9] = ["cp", "rsync", "tar", "bsdtar", "install", "mv", "unzip", "cpio", "scp"];
/// Longest target of a symbolic link (PATH_MAX without the final NUL).
const TARGET_MAX: usize = 4095;

/// On whose behalf something is made.
#[derive(Clone, Copy, Debug)]
pub struct Caller {
    /// Owner of the new file.
    pub uid: u32,
    /// Group of the new file.
    pub gid: u32,
    /// The thread, 0 if unknown.
    pub pid: u32,
}

impl Caller {
    /// Whether writing and truncating by this caller leaves set-user-id alone: the kernel goes by CAP_FSETID, which it
    /// tells us of a write only.
    pub fn keeps_suid(&self) -> bool {
        self.uid == 0
    }
}

impl Fs {
    /// Creates and opens a regular file. `mode` has the umask applied.
    pub async fn create(
        self: &Arc<Self>,
        parent: u64,
        name: &OsStr,
        mode: u32,
        flags: i32,
        caller: Caller,
    ) -> Result<(Entry, Opened)> {
        self.writable()?;
        let name = Name::new(name)?;
        let exclusive = flags & libc::O_EXCL != 0;
        let mut there = self.resolve_new(parent, &name).await?;
        // Another client may have made the file since the directory was listed. (An exclusive create is decided by its
        // PUT.)
        let mut unseen = if there.is_none() && !exclusive { self.look_again(parent, &name)? } else { None };
        if flags & libc::O_TRUNC == 0
            && let Some(look) = unseen.take()
        {
            there = match look.await {
                Ok(seen) => self.apply_seen(parent, &name, &seen, None, seen.asked),
                Err(error) if error.is_not_found() => None,
                Err(error) => return Err(error.into()),
            };
        }
        if let Some(there) = there {
            if exclusive {
                return Err(FsError::exists());
            }
            // Made by somebody else since the kernel's lookup.
            let opened = self.open(there.ino, flags, !caller.keeps_suid()).await?;
            return Ok((self.mention(&there), opened));
        }
        let key = self.file_key(parent, &name)?;
        let mut state = State::new(self.attrs_for(parent, Kind::File, mode, caller)?, Xattrs::new());
        if exclusive && self.claims_at_open(caller) {
            state.object = Some(Arc::new(self.put_new(&key, &name, &state.attrs, Bytes::new()).await?));
            state.asked = Some(Instant::now());
        } else {
            state.draft = Some(Box::new(Draft::new_file()));
            state.unseen = unseen;
        }
        state.opens = 1;
        state.appends = appends(flags, None);
        state.writers = 1;
        let stored = state.object.is_some();
        let inode = self.table.add(parent, &name, state).ok_or(FsError::stale())?;
        self.name_changed(parent, &name, true, stored);
        self.look_soon(&inode);
        let entry = self.mention(&inode);
        // Its close stores the new file, also if it was opened for reading only.
        let fh = self.handles.add(inode, Access { write: true, ..Access::of(flags) });
        Ok((entry, Opened { fh, keep_cache: false }))
    }

    /// Makes a directory: its marker object.
    pub async fn mkdir(self: &Arc<Self>, parent: u64, name: &OsStr, mode: u32, caller: Caller) -> Result<Entry> {
        self.writable()?;
        let name = Name::new(name)?;
        if self.resolve_new(parent, &name).await?.is_some() {
            return Err(FsError::exists());
        }
        let dir_key = self.table.dir_key(parent).ok_or(FsError::stale())?;
        let key = names::dir_key(&dir_key, &name)?;
        let asked = Instant::now();
        let mut state = State::new(self.attrs_for(parent, Kind::Dir, mode, caller)?, Xattrs::new());
        let made = self.put_new(&key, &name, &state.attrs, Bytes::new()).await?;
        state.object = Some(Arc::new(made));
        state.asked = Some(asked);
        if let Some(dir) = state.dir.as_mut() {
            dir.marker = Marker::Present;
            // Just made by an exclusive PUT of its marker: known to be empty.
            dir.install(crate::inode::Listing { asked, entries: Vec::new(), hidden: 0 });
        }
        let inode = self.table.add(parent, &name, state).ok_or(FsError::stale())?;
        self.name_changed(parent, &name, true, true);
        Ok(self.mention(&inode))
    }

    /// Makes a symbolic link: an object whose content is the target, as s3fs stores it.
    pub async fn symlink(self: &Arc<Self>, parent: u64, name: &OsStr, target: &OsStr, caller: Caller) -> Result<Entry> {
        let target = target.to_str().ok_or(FsError::Name(names::NameError::NotUtf8))?;
        if target.is_empty() {
            return Err(FsError::not_found());
        }
        if target.len() > TARGET_MAX {
            return Err(FsError::too_long());
        }
        let body = Bytes::copy_from_slice(target.as_bytes());
        let inode = self.make(parent, name, Kind::Symlink, 0o777, 0, caller, body).await?;
        inode.state().target = Some(target.into());
        Ok(self.mention(&inode))
    }

    /// Makes a fifo, a socket, a device node or an empty regular file.
    pub async fn mknod(
        self: &Arc<Self>,
        parent: u64,
        name: &OsStr,
        mode: u32,
        rdev: u32,
        caller: Caller,
    ) -> Result<Entry> {
        let kind = match mode & libc::S_IFMT {
            0 | libc::S_IFREG => Kind::File,
            libc::S_IFIFO => Kind::Fifo,
            libc::S_IFSOCK => Kind::Socket,
            libc::S_IFCHR => Kind::CharDevice,
            libc::S_IFBLK => Kind::BlockDevice,
            _ => return Err(FsError::invalid()),
        };
        let inode = self.make(parent, name, kind, mode & 0o7777, rdev, caller, Bytes::new()).await?;
        Ok(self.mention(&inode))
    }

    #[allow(clippy::too_many_arguments)]
    async fn make(
        self: &Arc<Self>,
        parent: u64,
        name: &OsStr,
        kind: Kind,
        mode: u32,
        rdev: u32,
        caller: Caller,
        body: Bytes,
    ) -> Result<Arc<Inode>> {
        self.writable()?;
        let name = Name::new(name)?;
        if self.resolve_new(parent, &name).await?.is_some() {
            return Err(FsError::exists());
        }
        let key = self.file_key(parent, &name)?;
        let asked = Instant::now();
        let attrs = Attrs { rdev, ..self.attrs_for(parent, kind, mode, caller)? };
        let mut state = State::new(attrs, Xattrs::new());
        state.size = body.len() as u64;
        state.object = Some(Arc::new(self.put_new(&key, &name, &state.attrs, body).await?));
        state.asked = Some(asked);
        let inode = self.table.add(parent, &name, state).ok_or(FsError::stale())?;
        self.name_changed(parent, &name, true, true);
        Ok(inode)
    }

    /// Stores a new object, only if there is none. EEXIST if there is.
    async fn put_new(&self, key: &str, name: &Name, attrs: &Attrs, body: Bytes) -> Result<Object> {
        let content_type = match attrs.kind {
            Kind::Dir => Some(meta::DIRECTORY.to_string()),
            Kind::Symlink => Some(meta::SYMLINK.to_string()),
            _ => meta::content_type(name.as_str()),
        };
        let mut headers = ObjectHeaders { content_type, ..ObjectHeaders::default() };
        meta::encode(attrs, &Xattrs::new(), &mut headers)?;
        let size = body.len() as u64;
        // The key must stand while the object is made: no renaming of a directory above it.
        let _tree = self.tree.read().await;
        let with = WriteHeaders { headers, grants: self.new_grants().await?, tags: Vec::new() };
        let stored = match self.store.put(key, Body::from(body), &with, &Condition::Absent).await {
            Err(error) if error.kind == ErrorKind::PreconditionFailed => return Err(FsError::exists()),
            other => other?,
        };
        let info = crate::store::ObjectInfo {
            etag: stored.etag,
            size,
            modified: SystemTime::now(),
            headers: Arc::new(with.headers),
            tag_count: 0,
            owner: None,
            appendable: false,
            restored: false,
        };
        Ok(Object { acl: Some(None), ..object(&self.bucket, key, &info) })
    }

    pub(super) fn file_key(&self, parent: u64, name: &Name) -> Result<String> {
        let dir_key = self.table.dir_key(parent).ok_or(FsError::stale())?;
        Ok(names::file_key(&dir_key, name)?)
    }

    /// Attributes of something new; a set-group-id directory hands its group down.
    fn attrs_for(&self, parent: u64, kind: Kind, mode: u32, caller: Caller) -> Result<Attrs> {
        let parent = self.inode(parent)?;
        let (dir_mode, dir_gid) = {
            let state = parent.state();
            (state.attrs.mode, state.attrs.gid)
        };
        let inherits = dir_mode & 0o2000 != 0;
        let gid = if inherits { dir_gid } else { caller.gid };
        let mode = (mode & 0o7777) | if inherits && kind == Kind::Dir { 0o2000 } else { 0 };
        let now = now();
        Ok(Attrs { kind, mode, uid: caller.uid, gid, mtime: now, ctime: now, atime: now, rdev: 0 })
    }

    fn claims_at_open(&self, caller: Caller) -> bool {
        match self.options.exclusive_create {
            ExclusiveCreate::Open => true,
            ExclusiveCreate::Close => false,
            ExclusiveCreate::Auto => {
                let comm = std::fs::read_to_string(format!("/proc/{}/comm", caller.pid)).unwrap_or_default();
                !COPIERS.contains(&comm.trim_end())
            }
        }
    }

    /// The directory knows that this mount made or removed a name.
    pub(super) fn name_changed(&self, parent: u64, name: &Name, present: bool, stored: bool) {
        if let Some(dir) = self.table.get(parent)
            && let Some(known) = dir.state().dir.as_mut()
        {
            known.changed(name, present, stored);
        }
    }
}
