//! How far to read ahead of a handle.
//!
//! A handle may be read by several programs or threads at once, so it has several streams. A stream that goes on where it
//! stopped is sequential, one that goes on at a constant distance is strided; all other reads are random, and nothing is
//! fetched for them but what they ask for, or its neighbours where they will probably be read as well.

use super::blocks::{BLOCK, SMALL};
use climb::Climb;
use pace::Pace;
use std::ops::Range;
use std::time::Instant;

mod climb;
mod pace;

/// First window of a reader that was found to be sequential, and of one that copies a large file.
const FIRST: u64 = 1 << 20;
const FIRST_OF_COPY: u64 = 4 << 20;
/// Up to here the window grows with each read. Beyond it grows only when the reader had to wait: to what so many of the largest
/// requests have, and then as long as more of them side by side bring more.
const QUICK: u64 = 16 << 20;
const SIDE_BY_SIDE: u64 = 8;
/// The same of one of many readers, whose requests are side by side with those of others.
const LEAST_SIDE_BY_SIDE: u64 = 2;
/// A reader that has read so many windows without waiting could do with less.
const CALM: u64 = 8;
/// Most requests of a large window, if there is one reader. A connection may carry little, whatever all of them together
/// carry. More than there are connections for downloads (96): each goes on with the next at once.
pub(super) const LANES: u64 = 128;
/// Least bytes of one request, and of one of a large file as long as its reader waits: a connection may carry little.
const PIECE: u64 = 1 << 20;
const LARGE_PIECE: u64 = 512 << 10;
const LARGE: u64 = 16 << 20;
/// Most bytes of one request: long enough that neither the round trip nor what a request costs the service counts. A Ceph
/// gateway spends a quarter less on 8 MiB than on four of 2 MiB, and two thirds less than on sixteen of 512 KiB.
const MOST_PIECE: u64 = 8 << 20;
/// The kernel's own read-ahead runs on several threads and may arrive out of order by this much.
const SLACK: u64 = 4 << 20;
/// Where a connection carries only so much in the time of a request, the window is twice as large: a round trip between two
/// requests counts, and so does what has arrived before its turn, as it holds back the request that would follow it.
const NARROW: u64 = 3 << 19;
/// A first read of this size or more tells of a program that copies; of any first read the kernel's read-ahead makes less.
const BIG: u64 = SMALL;
/// A random read gets its neighbours by so many bytes, where they are likely to be read as well; at most so many times what it asks
/// for.
const NEIGHBOURS: u64 = SMALL;
const MOST_ALONG: u64 = 32;
/// Streams of one handle.
const STREAMS: usize = 8;
/// Strides in a row before more are fetched, how many then, and at most.
const PROVEN: u32 = 2;
const FIRST_STRIDES: u32 = 8;
const MOST_STRIDES: u64 = 64;

/// One handle's reading so far.
#[derive(Debug, Default)]
pub struct ReadAhead {
    /// The most recently used last.
    streams: Vec<Stream>,
    /// The last second in which it was counted among the readers.
    counted: u64,
    /// Random reads that were not in memory.
    random: u64,
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
    /// Most bytes of one request.
    pub piece: u64,
}

#[derive(Clone, Copy, Debug, Default)]
struct Stream {
    /// Furthest byte read.
    front: u64,
    /// Bytes before this offset have been asked for.
    asked: u64,
    /// Bytes to have on their way or unread; 0 as long as the stream has not proved to be sequential.
    window: u64,
    /// Bytes read since it last had to wait, or since the window last changed.
    calm: u64,
    climb: Climb,
    pace: Pace,
    /// Bytes before this offset have been reported as passed.
    passed: u64,
    /// Bytes before `front` that were left out, as far as later reads have not made up for it.
    missed: u64,
    /// Start of the last read.
    last: u64,
    /// Its distance from the one before, and how often that was the same.
    stride: i64,
    strides: u32,
    /// How many further strides were asked for, and how many it shall be.
    strode: u32,
    reach: u32,
}

/// How a read finds what it wants.
#[derive(Clone, Copy)]
struct Demand {
    /// Not in memory.
    waits: bool,
    now: Instant,
    /// The first of its stream.
    is_first: bool,
}

/// What one of several readers may have on its way or unread.
#[derive(Clone, Copy, Debug)]
pub struct Share {
    /// Bytes.
    pub bytes: u64,
    /// Requests.
    pub lanes: u64,
    /// Bytes of one that a connection carries well.
    pub piece: u64,
    /// How likely a block must be read later for it to come along with another (0 to 1).
    pub worth: f64,
}

impl Share {
    fn side_by_side(self) -> u64 {
        (SIDE_BY_SIDE * self.lanes / LANES).max(LEAST_SIDE_BY_SIDE)
    }
}

impl ReadAhead {
    /// Notes a read of an object of `size` bytes and says what to fetch ahead of it, as far as its share reaches. `waits`:
    /// what it wants is not in memory.
    pub fn note(&mut self, read: &Range<u64>, size: u64, share: Share, waits: bool, now: Instant) -> Want {
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
            stream.advance(read, size, share, Demand { waits, now, is_first })
        } else {
            stream.stride_on(read, size, share, waits)
        };
        let is_random = is_first && waits && stream.window == 0;
        self.streams.push(stream);
        if is_random { self.neighbours(read, size, share) } else { want }
    }

    /// What to fetch for a random read. Those to come are probably as many as there were, so their number says how likely each
    /// block of the object will be among them; of those, the ones that come while memory still holds it count.
    fn neighbours(&mut self, read: &Range<u64>, size: u64, share: Share) -> Want {
        self.random += 1;
        let (len, to_come) = (read.end - read.start, self.random.min(share.bytes / NEIGHBOURS));
        if (to_come as f64) < share.worth * size.div_ceil(BLOCK) as f64 || len * MOST_ALONG < NEIGHBOURS {
            return Want::default();
        }
        let (start, end) = (read.start - read.start % NEIGHBOURS, read.end.next_multiple_of(NEIGHBOURS).min(size));
        // (A request ends where a multiple of its piece does, unless it were less than half of one.)
        Want { start, end, stride: 0, count: 1, piece: 2 * (end - start) }
    }

    /// Notes that this second has been counted as one with a sequential reader; false: it has been before.
    pub(super) fn count_second(&mut self, second: u64, size: u64) -> bool {
        // A new one of a large file may be: shares that are too large at first are not given back soon.
        let sequential = self.streams.last().map_or(size > FIRST, |stream| stream.window > 0);
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

    fn advance(&mut self, read: &Range<u64>, size: u64, share: Share, demand: Demand) -> Want {
        let Demand { waits, is_first, .. } = demand;
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
        // What the program waits for is asked for in the same pieces as what it will want next.
        self.asked = self.asked.max(if waits { read.start } else { read.end });
        if read.end > self.front {
            let new = read.end - self.front;
            self.front = read.end;
            let copies = read.start == 0 && read.end - read.start >= BIG;
            match self.window {
                0 if copies && size >= LARGE => self.window = FIRST_OF_COPY,
                0 if copies || !is_first => self.window = FIRST,
                0 => {}
                // One that leaves bytes out is perhaps not sequential at all.
                _ if self.missed == 0 => self.adapt(new, share, demand),
                _ => {}
            }
            self.window = self.window.min(share.bytes);
        }
        let piece = self.piece(size, share);
        let mut target = self.front.saturating_add(self.window).min(size);
        if target < size && target - target % piece > self.asked {
            // So that whole requests come of it.
            target -= target % piece;
        }
        let worth = target.saturating_sub(self.asked) >= piece || (target == size && self.asked < size);
        if self.window == 0 || !worth {
            return Want::default();
        }
        Want { start: self.asked, end: target, stride: 0, count: 1, piece }
    }

    /// The window grows while the reader waits, and shrinks when it has not waited for long, or when the line is narrow.
    fn adapt(&mut self, new: u64, share: Share, Demand { waits, now, .. }: Demand) {
        // Where a connection carries little, so many bytes are many requests: only together they can carry much.
        let base = share.side_by_side() * MOST_PIECE * if share.piece <= NARROW { 2 } else { 1 };
        let most = self.climb.most(base);
        let more = self.window >= most && most < share.bytes;
        self.climb.note(new, waits, now, self.window, more);
        self.calm = if waits { 0 } else { self.calm + new };
        if self.window < QUICK {
            self.window *= if waits { 4 } else { 2 };
        } else if waits {
            self.window *= 2;
        } else if self.calm >= CALM * self.window {
            (self.window, self.calm) = ((self.window / 2).max(QUICK), 0);
        }
        let narrow = self.pace.note(new, waits, now).max(FIRST);
        self.window = self.window.min(self.climb.most(base)).min(narrow);
    }

    /// How large its requests are: as large as a connection carries well, and no more than there may be of them. A power of
    /// two, as segments are.
    fn piece(&self, size: u64, share: Share) -> u64 {
        let least = if size >= LARGE && self.calm < QUICK { LARGE_PIECE } else { PIECE };
        let well = share.piece.min(self.window / share.side_by_side());
        let piece = well.max(self.window / share.lanes).clamp(least, MOST_PIECE);
        1 << piece.min(self.window / 2).max(BLOCK).ilog2()
    }

    fn stride_on(&mut self, read: &Range<u64>, size: u64, share: Share, waits: bool) -> Want {
        (self.last, self.front) = (read.start, read.end);
        self.strides += 1;
        self.strode = self.strode.saturating_sub(1);
        if self.strides < PROVEN {
            return Want::default();
        }
        let len = read.end - read.start;
        // What one stride costs: whole blocks.
        let costs = len.next_multiple_of(BLOCK) + BLOCK;
        self.reach = match self.reach {
            0 => FIRST_STRIDES,
            // As with a window.
            reach if waits => reach * 4,
            reach => reach,
        };
        self.reach = self.reach.min((share.bytes / costs).clamp(1, MOST_STRIDES) as u32);
        // Several at a time, yet so that most are always on their way.
        if self.strode > self.reach - self.reach / 8 {
            return Want::default();
        }
        let (from, count) = (self.strode + 1, self.reach - self.strode);
        let Some(start) = read.start.checked_add_signed(self.stride * i64::from(from)) else { return Want::default() };
        if start >= size {
            return Want::default();
        }
        self.strode = self.reach;
        Want { start, end: start + len, stride: self.stride, count, piece: len }
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
