//! Renaming a directory: every object below it is copied to its new key, then the old ones are removed.
//!
//! An old object goes only when all copies are confirmed. If one fails, the copies made so far are removed again and
//! the directory is as it was.

use super::rename::Ends;
use super::{Fs, FsError, Result, WIDE};
use crate::inode::{Inode, Object};
use crate::names;
use crate::store::{ListEntry, ListRequest, WriteHeaders};
use futures::stream::{StreamExt, TryStreamExt};
use std::collections::HashMap;
use std::sync::{Arc, Mutex};

/// Keys in one DeleteObjects.
const BATCH: usize = 1000;

impl Fs {
    pub(super) async fn rename_dir(self: &Arc<Self>, ends: Ends) -> Result<()> {
        // Nothing below may be stored under its old key from here on.
        let _tree = self.tree.write().await;
        self.check_still_named(&ends.inode, ends.from.0, &ends.from.1)?;
        let source = self.table.dir_key(ends.inode.ino).ok_or(FsError::stale())?;
        let parent = self.table.dir_key(ends.to.0).ok_or(FsError::stale())?;
        let target = names::dir_key(&parent, &ends.to.1)?;
        if let Some(there) = &ends.replaced {
            self.check_empty(there).await?;
        }
        let mut below = self.table.below(ends.inode.ino);
        below.push(ends.inode.clone());
        for inode in &below {
            if inode.state().is_dirty() && !inode.state().unlinked {
                let _gate = inode.gate.write().await;
                self.commit_gated(inode).await?;
            }
        }
        let objects = self.all_below(&source).await?;
        let too_long = |entry: &ListEntry| entry.key.len() - source.len() + target.len() > names::KEY_MAX;
        if objects.iter().any(too_long) {
            return Err(FsError::too_long());
        }
        self.keep_directory(ends.from.0, &ends.from.1).await?;
        self.copy_all(&below, &objects, &source, &target).await?;
        self.delete_all(objects.into_iter().map(|entry| entry.key).collect()).await?;
        self.moved(&ends);
        // After that: a listing that comes late is known by its prefix.
        for inode in &below {
            let mut state = inode.state();
            // Copies have a new Last-Modified, and old listings name old keys.
            if let Some(object) = &state.object {
                let mut object = Object::clone(object);
                object.listed = None;
                state.object = Some(Arc::new(object));
            }
            if let Some(dir) = state.dir.as_mut() {
                dir.listing = None;
            }
        }
        Ok(())
    }

    /// Every object whose key begins with `prefix`, whatever its name.
    pub(super) async fn all_below(&self, prefix: &str) -> Result<Vec<ListEntry>> {
        let mut found = Vec::new();
        let mut from = None;
        loop {
            let page = self.store.list(ListRequest { prefix: prefix.to_string(), from, ..Default::default() }).await?;
            found.extend(page.objects);
            from = page.next;
            if from.is_none() {
                return Ok(found);
            }
        }
    }

    async fn copy_all(
        self: &Arc<Self>,
        below: &[Arc<Inode>],
        objects: &[ListEntry],
        source: &str,
        target: &str,
    ) -> Result<()> {
        // What this mount knows of an object's ACL need not be asked for.
        let mut known: HashMap<String, Arc<Inode>> = HashMap::new();
        for inode in below {
            let is_dir = inode.state().is_dir();
            if let Ok(key) = self.key(inode.ino, is_dir) {
                known.insert(key, inode.clone());
            }
        }
        let copied = Mutex::new(Vec::new());
        let result = futures::stream::iter(objects.to_vec())
            .map(|entry| {
                let (known, copied) = (&known, &copied);
                async move {
                    let to = format!("{target}{}", &entry.key[source.len()..]);
                    self.copy_one(known.get(&entry.key), &entry, &to).await?;
                    copied.lock().unwrap_or_else(|p| p.into_inner()).push(to);
                    Ok::<_, FsError>(())
                }
            })
            .buffer_unordered(WIDE)
            .try_collect::<Vec<_>>()
            .await;
        let Err(error) = result else { return Ok(()) };
        let undo = copied.into_inner().unwrap_or_else(|p| p.into_inner());
        tracing::error!(from = source, to = target, %error, copies = undo.len(), "a directory could not be renamed; its copies are removed again");
        if let Err(left) = self.delete_all(undo).await {
            tracing::error!(to = target, error = %left, "copies of a failed rename are left over");
        }
        Err(error)
    }

    async fn copy_one(self: &Arc<Self>, known: Option<&Arc<Inode>>, entry: &ListEntry, to: &str) -> Result<()> {
        let same = |inode: &&Arc<Inode>| inode.state().object.as_ref().is_some_and(|o| o.etag == entry.etag);
        let grants = match known.filter(same) {
            Some(inode) => self.grants(inode, &entry.key).await?,
            None => self.grants_at(&entry.key).await?,
        };
        // A copy that keeps the headers does not keep the storage class.
        if entry.size <= self.options.copy_limit && entry.storage_class.is_none() {
            self.store.copy(&entry.key, Some(&entry.etag), to, None, &grants).await?;
            return Ok(());
        }
        let info = self.store.head(&entry.key).await?;
        let tags = if info.tag_count > 0 { self.store.get_tags(&entry.key).await? } else { Vec::new() };
        let object = super::object(&self.bucket, &entry.key, &info);
        let with = WriteHeaders { headers: Arc::unwrap_or_clone(info.headers), grants, tags };
        if entry.size <= self.options.copy_limit {
            self.store.copy(&entry.key, Some(&entry.etag), to, Some(&with), &with.grants).await?;
        } else {
            self.copy_by_parts(&entry.key, &object, to, &with).await?;
        }
        // Neither a copy that replaces the headers nor an upload takes tags along on RGW 16.
        if !with.tags.is_empty() {
            self.store.put_tags(to, &with.tags).await?;
        }
        Ok(())
    }

    async fn delete_all(&self, keys: Vec<String>) -> Result<()> {
        let batches: Vec<Vec<String>> = keys.chunks(BATCH).map(<[String]>::to_vec).collect();
        let refused = futures::stream::iter(batches)
            .map(|batch| async move { self.store.delete_many(&batch).await })
            .buffer_unordered(4)
            .try_collect::<Vec<_>>()
            .await?;
        match refused.into_iter().flatten().next() {
            Some((key, error)) => {
                tracing::error!(key, %error, "an object could not be removed");
                Err(error.into())
            }
            None => Ok(()),
        }
    }
}
