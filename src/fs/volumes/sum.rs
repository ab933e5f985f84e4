//! What all buckets of a mount come to.

use super::Volumes;
use crate::fs::{Fs, Unstored, Watched};
use crate::store::Store;
use std::sync::Arc;

impl Volumes {
    /// The store below, for its counters.
    pub fn store(&self) -> &Store {
        match self {
            Volumes::One(fs) => fs.store(),
            Volumes::All(top) => top.store(),
        }
    }

    /// What the mount is doing.
    pub fn watched(&self) -> Watched {
        let mut all = self.in_use().into_iter().map(|fs| fs.watched());
        let first = match (self, all.next()) {
            (_, Some(first)) => first,
            (Volumes::One(fs), None) => fs.watched(),
            (Volumes::All(top), None) => top.watched(),
        };
        // The table and the cache are shared.
        all.fold(first, |mut sum, one| {
            sum.todo.extend(one.todo);
            sum.conflicts += one.conflicts;
            sum
        })
    }

    fn in_use(&self) -> Vec<Arc<Fs>> {
        match self {
            Volumes::One(fs) => vec![fs.clone()],
            Volumes::All(top) => top.in_use(),
        }
    }

    /// Paths of the files and directories that are not stored yet.
    pub fn pending(&self) -> Vec<String> {
        self.in_use().iter().flat_map(|fs| fs.pending()).collect()
    }

    /// Stores everything; gives what could not be stored.
    pub async fn sync_all(&self) -> Vec<Unstored> {
        let all = self.in_use();
        let done = futures::future::join_all(all.iter().map(|fs| fs.sync_all())).await;
        done.into_iter().flatten().collect()
    }

    /// Writes down everything that is not stored, because the mount ends. Gives what that is.
    pub async fn keep_all(&self, why: &str) -> Vec<Unstored> {
        let all = self.in_use();
        let done = futures::future::join_all(all.iter().map(|fs| fs.keep_all(why))).await;
        done.into_iter().flatten().collect()
    }
}
