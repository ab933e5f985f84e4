//! Attributes as programs see them.

use super::{Fs, FsError, Result};
use crate::inode::{Inode, Knowledge, ROOT, State};
use crate::meta::{Kind, Time};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// What stat(2) shows.
#[derive(Clone, Debug)]
pub struct Attr {
    /// Inode number.
    pub ino: u64,
    /// File, directory, link, ...
    pub kind: Kind,
    /// Permission bits, 0o7777.
    pub mode: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Size in bytes.
    pub size: u64,
    /// Units of 512 bytes; true, since `cp` looks for holes by it.
    pub blocks: u64,
    /// Device number of device nodes.
    pub rdev: u32,
    /// Last change of content.
    pub mtime: Time,
    /// Last change of attributes.
    pub ctime: Time,
    /// Last access as stored; reading does not change it.
    pub atime: Time,
}

/// A name's inode, and how long the kernel may believe it.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Attributes.
    pub attr: Attr,
    /// Time for which the attributes need not be asked again.
    pub ttl: Duration,
    /// The same for the name.
    pub name_ttl: Duration,
}

impl Fs {
    /// Attributes from memory, if they may be believed.
    pub fn try_getattr(&self, ino: u64) -> Option<Result<Entry>> {
        let inode = match self.inode(ino) {
            Ok(inode) => inode,
            Err(error) => return Some(Err(error)),
        };
        let state = inode.state();
        self.is_fresh(&inode, &state).then(|| Ok(self.entry(&inode, &state)))
    }

    /// Attributes, asked for anew if they are too old.
    pub async fn getattr(self: &Arc<Self>, ino: u64) -> Result<Entry> {
        if let Some(known) = self.try_getattr(ino) {
            return known;
        }
        let inode = self.inode(ino)?;
        if let Some((parent, name)) = self.table.place(ino) {
            match self.resolve(parent, &name).await? {
                Some(_) => {}
                None => return Err(FsError::stale()),
            }
        }
        let state = inode.state();
        Ok(self.entry(&inode, &state))
    }

    /// Whether the state may be shown without asking.
    pub(super) fn is_fresh(&self, inode: &Inode, state: &State) -> bool {
        if inode.ino == ROOT || state.unlinked || state.is_dirty() || state.draft.is_some() {
            return true;
        }
        let known = state.knowledge == Knowledge::Full || self.options.listing_only;
        known && state.asked.is_some_and(|asked| asked.elapsed() < self.options.max_age)
    }

    /// How long an answer that was asked for at this time may be believed.
    pub(super) fn ttl(&self, asked: Option<Instant>) -> Duration {
        asked.map_or(Duration::ZERO, |asked| self.options.max_age.saturating_sub(asked.elapsed()))
    }

    /// The state as stat(2) shows it.
    pub(super) fn attr(&self, inode: &Inode, state: &State) -> Attr {
        let attrs = &state.attrs;
        let size = if state.is_dir() { 4096 } else { state.size };
        Attr {
            ino: inode.ino,
            kind: attrs.kind,
            mode: attrs.mode,
            uid: attrs.uid,
            gid: attrs.gid,
            size,
            blocks: if attrs.kind == Kind::File { size.div_ceil(512) } else { 0 },
            rdev: attrs.rdev,
            mtime: attrs.mtime,
            ctime: attrs.ctime,
            atime: attrs.atime,
        }
    }

    pub(super) fn entry(&self, inode: &Inode, state: &State) -> Entry {
        let fresh = self.is_fresh(inode, state);
        let ttl = match state.asked {
            _ if !fresh => Duration::ZERO,
            Some(asked) if !state.is_dirty() && inode.ino != ROOT => self.ttl(Some(asked)),
            _ => self.options.max_age,
        };
        Entry { attr: self.attr(inode, state), ttl, name_ttl: ttl }
    }
}
