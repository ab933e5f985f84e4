//! flush, fsync and fsyncdir: when they return 0 the service has the bytes.

use super::{Fs, FsError, Result};
use crate::inode::Inode;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

impl Fs {
    /// close(2) of a descriptor by the thread `pid`. Stores what is not stored yet, if the handle could write.
    pub async fn flush(self: &Arc<Self>, fh: u64, pid: u32) -> Result<()> {
        let handle = self.handles.get(fh)?;
        let new_and_empty = {
            let state = handle.inode.state();
            match &state.draft {
                Some(draft) if draft.dirty && handle.access.write => {
                    draft.extents.size() == 0 && state.object.is_none()
                }
                _ => return Ok(()),
            }
        };
        // A shell that redirects opens a file, duplicates the descriptor and closes the first one before anything is
        // written. Storing the empty file then would be a request for nothing; the duplicate's close stores it. But
        // shells do not look at what that close says: unless storing is known to work, this one tries, and the next
        // write reports what came of it.
        if new_and_empty && self.storing_works.load(Relaxed) && is_open_in(pid, handle.inode.ino) {
            return Ok(());
        }
        let result = self.commit_or_wait(&handle.inode).await;
        if let Err(error) = &result {
            handle.untold.store(error.errno(), Relaxed);
        }
        result
    }

    /// Whether a flush has nothing to do.
    pub fn flush_is_idle(&self, fh: u64) -> bool {
        self.handles.get(fh).is_ok_and(|handle| {
            !handle.access.write || !handle.inode.state().draft.as_ref().is_some_and(|draft| draft.dirty)
        })
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

/// Whether the process of a thread has another descriptor of this inode (or of another file system's inode of the same
/// number: then the file is stored when its last handle is released, a moment after the close). A process that is
/// ending has none.
fn is_open_in(pid: u32, ino: u64) -> bool {
    const MOST: usize = 256;
    let Ok(entries) = std::fs::read_dir(format!("/proc/{pid}/fdinfo")) else { return false };
    let wanted = format!("ino:\t{ino}");
    entries
        .flatten()
        .take(MOST)
        .any(|entry| std::fs::read_to_string(entry.path()).is_ok_and(|text| text.lines().any(|line| line == wanted)))
}

#[cfg(test)]
mod tests {
    use super::is_open_in;
    use std::os::unix::fs::MetadataExt;

    #[test]
    fn open_descriptors_of_a_process_are_seen() {
        let file = tempfile::tempfile().unwrap();
        let (ino, pid) = (file.metadata().unwrap().ino(), std::process::id());
        assert!(is_open_in(pid, ino));
        drop(file);
        assert!(!is_open_in(pid, ino));
        assert!(!is_open_in(0, ino));
    }
}
