//! The multipart upload of a sequential writer: handing out parts while the program still writes.

use super::{Fs, FsError, Result};
use crate::draft::{Draft, Limits, PartState, Source, Stream, Writer, part_range, part_size};
use crate::inode::{Inode, State};
use crate::store::{Body, PartDone, Segment};
use std::ops::Range;
use std::sync::Arc;
use std::time::Instant;
use tokio::sync::{Notify, OnceCell};

impl Fs {
    /// The bell to wait for if this draft has enough parts on their way.
    pub(super) fn too_many_parts(&self, draft: &Draft) -> Option<Arc<Notify>> {
        let full = |stream: &&Stream| stream.sending() >= self.lanes.share(part_size(stream.next));
        draft.stream.as_ref().filter(full).map(|stream| stream.changed.clone())
    }

    /// The bell of a part of this draft, or of any other (which does not ring here), that is on its way.
    pub(super) fn part_on_its_way(&self, draft: &Draft) -> Option<Arc<Notify>> {
        let own = draft.stream.as_ref().filter(|stream| stream.sending() > 0).map(|stream| stream.changed.clone());
        own.or_else(|| (!self.lanes.are_free()).then(Default::default))
    }

    /// Hands out the parts that a sequential writer has filled.
    pub(super) fn stream_on(self: &Arc<Self>, inode: &Arc<Inode>, state: &mut State) {
        if state.unlinked {
            return;
        }
        let put_max = Limits::default().put_max;
        let meta_changes = state.meta_changes;
        loop {
            let Some(draft) = state.draft.as_mut() else { return };
            let number = draft.stream.as_ref().map_or(1, |stream| stream.next);
            let range = part_range(number);
            // A file that may still fit into one PUT is not streamed.
            if draft.front < range.end.max(put_max + 1) || !all_local(draft, &range) {
                return;
            }
            if draft.stream.as_ref().is_some_and(|stream| stream.broken()) {
                return;
            }
            let Ok(segments) = draft.scratch.segments(range.clone()) else { return };
            if draft.stream.is_none() {
                let Ok(key) = self.key(inode.ino, false) else { return };
                draft.stream = Some(Stream::new(key, meta_changes));
                // The completion needs to know, and the first of a mount would wait five round trips for it. If it fails
                // here, the completion asks again.
                let store = self.store.clone();
                tokio::spawn(async move { store.quirks().await.map(drop).ok() });
            }
            let Some(stream) = draft.stream.as_mut() else { return };
            stream.parts.insert(number, PartState::Sending);
            stream.next = number + 1;
            draft.extents.set(range.clone(), Source::Part(number));
            let (fs, inode, upload) = (self.clone(), inode.clone(), stream.upload.clone());
            let writer = self.lanes.count(&mut stream.writer);
            tokio::spawn(async move { fs.send_part(inode, upload, number, range, segments, writer).await });
        }
    }

    async fn send_part(
        self: Arc<Self>,
        inode: Arc<Inode>,
        upload: Arc<OnceCell<String>>,
        number: u32,
        range: Range<u64>,
        segments: Vec<Segment>,
        _writer: Arc<Writer>,
    ) {
        let sent = match self.lanes.enter().await {
            Some(_lane) => {
                let begun = Instant::now();
                let sent = self.send_part_now(&inode, &upload, number, segments).await;
                if sent.is_ok() {
                    self.lanes.took(begun.elapsed());
                }
                sent
            }
            None => Err(FsError::internal()),
        };
        let mut state = inode.state();
        let Some(draft) = state.draft.as_mut() else { return };
        let Some(stream) = draft.stream.as_mut() else { return };
        if !Arc::ptr_eq(&stream.upload, &upload) {
            // The file was truncated meanwhile and this upload given up.
            return;
        }
        match sent {
            Ok(part) => {
                stream.parts.insert(number, PartState::Sent(part));
                draft.scratch.forget(range);
            }
            Err(error) => {
                tracing::warn!(key = stream.key, part = number, %error, "a part could not be stored; it is kept and tried again");
                stream.parts.insert(number, PartState::Failed);
            }
        }
        stream.changed.notify_waiters();
    }

    async fn send_part_now(
        self: &Arc<Self>,
        inode: &Arc<Inode>,
        upload: &OnceCell<String>,
        number: u32,
        segments: Vec<Segment>,
    ) -> Result<PartDone> {
        let key = {
            let state = inode.state();
            let stream = state.draft.as_ref().and_then(|draft| draft.stream.as_ref());
            stream.ok_or(FsError::internal())?.key.clone()
        };
        let id = self.begin_upload(inode, &key, upload).await?;
        let mut body = Body::new();
        for segment in segments {
            body.push(segment);
        }
        Ok(self.store.upload_part(&key, id, number, body).await?)
    }

    /// The id of a stream's upload: the first part begins it, the others wait for that.
    pub(super) async fn begin_upload<'a>(
        self: &Arc<Self>,
        inode: &Arc<Inode>,
        key: &str,
        upload: &'a OnceCell<String>,
    ) -> Result<&'a String> {
        let begin = async || {
            self.settle_unseen(inode).await?;
            let mut with = self.write_headers(inode).await?;
            // The time of the last write is not known yet, and headers cannot be changed later: the object's own
            // Last-Modified will tell it.
            for name in ["mtime", "ctime", "atime"] {
                with.headers.user.remove(name);
            }
            Ok(self.create_upload(key, &with).await?)
        };
        upload.get_or_try_init(begin).await
    }

    /// Waits until no part is on its way.
    pub(super) async fn parts_landed(&self, inode: &Inode) {
        loop {
            let bell = {
                let state = inode.state();
                match state.draft.as_ref().and_then(|draft| draft.stream.as_ref()) {
                    Some(stream) if stream.sending() > 0 => stream.changed.clone(),
                    _ => return,
                }
            };
            let soon = std::time::Duration::from_millis(200);
            let _ = tokio::time::timeout(soon, bell.notified()).await;
        }
    }

    /// Sends the parts again that failed. Their bytes are still in the scratch space.
    pub(super) async fn resend_failed(self: &Arc<Self>, inode: &Arc<Inode>) -> Result<()> {
        loop {
            let (number, segments, upload) = {
                let state = inode.state();
                let Some(draft) = state.draft.as_ref() else { return Ok(()) };
                let Some(stream) = draft.stream.as_ref() else { return Ok(()) };
                let failed = stream.parts.iter().find(|(_, part)| matches!(part, PartState::Failed));
                let Some((number, _)) = failed else { return Ok(()) };
                (*number, draft.scratch.segments(part_range(*number))?, stream.upload.clone())
            };
            let part = self.send_part_now(inode, &upload, number, segments).await?;
            let mut state = inode.state();
            if let Some(draft) = state.draft.as_mut()
                && let Some(stream) = draft.stream.as_mut()
            {
                stream.parts.insert(number, PartState::Sent(part));
                draft.scratch.forget(part_range(number));
            }
        }
    }

    /// Gives up an upload whose parts nobody needs any more.
    pub(super) fn abandon(self: &Arc<Self>, stream: Option<Stream>) {
        let Some(stream) = stream else { return };
        let fs = self.clone();
        tokio::spawn(async move {
            // An upload that is just being begun must be known before it can be aborted.
            let id = stream.upload.get_or_try_init(|| async { Err::<String, ()>(()) }).await.ok().cloned();
            if let Some(id) = id
                && let Err(error) = fs.abort_upload(&stream.key, &id).await
            {
                tracing::warn!(key = stream.key, %error, "a multipart upload could not be aborted");
            }
        });
    }
}

fn all_local(draft: &Draft, range: &Range<u64>) -> bool {
    draft.extents.pieces(range.clone()).eq([(range.clone(), Source::Local)])
}
