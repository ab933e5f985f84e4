//! Reading: from the block cache, or from the draft of a file being written.

use super::handle::Handle;
use super::{Fs, FsError, Result, base_of};
use crate::cache::{Identity, Origin};
use crate::draft::{Draft, Source};
use crate::inode::Inode;
use crate::store::ErrorKind;
use bytes::{Bytes, BytesMut};
use std::ops::Range;
use std::sync::Arc;

/// The bytes of a read, in order, as they lie in memory: one slice a block.
pub type Slices = Vec<Bytes>;

/// Where the bytes of a read come from.
enum Piece {
    Here(Bytes),
    Zeros(u64),
    Fetch(Origin, Range<u64>),
}

impl Fs {
    /// Reads from memory, if everything is there.
    pub fn try_read(&self, fh: u64, offset: u64, len: u32) -> Option<Result<Slices>> {
        let handle = match self.handle_for_read(fh) {
            Ok(handle) => handle,
            Err(error) => return Some(Err(error)),
        };
        let (origin, range) = {
            let state = handle.inode.state();
            let range = clamp(offset, len, state.size);
            if range.is_empty() {
                return Some(Ok(Slices::new()));
            }
            if state.draft.is_some() {
                return None;
            }
            let object = state.object.as_ref()?;
            let id = object.id.clone();
            match self.fetch.cache().try_read(&id, range.clone()) {
                Some(slices) => {
                    // Reading ahead goes on also while everything is found in memory.
                    let origin = self.origin(&handle.inode, &state, &base_of(object)).ok();
                    let (size, only_reader) = (state.size, state.opens == 1);
                    drop(state);
                    self.forget_passed(&handle, &id, size, only_reader);
                    if let Some(origin) = origin {
                        self.fetch.read_ahead(&handle.ahead, &origin, &range, false);
                    }
                    return Some(Ok(slices));
                }
                None => match self.origin(&handle.inode, &state, &base_of(object)) {
                    Ok(origin) => (origin, range),
                    Err(error) => return Some(Err(error)),
                },
            }
        };
        // Start the fetch here and now; the async twin joins it.
        self.fetch.read_ahead(&handle.ahead, &origin, &range, true);
        None
    }

    /// Reads up to `len` bytes; fewer only at the end of the file.
    pub async fn read(self: &Arc<Self>, fh: u64, offset: u64, len: u32) -> Result<Slices> {
        let handle = self.handle_for_read(fh)?;
        self.read_inode(&handle.inode, offset, len).await
    }

    async fn read_inode(self: &Arc<Self>, inode: &Arc<Inode>, offset: u64, len: u32) -> Result<Slices> {
        let mut moved = 0;
        loop {
            let pieces = match self.pieces(inode, offset, len)? {
                Some(pieces) => pieces,
                // Only an unfinished upload holds these bytes: finish it, then read the object.
                None => {
                    self.commit(inode).await?;
                    continue;
                }
            };
            match self.gather(pieces).await {
                // The name may have moved between computing the key and the GET.
                Err(FsError::Store(error)) if error.kind == ErrorKind::NotFound => {
                    moved += 1;
                    if moved > 3 {
                        return Err(FsError::stale());
                    }
                }
                other => return other,
            }
        }
    }

    /// Where the bytes come from; `None`: from parts of an upload that must be completed first.
    fn pieces(&self, inode: &Inode, offset: u64, len: u32) -> Result<Option<Vec<Piece>>> {
        let state = inode.state();
        let range = clamp(offset, len, state.size);
        let Some(draft) = &state.draft else {
            let Some(object) = &state.object else {
                // Never fewer bytes than the file has.
                return if range.is_empty() { Ok(Some(Vec::new())) } else { Err(FsError::stale()) };
            };
            let origin = self.origin(inode, &state, &base_of(object))?;
            return Ok(Some(vec![Piece::Fetch(origin, range)]));
        };
        let mut pieces = Vec::new();
        for (piece, source) in draft.extents.pieces(range) {
            pieces.push(match source {
                Source::Local => Piece::Here(draft.scratch.read(piece)?),
                Source::Hole => Piece::Zeros(piece.end - piece.start),
                Source::Base => {
                    let base = draft.base.as_ref().ok_or(FsError::internal())?;
                    Piece::Fetch(self.origin(inode, &state, base)?, piece)
                }
                Source::Part(number) => match part_still_here(draft, number) {
                    true => Piece::Here(draft.scratch.read(piece)?),
                    false => return Ok(None),
                },
            });
        }
        Ok(Some(pieces))
    }

    async fn gather(&self, pieces: Vec<Piece>) -> Result<Slices> {
        let mut slices = Vec::new();
        for piece in pieces {
            match piece {
                Piece::Here(bytes) => slices.push(bytes),
                Piece::Zeros(len) => slices.push(BytesMut::zeroed(len as usize).freeze()),
                Piece::Fetch(origin, range) => slices.extend(self.fetch.read(&origin, range).await?),
            }
        }
        Ok(slices)
    }

    fn handle_for_read(&self, fh: u64) -> Result<Arc<Handle>> {
        // A handle opened for writing only is read too: the kernel fills the rest of a page before a partial write
        // through a mapping.
        let handle = self.handles.get(fh)?;
        if handle.access.read || handle.access.write { Ok(handle) } else { Err(FsError::bad_handle()) }
    }

    /// A file that does not fit into the cache leaves it block by block while its only reader goes on: read once more from
    /// its start, none of it would be there anyway, and memory that is used again need not be cleared by the kernel.
    fn forget_passed(&self, handle: &Handle, id: &Arc<Identity>, size: u64, only_reader: bool) {
        let cache = self.fetch.cache();
        if only_reader && size > cache.capacity() {
            let passed = handle.ahead.lock().passed();
            if !passed.is_empty() {
                cache.forget(id, passed);
            }
        }
    }

    /// The bytes of a draft's base, through the cache.
    pub(super) async fn read_base(&self, origin: &Origin, range: Range<u64>) -> Result<Vec<Bytes>> {
        Ok(self.fetch.read(origin, range).await?)
    }
}

/// A part whose upload is not finished (or failed) still has its bytes in the scratch space.
fn part_still_here(draft: &Draft, number: u32) -> bool {
    use crate::draft::PartState;
    let part = draft.stream.as_ref().and_then(|stream| stream.parts.get(&number));
    matches!(part, Some(PartState::Sending | PartState::Failed))
}

fn clamp(offset: u64, len: u32, size: u64) -> Range<u64> {
    offset.min(size)..offset.saturating_add(u64::from(len)).min(size)
}
