//! Storing a draft: plan, execute, take the result in.

use super::append::Kept;
use super::{Fs, FsError, PARTS, Result};
use crate::cache::BLOCK;
use crate::config::Conflict;
use crate::draft::{Draft, How, Limits, PartPlan, PartState, Plan, PlanError, Source, part_range, plan};
use crate::inode::{Inode, Knowledge, Object};
use crate::store::{Condition, CopySource, ETag, ErrorKind, PartDone, Stored};
use futures::stream::{StreamExt, TryStreamExt};
use std::ops::Range;
use std::sync::Arc;
use std::time::{Instant, SystemTime};

/// Content up to this size stays in the block cache after it was stored: what was just written is often read next.
pub(super) const KEEP: u64 = 8 * 1024 * 1024;
/// So many bytes of it, whole blocks, share memory there: an allocator that has to find room for single blocks keeps most of it
/// for good (measured: 120 MiB of 256).
pub(super) const KEPT_TOGETHER: u64 = 1 << 20;

/// What a commit works from: taken under the lock, with the gate held so that the bytes stand still.
pub(super) struct Job {
    pub(super) key: String,
    pub(super) plan: Plan,
    pub(super) base: Option<ETag>,
    pub(super) size: u64,
    /// Attribute changes up to this count travel with the bytes.
    pub(super) meta_changes: u64,
    /// A running upload: its id.
    pub(super) upload: Option<String>,
    pub(super) sent: Vec<PartDone>,
    /// The upload's headers carry an older state of the attributes.
    pub(super) meta_behind: bool,
}

impl Fs {
    /// Stores what is not stored yet of an inode, bytes and attributes. When it returns `Ok`, the service has them.
    pub(super) async fn commit(self: &Arc<Self>, inode: &Arc<Inode>) -> Result<()> {
        let began = Instant::now();
        let _tree = self.tree.read().await;
        let _gate = inode.gate.write().await;
        // While the gate was waited for nothing was written: a failure meanwhile is this call's failure too. Each trying
        // anew, one after the other, would wait many times over for a service that is away.
        let failed = inode.state().failed;
        if let Some((at, errno)) = failed
            && at > began
        {
            return Err(FsError::Errno(errno, "storing failed while this call waited for it"));
        }
        let dirty = inode.state().is_dirty();
        let result = self.commit_gated(inode).await;
        if dirty {
            self.storing_works.store(result.is_ok(), std::sync::atomic::Ordering::Relaxed);
        }
        let mut state = inode.state();
        state.failed = result.as_ref().err().map(|error| (Instant::now(), error.errno()));
        drop(state);
        result
    }

    /// [`Fs::commit`] for a caller that holds the tree and the inode's gate.
    pub(super) async fn commit_gated(self: &Arc<Self>, inode: &Arc<Inode>) -> Result<()> {
        let stored = self.commit_content(inode).await;
        if let Err(FsError::Conflict(_)) = stored {
            return stored;
        }
        stored?;
        if inode.state().meta_dirty() {
            self.commit_meta(inode).await?;
        }
        self.forget_if_stored(inode);
        Ok(())
    }

    /// Stores the bytes only; attributes that wait go along if bytes are stored, else they go on waiting.
    pub(super) async fn commit_content(self: &Arc<Self>, inode: &Arc<Inode>) -> Result<()> {
        let done = self.commit_bytes(inode).await;
        self.settle_lost(inode, &done).await;
        done
    }

    async fn commit_bytes(self: &Arc<Self>, inode: &Arc<Inode>) -> Result<()> {
        self.parts_landed(inode).await;
        self.resend_failed(inode).await?;
        loop {
            let Some(job) = self.job(inode)? else { return Ok(()) };
            let condition = self.condition(&job);
            let one_put = matches!(job.plan, Plan::Put);
            if !self.may_precede_answer(inode, &condition, one_put).await? && self.settle_unseen(inode).await? {
                continue;
            }
            let done = match &job.plan {
                Plan::Nothing | Plan::MetaOnly => {
                    let mut state = inode.state();
                    state.draft = None;
                    state.refused = false;
                    return Ok(());
                }
                Plan::Put => self.put(inode, &job, &job.key, &condition).await.map(Kept::whole),
                Plan::Multipart(parts) => self.multipart(inode, &job, parts, &condition).await.map(Kept::whole),
                Plan::Append(from) => self.append(inode, &job, *from).await,
                Plan::Appendable => self.put_appendable(inode, &job, &condition).await,
            };
            return match done {
                Ok(kept) => {
                    self.install(inode, &job, kept).await;
                    Ok(())
                }
                Err(FsError::Store(error)) if self.goes_whole(inode, &job, &error) => continue,
                Err(FsError::Store(error)) if error.kind == ErrorKind::PreconditionFailed => {
                    if self.settle_unseen(inode).await? {
                        continue;
                    }
                    self.conflict(inode, &job, error).await
                }
                Err(error) => {
                    if error.is_denied() {
                        self.doubt_rights();
                    }
                    inode.state().refused = error.is_final();
                    Err(error)
                }
            };
        }
    }

    fn job(&self, inode: &Inode) -> Result<Option<Job>> {
        let state = inode.state();
        let Some(draft) = state.draft.as_ref().filter(|draft| draft.dirty) else { return Ok(None) };
        if state.conflicted {
            return Err(FsError::Conflict(None));
        }
        if state.unlinked {
            return Ok(None);
        }
        let key = self.key(inode.ino, false)?;
        let mut sent = Vec::new();
        let mut uploaded: Vec<(u32, Range<u64>)> = Vec::new();
        if let Some(stream) = &draft.stream {
            for (number, part) in &stream.parts {
                if let PartState::Sent(done) = part {
                    uploaded.push((*number, part_range(*number)));
                    sent.push(done.clone());
                }
            }
        }
        let base = draft.base.as_ref();
        let plan = plan(&draft.extents, base.map(|base| base.size), state.meta_dirty(), &Limits::default(), &uploaded)
            .map_err(|error| match error {
                PlanError::TooLarge(_) => FsError::too_large(),
                PlanError::LostPart(_) => FsError::internal(),
            })?;
        let plan = self.growth(&state, draft, plan);
        Ok(Some(Job {
            key,
            plan,
            base: base.map(|base| base.etag.clone()),
            size: draft.extents.size(),
            meta_changes: state.meta_changes,
            upload: draft.stream.as_ref().and_then(|stream| stream.upload.get().cloned()),
            sent,
            meta_behind: draft.stream.as_ref().is_some_and(|s| s.meta_changes != state.meta_changes),
        }))
    }

    /// The commit goes over the object that was opened, or over none.
    fn condition(&self, job: &Job) -> Condition {
        match (&job.base, self.options.conflict) {
            (_, Conflict::Overwrite) => Condition::Always,
            (Some(etag), _) => Condition::Match(etag.clone()),
            (None, _) => Condition::Absent,
        }
    }

    pub(super) async fn put(
        self: &Arc<Self>,
        inode: &Arc<Inode>,
        job: &Job,
        key: &str,
        condition: &Condition,
    ) -> Result<Stored> {
        let with = self.write_headers(inode).await?;
        let body = self.body(inode, 0..job.size).await?;
        Ok(self.store.put(key, body, &with, condition).await?)
    }

    pub(super) async fn multipart(
        self: &Arc<Self>,
        inode: &Arc<Inode>,
        job: &Job,
        parts: &[PartPlan],
        condition: &Condition,
    ) -> Result<Stored> {
        let (id, ours, tags) = match &job.upload {
            Some(id) => (id.clone(), false, self.tags(inode, &job.key).await?),
            None => {
                let with = self.write_headers(inode).await?;
                (self.create_upload(&job.key, &with).await?, true, with.tags)
            }
        };
        let sent = futures::stream::iter(parts.to_vec())
            .map(|part| self.send_planned(inode, job, &id, part))
            .buffer_unordered(PARTS)
            .try_collect::<Vec<_>>()
            .await;
        // One that this commit did not begin holds the only copy of written bytes.
        let mut done = if ours { self.or_abort(&job.key, &id, sent).await? } else { sent? };
        done.sort_by_key(|part| part.number);
        let stored = self.complete_upload(&job.key, &id, &done, condition, ours).await?;
        // RGW 16 takes no tags when an upload begins.
        self.put_back_tags(&job.key, &tags).await;
        Ok(stored)
    }

    async fn send_planned(
        self: &Arc<Self>,
        inode: &Arc<Inode>,
        job: &Job,
        id: &str,
        part: PartPlan,
    ) -> Result<PartDone> {
        match part.how {
            How::Uploaded => {
                let done = job.sent.iter().find(|done| done.number == part.number);
                done.cloned().ok_or(FsError::internal())
            }
            How::Copy => {
                let base = job.base.as_ref().ok_or(FsError::internal())?;
                let from = CopySource { store: &self.store, key: &job.key, etag: base };
                Ok(self.store.copy_part(&job.key, id, part.number, from, part.range).await?)
            }
            How::Upload => {
                let body = self.body(inode, part.range).await?;
                Ok(self.store.upload_part(&job.key, id, part.number, body).await?)
            }
        }
    }

    /// The service has it: the draft becomes the object.
    pub(super) async fn install(self: &Arc<Self>, inode: &Arc<Inode>, job: &Job, kept: Kept) {
        let Kept { stored, appendable } = kept;
        let id = self.identity(&job.key, &stored.etag);
        // A streamed upload's headers carry no time: the object's own Last-Modified is it from now on.
        let streamed = job.upload.is_some();
        let info = if streamed { self.store.head(&job.key).await.ok() } else { None };
        let mut state = inode.state();
        if let Some(draft) = &state.draft {
            self.keep_content(draft, &id, job.size);
        }
        let was = state.object.take();
        let headers = self.headers_now(inode, &state, was.as_deref());
        if let Some(info) = &info
            && info.etag == stored.etag
            && !state.mtime_set
        {
            let time = info.modified.into();
            (state.attrs.mtime, state.attrs.ctime) = (time, time);
        }
        state.object = Some(Arc::new(Object {
            id: id.clone(),
            etag: stored.etag,
            size: job.size,
            modified: info.as_ref().map_or_else(SystemTime::now, |info| info.modified),
            listed: None,
            headers,
            tag_count: was.as_ref().map_or(0, |was| was.tag_count),
            acl: match &was {
                Some(was) => was.acl.clone(),
                None => Some(None),
            },
            cold: false,
            appendable,
        }));
        state.appends = state.appends.map(|commits| commits.saturating_add(1));
        state.draft = None;
        state.unseen = None;
        state.refused = false;
        state.size = job.size;
        state.knowledge = Knowledge::Full;
        state.asked = Some(Instant::now());
        state.pages = Some(id);
        if !job.meta_behind {
            state.meta_stored = job.meta_changes;
        }
        if streamed && state.mtime_set {
            state.touch_meta();
        }
        drop(state);
        self.name_stored(inode.ino);
    }

    /// Small content stays readable without asking for it again.
    fn keep_content(&self, draft: &Draft, id: &Arc<crate::cache::Identity>, size: u64) {
        if !draft.extents.is_all(Source::Local) {
            return self.keep_grown(draft, id);
        }
        if size > KEEP {
            return;
        }
        let mut at = 0;
        while at < size {
            let end = (at + KEPT_TOGETHER).min(size);
            let Ok(bytes) = draft.scratch.read(at..end) else { return };
            self.fetch.cache().insert(id, (at / BLOCK) as u32, &bytes);
            at = end;
        }
    }

    /// The headers that a write of this state has sent.
    fn headers_now(
        &self,
        inode: &Inode,
        state: &crate::inode::State,
        was: Option<&Object>,
    ) -> Option<Arc<crate::store::ObjectHeaders>> {
        let mut headers = match was.and_then(|was| was.headers.as_ref()) {
            Some(headers) => crate::store::ObjectHeaders::clone(headers),
            None => self.first_headers(inode, state.attrs.kind),
        };
        crate::meta::content_changed(&mut headers);
        crate::meta::encode(&state.attrs, &state.xattrs, &mut headers).ok()?;
        Some(Arc::new(headers))
    }

    /// The directory knows that the name is stored.
    pub(super) fn name_stored(&self, ino: u64) {
        if let Some((parent, name)) = self.table.place(ino)
            && let Some(dir) = self.table.get(parent)
            && let Some(known) = dir.state().dir.as_mut()
        {
            known.changed(&name, true, true);
        }
    }
}
