//! flush, fsync and fsyncdir: when they return 0 the service has the bytes.

use super::{Fs, FsError, Result};
use crate::inode::Inode;
use std::sync::Arc;

impl Fs {
    /// close(2) of a descriptor. Stores what is not stored yet, if the handle could write.
    pub async fn flush(self: &Arc<Self>, fh: u64) -> Result<()> {
        let handle = self.handles.get(fh)?;
        if !handle.write || !handle.inode.state().draft.as_ref().is_some_and(|draft| draft.dirty) {
            return Ok(());
        }
        let result = self.commit_or_wait(&handle.inode).await;
        if let Err(error) = &result {
            handle.inode.state().untold = Some(error.errno());
        }
        result
    }

    /// Whether a flush has nothing to do.
    pub fn flush_is_idle(&self, fh: u64) -> bool {
        self.handles
            .get(fh)
            .is_ok_and(|handle| !handle.write || !handle.inode.state().draft.as_ref().is_some_and(|draft| draft.dirty))
    }

    /// fsync(2) and fdatasync(2): bytes and attributes.
    pub async fn fsync(self: &Arc<Self>, fh: u64) -> Result<()> {
        let handle = self.handles.get(fh)?;
        self.commit_or_wait(&handle.inode).await
    }

    /// fsync(2) of a directory: its own attributes and those of what is in it. Names are stored when they are made.
    pub async fn fsyncdir(self: &Arc<Self>, fh: u64) -> Result<()> {
        let handle = self.handles.get(fh)?;
        let dir = handle.inode.ino;
        self.commit_or_wait(&handle.inode).await?;
        for inode in self.table.children(dir) {
            let waits = {
                let state = inode.state();
                state.meta_dirty() && state.opens == 0 && !state.unlinked
            };
            if waits {
                self.commit_or_wait(&inode).await?;
            }
        }
        Ok(())
    }

    /// A failure stays with the inode: it is tried again by the next flush and in the background.
    async fn commit_or_wait(self: &Arc<Self>, inode: &Arc<Inode>) -> Result<()> {
        let result = self.commit(inode).await;
        if let Err(error) = &result
            && !matches!(error, FsError::Conflict(_))
        {
            tracing::error!(path = self.table.path(inode.ino), %error, "not stored");
        }
        result
    }
}
