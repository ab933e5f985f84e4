//! copy_file_range(2) inside the service: the bytes never come here.
//!
//! It is done at once and not at close: then nothing depends on the source any longer. A whole file that goes into an empty
//! one is one copy. A long piece of a larger one becomes parts of the upload that a sequential writer has running. What is
//! neither is left to the kernel, which reads and writes.

use super::append::Kept;
use super::{Fs, FsError, PARTS, Result, Volumes};
use crate::draft::{Draft, Limits, PartState, Plan, Source, Stream, part_range};
use crate::inode::{Inode, Object, State};
use crate::meta::Kind;
use crate::store::{CopySource, ErrorKind, PartDone, Stored};
use futures::stream::{StreamExt, TryStreamExt};
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

/// Smaller files come whole with the open of the source, and go in one PUT: no gain.
const WORTH_IT: u64 = 1 << 20;
/// An answer about the target that is so old is asked for again: another client may have made the file since.
const JUST_ASKED: Duration = Duration::from_millis(100);

/// A range of an open file.
#[derive(Clone, Copy, Debug)]
pub struct At {
    /// The inode's number.
    pub ino: u64,
    /// The handle.
    pub fh: u64,
    /// First byte.
    pub offset: u64,
}

/// Both files of a copy, while their gates are held.
struct Ends<'a> {
    from: &'a Arc<Fs>,
    source: &'a Arc<Inode>,
    target: &'a Arc<Inode>,
    /// What is stored of the source.
    object: Arc<Object>,
    /// The target's key.
    key: String,
}

impl Volumes {
    /// Copies up to `len` bytes from one open file to another. `None`: the kernel should read and write.
    pub async fn copy_range(&self, from: At, to: At, len: u64) -> Result<Option<u64>> {
        if from.offset != to.offset || from.ino == to.ino || len < WORTH_IT {
            return Ok(None);
        }
        let (source, target) = (self.opened(from.ino)?, self.opened(to.ino)?);
        target.copy_from(&source, from, to, len).await
    }
}

impl Fs {
    async fn copy_from(self: &Arc<Self>, from: &Arc<Fs>, source: At, target: At, len: u64) -> Result<Option<u64>> {
        let (offset, source) = (source.offset, from.handles.get(source.fh)?.inode.clone());
        let target = self.handles.get(target.fh)?.inode.clone();
        let _tree = self.tree.read().await;
        // Gates in ascending order of their numbers.
        let (_reading, _writing);
        if source.ino < target.ino {
            _reading = source.gate.read().await;
            _writing = target.gate.write().await;
        } else {
            _writing = target.gate.write().await;
            _reading = source.gate.read().await;
        }
        let Some(object) = stored(&source) else { return Ok(None) };
        let key = self.key(target.ino, false)?;
        let ends = Ends { from, source: &source, target: &target, object, key };
        let size = ends.object.size;
        let copied = if offset == 0 && (WORTH_IT..=len.min(self.options.copy_limit)).contains(&size) {
            self.copy_whole(&ends).await
        } else {
            self.copy_parts(&ends, offset..offset.saturating_add(len).min(size)).await
        };
        // Removed, replaced, or of a kind that the service does not copy: what is cached can still be read.
        Ok(copied.unwrap_or_else(|error| {
            tracing::debug!(key = ends.key, %error, "not copied by the service");
            None
        }))
    }

    async fn copy_whole(self: &Arc<Self>, ends: &Ends<'_>) -> Result<Option<u64>> {
        if !can_take(&ends.target.state(), |draft| draft.extents.size() == 0 && draft.stream.is_none()) {
            return Ok(None);
        }
        self.settle_unseen(ends.target).await?;
        if !self.is_as_opened(ends).await? {
            return Ok(None);
        }
        let size = ends.object.size;
        touch(ends.target, size);
        let stored = match self.copy_object(ends).await {
            Ok(stored) => stored,
            Err(error) => {
                touch(ends.target, 0);
                return Err(error);
            }
        };
        let job = super::commit::Job {
            key: ends.key.clone(),
            plan: Plan::Nothing,
            base: None,
            size,
            meta_changes: ends.target.state().meta_changes,
            upload: None,
            sent: Vec::new(),
            meta_behind: false,
        };
        self.install(ends.target, &job, Kept::whole(stored)).await;
        self.forget_if_stored(ends.target);
        Ok(Some(size))
    }

    async fn copy_object(self: &Arc<Self>, ends: &Ends<'_>) -> Result<Stored> {
        let with = self.write_headers(ends.target).await?;
        let (from, etag) = (&ends.from.store, Some(&ends.object.etag));
        let source = ends.from.key(ends.source.ino, false)?;
        let stored = self.store.copy_from(from, &source, etag, &ends.key, Some(&with), &with.grants).await?;
        self.put_back_tags(&ends.key, &with.tags).await;
        Ok(stored)
    }

    /// The service cannot make a copy conditional on what it replaces: is that still what the draft goes over?
    async fn is_as_opened(&self, ends: &Ends<'_>) -> Result<bool> {
        let (known, asked) = {
            let state = ends.target.state();
            (state.object.as_ref().map(|object| object.etag.clone()), state.asked)
        };
        if asked.is_some_and(|asked| asked.elapsed() < JUST_ASKED) {
            return Ok(true);
        }
        match self.store.head(&ends.key).await {
            Ok(info) => Ok(known == Some(info.etag)),
            Err(error) if error.kind == ErrorKind::NotFound => Ok(known.is_none()),
            Err(error) => Err(error.into()),
        }
    }

    /// Copies the whole parts of a range that goes on where the target ends.
    async fn copy_parts(self: &Arc<Self>, ends: &Ends<'_>, range: Range<u64>) -> Result<Option<u64>> {
        self.parts_landed(ends.target).await;
        let Some(numbers) = self.parts_to_copy(ends, &range) else { return Ok(None) };
        let upload = {
            let mut state = ends.target.state();
            let meta_changes = state.meta_changes;
            let draft = state.draft.as_mut().ok_or(FsError::internal())?;
            let stream = draft.stream.get_or_insert_with(|| Stream::new(ends.key.clone(), meta_changes));
            stream.upload.clone()
        };
        let id = self.begin_upload(ends.target, &ends.key, &upload).await?;
        let source = ends.from.key(ends.source.ino, false)?;
        let done: Vec<PartDone> = futures::stream::iter(numbers)
            .map(|number| {
                let from = CopySource { store: &ends.from.store, key: &source, etag: &ends.object.etag };
                self.store.copy_part(&ends.key, id, number, from, part_range(number))
            })
            .buffer_unordered(PARTS)
            .try_collect()
            .await?;
        // RGW does not look at the version. Parts that nobody takes in are sent again under the same numbers.
        if ends.from.store.head(&source).await?.etag != ends.object.etag {
            return Ok(None);
        }
        let mut state = ends.target.state();
        let Some(draft) = state.draft.as_mut() else { return Ok(None) };
        let Some(stream) = draft.stream.as_mut() else { return Ok(None) };
        for part in done {
            stream.next = stream.next.max(part.number + 1);
            draft.extents.set(part_range(part.number), Source::Part(part.number));
            stream.parts.insert(part.number, PartState::Sent(part));
        }
        let end = part_range(stream.next - 1).end;
        draft.front = end;
        draft.dirty = true;
        super::write::touched(&mut state, end);
        Ok(Some(end - range.start))
    }

    /// The parts of the running upload, or of a new one, that the range fills.
    fn parts_to_copy(&self, ends: &Ends<'_>, range: &Range<u64>) -> Option<Range<u32>> {
        let state = ends.target.state();
        let goes_on = |draft: &Draft| {
            let next = draft.stream.as_ref().map_or(1, |stream| stream.next);
            let whole = draft.stream.as_ref().is_none_or(|stream| !stream.broken());
            whole && part_range(next).start == range.start && draft.extents.size() == range.start
        };
        if !can_take(&state, goes_on) {
            return None;
        }
        let stream = state.draft.as_ref()?.stream.as_ref();
        // A file that may still fit into one PUT is not streamed.
        if stream.is_none() && range.end <= Limits::default().put_max {
            return None;
        }
        let first = stream.map_or(1, |stream| stream.next);
        let most = Limits::default().max_parts;
        let end = (first..=most).find(|number| part_range(*number).end > range.end).unwrap_or(most + 1);
        (end > first).then_some(first..end)
    }
}

/// The stored object of a file that has no changes.
fn stored(source: &Inode) -> Option<Arc<Object>> {
    let state = source.state();
    let object = state.object.clone()?;
    let clean = !state.draft.as_ref().is_some_and(|draft| draft.dirty) && state.orphan.is_none() && !state.unlinked;
    (state.attrs.kind == Kind::File && clean && object.size == state.size && !object.cold).then_some(object)
}

fn can_take(state: &State, draft: impl FnOnce(&Draft) -> bool) -> bool {
    state.attrs.kind == Kind::File && !state.unlinked && !state.conflicted && state.draft.as_deref().is_some_and(draft)
}

fn touch(target: &Inode, size: u64) {
    super::write::touched(&mut target.state(), size);
}
