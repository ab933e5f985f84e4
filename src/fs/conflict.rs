//! When the object is no longer the one that was opened: neither version is lost.

use super::append::Kept;
use super::commit::Job;
use super::{Fs, FsError, Result, now};
use crate::config::Conflict;
use crate::draft::{Limits, Plan, part_range};
use crate::inode::Inode;
use crate::names::{self, Name};
use crate::store::{Condition, PartDone, StoreError};
use std::sync::Arc;

impl Fs {
    /// Another client changed the object since it was opened (or made one where there was none).
    pub(super) async fn conflict(self: &Arc<Self>, inode: &Arc<Inode>, job: &Job, why: StoreError) -> Result<()> {
        self.conflicts.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let path = self.table.path(inode.ino);
        if self.options.conflict == Conflict::Fail {
            tracing::error!(path, %why, "another client changed the object meanwhile; nothing was stored");
            return Err(FsError::Conflict(None));
        }
        if !job.sent.is_empty() {
            return self.keep_theirs(inode, job).await;
        }
        let kept = match self.keep_ours(inode, job).await {
            Ok(name) => {
                tracing::error!(path, kept = %name, "another client changed the object meanwhile; this mount's version was stored beside it");
                Some(name.to_string())
            }
            Err(error) => {
                tracing::error!(path, %error, "another client changed the object meanwhile, and this mount's version could not be stored beside it");
                return Err(FsError::Conflict(None));
            }
        };
        // The name is theirs now. Open handles keep what they have.
        let stream = {
            let mut state = inode.state();
            state.supersede();
            state.conflicted = true;
            state.meta_stored = state.meta_changes;
            state.draft.as_mut().and_then(|draft| {
                draft.dirty = false;
                draft.stream.take()
            })
        };
        if let Some((parent, name)) = self.table.place(inode.ino)
            && let Some(dir) = self.table.get(parent)
            && let Some(known) = dir.state().dir.as_mut()
        {
            known.local.remove(&name);
            known.listing = None;
        }
        self.table.unlink(inode.ino);
        self.abandon(stream);
        self.forget_dirty(inode.ino);
        Err(FsError::Conflict(kept))
    }

    /// Parts of our version are only in an upload for this very key: their version goes beside it, then ours is
    /// completed.
    async fn keep_theirs(self: &Arc<Self>, inode: &Arc<Inode>, job: &Job) -> Result<()> {
        let (kept, kept_key) = self.name_beside(inode)?;
        let grants = self.grants_at(&job.key).await.unwrap_or_default();
        match self.store.copy(&job.key, None, &kept_key, None, &grants).await {
            Ok(_) => {}
            Err(error) if error.is_not_found() => {}
            Err(error) => return Err(error.into()),
        }
        let Plan::Multipart(parts) = &job.plan else { return Err(FsError::internal()) };
        let stored = self.multipart(inode, job, parts, &Condition::Always).await?;
        self.install(inode, job, Kept::whole(stored)).await;
        let path = self.table.path(inode.ino);
        tracing::error!(path, kept = %kept, "another client changed the object meanwhile; its version was stored beside this mount's");
        self.listed_beside(inode, &kept);
        Err(FsError::Conflict(Some(kept.to_string())))
    }

    /// A name for the other version, in the same directory. To the microsecond: several may be kept within a second, also by
    /// several mounts of one machine, and a copy inside the service overwrites what is there.
    fn name_beside(&self, inode: &Inode) -> Result<(Name, String)> {
        let (parent, name) = self.table.place(inode.ino).ok_or(FsError::stale())?;
        let dir_key = self.table.dir_key(parent).ok_or(FsError::stale())?;
        let now = now();
        let tail = format!(".conflict-{}-{}.{:06}", self.options.host, now.secs, now.nanos / 1000);
        let mut stem = name.as_str().to_string();
        while stem.len() + tail.len() > names::NAME_MAX {
            stem.pop();
        }
        let kept = Name::new(format!("{stem}{tail}").as_ref())?;
        let key = names::file_key(&dir_key, &kept)?;
        Ok((kept, key))
    }

    fn listed_beside(&self, inode: &Inode, kept: &Name) {
        if let Some((parent, _)) = self.table.place(inode.ino)
            && let Some(dir) = self.table.get(parent)
            && let Some(known) = dir.state().dir.as_mut()
        {
            known.changed(kept, true, true);
        }
    }

    /// Stores our version under a name beside the object.
    async fn keep_ours(self: &Arc<Self>, inode: &Arc<Inode>, job: &Job) -> Result<Name> {
        let (kept, key) = self.name_beside(inode)?;
        if job.size <= Limits::default().put_max && job.sent.is_empty() {
            self.put(inode, job, &key, &Condition::Absent).await?;
        } else {
            let with = self.write_headers(inode).await?;
            let id = self.create_upload(&key, &with).await?;
            let sent = self.resend_all(inode, job, &key, &id).await;
            let parts = self.or_abort(&key, &id, sent).await?;
            self.complete_upload(&key, &id, &parts, &Condition::Absent, true).await?;
        }
        self.listed_beside(inode, &kept);
        Ok(kept)
    }

    /// Sends every byte of the draft to another key.
    async fn resend_all(self: &Arc<Self>, inode: &Arc<Inode>, job: &Job, key: &str, id: &str) -> Result<Vec<PartDone>> {
        let mut done = Vec::new();
        let mut number = 1;
        let mut at = 0;
        while at < job.size {
            let range = part_range(number);
            let range = range.start..range.end.min(job.size);
            let body = self.body(inode, range.clone()).await?;
            done.push(self.store.upload_part(key, id, number, body).await?);
            at = range.end;
            number += 1;
        }
        Ok(done)
    }
}
