//! Where each byte of a file that is being written comes from: an interval map over `[0, size)`.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::ops::Range;

#[cfg(test)]
mod tests;

/// Where bytes come from. Every source gives a byte from the file's own offset, so two neighbouring runs of equal
/// source are one run. (A source that reads at another offset would have to carry the difference, to keep that true.)
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Source {
    /// The object as it was opened.
    Base,
    /// The local scratch space.
    Local,
    /// Zeros.
    Hole,
    /// Part of this number in the running multipart upload.
    Part(u32),
}

impl Source {
    /// Whether it is a part of the running upload.
    pub fn is_part(&self) -> bool {
        matches!(self, Source::Part(_))
    }
}

/// The interval map. Runs touch each other and cover the whole file; neighbours differ in source.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Extents {
    /// First byte of a run and its source; the run ends where the next one begins, or at `size`.
    runs: BTreeMap<u64, Source>,
    size: u64,
    local: u64,
}

impl Extents {
    /// A file as it is stored.
    pub fn of_base(size: u64) -> Extents {
        let mut extents = Extents::empty();
        extents.set(0..size, Source::Base);
        extents
    }

    /// A new file.
    pub fn empty() -> Extents {
        Extents::default()
    }

    /// Size of the file in bytes.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Bytes that lie in the local scratch space.
    pub fn local_bytes(&self) -> u64 {
        self.local
    }

    /// Data was written: `range` is local now. The file grows if it must; a gap before `range` reads as zeros.
    pub fn write(&mut self, range: Range<u64>) {
        self.set(range, Source::Local);
    }

    /// `range` comes from `source` now. The file grows if it must; a gap before `range` reads as zeros.
    pub fn set(&mut self, range: Range<u64>, source: Source) {
        if range.is_empty() {
            return;
        }
        if range.start > self.size {
            self.truncate(range.start);
        }
        let grown = range.end.max(self.size);
        let end = range.end.min(self.size);
        self.cut(range.start);
        self.cut(end);
        if range.start < end {
            self.local -= self.local_in(range.start..end);
            let inner: Vec<u64> = self.runs.range(range.start..end).map(|(at, _)| *at).collect();
            for at in inner {
                self.runs.remove(&at);
            }
        }
        self.size = grown;
        self.runs.insert(range.start, source);
        if source == Source::Local {
            self.local += range.end - range.start;
        }
        self.join(range.end);
        self.join(range.start);
    }

    /// Changes the size. What is added reads as zeros.
    pub fn truncate(&mut self, size: u64) {
        if size > self.size {
            self.set(self.size..size, Source::Hole);
            return;
        }
        self.local -= self.local_in(size..self.size);
        self.runs.split_off(&size);
        self.size = size;
    }

    /// `range` reads as zeros now, as far as it lies within the file: the size stays.
    pub fn punch(&mut self, range: Range<u64>) {
        self.set(range.start..range.end.min(self.size), Source::Hole);
    }

    /// The runs of `range` (cut to the file), in order, each as long as it can be.
    pub fn pieces(&self, range: Range<u64>) -> impl Iterator<Item = (Range<u64>, Source)> + '_ {
        let end = range.end.min(self.size);
        let from = self.runs.range(..=range.start).next_back().map_or(range.start, |(at, _)| *at);
        let starts = self.runs.range(from..end.max(from));
        let ends = self.runs.range(from..).skip(1).map(|(at, _)| *at).chain([self.size]);
        starts
            .zip(ends)
            .map(move |((at, source), next)| ((*at).max(range.start)..next.min(end), *source))
            .filter(|(piece, _)| !piece.is_empty())
    }

    /// Whether every byte comes from `source`. True for an empty file.
    pub fn is_all(&self, source: Source) -> bool {
        self.runs.values().all(|at| *at == source)
    }

    /// `SEEK_DATA`: the first byte at or after `offset` that is no hole; `None`: there is none (`ENXIO`).
    pub fn next_data(&self, offset: u64) -> Option<u64> {
        self.pieces(offset..self.size).find(|(_, source)| *source != Source::Hole).map(|(piece, _)| piece.start)
    }

    /// `SEEK_HOLE`: the first hole at or after `offset`; the end of the file is one. `None`: `offset` is not in the
    /// file (`ENXIO`).
    pub fn next_hole(&self, offset: u64) -> Option<u64> {
        if offset >= self.size {
            return None;
        }
        let hole = self.pieces(offset..self.size).find(|(_, source)| *source == Source::Hole);
        Some(hole.map_or(self.size, |(piece, _)| piece.start))
    }

    fn local_in(&self, range: Range<u64>) -> u64 {
        self.pieces(range)
            .filter(|(_, source)| *source == Source::Local)
            .map(|(piece, _)| piece.end - piece.start)
            .sum()
    }

    /// Lets a run begin at `at`, if `at` lies within the file.
    fn cut(&mut self, at: u64) {
        if at < self.size
            && let Some((_, source)) = self.runs.range(..=at).next_back()
        {
            self.runs.insert(at, *source);
        }
    }

    /// Makes one run of the two that meet at `at`, if their source is the same.
    fn join(&mut self, at: u64) {
        if let Some(right) = self.runs.get(&at)
            && let Some((_, left)) = self.runs.range(..at).next_back()
            && left == right
        {
            self.runs.remove(&at);
        }
    }
}
