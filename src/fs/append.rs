//! Files that programs append to: only the new bytes are sent, where the object allows it.
//!
//! An object that a PUT has made cannot be appended to, and one that an append begins is not safe from others under a name
//! that they know (`store/append.rs`). So the object of a log is begun under a hidden key and copied to its name, once.

use super::commit::{Job, KEEP, KEPT_TOGETHER};
use super::{Fs, FsError, Result};
use crate::cache::{BLOCK, Identity};
use crate::config::Conflict;
use crate::draft::{Draft, Growth, Limits, Plan, Source};
use crate::inode::{Inode, Object, State};
use crate::store::{Body, Condition, ErrorKind, StoreError, Stored, Tail, WriteHeaders, pieces};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// For so long it is believed, on a release that ignores conditions, that the object is the one that was seen; then the
/// next append is followed by a look.
const BELIEVED: Duration = Duration::from_secs(10);

/// What a commit has stored.
pub(super) struct Kept {
    pub(super) stored: Stored,
    /// It can be appended to, and when the service said so last.
    pub(super) appendable: Option<Instant>,
}

impl Kept {
    pub(super) fn whole(stored: Stored) -> Kept {
        Kept { stored, appendable: None }
    }
}

/// [`State::appends`] after an open for writing with these flags. `known`: while the file was open already, because a log
/// is cut off and looked into under the program that writes it.
pub(super) fn appends(flags: i32, known: Option<u32>) -> Option<u32> {
    if flags & libc::O_APPEND != 0 { Some(known.unwrap_or(0)) } else { known }
}

impl Fs {
    /// A better plan for a file that has only grown.
    pub(super) fn growth(&self, state: &State, draft: &Draft, plan: Plan) -> Plan {
        let Some(base) = draft.base.as_ref().filter(|_| draft.stream.is_none() && self.store.may_append()) else {
            return plan;
        };
        let classed = |object: &Arc<Object>| object.headers.as_ref().is_some_and(|h| h.storage_class.is_some());
        let growth = Growth {
            from: base.size,
            pieces: base.appendable.map(|_| pieces(&base.etag)),
            // A copy does not keep the storage class.
            again: state.appends.is_some_and(|commits| commits > 0) && !state.object.as_ref().is_some_and(classed),
        };
        growth.better(plan, &draft.extents, &Limits::default())
    }

    /// Appends what the object does not have.
    pub(super) async fn append(self: &Arc<Self>, inode: &Arc<Inode>, job: &Job, from: u64) -> Result<Kept> {
        let seen = inode.state().draft.as_ref().and_then(|draft| draft.base.as_ref()?.appendable);
        let (Some(etag), Some(seen)) = (job.base.clone(), seen) else { return Err(FsError::internal()) };
        let with = self.write_headers(inode).await?;
        let body = self.body(inode, from..job.size).await?;
        let look = seen.elapsed() > BELIEVED;
        let stored = self.store.append(&job.key, Some(&Tail { etag, size: from }), body, &with, look).await?;
        Ok(Kept { stored, appendable: Some(if look { Instant::now() } else { seen }) })
    }

    /// After an append that was refused: whether all is to be stored in its place.
    pub(super) fn goes_whole(&self, inode: &Inode, job: &Job, why: &StoreError) -> bool {
        let moved = why.kind == ErrorKind::PreconditionFailed && self.options.conflict == Conflict::Overwrite;
        if !matches!(job.plan, Plan::Append(_)) || !(moved || why.kind == ErrorKind::NotAppendable) {
            return false;
        }
        tracing::debug!(key = job.key, %why, "not appended, stored whole");
        let mut state = inode.state();
        if let Some(base) = state.draft.as_mut().and_then(|draft| draft.base.as_mut()) {
            base.appendable = None;
        }
        true
    }

    /// Stores all, in such a way that more can be appended; or by a plain PUT where that is not to be had.
    pub(super) async fn put_appendable(
        self: &Arc<Self>,
        inode: &Arc<Inode>,
        job: &Job,
        condition: &Condition,
    ) -> Result<Kept> {
        let with = self.write_headers(inode).await?;
        let body = self.body(inode, 0..job.size).await?;
        let aside = self.hidden_key("append");
        let kept = self.begin_aside(job, &aside, body, &with, condition).await;
        self.delete_hidden(&aside).await;
        match kept? {
            Some(stored) => Ok(Kept { stored, appendable: Some(Instant::now()) }),
            None => self.put(inode, job, &job.key, condition).await.map(Kept::whole),
        }
    }

    /// `None`: the object is as it was.
    async fn begin_aside(
        &self,
        job: &Job,
        aside: &str,
        body: Body,
        with: &WriteHeaders,
        condition: &Condition,
    ) -> Result<Option<Stored>> {
        let plain = WriteHeaders { grants: Vec::new(), ..with.clone() };
        let begun = match self.store.append(aside, None, body, &plain, false).await {
            Ok(begun) => begun,
            Err(error) => {
                tracing::debug!(key = job.key, %error, "not made appendable");
                return Ok(None);
            }
        };
        // No release makes a copy depend on what stands under the target.
        let before = self.store.head(&job.key).await;
        if let Condition::Match(etag) = condition
            && !before.as_ref().is_ok_and(|before| before.etag == *etag)
        {
            let moved = before.map_or_else(|error| error.kind == ErrorKind::NotFound, |_| true);
            let (kind, words) = match moved {
                true => (ErrorKind::PreconditionFailed, "another object stands there, or none"),
                false => return Ok(None),
            };
            return Err(StoreError::local(kind, "CopyObject", words).into());
        }
        match self.store.copy(aside, Some(&begun.etag), &job.key, None, &with.grants).await {
            Ok(stored) => Ok(Some(stored)),
            Err(error) => match self.store.head(&job.key).await {
                // The answer was lost until the deadline.
                Ok(now) if now.etag == begun.etag && now.appendable => Ok(Some(begun)),
                Ok(now) if job.base.as_ref() == Some(&now.etag) => Ok(None),
                _ => Err(error.into()),
            },
        }
    }

    /// What was appended to stays readable without asking for it again: its last blocks are the same under the new tag.
    pub(super) fn keep_grown(&self, draft: &Draft, id: &Arc<Identity>) {
        let Some(base) = &draft.base else { return };
        let size = draft.extents.size();
        let mut pieces = draft.extents.pieces(0..size);
        let (old, new) = (0..base.size, base.size..size);
        let grown = pieces.next() == Some((old, Source::Base)) && pieces.next() == Some((new.clone(), Source::Local));
        if !grown || new.end != size || size - base.size > KEEP || base.id == *id {
            return;
        }
        let cache = self.fetch.cache();
        let joint = base.size / BLOCK;
        let first = base.size.saturating_sub(KEEP) / BLOCK;
        let mut at = joint * BLOCK;
        while at < size {
            // The first block has old bytes too.
            let end = (at + if at < base.size { BLOCK } else { KEPT_TOGETHER }).min(size);
            let old = if at < base.size { cache.try_read(&base.id, at..base.size) } else { Some(Vec::new()) };
            let Ok(new) = draft.scratch.read(at.max(base.size)..end) else { break };
            if let Some(old) = old {
                let mut block = old.concat();
                block.extend_from_slice(&new);
                cache.insert(id, (at / BLOCK) as u32, &block);
            }
            at = end;
        }
        cache.carry(&base.id, id, first as u32..joint as u32);
    }
}
