//! Divides a file into what is copied and what is sent.

use crate::draft::extents::{Extents, Source};
use std::ops::Range;

/// A range that is copied or sent as a whole; it may still be cut into several parts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Region {
    pub range: Range<u64>,
    pub copy: bool,
}

/// The regions of `[frontier, size)`, in order, each of at least `min` bytes but for the last.
///
/// One pass from left to right. Changed runs grow into a *group*; at each unchanged run (a *gap*) the group either ends,
/// if need be widened to `min` with bytes of the gap before and then of this gap, or swallows the gap because it is too
/// small to be a part of its own, or because ending here would send more than the gap. (This does not always find the
/// fewest bytes, but at most half more, and in practice rarely more than the best.)
pub(super) fn regions(extents: &Extents, frontier: u64, min: u64) -> Vec<Region> {
    let size = extents.size();
    let runs = runs(extents, frontier);
    let mut done: Vec<Region> = Vec::new();
    let mut group: Option<u64> = None;
    for (index, run) in runs.iter().enumerate() {
        let start = run.range.start;
        if !run.copy {
            group.get_or_insert(start);
            continue;
        }
        let gap = run.range.end - start;
        let need = group.map_or(0, |from| min.saturating_sub(start - from));
        // The gap before was kept as a region: it can give what it has above `min`.
        let from_left = need.min(done.last().map_or(0, |left| (left.range.end - left.range.start).saturating_sub(min)));
        let from_right = need - from_left;
        // What the next group would have to take of this gap or of the next.
        let need_after = match runs.get(index + 1) {
            Some(next) if next.range.end < size => min.saturating_sub(next.range.end - next.range.start),
            _ => 0,
        };
        let is_last = run.range.end == size;
        let possible = if is_last { gap > from_right } else { gap >= from_right + min };
        if !possible || need + need_after > gap {
            group.get_or_insert(start);
            continue;
        }
        if let Some(from) = group.take() {
            if let Some(left) = done.last_mut() {
                left.range.end -= from_left;
            }
            done.push(Region { range: from - from_left..start + from_right, copy: false });
        }
        done.push(Region { range: start + from_right..run.range.end, copy: true });
    }
    if let Some(from) = group {
        done.push(Region { range: from..size, copy: false });
    }
    done
}

/// The regions with the smallest copies sent instead, until there are at most `wanted` (or one).
pub(super) fn at_most(mut regions: Vec<Region>, wanted: usize) -> Vec<Region> {
    let mut count = regions.len();
    let mut copies: Vec<usize> = (0..count).filter(|index| regions[*index].copy).collect();
    copies.sort_by_key(|index| regions[*index].range.end - regions[*index].range.start);
    for index in copies {
        if count <= wanted.max(1) {
            break;
        }
        // A copy has a sent region on each side, but for the ends of the file: they become one with it.
        let neighbours = usize::from(index > 0) + usize::from(index + 1 < regions.len());
        regions[index].copy = false;
        count -= neighbours;
    }
    join(regions)
}

/// Makes one region of neighbours that are alike.
fn join(regions: impl IntoIterator<Item = Region>) -> Vec<Region> {
    let mut joined: Vec<Region> = Vec::new();
    for region in regions {
        match joined.last_mut() {
            Some(last) if last.copy == region.copy => last.range.end = region.range.end,
            _ => joined.push(region),
        }
    }
    joined
}

/// Runs of unchanged bytes (`copy`) and of all others, by turns.
fn runs(extents: &Extents, frontier: u64) -> Vec<Region> {
    let pieces = extents.pieces(frontier..extents.size());
    join(pieces.map(|(range, source)| Region { range, copy: source == Source::Base }))
}
