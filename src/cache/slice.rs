//! Bytes of blocks as they lie in memory.
//!
//! Neighbouring blocks that came with one GET share a [`Segment`], so that a read of the kernel, which is aligned like
//! one, finds its bytes in one piece.

use super::blocks::BLOCK;
use crate::sys::{Slab, SlabWriter};
use bytes::Bytes;
use std::ops::{Deref, Range};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

/// Blocks in a segment: 2 MiB, a huge page, of which the kernel's largest reads take a half.
pub(super) const SEGMENT: u32 = (2 * 1024 * 1024 / BLOCK) as u32;

/// Memory that several blocks share.
#[derive(Debug)]
pub(super) struct Segment {
    slab: Arc<Slab>,
    /// Bytes of all segments that live, whoever holds them.
    alive: Arc<AtomicU64>,
    /// How many of its blocks the cache holds. It costs memory as long as one does.
    cached: AtomicU32,
}

impl Segment {
    /// An empty segment and the one who fills it. It is counted in `alive`.
    pub(super) fn new(capacity: usize, alive: &Arc<AtomicU64>) -> (Arc<Segment>, SlabWriter) {
        let (slab, writer) = Slab::with_capacity(capacity);
        alive.fetch_add(slab.footprint() as u64, Ordering::Relaxed);
        (Arc::new(Segment { slab, alive: alive.clone(), cached: AtomicU32::new(0) }), writer)
    }

    /// A block goes into the cache: the bytes that this costs.
    pub(super) fn cache_one(&self) -> u64 {
        if self.cached.fetch_add(1, Ordering::Relaxed) == 0 { self.slab.footprint() as u64 } else { 0 }
    }

    /// A block leaves the cache: the bytes that this gives back.
    pub(super) fn drop_one(&self) -> u64 {
        if self.cached.fetch_sub(1, Ordering::Relaxed) == 1 { self.slab.footprint() as u64 } else { 0 }
    }
}

impl Drop for Segment {
    fn drop(&mut self) {
        self.alive.fetch_sub(self.slab.footprint() as u64, Ordering::Relaxed);
    }
}

/// A part of a segment.
#[derive(Clone, Debug)]
pub(super) struct Slice {
    segment: Arc<Segment>,
    range: Range<usize>,
}

impl Slice {
    /// The filled bytes of `range` of a segment.
    pub(super) fn of(segment: &Arc<Segment>, range: Range<usize>) -> Slice {
        Slice { segment: segment.clone(), range }
    }

    /// The memory below.
    pub(super) fn segment(&self) -> &Segment {
        &self.segment
    }

    /// A part of it; `range` is relative to its start, and cut at its end.
    pub(super) fn part(&self, range: Range<usize>) -> Slice {
        let end = (self.range.start + range.end).min(self.range.end);
        Slice { segment: self.segment.clone(), range: (self.range.start + range.start).min(end)..end }
    }

    /// Grows by `next`, if that follows it in memory.
    fn grow(&mut self, next: &Slice) -> bool {
        let follows = Arc::ptr_eq(&self.segment, &next.segment) && self.range.end == next.range.start;
        if follows {
            self.range.end = next.range.end;
        }
        follows
    }
}

impl Deref for Slice {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.segment.slab.get(self.range.clone())
    }
}

impl AsRef<[u8]> for Slice {
    fn as_ref(&self) -> &[u8] {
        self
    }
}

/// Slices in order, in as few pieces as they lie in memory.
#[derive(Debug, Default)]
pub(super) struct Joined {
    whole: Vec<Bytes>,
    last: Option<Slice>,
}

impl Joined {
    /// Appends.
    pub(super) fn push(&mut self, next: Slice) {
        if !self.last.as_mut().is_some_and(|last| last.grow(&next)) {
            self.whole.extend(self.last.replace(next).map(Bytes::from_owner));
        }
    }

    /// All of it.
    pub(super) fn finish(mut self) -> Vec<Bytes> {
        self.whole.extend(self.last.map(Bytes::from_owner));
        self.whole
    }
}
