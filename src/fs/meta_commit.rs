//! Storing changed attributes of an object whose bytes stay: a copy onto itself that replaces the headers.

use super::{Fs, FsError, PARTS, Result};
use crate::inode::{Inode, Knowledge, Marker, Object};
use crate::store::{Body, Condition, CopySource, ErrorKind, Stored, WriteHeaders};
use futures::stream::{StreamExt, TryStreamExt};
use std::sync::Arc;
use std::time::{Instant, SystemTime};

/// Objects up to RGW's head size have no tail that a copy onto itself could lose on the releases that have that fault
/// (ceph/ceph#62656).
const NO_TAIL: u64 = 4 * 1024 * 1024;
/// Size of the parts of a copy beyond that.
const COPY_PART: u64 = 512 << 20;
/// The most parts that an upload can have.
const PARTS_MAX: u64 = 10_000;

impl Fs {
    /// Stores the attributes. The caller holds the tree and the inode's gate.
    pub(super) async fn commit_meta(self: &Arc<Self>, inode: &Arc<Inode>) -> Result<()> {
        let (is_dir, unlinked, changes) = {
            let state = inode.state();
            (state.is_dir(), state.unlinked, state.meta_changes)
        };
        if unlinked {
            return Ok(());
        }
        let key = self.key(inode.ino, is_dir)?;
        self.refresh_for_meta(inode, &key).await?;
        let object = inode.state().object.clone();
        let with = self.write_headers(inode).await?;
        let stored = match &object {
            Some(object) => self.rewrite_headers(&key, object, &with).await,
            // A directory without marker gets one. (A file without object has a draft, whose commit carries all.)
            None if is_dir => self.store.put(&key, Body::new(), &with, &Condition::Always).await.map_err(FsError::from),
            None => return Ok(()),
        };
        let stored = match stored {
            Err(FsError::Store(error)) if error.kind == ErrorKind::NotFound => {
                // Removed by another client: nothing is left to carry the attributes.
                let mut state = inode.state();
                state.meta_stored = state.meta_changes;
                state.asked = None;
                return Err(FsError::stale());
            }
            other => other?,
        };
        if !with.tags.is_empty() {
            // A copy that replaces headers loses the tags on RGW before 20.
            self.store.put_tags(&key, &with.tags).await?;
        }
        let mut state = inode.state();
        let was = state.object.take();
        let same = was.as_ref().filter(|was| was.etag == stored.etag);
        state.object = Some(Arc::new(Object {
            id: same.map_or_else(|| self.identity(&key, &stored.etag), |was| was.id.clone()),
            etag: stored.etag.clone(),
            size: was.as_ref().map_or(0, |was| was.size),
            modified: SystemTime::now(),
            listed: None,
            headers: Some(Arc::new(with.headers)),
            tag_count: was.as_ref().map_or(0, |was| was.tag_count),
            acl: was.as_ref().map_or(Some(None), |was| was.acl.clone()),
            cold: was.as_ref().is_some_and(|was| was.cold),
            // A copy that replaces headers cannot be appended to.
            appendable: None,
        }));
        if let Some(object) = &state.object
            && state.pages.is_some()
            && state.pages == was.as_ref().map(|was| was.id.clone())
        {
            state.pages = Some(object.id.clone());
        }
        if let Some(dir) = state.dir.as_mut() {
            dir.marker = Marker::Present;
        }
        // A draft that is open over the object goes on over its new version, which has the same bytes.
        let base = state.object.as_ref().map(|object| super::base_of(object));
        if let (Some(draft), Some(base)) = (state.draft.as_mut(), base)
            && draft.base.is_some()
        {
            draft.base = Some(base);
        }
        state.knowledge = Knowledge::Full;
        state.asked = Some(Instant::now());
        state.meta_stored = changes;
        drop(state);
        if !self.is_root(inode.ino) {
            self.name_stored(inode.ino);
        }
        Ok(())
    }

    /// Headers of an old answer could be somebody else's old ones: another client's change of metadata would be undone.
    async fn refresh_for_meta(self: &Arc<Self>, inode: &Arc<Inode>, key: &str) -> Result<()> {
        let known = {
            let state = inode.state();
            let Some(object) = &state.object else { return Ok(()) };
            if object.headers.is_some() && !self.ttl(state.asked).is_zero() {
                return Ok(());
            }
            object.clone()
        };
        let info = match self.store.head(key).await {
            Ok(info) => info,
            Err(error) if error.is_not_found() => return Ok(()),
            Err(error) => return Err(error.into()),
        };
        let mut state = inode.state();
        if state.draft.is_some() {
            return Ok(());
        }
        let mut now = super::object(&self.bucket, key, &info);
        if now.etag == known.etag {
            now.id = known.id.clone();
            if now.modified == known.modified {
                now.acl = known.acl.clone();
            }
        }
        state.size = now.size;
        state.object = Some(Arc::new(now));
        Ok(())
    }

    /// Replaces the headers of a stored object.
    pub(super) async fn rewrite_headers(
        self: &Arc<Self>,
        key: &str,
        object: &Object,
        with: &WriteHeaders,
    ) -> Result<Stored> {
        if object.size > self.options.copy_limit {
            return self.copy_by_parts(key, object, key, with).await;
        }
        if object.size <= NO_TAIL || self.store.quirks().await?.safe_self_copy {
            return Ok(self.store.copy(key, Some(&object.etag), key, Some(with), &with.grants).await?);
        }
        // By way of another key: a copy onto itself loses the tail of the object on some RGW releases.
        let aside = self.hidden_key("meta");
        let stored = match self.store.copy(key, Some(&object.etag), &aside, None, &[]).await {
            Ok(moved) => self.store.copy(&aside, Some(&moved.etag), key, Some(with), &with.grants).await,
            Err(error) => Err(error),
        };
        self.delete_hidden(&aside).await;
        Ok(stored?)
    }

    /// Copies an object of any size, with new headers, inside the service.
    pub(super) async fn copy_by_parts(
        self: &Arc<Self>,
        source: &str,
        object: &Object,
        target: &str,
        with: &WriteHeaders,
    ) -> Result<Stored> {
        let id = self.create_upload(target, with).await?;
        let part = COPY_PART.min(self.options.copy_limit).max(object.size.div_ceil(PARTS_MAX));
        let count = object.size.div_ceil(part).max(1);
        let length = object.size.div_ceil(count);
        let parts = futures::stream::iter(0..count)
            .map(|n| {
                let range = n * length..((n + 1) * length).min(object.size);
                let from = CopySource { store: &self.store, key: source, etag: &object.etag };
                self.store.copy_part(target, &id, n as u32 + 1, from, range)
            })
            .buffer_unordered(PARTS)
            .try_collect::<Vec<_>>()
            .await;
        let mut parts = self.or_abort(target, &id, parts).await?;
        parts.sort_by_key(|part| part.number);
        // RGW does not check the source's tag of a copied part: look whether all parts came from the same version.
        let same = match self.store.head(source).await {
            Ok(now) if now.etag == object.etag => Ok(()),
            Ok(_) => Err(FsError::stale()),
            Err(error) => Err(error.into()),
        };
        self.or_abort(target, &id, same).await?;
        Ok(self.complete_upload(target, &id, &parts, &Condition::Always, true).await?)
    }
}
