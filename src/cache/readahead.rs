//! How far to read ahead of a handle.
//!
//! A handle may be read by several programs or threads at once, so it has several streams. A stream that goes on where it
//! stopped is sequential, one that goes on at a constant distance is strided; all other reads are random, and nothing is
//! fetched for them but what they ask for.

use super::blocks::{BLOCK, SMALL};
use super::fetch::CHUNK;
use std::ops::Range;

/// First window of a reader that was found to be sequential.
const FIRST: u64 = 1 << 20;
/// Up to here the window doubles with each read. Beyond it grows only when the reader had to wait: then more bytes on
/// their way raise the throughput (the product of bandwidth and delay is larger than the window).
const QUICK: u64 = 8 << 20;
/// The kernel's own read-ahead runs on several threads and may arrive out of order by this much.
const SLACK: u64 = 4 << 20;
/// A first read of this size or more tells of a program that copies; of any first read the kernel's read-ahead makes less.
const BIG: u64 = SMALL;
/// Streams of one handle.
const STREAMS: usize = 8;
/// Strides in a row before more are fetched.
const PROVEN: u32 = 3;

/// One handle's reading so far.
#[derive(Debug, Default)]
pub struct ReadAhead {
    /// The most recently used last.
    streams: Vec<Stream>,
    /// The last second in which it was counted among the readers.
    counted: u64,
}

/// What to fetch ahead of a read: ranges of this many bytes, each this far behind the one before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Want {
    /// Offset of the first byte.
    pub start: u64,
    /// Offset after the last byte, of the first range.
    pub end: u64,
    /// From the start of one range to that of the next.
    pub stride: i64,
    /// How many ranges; 0: nothing.
    pub count: u32,
}

#[derive(Clone, Copy, Debug, Default)]
struct Stream {
    /// Furthest byte read.
    front: u64,
    /// Bytes before this offset have been asked for.
    asked: u64,
    /// Bytes to have on their way or unread; 0 as long as the stream has not proved to be sequential.
    window: u64,
    /// Bytes before this offset have been reported as passed.
    passed: u64,
    /// Bytes before `front` that were left out, as far as later reads have not made up for it.
    missed: u64,
    /// Start of the last read.
    last: u64,
    /// Its distance from the one before, and how often that was the same.
    stride: i64,
    strides: u32,
    /// How many further strides were asked for.
    strode: u32,
}

impl ReadAhead {
    /// Notes a read of an object of `size` bytes and says what to fetch ahead of it, at most `most` bytes. `waits`: what it
    /// wants is not in memory.
    pub fn note(&mut self, read: &Range<u64>, size: u64, most: u64, waits: bool) -> Want {
        let found = self.streams.iter().rposition(|stream| stream.goes_on(read));
        let found = found.or_else(|| self.streams.iter().rposition(|stream| stream.strides_to(read)));
        let mut stream = match found {
            Some(at) => self.streams.remove(at),
            None => {
                if self.streams.len() == STREAMS {
                    self.streams.remove(0);
                }
                // A random reader's next read may be the second of a strided one.
                let before = self.streams.last().filter(|before| before.window == 0);
                let stride = before.map_or(0, |before| read.start as i64 - before.last as i64);
                Stream::at(read.start, read.start, stride)
            }
        };
        let is_first = found.is_none();
        let want = if is_first || stream.goes_on(read) {
            stream.advance(read, size, most, waits, is_first)
        } else {
            stream.stride_on(read, size, most)
        };
        self.streams.push(stream);
        want
    }

    /// Notes that this second has been counted as one with a sequential reader; false: it has been before.
    pub(super) fn count_second(&mut self, second: u64) -> bool {
        let sequential = self.streams.last().is_some_and(|stream| stream.window > 0);
        sequential && std::mem::replace(&mut self.counted, second) != second
    }

    /// Notes how far the fetch that was wanted `from` an offset was really begun.
    pub fn asked(&mut self, from: u64, until: u64) {
        if let Some(stream) = self.streams.iter_mut().find(|stream| stream.asked == from) {
            stream.asked = stream.asked.max(until);
        }
    }

    /// What the stream of the last read has left behind since the last call, if it is sequential (empty: little).
    pub fn passed(&mut self) -> Range<u64> {
        let Some(stream) = self.streams.last_mut().filter(|stream| stream.window > 0) else { return 0..0 };
        let until = stream.front.saturating_sub(2 * SLACK);
        if until < stream.passed + SLACK {
            return 0..0;
        }
        std::mem::replace(&mut stream.passed, until)..until
    }
}

impl Stream {
    /// A stream of which nothing is proved: read up to `front`, the last read from `last` on.
    fn at(front: u64, last: u64, stride: i64) -> Stream {
        Stream { front, asked: front, passed: front, last, stride, ..Stream::default() }
    }

    /// The read goes on where this stream stopped, or close to it.
    fn goes_on(&self, read: &Range<u64>) -> bool {
        let slack = if self.window > 0 { SLACK } else { BIG };
        self.strides < PROVEN
            && read.start <= self.front.saturating_add(slack)
            && read.end.saturating_add(slack) >= self.front
    }

    fn strides_to(&self, read: &Range<u64>) -> bool {
        self.stride != 0 && self.last.checked_add_signed(self.stride) == Some(read.start)
    }

    fn advance(&mut self, read: &Range<u64>, size: u64, most: u64, waits: bool, is_first: bool) -> Want {
        let before = std::mem::replace(&mut self.last, read.start);
        self.missed = if read.end <= self.front {
            self.missed.saturating_sub(read.end - read.start)
        } else {
            self.missed + read.start.saturating_sub(self.front)
        };
        if self.missed > SLACK {
            // It leaves out more than it reads.
            let stride = read.start as i64 - before as i64;
            *self = Stream::at(read.end, read.start, stride);
            return Want::default();
        }
        if read.end > self.front {
            self.front = read.end;
            let proved = !is_first || (read.start == 0 && read.end - read.start >= BIG);
            if self.window == 0 && proved {
                self.window = FIRST;
            } else if self.window > 0 && (self.window < QUICK || waits) {
                self.window *= 2;
            }
            self.window = self.window.min(most);
        }
        self.asked = self.asked.max(self.front);
        let mut target = self.front.saturating_add(self.window).min(size);
        if target < size && self.window >= QUICK {
            // So that whole requests come of it.
            target -= target % (u64::from(CHUNK) * BLOCK);
        }
        // Ask in large pieces: wait until half of the window has been used up.
        let worth = target.saturating_sub(self.asked) >= self.window / 2 || (target == size && self.asked < size);
        if self.window == 0 || !worth {
            return Want::default();
        }
        Want { start: self.asked, end: target, stride: 0, count: 1 }
    }

    fn stride_on(&mut self, read: &Range<u64>, size: u64, most: u64) -> Want {
        (self.last, self.front) = (read.start, read.end);
        self.strides += 1;
        self.strode = self.strode.saturating_sub(1);
        let len = read.end - read.start;
        // What one stride costs: whole blocks.
        let costs = len.next_multiple_of(BLOCK) + BLOCK;
        let ahead = self.strides.min((most / costs).max(1) as u32).min(64);
        // As with a window: refill when half is used up.
        if self.strides < PROVEN || self.strode > ahead / 2 {
            return Want::default();
        }
        let (from, count) = (self.strode + 1, ahead - self.strode);
        let Some(start) = read.start.checked_add_signed(self.stride * i64::from(from)) else { return Want::default() };
        if start >= size {
            return Want::default();
        }
        self.strode = ahead;
        Want { start, end: start + len, stride: self.stride, count }
    }
}

impl Want {
    /// The ranges, those that lie outside of the object left out.
    pub fn ranges(self, size: u64) -> impl Iterator<Item = Range<u64>> {
        let len = self.end - self.start;
        (0..i64::from(self.count))
            .map_while(move |n| self.start.checked_add_signed(self.stride * n))
            .take_while(move |start| *start < size)
            .map(move |start| start..(start + len).min(size))
    }
}

#[cfg(test)]
mod tests;
