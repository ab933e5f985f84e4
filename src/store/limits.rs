//! How many requests run at once, and the counters of what was sent.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Places among the connections. A download keeps its place for as long as its reader likes, so downloads never get
/// all of them: a reader that waits for another request could otherwise wait for ever.
pub(super) struct Limits {
    all: Arc<Semaphore>,
    downloads: Arc<Semaphore>,
}

/// A place; dropping it gives it back.
pub(super) struct Permit {
    _all: Option<OwnedSemaphorePermit>,
    _download: Option<OwnedSemaphorePermit>,
}

impl Limits {
    pub(super) fn new(max_connections: usize) -> Limits {
        let all = max_connections.clamp(2, Semaphore::MAX_PERMITS);
        let kept = (all / 4).max(1);
        Limits { all: Arc::new(Semaphore::new(all)), downloads: Arc::new(Semaphore::new(all - kept)) }
    }

    /// Waits for a place.
    pub(super) async fn enter(&self, download: bool) -> Permit {
        // The semaphores are never closed, so an error here cannot be; without a permit the request simply runs.
        let download = if download { self.downloads.clone().acquire_owned().await.ok() } else { None };
        Permit { _all: self.all.clone().acquire_owned().await.ok(), _download: download }
    }
}

/// What a store has sent and received so far, all clones together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RequestCounts {
    /// Attempts by S3 operation (`GetObject`).
    pub attempts: BTreeMap<&'static str, u64>,
    /// Bytes of bodies sent.
    pub bytes_up: u64,
    /// Bytes of objects received.
    pub bytes_down: u64,
}

impl RequestCounts {
    /// Attempts of one operation.
    pub fn of(&self, op: &str) -> u64 {
        self.attempts.get(op).copied().unwrap_or(0)
    }

    /// Attempts of all operations.
    pub fn total(&self) -> u64 {
        self.attempts.values().sum()
    }
}

#[derive(Default)]
pub(super) struct Counters {
    attempts: Mutex<BTreeMap<&'static str, u64>>,
    pub(super) up: Arc<AtomicU64>,
    pub(super) down: AtomicU64,
    pub(super) meter: super::meter::Meter,
}

impl Counters {
    pub(super) fn attempt(&self, op: &'static str) {
        *self.attempts.lock().unwrap_or_else(PoisonError::into_inner).entry(op).or_default() += 1;
    }

    pub(super) fn snapshot(&self) -> RequestCounts {
        RequestCounts {
            attempts: self.attempts.lock().unwrap_or_else(PoisonError::into_inner).clone(),
            bytes_up: self.up.load(Ordering::Relaxed),
            bytes_down: self.down.load(Ordering::Relaxed),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[tokio::test]
    async fn downloads_leave_a_place_for_others() {
        let limits = Limits::new(4);
        let _held = [limits.enter(true).await, limits.enter(true).await, limits.enter(true).await];
        assert!(tokio::time::timeout(Duration::from_millis(20), limits.enter(true)).await.is_err());
        let other = tokio::time::timeout(Duration::from_millis(20), limits.enter(false)).await;
        assert!(other.is_ok());
    }
}
