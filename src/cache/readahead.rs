//! How far to read ahead of a handle: nothing for a random reader, a doubling window for a sequential one.

use std::ops::Range;

/// First window of a reader that was found to be sequential.
const FIRST: u64 = 1024 * 1024;
/// Largest window. Eight GETs of 4 MiB side by side fill a fast link at 20 ms.
const LARGEST: u64 = 32 * 1024 * 1024;
/// The kernel's own read-ahead runs on several threads and may arrive out of order by this much.
const SLACK: u64 = 4 * 1024 * 1024;

/// One handle's reading so far.
#[derive(Clone, Copy, Debug, Default)]
pub struct ReadAhead {
    /// Furthest byte read in the current stream.
    front: u64,
    /// Bytes before this offset have been asked for.
    asked: u64,
    window: u64,
    /// Bytes before this offset have been reported as passed.
    passed: u64,
}

impl ReadAhead {
    /// Notes a read and says what to fetch ahead of it (empty: nothing).
    pub fn note(&mut self, read: &Range<u64>, size: u64) -> Range<u64> {
        let sequential = read.start <= self.front.saturating_add(SLACK) && read.end + SLACK >= self.front;
        if !sequential {
            *self = ReadAhead { front: read.end, asked: read.end, window: 0, passed: read.end };
            return read.end..read.end;
        }
        if read.end > self.front {
            self.front = read.end;
            if read.start > 0 || self.window > 0 || read.end - read.start >= BIG {
                self.window = (self.window * 2).clamp(FIRST, LARGEST);
            }
        }
        self.asked = self.asked.max(self.front);
        let target = self.front.saturating_add(self.window).min(size);
        // Ask in large pieces: wait until half of the window has been used up.
        if target.saturating_sub(self.asked) >= self.window / 2 || (target == size && self.asked < size) {
            return self.asked..target;
        }
        self.asked..self.asked
    }

    /// What a reader in sequence has left behind since the last call (empty: little or nothing).
    pub fn passed(&mut self) -> Range<u64> {
        let until = if self.window > 0 { self.front.saturating_sub(2 * SLACK) } else { 0 };
        if until < self.passed + SLACK {
            return 0..0;
        }
        std::mem::replace(&mut self.passed, until)..until
    }

    /// Notes how far the fetch was really begun.
    pub fn asked(&mut self, until: u64) {
        self.asked = self.asked.max(until);
    }
}

/// A first read of this size or more tells of a program that copies; the kernel's smallest read-ahead is 128 KiB.
const BIG: u64 = 128 * 1024;
