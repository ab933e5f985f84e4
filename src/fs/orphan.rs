//! Files whose name goes away while they are open: they stay readable and writable until the last close.

use super::{Fs, FsError, Result, base_of};
use crate::draft::{Draft, Room};
use crate::inode::{Inode, Object, State};
use crate::meta::Kind;
use crate::store::WriteHeaders;
use std::sync::Arc;

/// Content up to this size is taken in; larger content moves to a hidden key.
const TAKE_IN: u64 = 4 * 1024 * 1024;

/// How a file was before [`Fs::orphan`]; empty if that had nothing to do.
#[derive(Debug, Default)]
pub(super) struct Kept {
    object: Option<Arc<Object>>,
    dirty: bool,
}

impl Fs {
    /// Makes sure that an open file's bytes outlive its object. The caller holds the tree and the inode's gate, and
    /// removes or replaces the object afterwards; if that fails, it gives back what it got here by [`Fs::restore`].
    pub(super) async fn orphan(self: &Arc<Self>, inode: &Arc<Inode>) -> Result<Kept> {
        let (opens, kind, streaming) = {
            let state = inode.state();
            let streaming = state.draft.as_ref().is_some_and(|draft| draft.stream.is_some());
            (state.opens, state.attrs.kind, streaming)
        };
        if opens == 0 || kind != Kind::File {
            return Ok(Kept::default());
        }
        if streaming {
            // Bytes that are only in the upload must become an object first.
            self.commit_gated(inode).await?;
        }
        let Some(object) = inode.state().object.clone() else { return Ok(Kept::default()) };
        let dirty = inode.state().draft.as_ref().is_some_and(|draft| draft.dirty);
        let kept = Kept { object: Some(object.clone()), dirty };
        let key = self.key(inode.ino, false)?;
        if object.size <= TAKE_IN {
            let origin = {
                let state = inode.state();
                self.origin(inode, &state, &base_of(&object))?
            };
            let bytes = self.read_base(&origin, 0..object.size).await?;
            let mut state = inode.state();
            let draft = state.draft.get_or_insert_with(|| Box::new(Draft::over(base_of(&object))));
            take_in(draft, &bytes, self.room())?;
            state.object = None;
            return Ok(kept);
        }
        let aside = self.hidden_key("open");
        let moved = if object.size > self.options.copy_limit {
            self.copy_by_parts(&key, &object, &aside, &WriteHeaders::default()).await
        } else {
            self.store.copy(&key, Some(&object.etag), &aside, None, &[]).await.map_err(FsError::from)
        };
        if let Err(error) = moved {
            // The service may have done it nevertheless.
            self.unhide(aside);
            return Err(error);
        }
        inode.state().orphan = Some(aside);
        Ok(kept)
    }

    /// The name stays after all, and so does what was to be stored under it.
    pub(super) fn restore(self: &Arc<Self>, inode: &Arc<Inode>, kept: Kept) {
        let Some(object) = kept.object else { return };
        let aside = {
            let mut state = inode.state();
            let idle = state.opens == 0 && !kept.dirty;
            if let Some(draft) = state.draft.as_mut() {
                draft.base = Some(base_of(&object));
                draft.dirty = kept.dirty;
            }
            if idle {
                state.draft = None;
            }
            state.object = Some(object);
            state.orphan.take()
        };
        if let Some(key) = aside {
            self.unhide(key);
        }
    }

    /// [`Fs::delete_hidden`], which nobody waits for.
    fn unhide(self: &Arc<Self>, key: String) {
        let fs = self.clone();
        tokio::spawn(async move { fs.delete_hidden(&key).await });
    }

    /// An open(2) found the name just before this mount removed or replaced it, and gets what the name stood for if all of
    /// that is in memory. Else the kernel looks up and opens once more, but no more than once: a program that replaces the
    /// file again and again can come in between both times.
    pub(super) fn take_back(&self, state: &mut State) -> bool {
        if state.draft.is_some() {
            // Taken in before.
            return true;
        }
        let Some(object) = state.object.clone() else { return false };
        if state.attrs.kind != Kind::File || object.size != state.size || object.size > TAKE_IN {
            return false;
        }
        let Some(bytes) = self.fetch.cache().try_read(&object.id, 0..object.size) else { return false };
        let mut draft = Draft::over(base_of(&object));
        if take_in(&mut draft, &bytes, self.room()).is_err() {
            return false;
        }
        state.draft = Some(Box::new(draft));
        state.object = None;
        true
    }

    /// The last handle of a nameless file is closed. Bytes that were taken in stay until the kernel forgets the inode, which
    /// it does as soon as no open(2) can be on its way to it any more.
    pub(super) fn bury(self: &Arc<Self>, inode: &Arc<Inode>) {
        let (orphan, stream) = {
            let mut state = inode.state();
            let mut draft = state.draft.take();
            let stream = draft.as_mut().and_then(|draft| draft.stream.take());
            state.draft = draft.filter(|draft| draft.base.is_none() && stream.is_none() && state.size <= TAKE_IN);
            if let Some(draft) = state.draft.as_mut() {
                draft.dirty = false;
            }
            (state.orphan.take(), stream)
        };
        self.abandon(stream);
        self.forget_dirty(inode.ino);
        if let Some(key) = orphan {
            self.unhide(key);
        }
    }

    /// Marks an inode whose name is gone.
    pub(super) fn unname(self: &Arc<Self>, inode: &Arc<Inode>) {
        let idle = {
            let mut state = inode.state();
            state.unlinked = true;
            state.meta_stored = state.meta_changes;
            state.opens == 0
        };
        self.drop_lost(inode);
        self.table.unlink(inode.ino);
        if idle {
            self.bury(inode);
        }
    }
}

/// Fills the pieces of a draft that came from its base.
fn take_in(draft: &mut Draft, bytes: &[bytes::Bytes], room: Room<'_>) -> Result<()> {
    let mut at = 0;
    for slice in bytes {
        let range = at..at + slice.len() as u64;
        let wanted: Vec<_> = draft
            .extents
            .pieces(range.start..range.end.min(draft.extents.size()).max(range.start))
            .filter(|(_, source)| *source == crate::draft::Source::Base)
            .map(|(piece, _)| piece)
            .collect();
        for piece in wanted {
            let part = &slice[(piece.start - at) as usize..(piece.end - at) as usize];
            draft.scratch.write(piece.start, part, room)?;
            draft.extents.set(piece, crate::draft::Source::Local);
        }
        at = range.end;
    }
    draft.base = None;
    draft.dirty = false;
    Ok(())
}
