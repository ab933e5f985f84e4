//! What is known of one inode.

use super::{DirState, Look};
use crate::cache::Identity;
use crate::draft::{Draft, Lost};
use crate::meta::{Attrs, Kind, Xattrs};
use crate::store::{Acl, ETag, ObjectHeaders};
use crate::sync::{Guard, Ranked, STATE};
use std::sync::Arc;
use std::time::{Instant, SystemTime};

/// One file, directory, link or special file that the kernel (or an operation) knows.
#[derive(Debug)]
pub struct Inode {
    /// Its number; no other known inode has it.
    pub ino: u64,
    /// The number of the root of its bucket.
    pub bucket: u64,
    /// Held for reading by writes and truncation, for writing by what needs the bytes to stand still or the name to
    /// stay: commit, rename, unlink. Two gates are taken in ascending order of their numbers.
    pub gate: tokio::sync::RwLock<()>,
    state: Ranked<STATE, State>,
}

impl Inode {
    /// A new inode; only the table makes numbers.
    pub(super) fn new(ino: u64, bucket: u64, state: State) -> Inode {
        Inode { ino, bucket, gate: tokio::sync::RwLock::new(()), state: Ranked::new(state) }
    }

    /// Locks the state. No request to the service is made and nothing is awaited while it is held.
    pub fn state(&self) -> Guard<'_, STATE, State> {
        self.state.lock()
    }
}

/// How much is known of the attributes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Knowledge {
    /// Key, size, etag and time from a listing: kind and mode are guesses.
    Listing,
    /// The object's headers were read, or this mount made the object.
    Full,
}

/// The stored object behind an inode.
#[derive(Clone, Debug)]
pub struct Object {
    /// Identity of the bytes for the block cache.
    pub id: Arc<Identity>,
    /// Entity tag.
    pub etag: ETag,
    /// Size in bytes.
    pub size: u64,
    /// Last-Modified as last told (by HEAD: whole seconds; by a listing: milliseconds).
    pub modified: SystemTime,
    /// Last-Modified as a listing told it. With the etag and the size it proves that the headers are still the same:
    /// every change of metadata writes the object anew and moves this time.
    pub listed: Option<SystemTime>,
    /// Headers to keep; `None` while only a listing is known.
    pub headers: Option<Arc<ObjectHeaders>>,
    /// Number of tags.
    pub tag_count: u32,
    /// The ACL: `None` not asked yet; `Some(None)` we may not read it; known private for what this mount wrote.
    pub acl: Option<Option<Arc<Acl>>>,
    /// In a cold storage class and not restored.
    pub cold: bool,
    /// It can be appended to (RGW), and when the service said so last.
    pub appendable: Option<Instant>,
}

/// Everything that can change about an inode.
#[derive(Debug)]
pub struct State {
    /// Kind, mode, owner, times.
    pub attrs: Attrs,
    /// `user.*` attributes.
    pub xattrs: Arc<Xattrs>,
    /// Size as programs see it: the draft's, else the object's.
    pub size: u64,
    /// Where the attributes come from.
    pub knowledge: Knowledge,
    /// When the question was sent whose answer this is; `None`: never asked.
    pub asked: Option<Instant>,
    /// What is stored under the key; `None`: nothing yet (or a directory without marker).
    pub object: Option<Arc<Object>>,
    /// Bytes that are not stored yet. (Few inodes have any: boxed.)
    pub draft: Option<Box<Draft>>,
    /// Where these were written down after they could not be stored. Without an inode that wants it the entry stays.
    pub lost: Option<Lost>,
    /// Counts changes of attributes; differs from `meta_stored` while some are not stored yet.
    pub meta_changes: u64,
    /// The count that the stored object carries.
    pub meta_stored: u64,
    /// The modification time was set by a program (not by writing), and is to be stored as it is.
    pub mtime_set: bool,
    /// Programs that write open the file with O_APPEND: how often its bytes were stored since.
    pub appends: Option<u32>,
    /// A Content-Type that is being stored.
    pub new_type: Option<Arc<str>>,
    /// Open handles.
    pub opens: u32,
    /// Open handles that can write: the close of one stores what waits.
    pub writers: u32,
    /// The service refused the bytes for good: they are dropped when no program has them open for writing any more. Its close
    /// has reported it.
    pub refused: bool,
    /// When storing failed last, and with which errno: whoever waited for that gets the same answer.
    pub failed: Option<(Instant, i32)>,
    /// What was written was dropped, and the kernel may still show its size: the next OPEN sends it back to LOOKUP.
    pub reverted: bool,
    /// The name went to another client's version; what is written now has nowhere to go.
    pub conflicted: bool,
    /// The name is gone; open handles live on.
    pub unlinked: bool,
    /// Another client took the name away or stored something else under it: an OPEN that the kernel's old dentry leads here
    /// looks the name up again.
    pub superseded: bool,
    /// Where the object went when the name was removed under an open handle: the hidden key.
    pub orphan: Option<String>,
    /// The kernel's page cache was filled from these bytes.
    pub pages: Option<Arc<Identity>>,
    /// Target of a symbolic link, once read.
    pub target: Option<Arc<str>>,
    /// For directories.
    pub dir: Option<Box<DirState>>,
    /// OPEN found another object than the kernel's attributes say and sent the kernel back to LOOKUP; its next OPEN
    /// need not ask again.
    pub revalidated: Option<Instant>,
    /// When a LOOKUP asked the service and gave the name to the kernel without a lifetime: an OPEN that comes before the
    /// next LOOKUP belongs to the same open(2), and need not ask once more.
    pub walked: Option<Instant>,
    /// There was a next LOOKUP: a program looked at the file by a call of its own first.
    pub looked_first: bool,
    /// Of a new file: what another client may have stored under the name before it was created, not answered yet.
    pub unseen: Option<Look>,
}

impl State {
    /// A state with these attributes; everything else is empty.
    pub fn new(attrs: Attrs, xattrs: Xattrs) -> State {
        let dir = (attrs.kind == Kind::Dir).then(Box::default);
        State {
            attrs,
            xattrs: Arc::new(xattrs),
            size: 0,
            knowledge: Knowledge::Full,
            asked: None,
            object: None,
            draft: None,
            lost: None,
            meta_changes: 0,
            meta_stored: 0,
            mtime_set: false,
            appends: None,
            new_type: None,
            opens: 0,
            writers: 0,
            refused: false,
            failed: None,
            reverted: false,
            conflicted: false,
            unlinked: false,
            superseded: false,
            orphan: None,
            pages: None,
            target: None,
            dir,
            revalidated: None,
            walked: None,
            looked_first: false,
            unseen: None,
        }
    }

    /// Whether this is a directory.
    pub fn is_dir(&self) -> bool {
        self.attrs.kind == Kind::Dir
    }

    /// Attributes changed and not stored.
    pub fn meta_dirty(&self) -> bool {
        self.meta_changes != self.meta_stored
    }

    /// Bytes or attributes wait to be stored. While that is so, what the service says cannot replace them.
    pub fn is_dirty(&self) -> bool {
        self.draft.as_ref().is_some_and(|draft| draft.dirty) || self.meta_dirty()
    }

    /// Another client took the name away or stored something else under it; open handles live on.
    pub fn supersede(&mut self) {
        self.unlinked = true;
        self.superseded = true;
    }

    /// Notes a change of attributes that is to be stored.
    pub fn touch_meta(&mut self) {
        self.meta_changes += 1;
    }
}
