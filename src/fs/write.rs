//! Writing: into the draft; full parts of a sequential writer go up at once.

use super::handle::Handle;
use super::{Fs, FsError, Result, base_of, now};
use crate::draft::Draft;
use crate::inode::{Inode, State};
use crate::meta::Kind;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};
use tokio::sync::Notify;

/// Largest file: S3's largest object.
const LARGEST: u64 = 5 << 40;
/// How long a write waits for room in the scratch space, while parts are on their way.
const FOR_ROOM: Duration = Duration::from_secs(60);
/// How long it waits for the bell of what it waits for, before it looks without.
const LOOK: Duration = Duration::from_millis(200);
/// The same if it waits for its parts: the line may have shown meanwhile that it carries more of them.
const LOOK_FOR_LANES: Duration = Duration::from_millis(25);

/// What stands between a write and the draft.
pub(super) enum Obstacle {
    /// The range lies in parts of an unfinished upload: finish it first.
    Upload,
    /// Enough parts are on their way: wait for one.
    Full(Arc<Notify>),
    /// The scratch space is full, and parts that are on their way will give some back.
    NoRoom(Arc<Notify>, std::io::Error),
}

impl Fs {
    /// Writes if nothing has to be waited for. `clear_suid`: the kernel asks to clear set-user-id and set-group-id.
    pub fn try_write(self: &Arc<Self>, fh: u64, offset: u64, data: &[u8], clear_suid: bool) -> Option<Result<u32>> {
        let handle = match self.handles.get(fh) {
            Ok(handle) if handle.access.write => handle,
            Ok(_) => return Some(Err(FsError::bad_handle())),
            Err(error) => return Some(Err(error)),
        };
        let _gate = handle.inode.gate.try_read().ok()?;
        match self.write_now(&handle, offset, data, clear_suid) {
            Ok(Ok(())) => Some(Ok(data.len() as u32)),
            Ok(Err(_)) => None,
            Err(error) => Some(Err(error)),
        }
    }

    /// Writes all of `data`.
    pub async fn write(self: &Arc<Self>, fh: u64, offset: u64, data: &[u8], clear_suid: bool) -> Result<u32> {
        let handle = self.handles.get(fh)?;
        if !handle.access.write {
            return Err(FsError::bad_handle());
        }
        let mut waited = Duration::ZERO;
        loop {
            let gate = handle.inode.gate.read().await;
            let done = self.write_now(&handle, offset, data, clear_suid)?;
            drop(gate);
            let bell = match done {
                Ok(()) => return Ok(data.len() as u32),
                Err(Obstacle::Upload) => {
                    self.commit(&handle.inode).await?;
                    continue;
                }
                // Others may take the room that is given back, again and again.
                Err(Obstacle::NoRoom(_, error)) if waited > FOR_ROOM => return Err(error.into()),
                Err(Obstacle::Full(bell)) => {
                    self.lanes.waited_for(self.store.bytes_sent(), Instant::now());
                    let _ = tokio::time::timeout(LOOK_FOR_LANES, bell.notified()).await;
                    continue;
                }
                Err(Obstacle::NoRoom(bell, _)) => bell,
            };
            // The bell may have rung between the look and the wait: look again soon in any case.
            let begun = Instant::now();
            let _ = tokio::time::timeout(LOOK, bell.notified()).await;
            // A machine that stood still has not waited, as in `patience.rs`.
            waited += begun.elapsed().min(LOOK);
        }
    }

    fn write_now(
        self: &Arc<Self>,
        handle: &Handle,
        offset: u64,
        data: &[u8],
        clear_suid: bool,
    ) -> Result<std::result::Result<(), Obstacle>> {
        let end = offset.checked_add(data.len() as u64).filter(|end| *end <= LARGEST).ok_or(FsError::too_large())?;
        let inode = &handle.inode;
        let mut state = inode.state();
        if state.attrs.kind != Kind::File {
            return Err(FsError::invalid());
        }
        let untold = handle.untold.swap(0, Ordering::Relaxed);
        // It may have been stored since.
        if untold != 0 && (state.conflicted || state.draft.as_ref().is_some_and(|draft| draft.dirty)) {
            return Err(FsError::Errno(untold, "what was written before could not be stored"));
        }
        let draft = draft_of(&mut state);
        if draft.in_upload(offset..end) {
            return Ok(Err(Obstacle::Upload));
        }
        if let Some(bell) = self.too_many_parts(draft) {
            return Ok(Err(Obstacle::Full(bell)));
        }
        if let Err(error) = draft.write(offset, data, self.room()) {
            // What is on its way gives its room back when it has arrived.
            let full = error.raw_os_error() == Some(libc::ENOSPC);
            return match self.part_on_its_way(draft).filter(|_| full) {
                Some(bell) => Ok(Err(Obstacle::NoRoom(bell, error))),
                None => Err(error.into()),
            };
        }
        let size = draft.extents.size();
        touched(&mut state, size);
        if clear_suid && state.attrs.mode & 0o6000 != 0 {
            state.attrs.mode &= !suid_bits(state.attrs.mode);
            state.touch_meta();
        }
        self.stream_on(inode, &mut state);
        Ok(Ok(()))
    }

    /// truncate(2): cuts off or appends zeros.
    pub(super) async fn truncate(self: &Arc<Self>, inode: &Arc<Inode>, size: u64) -> Result<()> {
        if size > LARGEST {
            return Err(FsError::too_large());
        }
        loop {
            let gate = inode.gate.read().await;
            {
                let mut state = inode.state();
                if state.attrs.kind != Kind::File {
                    return Err(FsError::invalid());
                }
                if state.draft.is_none() && state.size == size && state.object.is_some() {
                    touched(&mut state, size);
                    state.touch_meta();
                    return Ok(());
                }
                let draft = draft_of(&mut state);
                // Parts that are only in an upload: dropped as a whole if nothing is left of the file, else the upload
                // is completed first.
                if size == 0 && draft.stream.is_some() {
                    let stream = draft.stream.take();
                    draft.front = 0;
                    self.abandon(stream);
                }
                if !draft.in_upload(size.min(draft.extents.size())..draft.extents.size()) {
                    draft.truncate(size);
                    if size == 0 {
                        draft.scratch = Default::default();
                    }
                    touched(&mut state, size);
                    drop(state);
                    if size == 0 {
                        self.drop_lost(inode);
                    }
                    return Ok(());
                }
            }
            drop(gate);
            self.commit(inode).await?;
        }
    }

    /// fallocate(2). Plain: the file is at least so long. Punch and zero: a hole.
    pub async fn fallocate(self: &Arc<Self>, fh: u64, offset: u64, len: u64, mode: i32) -> Result<()> {
        let handle = self.handles.get(fh)?;
        if !handle.access.write {
            return Err(FsError::bad_handle());
        }
        let end = offset.checked_add(len).filter(|end| *end <= LARGEST).ok_or(FsError::too_large())?;
        let size = handle.inode.state().size;
        const KEEP_SIZE: i32 = libc::FALLOC_FL_KEEP_SIZE;
        match mode {
            0 if end > size => self.truncate(&handle.inode, end).await,
            0 | KEEP_SIZE => Ok(()),
            _ if mode & !(KEEP_SIZE | libc::FALLOC_FL_PUNCH_HOLE | libc::FALLOC_FL_ZERO_RANGE) != 0 => {
                Err(FsError::unsupported())
            }
            _ => {
                if end > size && mode & KEEP_SIZE == 0 {
                    self.truncate(&handle.inode, end).await?;
                }
                loop {
                    let gate = handle.inode.gate.read().await;
                    {
                        let mut state = handle.inode.state();
                        let range = offset.min(state.size)..end.min(state.size);
                        let draft = draft_of(&mut state);
                        if !draft.in_upload(range.clone()) {
                            draft.punch(range);
                            let size = draft.extents.size();
                            touched(&mut state, size);
                            return Ok(());
                        }
                    }
                    drop(gate);
                    self.commit(&handle.inode).await?;
                }
            }
        }
    }

    /// lseek(2) with SEEK_DATA (`hole` false) or SEEK_HOLE. ENXIO beyond the end.
    pub fn seek(&self, fh: u64, offset: u64, hole: bool) -> Result<u64> {
        let handle = self.handles.get(fh)?;
        let state = handle.inode.state();
        let none = FsError::Errno(libc::ENXIO, "beyond the end of the file");
        if offset >= state.size {
            return Err(none);
        }
        match (&state.draft, hole) {
            (Some(draft), true) => Ok(draft.extents.next_hole(offset).unwrap_or(state.size)),
            (Some(draft), false) => draft.extents.next_data(offset).ok_or(none),
            (None, true) => Ok(state.size),
            (None, false) => Ok(offset),
        }
    }
}

/// The inode's draft, begun if there is none.
pub(super) fn draft_of(state: &mut State) -> &mut Draft {
    let object = state.object.clone();
    let begin = || object.map_or_else(Draft::new_file, |object| Draft::over(base_of(&object)));
    state.draft.get_or_insert_with(|| Box::new(begin()))
}

/// The content changed: size and times follow.
pub(super) fn touched(state: &mut State, size: u64) {
    let now = now();
    state.size = size;
    state.attrs.mtime = now;
    state.attrs.ctime = now;
    state.mtime_set = false;
    // That was said of other bytes.
    state.refused = false;
}

/// Set-user-id goes always, set-group-id only if the group may execute (else it means mandatory locking).
fn suid_bits(mode: u32) -> u32 {
    if mode & 0o010 != 0 { 0o6000 } else { 0o4000 }
}
