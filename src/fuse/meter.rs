//! What the kernel asked for, how long it waited and how that ended, for those who watch.
//!
//! Most calls are answered from memory within microseconds, on the FUSE thread. These are counted and no clock is read:
//! they count as the fastest class. Only what is waited for is timed.

use crate::fs::{BOUNDS_MS, class_of};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

macro_rules! operations {
    ($($variant:ident = $name:literal),* $(,)?) => {
        /// What the kernel can ask.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(super) enum Op {
            $($variant),*
        }
        const NAMES: &[&str] = &[$($name),*];
    };
}

operations! {
    Lookup = "lookup",
    Getattr = "getattr",
    Setattr = "setattr",
    Readlink = "readlink",
    Mknod = "mknod",
    Mkdir = "mkdir",
    Unlink = "unlink",
    Rmdir = "rmdir",
    Symlink = "symlink",
    Rename = "rename",
    Open = "open",
    Create = "create",
    Read = "read",
    Write = "write",
    Flush = "flush",
    Release = "release",
    Fsync = "fsync",
    Opendir = "opendir",
    Readdir = "readdir",
    Fsyncdir = "fsyncdir",
    Statfs = "statfs",
    Setxattr = "setxattr",
    Getxattr = "getxattr",
    Listxattr = "listxattr",
    Removexattr = "removexattr",
    Fallocate = "fallocate",
    CopyFileRange = "copy_file_range",
}

/// The calls of one operation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Calls {
    /// All.
    pub calls: u64,
    /// Those that wait for their answer.
    pub waiting: u64,
    /// Those that ended with an error that says that something is wrong. "No such file" is not.
    pub failed: u64,
    /// Time of all that were waited for.
    pub spent: Duration,
    /// How many took at most as long as each of [`BOUNDS_MS`], and longer than the one before.
    pub classes: [u64; BOUNDS_MS.len()],
}

#[derive(Default)]
struct Counters {
    calls: AtomicU64,
    /// Of these: not answered at once.
    begun: AtomicU64,
    ended: AtomicU64,
    failed: AtomicU64,
    spent_us: AtomicU64,
    classes: [AtomicU64; BOUNDS_MS.len()],
}

/// All counters of a mount.
#[derive(Default)]
pub(super) struct Meter([Counters; NAMES.len()]);

/// A call that is waited for. One that is dropped without an end was cut short by a fault, and has failed.
pub(super) struct Timed {
    meter: Arc<Meter>,
    op: Op,
    since: Instant,
    failed: bool,
}

impl Meter {
    fn of(&self, op: Op) -> &Counters {
        &self.0[op as usize]
    }

    /// The kernel has asked.
    pub(super) fn call(&self, op: Op) {
        self.of(op).calls.fetch_add(1, Relaxed);
    }

    /// It has to wait.
    pub(super) fn wait(self: &Arc<Self>, op: Op) -> Timed {
        self.of(op).begun.fetch_add(1, Relaxed);
        Timed { meter: self.clone(), op, since: Instant::now(), failed: true }
    }

    /// By operation, those that were ever asked for.
    pub(super) fn snapshot(&self) -> BTreeMap<&'static str, Calls> {
        let asked = NAMES.iter().zip(&self.0).filter(|(_, counters)| counters.calls.load(Relaxed) > 0);
        asked.map(|(name, counters)| (*name, counters.snapshot())).collect()
    }
}

impl Counters {
    fn snapshot(&self) -> Calls {
        // In this order no difference can be negative.
        let ended = self.ended.load(Relaxed);
        let mut classes = self.classes.each_ref().map(|class| class.load(Relaxed));
        let begun = self.begun.load(Relaxed);
        let calls = self.calls.load(Relaxed);
        classes[0] += calls.saturating_sub(begun);
        Calls {
            calls,
            waiting: begun.saturating_sub(ended),
            failed: self.failed.load(Relaxed),
            spent: Duration::from_micros(self.spent_us.load(Relaxed)),
            classes,
        }
    }
}

impl Timed {
    /// It is answered, with success or with this errno.
    pub(super) fn end(mut self, errno: Option<i32>) {
        self.failed = errno.is_some_and(is_trouble);
    }
}

impl Drop for Timed {
    fn drop(&mut self) {
        let (counters, took) = (self.meter.of(self.op), self.since.elapsed());
        if let Some(class) = class_of(took) {
            counters.classes[class].fetch_add(1, Relaxed);
        }
        counters.spent_us.fetch_add(took.as_micros() as u64, Relaxed);
        counters.failed.fetch_add(u64::from(self.failed), Relaxed);
        counters.ended.fetch_add(1, Relaxed);
    }
}

/// Whether the service, the way to it or the disk is to blame, and not the program that asked.
fn is_trouble(errno: i32) -> bool {
    use libc::{EACCES, EDQUOT, EHOSTUNREACH, EIO, ENOSPC, ESTALE, ETIMEDOUT};
    [EIO, ESTALE, EACCES, EDQUOT, ENOSPC, ETIMEDOUT, EHOSTUNREACH].contains(&errno)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_are_counted_by_time_and_end() {
        let meter = Arc::new(Meter::default());
        for _ in 0..10 {
            meter.call(Op::Read);
        }
        let (one, two, three) = (meter.wait(Op::Read), meter.wait(Op::Read), meter.wait(Op::Read));
        assert_eq!(meter.snapshot()["read"].waiting, 3);
        one.end(None);
        two.end(Some(libc::ENOENT));
        drop(three);
        let read = &meter.snapshot()["read"];
        assert_eq!((read.calls, read.waiting, read.failed), (10, 0, 1));
        assert_eq!(read.classes.iter().sum::<u64>(), 10, "also those that were answered at once");
        assert!(!meter.snapshot().contains_key("write"));
    }
}
