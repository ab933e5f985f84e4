//! How programs go through a directory: in which order, and whether they read what they look up. From that follows what is
//! asked for ahead of them.

use super::dir::Listing;
use crate::names::Name;
use std::ops::Range;

/// A walk may leave out so many names, or come back to one of so many before.
const STEP: usize = 8;
/// First number of names to ask for ahead.
const FIRST: usize = 4;
/// Lookups that are no step of a walk by name, before the order of numbers is tried.
const OTHER_ORDER: u32 = 2;
/// Walks by name that are kept: of programs that go each through a part of their own, or of a lookup that was none's step.
const WALKS: usize = 8;

/// What a directory learns of the programs in it.
#[derive(Clone, Debug, Default)]
pub struct Walks {
    /// Whether what is looked up is also opened, and how.
    pub reading: Reading,
    /// The one that went on last at the end.
    by_name: Vec<Walk<Name>>,
    by_number: Walk<u64>,
    /// Numbers and indices of the listing's entries in the order of numbers, once that order is looked at.
    numbers: Vec<(u64, usize)>,
    /// Lookups in a row that were no step by name.
    strayed: u32,
}

impl Walks {
    /// Notes the lookup of entry `index`. Gives the indices of entries to ask for ahead, so that up to `most` are known beyond
    /// that one: for `ls -l`, rsync and patterns of a shell, which go by name, and for `cp -r` and others that sort by
    /// number. `number` tells the number of a name.
    pub fn looked(
        &mut self,
        listing: &Listing,
        index: usize,
        most: usize,
        number: impl Fn(&Name) -> u64,
    ) -> Vec<usize> {
        // Who goes by number meets a near name now and then.
        if self.by_number.window > 0 {
            let ahead = self.step_by_number(listing, index, most, &number);
            if self.by_number.window > 0 {
                return ahead;
            }
        }
        let ahead = self.step_by_name(listing, index, most);
        if self.by_name.last().is_some_and(|walk| walk.window > 0) {
            self.strayed = 0;
            return ahead.collect();
        }
        self.strayed = self.strayed.saturating_add(1);
        if self.strayed <= OTHER_ORDER { Vec::new() } else { self.step_by_number(listing, index, most, &number) }
    }

    /// The walk that comes to `index` goes on, or one begins there.
    fn step_by_name(&mut self, listing: &Listing, index: usize, most: usize) -> Range<usize> {
        let entries = &listing.entries;
        let position =
            |walk: &Walk<Name>| walk.last.as_ref().map(|name| entries.partition_point(|entry| entry.name < *name));
        let recent = self.by_name.len().saturating_sub(1);
        // One that is proved rather than a single lookup, and then the nearest: what one has asked for may be where another is.
        let near = self.by_name.iter().enumerate().filter_map(|(n, walk)| {
            let last = position(walk)?;
            walk.comes_to(last, index, n == recent).then_some((walk.window == 0, index.abs_diff(last), n, last))
        });
        let (mut walk, last) = match near.min() {
            Some((.., n, last)) => (self.by_name.remove(n), Some(last)),
            None => (Walk::default(), None),
        };
        if self.by_name.len() == WALKS {
            self.by_name.remove(0);
        }
        let ahead = walk.step(&entries[index].name, last, index, entries.len(), most);
        self.by_name.push(walk);
        ahead
    }

    fn step_by_number(
        &mut self,
        listing: &Listing,
        index: usize,
        most: usize,
        number: &impl Fn(&Name) -> u64,
    ) -> Vec<usize> {
        let entries = &listing.entries;
        if self.numbers.len() != entries.len() {
            self.numbers = entries.iter().enumerate().map(|(index, entry)| (number(&entry.name), index)).collect();
            self.numbers.sort_unstable();
        }
        let numbers = &self.numbers;
        let this = number(&entries[index].name);
        let at = |number: u64| numbers.partition_point(|(other, _)| *other < number);
        let ahead = self.by_number.step(&this, self.by_number.last.map(at), at(this), numbers.len(), most);
        ahead.map(|at| numbers[at].1).collect()
    }

    /// Whether a program is on its way through the directory.
    pub fn under_way(&self) -> bool {
        self.by_name.iter().any(|walk| walk.window > 0) || self.by_number.window > 0
    }

    /// The listing is another one now.
    pub(super) fn listed_anew(&mut self) {
        self.numbers = Vec::new();
        self.by_name.iter_mut().for_each(|walk| walk.fetched = 0);
        self.by_number.fetched = 0;
    }
}

/// A walk in one order.
#[derive(Clone, Debug)]
struct Walk<At> {
    /// The furthest entry that was looked up.
    last: Option<At>,
    /// So many entries behind it have been asked for.
    fetched: usize,
    /// So many are to be asked for; 0: nobody walks.
    window: usize,
}

impl<At> Default for Walk<At> {
    fn default() -> Self {
        Walk { last: None, fetched: 0, window: 0 }
    }
}

impl<At: Clone> Walk<At> {
    /// Whether the lookup of position `at` may be its next step, if it was at `last`. `recent`: no other has gone on since. One
    /// that is not proved and not recent has to hit the very next entry: some of many would be met by chance.
    fn comes_to(&self, last: usize, at: usize, recent: bool) -> bool {
        match self.window {
            0 if recent => at > last && at - last <= self.reach(),
            0 => at == last + 1,
            _ => at + STEP >= last && at <= last + self.reach(),
        }
    }

    /// The furthest of a next step. What was asked for may have been told in another way since: no lookup comes of a name that a
    /// READDIRPLUS brought along.
    fn reach(&self) -> usize {
        STEP + 1 + self.fetched
    }

    /// Goes from position `last` to `at`, where `entry` is. Gives the positions to ask for.
    fn step(&mut self, entry: &At, last: Option<usize>, at: usize, len: usize, most: usize) -> Range<usize> {
        // Several programs that share the work overtake one another.
        if self.window > 0 && last.is_some_and(|last| at <= last && last - at <= STEP) {
            return 0..0;
        }
        self.last = Some(entry.clone());
        // One lookup alone is no walk: `cat` of one file after `ls` is not to cost the headers of its neighbours.
        let steps = last.filter(|last| at > *last && at - last <= self.reach()).map(|last| at - last);
        let Some(steps) = steps else {
            (self.fetched, self.window) = (0, 0);
            return 0..0;
        };
        self.window = (self.window * 2).clamp(FIRST, most);
        self.fetched = self.fetched.saturating_sub(steps);
        // Refill when half of the window is used up, so that requests go out in batches.
        if self.fetched > self.window / 2 {
            return 0..0;
        }
        let next = at + 1;
        let wanted = (next + self.fetched).min(len)..(next + self.window).min(len);
        self.fetched = wanted.end - next.min(wanted.end);
        wanted
    }
}

/// The last lookups of listed files, a bit each: set if the file was opened then.
#[derive(Clone, Copy, Debug)]
pub struct Reading {
    opened: u8,
    looks_first: bool,
}

impl Default for Reading {
    /// As if two of the last four files had been opened: the first file that is looked up comes whole.
    fn default() -> Reading {
        Reading { opened: 0b1100, looks_first: false }
    }
}

impl Reading {
    /// Notes the lookup of a listed file. Whether its bytes should come with it: programs read the files that they look up
    /// (two of the last four), and do so in one step. So `cat` after `ls -l` is known by its third file, and `ls -l` after
    /// `cat` by its third name.
    pub fn looked(&mut self) -> bool {
        let reads = (self.opened & 0b1111).count_ones() >= 2;
        self.opened <<= 1;
        reads && !self.looks_first
    }

    /// Notes that a file was opened: one of those that were looked up last. `looked_first`: by a program that had looked at
    /// it before by a call of its own, as cp does (`None`: not known). Such an open has to ask once more, and its question can
    /// bring the bytes as well.
    pub fn opened(&mut self, looked_first: Option<bool>) {
        // The lowest bit that is not set.
        self.opened |= self.opened.wrapping_add(1);
        self.looks_first = looked_first.unwrap_or(self.looks_first);
    }
}

#[cfg(test)]
mod tests;
