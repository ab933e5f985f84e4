//! Parts on their way to the service: how many at once, and each file's share of them.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Weak};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Parts on their way at once, those of all files together. A connection may carry little, whatever all of them together carry;
/// and parts that wait together are hashed side by side.
const LANES: usize = 64;
/// Every file may have so many, whatever the others have.
const LEAST: usize = 2;
/// More bytes of one file do not wait side by side, if these are at least so many parts: local disk has to hold them.
const MOST_BYTES: u64 = 1 << 30;
const FEW: usize = 8;

/// The ways of all files.
#[derive(Debug)]
pub struct Lanes {
    free: Arc<Semaphore>,
    writers: Arc<AtomicUsize>,
}

/// A file that has parts on their way. Each of these holds it.
#[derive(Debug)]
pub struct Writer(Arc<AtomicUsize>);

impl Default for Lanes {
    fn default() -> Lanes {
        Lanes { free: Arc::new(Semaphore::new(LANES)), writers: Arc::default() }
    }
}

impl Lanes {
    /// Parts of this size that one file may have on their way or waiting for it.
    pub fn share(&self, part: u64) -> usize {
        let room = ((MOST_BYTES / part.max(1)) as usize).clamp(FEW, LANES);
        (LANES / self.writers.load(Ordering::Relaxed).max(1)).clamp(LEAST, room)
    }

    /// No part is on its way.
    pub fn are_free(&self) -> bool {
        self.free.available_permits() == LANES
    }

    /// Waits for one of them.
    pub async fn enter(&self) -> Option<OwnedSemaphorePermit> {
        self.free.clone().acquire_owned().await.ok()
    }

    /// Counts a file among those that have parts on their way, as long as it has; `writer` is where it is remembered.
    pub fn count(&self, writer: &mut Weak<Writer>) -> Arc<Writer> {
        if let Some(counted) = writer.upgrade() {
            return counted;
        }
        self.writers.fetch_add(1, Ordering::Relaxed);
        let counted = Arc::new(Writer(self.writers.clone()));
        *writer = Arc::downgrade(&counted);
        counted
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_share_the_lanes_while_they_have_parts_on_their_way() {
        let (lanes, mut one, mut other) = (Lanes::default(), Weak::new(), Weak::new());
        assert_eq!(lanes.share(8 << 20), LANES);
        let first = [lanes.count(&mut one), lanes.count(&mut one)];
        assert_eq!(lanes.share(8 << 20), LANES, "one file has all of them");
        let second = lanes.count(&mut other);
        assert_eq!(lanes.share(8 << 20), LANES / 2);
        let crowd: Vec<_> = (0..100).map(|_| lanes.count(&mut Weak::new())).collect();
        assert_eq!(lanes.share(8 << 20), LEAST);
        drop((first, crowd));
        assert_eq!(lanes.share(8 << 20), LANES);
        let again = lanes.count(&mut one);
        assert_eq!(lanes.share(8 << 20), LANES / 2);
        drop((again, second));
        assert_eq!(lanes.share(8 << 20), LANES);
    }

    #[test]
    fn large_parts_are_fewer() {
        let lanes = Lanes::default();
        assert_eq!([8, 32, 128, 512, 2048].map(|mib| lanes.share(mib << 20)), [64, 32, 8, 8, 8]);
    }

    #[tokio::test]
    async fn no_more_than_there_are() {
        let lanes = Lanes::default();
        assert!(lanes.are_free());
        let mut taken = Vec::new();
        for _ in 0..LANES {
            taken.push(lanes.enter().await.unwrap());
        }
        let soon = std::time::Duration::from_millis(20);
        assert!(tokio::time::timeout(soon, lanes.enter()).await.is_err());
        drop(taken);
        assert!(lanes.are_free());
    }
}
