//! Parts on their way to the service: how many at once, and each file's share of them.

use crate::sync::{LEAF, Ranked};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Most parts on their way at once, those of all files together. A connection may carry little, whatever all of them together
/// carry; and parts that wait together are hashed side by side. Fewer than there are connections: `ls` must not wait for a part.
const LANES: usize = 96;
/// As many at first. On a slow line each part takes as much longer as there are others beside it, and none may take longer
/// than the store gives it.
const FIRST: usize = 16;
/// A part that took no longer makes room for more of them, one that took as long as `SLOW` for fewer.
const QUICK: Duration = Duration::from_secs(4);
const SLOW: Duration = Duration::from_secs(30);
/// Lanes that a quick part opens.
const OPENS: usize = 2;
/// They are doubled at once, as long as a program waits, if so many bytes for each of them go out in this time: a part of 8 MiB
/// then takes 16 s, or 32 s if the line carries no more by twice as many.
const EARLY: u64 = 512 << 10;
const EARLY_TIME: Duration = Duration::from_secs(1);
/// Every file may have so many, whatever the others have.
const LEAST: usize = 2;
/// More bytes of one file do not wait side by side, if these are at least so many parts: local disk has to hold them.
const MOST_BYTES: u64 = 1 << 30;
const FEW: usize = 8;

/// The ways of all files.
#[derive(Debug)]
pub struct Lanes {
    free: Arc<Semaphore>,
    /// How many there are now, those in use included.
    open: AtomicUsize,
    writers: Arc<AtomicUsize>,
    /// When how many bytes had gone out, since they were doubled last.
    early: Ranked<LEAF, Option<(Instant, u64)>>,
}

/// A file that has parts on their way. Each of these holds it.
#[derive(Debug)]
pub struct Writer(Arc<AtomicUsize>);

impl Default for Lanes {
    fn default() -> Lanes {
        Lanes {
            free: Arc::new(Semaphore::new(FIRST)),
            open: AtomicUsize::new(FIRST),
            writers: Arc::default(),
            early: Ranked::new(None),
        }
    }
}

impl Lanes {
    /// Parts of this size that one file may have on their way or waiting for it.
    pub fn share(&self, part: u64) -> usize {
        let room = ((MOST_BYTES / part.max(1)) as usize).clamp(FEW, LANES);
        let open = self.open.load(Ordering::Relaxed);
        (open / self.writers.load(Ordering::Relaxed).max(1)).clamp(LEAST, room)
    }

    /// No part is on its way.
    pub fn are_free(&self) -> bool {
        self.free.available_permits() >= self.open.load(Ordering::Relaxed)
    }

    /// Waits for one of them.
    pub async fn enter(&self) -> Option<OwnedSemaphorePermit> {
        self.free.clone().acquire_owned().await.ok()
    }

    /// A part was stored, and took so long: more or fewer from now on.
    pub fn took(&self, time: Duration) {
        self.change(|open| match time {
            time if time <= QUICK => Some((open + OPENS).min(LANES)),
            time if time >= SLOW => Some((open - 1).max(FEW)),
            _ => None,
        });
    }

    /// A program waits for a lane, and `sent` bytes have gone out so far: its first parts need not be stored before there are
    /// more.
    pub fn waited_for(&self, sent: u64, now: Instant) {
        let mut early = self.early.lock();
        let (since, before) = *early.get_or_insert((now, sent));
        let late = now.saturating_duration_since(since) > EARLY_TIME;
        let grown = !late && sent.saturating_sub(before) >= EARLY * self.open.load(Ordering::Relaxed) as u64;
        if grown || late {
            *early = Some((now, sent));
        }
        drop(early);
        if grown {
            self.change(|open| Some((2 * open).min(LANES)));
        }
    }

    fn change(&self, change: impl Fn(usize) -> Option<usize>) {
        let Ok(before) = self.open.fetch_update(Ordering::Relaxed, Ordering::Relaxed, &change) else { return };
        match change(before) {
            Some(now) if now > before => self.free.add_permits(now - before),
            // One that is in use is not taken away: then there is one more than is counted, until the next slow part.
            Some(now) if now < before && self.free.forget_permits(1) == 0 => {
                self.open.fetch_add(1, Ordering::Relaxed);
            }
            _ => {}
        }
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

    fn all_open() -> Lanes {
        let lanes = Lanes::default();
        for _ in 0..LANES {
            lanes.took(QUICK);
        }
        lanes
    }

    #[test]
    fn files_share_the_lanes_while_they_have_parts_on_their_way() {
        const PART: u64 = 8 << 20;
        let (lanes, mut one, mut other) = (all_open(), Weak::new(), Weak::new());
        assert_eq!(lanes.share(PART), LANES);
        let first = [lanes.count(&mut one), lanes.count(&mut one)];
        assert_eq!(lanes.share(PART), LANES, "one file has all of them");
        let second = lanes.count(&mut other);
        assert_eq!(lanes.share(PART), LANES / 2);
        let crowd: Vec<_> = (0..100).map(|_| lanes.count(&mut Weak::new())).collect();
        assert_eq!(lanes.share(PART), LEAST);
        drop((first, crowd));
        assert_eq!(lanes.share(PART), LANES);
        let again = lanes.count(&mut one);
        assert_eq!(lanes.share(PART), LANES / 2);
        drop((again, second));
        assert_eq!(lanes.share(PART), LANES);
    }

    #[test]
    fn large_parts_are_fewer() {
        let lanes = all_open();
        assert_eq!([8, 32, 128, 512, 2048].map(|mib| lanes.share(mib << 20)), [96, 32, 8, 8, 8]);
    }

    #[test]
    fn a_quick_line_has_all_of_them_before_a_part_is_stored() {
        let begun = Instant::now();
        // After each tenth of a second: bytes that a line has taken, as many for each lane.
        let after = |lanes: &Lanes, each: u64, tenths: u32| {
            let mut sent = 0;
            for tenth in 0..tenths {
                lanes.waited_for(sent, begun + Duration::from_millis(100) * tenth);
                sent += each * lanes.share(1) as u64;
            }
            lanes.share(1)
        };
        assert_eq!(after(&Lanes::default(), 1 << 20, 2), 2 * FIRST);
        assert_eq!(after(&Lanes::default(), 1 << 20, 4), LANES);
        assert_eq!(after(&Lanes::default(), 100 << 10, 20), LANES);
        assert_eq!(after(&Lanes::default(), 40 << 10, 100), FIRST, "too slow for more");
    }

    #[tokio::test]
    async fn more_while_parts_are_quick_and_fewer_when_they_are_slow() {
        let lanes = Lanes::default();
        assert!(lanes.are_free());
        let mut taken = Vec::new();
        for _ in 0..FIRST {
            taken.push(lanes.enter().await.unwrap());
        }
        let soon = Duration::from_millis(20);
        assert!(tokio::time::timeout(soon, lanes.enter()).await.is_err());
        lanes.took(SLOW / 2);
        assert!(tokio::time::timeout(soon, lanes.enter()).await.is_err());
        lanes.took(QUICK);
        for _ in 0..OPENS {
            taken.push(lanes.enter().await.unwrap());
        }
        lanes.took(SLOW);
        assert_eq!(lanes.share(1), FIRST + OPENS, "all are in use");
        drop(taken);
        assert!(lanes.are_free());
        for _ in 0..100 {
            lanes.took(SLOW);
        }
        assert_eq!((lanes.share(1), lanes.free.available_permits()), (FEW, FEW));
        for _ in 0..100 {
            lanes.took(QUICK);
        }
        assert_eq!((lanes.share(1), lanes.free.available_permits()), (LANES, LANES));
    }
}
