//! Changing attributes. They are stored with the next write of the object, by a rename, by fsync, or after a moment.

use super::{Entry, Fs, FsError, Result, now};
use crate::inode::{Inode, State};
use crate::meta::{Attrs, Time};
use std::sync::Arc;

/// A time to set.
#[derive(Clone, Copy, Debug)]
pub enum SetTime {
    /// The current time (UTIME_NOW).
    Now,
    /// This time.
    At(Time),
}

/// What to change; `None` leaves a thing as it is.
#[derive(Clone, Copy, Debug, Default)]
pub struct Change {
    /// Permission bits.
    pub mode: Option<u32>,
    /// Owner.
    pub uid: Option<u32>,
    /// Group.
    pub gid: Option<u32>,
    /// Size: truncates or appends zeros.
    pub size: Option<u64>,
    /// Access time.
    pub atime: Option<SetTime>,
    /// Modification time.
    pub mtime: Option<SetTime>,
    /// Clear set-user-id and set-group-id, because the file was written or changed hands.
    pub clear_suid: bool,
}

impl Fs {
    /// Changes attributes if the size stays.
    pub fn try_setattr(&self, ino: u64, change: &Change) -> Option<Result<Entry>> {
        if change.size.is_some() {
            return None;
        }
        if let Err(error) = self.writable() {
            return Some(Err(error));
        }
        let inode = match self.inode(ino) {
            Ok(inode) => inode,
            Err(error) => return Some(Err(error)),
        };
        Some(Ok(self.change_attrs(&inode, change)))
    }

    /// Changes attributes and size.
    pub async fn setattr(self: &Arc<Self>, ino: u64, change: Change) -> Result<Entry> {
        self.writable()?;
        let inode = self.inode(ino)?;
        if let Some(size) = change.size {
            if inode.state().is_dir() {
                return Err(FsError::is_dir());
            }
            let before = Before::of(&inode.state());
            self.truncate(&inode, size).await?;
            let ours = inode.state().draft.as_ref().map(|draft| draft.changes);
            // truncate(2) without a writer's handle has no close that would report or store.
            if inode.state().writers == 0 {
                // A change of attributes that came between would be taken back as well.
                let before = before.filter(|before| before.meta_changes == inode.state().meta_changes);
                self.change_attrs(&inode, &change);
                let changes = (ours, inode.state().meta_changes);
                if let Err(error) = self.commit(&inode).await {
                    // Bytes that waited for room before go on waiting, with the new size.
                    let waits = before.is_none() && error.is_quota();
                    let refused = error.is_final() || error.is_quota();
                    if !(refused && self.take_back_size(&inode, before, changes)) {
                        self.store_soon(&inode);
                    }
                    if !waits {
                        return Err(error);
                    }
                }
                let state = inode.state();
                return Ok(self.entry(&inode, &state));
            }
        }
        Ok(self.change_attrs(&inode, &change))
    }

    /// After truncate(2) of a file was refused: it is not done, and the caller's kernel goes on with the old size. False: bytes
    /// waited before, or something was changed meanwhile (`changes`: of the bytes and of the attributes, by this call), and
    /// everything stays.
    fn take_back_size(&self, inode: &Inode, before: Option<Before>, changes: (Option<u64>, u64)) -> bool {
        let Some(before) = before else { return false };
        let mut state = inode.state();
        if state.writers > 0 || changes != (state.draft.as_ref().map(|draft| draft.changes), state.meta_changes) {
            return false;
        }
        state.draft = None;
        state.refused = false;
        // Who has read meanwhile has seen the new size, and his pages are not the object's.
        state.pages = None;
        state.reverted = true;
        before.put_back(&mut state);
        drop(state);
        self.drop_lost(inode);
        self.forget_if_stored(inode);
        true
    }

    pub(super) fn change_attrs(&self, inode: &Arc<Inode>, change: &Change) -> Entry {
        let mut state = inode.state();
        if apply(&mut state, change) {
            state.touch_meta();
            // An open file that is being written is stored at its close, and carries the attributes then.
            let carried = state.draft.as_ref().is_some_and(|draft| draft.dirty) && state.writers > 0;
            if !state.unlinked && !carried {
                drop(state);
                self.store_soon(inode);
                state = inode.state();
            }
        }
        self.entry(inode, &state)
    }
}

/// A file without anything to store, before its size was changed.
struct Before {
    attrs: Attrs,
    size: u64,
    mtime_set: bool,
    meta_changes: u64,
}

impl Before {
    /// `None`: its bytes wait to be stored.
    fn of(state: &State) -> Option<Before> {
        let State { size, mtime_set, meta_changes, .. } = *state;
        state.draft.is_none().then(|| Before { attrs: state.attrs.clone(), size, mtime_set, meta_changes })
    }

    fn put_back(self, state: &mut State) {
        (state.attrs, state.size, state.mtime_set) = (self.attrs, self.size, self.mtime_set);
        state.meta_changes = self.meta_changes;
    }
}

/// Applies a change; tells whether anything that is stored has changed.
fn apply(state: &mut State, change: &Change) -> bool {
    let before = state.attrs.clone();
    let now = now();
    let at = |time: SetTime| match time {
        SetTime::Now => now,
        SetTime::At(time) => time,
    };
    if let Some(mode) = change.mode {
        state.attrs.mode = mode & 0o7777;
    }
    let changes_hands = change.uid.is_some() || change.gid.is_some();
    state.attrs.uid = change.uid.unwrap_or(state.attrs.uid);
    state.attrs.gid = change.gid.unwrap_or(state.attrs.gid);
    if (changes_hands || change.clear_suid) && !state.is_dir() && change.mode.is_none() {
        let group = if state.attrs.mode & 0o010 != 0 { 0o2000 } else { 0 };
        state.attrs.mode &= !(0o4000 | group);
    }
    if let Some(atime) = change.atime {
        state.attrs.atime = at(atime);
    }
    if let Some(mtime) = change.mtime {
        state.attrs.mtime = at(mtime);
        state.mtime_set = true;
    }
    let changed = state.attrs != before;
    if changed || change.mtime.is_some() {
        state.attrs.ctime = now;
    }
    changed
}
