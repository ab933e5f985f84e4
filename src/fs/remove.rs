//! Removing files and directories.

use super::{Fs, FsError, Result};
use crate::inode::{Inode, Marker, ROOT};
use crate::names::Name;
use crate::store::{Body, Condition, ErrorKind, ListRequest, WriteHeaders};
use std::ffi::OsStr;
use std::sync::Arc;

impl Fs {
    /// Removes a file's name. An open file lives on until its last close.
    pub async fn unlink(self: &Arc<Self>, parent: u64, name: &OsStr) -> Result<()> {
        self.writable()?;
        let name = Name::new(name)?;
        let _tree = self.tree.read().await;
        let inode = self.resolve(parent, &name).await?.ok_or(FsError::not_found())?;
        if inode.state().is_dir() {
            return Err(FsError::is_dir());
        }
        let _gate = inode.gate.write().await;
        self.check_still_named(&inode, parent, &name)?;
        self.settle_unseen(&inode).await?;
        let was_stored = inode.state().object.is_some();
        let kept = self.orphan(&inode).await?;
        // A new file that was never stored has no object to delete.
        let stored = was_stored || inode.state().object.is_some();
        if let Err(error) = self.unlink_object(&inode, parent, &name, stored).await {
            self.restore(&inode, kept);
            return Err(error);
        }
        self.name_changed(parent, &name, false, true);
        self.unname(&inode);
        Ok(())
    }

    async fn unlink_object(self: &Arc<Self>, inode: &Inode, parent: u64, name: &Name, stored: bool) -> Result<()> {
        self.keep_directory(parent, name).await?;
        if stored {
            self.store.delete(&self.key(inode.ino, false)?).await?;
        }
        Ok(())
    }

    /// Removes an empty directory.
    pub async fn rmdir(self: &Arc<Self>, parent: u64, name: &OsStr) -> Result<()> {
        self.writable()?;
        let name = Name::new(name)?;
        let _tree = self.tree.read().await;
        let inode = self.resolve(parent, &name).await?.ok_or(FsError::not_found())?;
        if !inode.state().is_dir() {
            return Err(FsError::not_dir());
        }
        let _gate = inode.gate.write().await;
        self.check_still_named(&inode, parent, &name)?;
        let has_marker = self.check_empty(&inode).await?;
        self.keep_directory(parent, &name).await?;
        if has_marker {
            let key = self.table.dir_key(inode.ino).ok_or(FsError::stale())?;
            self.store.delete(&key).await?;
        }
        self.name_changed(parent, &name, false, true);
        self.unname(&inode);
        Ok(())
    }

    /// ENOTEMPTY if the directory holds anything, also what no path can name. Gives whether it has a marker.
    pub(super) async fn check_empty(self: &Arc<Self>, dir: &Arc<Inode>) -> Result<bool> {
        {
            let state = dir.state();
            let local = state.dir.as_ref().map(|known| &known.local);
            if local.is_some_and(|local| local.values().any(|change| change.present && change.at.is_none())) {
                return Err(FsError::not_empty());
            }
        }
        let key = self.table.dir_key(dir.ino).ok_or(FsError::stale())?;
        let mut from = None;
        let mut has_marker = false;
        loop {
            let request = ListRequest { prefix: key.clone(), max_keys: 2, from, ..ListRequest::default() };
            let page = self.store.list(request).await?;
            for object in &page.objects {
                if object.key == key {
                    has_marker = true;
                } else {
                    return Err(FsError::not_empty());
                }
            }
            from = page.next;
            if from.is_none() {
                return Ok(has_marker);
            }
        }
    }

    /// A directory without marker lives only by its content. Before its last name goes it gets a marker, so that it
    /// stays until it is removed itself.
    pub(super) async fn keep_directory(self: &Arc<Self>, ino: u64, going: &Name) -> Result<()> {
        if ino == ROOT {
            return Ok(());
        }
        let dir = self.inode(ino)?;
        {
            let state = dir.state();
            let Some(known) = &state.dir else { return Ok(()) };
            if known.marker == Marker::Present || state.unlinked {
                return Ok(());
            }
            if let Some(listing) = &known.listing
                && !self.ttl(Some(listing.asked)).is_zero()
            {
                let stays = listing.entries.iter().any(|entry| {
                    entry.name != *going && known.local.get(&entry.name).is_none_or(|change| change.present)
                });
                if stays {
                    return Ok(());
                }
            }
        }
        let key = self.table.dir_key(ino).ok_or(FsError::stale())?;
        let attrs = dir.state().attrs.clone();
        let mut with = WriteHeaders::default();
        with.headers.content_type = Some(crate::meta::DIRECTORY.to_string());
        crate::meta::encode(&attrs, &Default::default(), &mut with.headers)?;
        match self.store.put(&key, Body::new(), &with, &Condition::Absent).await {
            Ok(_) => {}
            // It has one by now.
            Err(error) if error.kind == ErrorKind::PreconditionFailed => {}
            // Who may delete but not put cannot keep it: then it goes with its last file.
            Err(error) if error.kind == ErrorKind::Denied => return Ok(()),
            Err(error) => return Err(error.into()),
        }
        if let Some(known) = dir.state().dir.as_mut() {
            known.marker = Marker::Present;
        }
        Ok(())
    }

    /// The name may have been taken away while the gate was waited for.
    pub(super) fn check_still_named(&self, inode: &Inode, parent: u64, name: &Name) -> Result<()> {
        match self.table.place(inode.ino) {
            Some((at, named)) if at == parent && named == *name => Ok(()),
            _ => Err(FsError::not_found()),
        }
    }
}
