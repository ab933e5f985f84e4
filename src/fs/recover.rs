//! Storing what an earlier mount could not store: the draft comes back from its entry, and is stored as the mount would have
//! stored it, under the same condition. So what somebody else has stored meanwhile is not overwritten.

use super::{Fs, FsError, Result, Volumes, base_of};
use crate::draft::{Base, Lost, Record};
use crate::inode::{Inode, Object, State};
use crate::meta::{self, Attrs, Kind};
use crate::names::Name;
use crate::store::{ETag, ErrorKind, ObjectHeaders};
use std::sync::Arc;
use std::time::SystemTime;

const NO_BASE: FsError = FsError::Errno(
    libc::ESTALE,
    "it is a change of an object that was replaced or removed since; what is here can be written to a file with --export",
);
const NO_UPLOAD: FsError = FsError::Errno(
    libc::EIO,
    "the upload that has its first parts is gone at the service; what is here can be written to a file with --export",
);
const A_FOLDER: FsError = FsError::Errno(
    libc::EISDIR,
    "a folder of this name is there now; move it, or write the file elsewhere with --export",
);

/// How it went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Recovered {
    /// It stands under its name.
    Stored,
    /// So it does, and its attributes could not be stored.
    WithoutAttributes(String),
    /// Somebody else's version was there: both are, one of them under this name beside the other.
    Both(String),
}

impl Volumes {
    /// Stores what an entry has. If that works the entry is gone, else it is as it was, with the new reason.
    pub async fn recover(&self, lost: Lost) -> Result<Recovered> {
        match self {
            Volumes::One(fs) => fs.recover(lost).await,
            Volumes::All(_) => Err(FsError::invalid()),
        }
    }
}

impl Fs {
    async fn recover(self: &Arc<Self>, lost: Lost) -> Result<Recovered> {
        let record = lost.record().cloned().ok_or(FsError::internal())?;
        let (inode, _above) = self.place_of(&record).await?;
        self.take_up(&inode, lost, &record)?;
        let done = self.commit(&inode).await;
        let stored = inode.state().draft.is_none();
        {
            // The next entry may be of the same name, and asks anew.
            let mut state = inode.state();
            state.draft = None;
            state.lost = None;
        }
        self.table.unlink(inode.ino);
        match done {
            Ok(()) => Ok(Recovered::Stored),
            Err(FsError::Conflict(Some(kept))) => Ok(Recovered::Both(kept)),
            Err(error) if stored => Ok(Recovered::WithoutAttributes(error.to_string())),
            Err(FsError::Store(error)) if error.kind == ErrorKind::NoSuchUpload => Err(NO_UPLOAD),
            Err(error) => Err(error),
        }
    }

    /// The inode of the key, as the service has it now, and the directories above, which are known while these are held.
    async fn place_of(self: &Arc<Self>, record: &Record) -> Result<(Arc<Inode>, Vec<Arc<Inode>>)> {
        let path = record.about.key.strip_prefix(&self.options.prefix).ok_or(FsError::invalid())?;
        let names = path.split('/').map(|name| Name::new(name.as_ref())).collect::<std::result::Result<Vec<_>, _>>()?;
        let (name, folders) = names.split_last().ok_or(FsError::invalid())?;
        let (attrs, _) = meta::decode(&ObjectHeaders::default(), true, 0, SystemTime::now(), &self.options.defaults);
        let mut above = vec![self.root.clone()];
        for folder in folders {
            let parent = above.last().map_or(self.root.ino, |inode| inode.ino);
            // Whether the service has a marker for it is nobody's question here.
            let state = || State::new(attrs.clone(), meta::Xattrs::new());
            let (inode, _) = self.table.child_or_add(parent, folder, state).ok_or(FsError::stale())?;
            above.push(inode);
        }
        let parent = above.last().map_or(self.root.ino, |inode| inode.ino);
        let inode = match self.resolve(parent, name).await? {
            Some(inode) if inode.state().is_dir() => return Err(A_FOLDER),
            Some(inode) => inode,
            None => {
                let attrs = Attrs { kind: Kind::File, ..attrs };
                self.table.add(parent, name, State::new(attrs, meta::Xattrs::new())).ok_or(FsError::stale())?
            }
        };
        Ok((inode, above))
    }

    /// Puts the inode into the state in which the mount had it.
    fn take_up(&self, inode: &Inode, lost: Lost, record: &Record) -> Result<()> {
        let about = &record.about;
        let there = inode.state().object.clone();
        let was = record.base.as_ref().map(|base| (ETag::new(&base.etag), base.size));
        let same = there.as_ref().filter(|there| was == Some((there.etag.clone(), there.size)));
        if record.needs_base() && same.is_none() {
            return Err(NO_BASE);
        }
        let base = match (same, &there, was) {
            (Some(same), _, _) => Some(base_of(same)),
            // Somebody else's version: the condition does not hold, and both are kept.
            (None, Some(_), Some((etag, size))) => {
                Some(Base { id: self.identity(&about.key, &etag), etag, size, appendable: None })
            }
            // Nothing is there to come into conflict with.
            (None, _, _) => None,
        };
        let headers = Some(Arc::new(about.headers.clone()));
        let object = match same {
            Some(same) => Object::clone(same),
            None => {
                let etag = base.as_ref().map_or_else(|| ETag::new(""), |base| base.etag.clone());
                Object {
                    id: self.identity(&about.key, &etag),
                    etag,
                    size: 0,
                    modified: SystemTime::UNIX_EPOCH,
                    listed: None,
                    headers,
                    tag_count: 0,
                    acl: Some(None),
                    cold: false,
                    appendable: None,
                }
            }
        };
        let (attrs, xattrs) =
            meta::decode(&about.headers, false, record.size, SystemTime::now(), &self.options.defaults);
        // What the headers of the upload do not say is stored once it is an object.
        let behind = u64::from(record.upload.as_ref().is_some_and(|upload| upload.behind));
        let draft = lost.draft(base, 0)?;
        let mut state = inode.state();
        state.attrs = Attrs { kind: Kind::File, ..attrs };
        state.xattrs = Arc::new(xattrs);
        state.size = record.size;
        let type_now = object.headers.as_ref().and_then(|headers| headers.content_type.clone());
        if type_now != about.headers.content_type {
            state.new_type = about.headers.content_type.as_deref().map(Arc::from);
        }
        state.object = Some(Arc::new(object));
        state.mtime_set = about.mtime_set;
        (state.meta_changes, state.meta_stored) = (behind, 0);
        state.draft = Some(Box::new(draft));
        state.lost = Some(lost);
        Ok(())
    }
}
