//! Open handles.

use super::{FsError, Result};
use crate::cache::ReadAhead;
use crate::inode::{Inode, Listing};
use crate::sync::{LEAF, Ranked};
use std::collections::HashMap;
use std::sync::atomic::{AtomicI32, AtomicU64, Ordering};
use std::sync::{Arc, RwLock};

/// What open gives back.
#[derive(Clone, Copy, Debug)]
pub struct Opened {
    /// Handle number.
    pub fh: u64,
    /// The kernel's page cache holds these very bytes and may be kept.
    pub keep_cache: bool,
}

/// What a file or directory is open for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Access {
    pub(super) read: bool,
    /// Its close stores what is not stored yet.
    pub(super) write: bool,
    /// A program that is being started or runs: the kernel closes the handle when the last process that runs it ends.
    pub(super) execute: bool,
}

impl Access {
    /// Of a directory.
    pub(super) const DIR: Access = Access { read: true, write: false, execute: false };

    /// By the flags of open(2), as the kernel has them in FUSE_OPEN.
    pub(super) fn of(flags: i32) -> Access {
        let access = flags & libc::O_ACCMODE;
        Access { read: access != libc::O_WRONLY, write: access != libc::O_RDONLY, execute: flags & FMODE_EXEC != 0 }
    }
}

/// execve(2) opens with it: `__FMODE_EXEC` of Linux' include/linux/fs.h. No program can set it itself.
const FMODE_EXEC: i32 = 0x20;

/// An open file or directory.
#[derive(Debug)]
pub(super) struct Handle {
    pub(super) inode: Arc<Inode>,
    pub(super) access: Access,
    pub(super) ahead: Ranked<LEAF, ReadAhead>,
    /// The errno that a close has reported to one descriptor of possibly several (a shell closes one and goes on with its
    /// duplicate): the next write reports it too. 0: none.
    pub(super) untold: AtomicI32,
    /// The directory as this handle walks it: taken at the first read and at each rewind, so that offsets are stable.
    pub(super) rows: Ranked<LEAF, Option<Arc<Walk>>>,
}

/// A directory as one handle walks it.
#[derive(Debug)]
pub(super) struct Walk {
    pub(super) listing: Arc<Listing>,
    /// Sorted names: what the listing has, corrected by what this mount made and removed.
    pub(super) names: Vec<WalkEntry>,
}

/// A name in a walk.
#[derive(Clone, Debug)]
pub(super) enum WalkEntry {
    /// Entry of the listing.
    Listed(u32),
    /// An inode that only this mount knows so far.
    Local(crate::names::Name, Arc<Inode>),
}

/// All open handles.
#[derive(Default)]
pub(super) struct Handles {
    next: AtomicU64,
    open: RwLock<HashMap<u64, Arc<Handle>>>,
}

impl Handles {
    pub(super) fn add(&self, inode: Arc<Inode>, access: Access) -> u64 {
        let fh = self.next.fetch_add(1, Ordering::Relaxed) + 1;
        let (ahead, rows) = (Ranked::new(ReadAhead::default()), Ranked::new(None));
        let handle = Handle { inode, access, ahead, untold: AtomicI32::new(0), rows };
        self.open.write().unwrap_or_else(|p| p.into_inner()).insert(fh, Arc::new(handle));
        fh
    }

    pub(super) fn get(&self, fh: u64) -> Result<Arc<Handle>> {
        let open = self.open.read().unwrap_or_else(|p| p.into_inner());
        open.get(&fh).cloned().ok_or(FsError::bad_handle())
    }

    pub(super) fn remove(&self, fh: u64) -> Option<Arc<Handle>> {
        self.open.write().unwrap_or_else(|p| p.into_inner()).remove(&fh)
    }

    /// Whether a program of this number runs.
    pub(super) fn is_running(&self, ino: u64) -> bool {
        let open = self.open.read().unwrap_or_else(|p| p.into_inner());
        open.values().any(|handle| handle.access.execute && handle.inode.ino == ino)
    }

    /// Inodes of all open handles.
    pub(super) fn inodes(&self) -> Vec<Arc<Inode>> {
        let open = self.open.read().unwrap_or_else(|p| p.into_inner());
        open.values().map(|handle| handle.inode.clone()).collect()
    }
}
