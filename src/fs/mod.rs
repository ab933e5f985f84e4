//! The file system core: POSIX verbs over the rooms below. Knows nothing of FUSE.
//!
//! STAND-IN of the cli branch: only what the daemon calls, with nothing to store. To be replaced at merge.

use crate::config::Settings;
use crate::store::{Store, StoreError};
use std::sync::Arc;

/// A file system over one bucket.
pub struct Fs {
    /// The bucket.
    pub store: Store,
}

impl Fs {
    /// Checks the bucket.
    pub async fn open(_settings: &Settings, store: Store) -> Result<Arc<Fs>, StoreError> {
        store.head_bucket().await?;
        Ok(Arc::new(Fs { store }))
    }

    /// Stores everything pending; gives what could not be stored, as (path, error).
    pub async fn sync_all(&self) -> Vec<(String, String)> {
        Vec::new()
    }

    /// How many files are pending.
    pub async fn pending(&self) -> usize {
        0
    }

    /// Which files are pending.
    pub async fn pending_paths(&self) -> Vec<String> {
        Vec::new()
    }
}
