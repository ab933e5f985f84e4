//! What a directory learns of the programs in it.

use super::{Reading, WALKS, Walks};
use crate::inode::{DirEntry, Listed, Listing};
use crate::names::Name;
use std::ffi::OsStr;
use std::sync::Arc;
use std::time::Instant;

/// Notes lookups, each followed by an open (`o`) or not (`-`). Gives for which of them a reader was expected (`R`).
fn play(reading: &mut Reading, files: &str) -> String {
    let one = |file| {
        let expected = reading.looked();
        if file == 'o' {
            reading.opened(None);
        }
        if expected { 'R' } else { '.' }
    };
    files.chars().map(one).collect()
}

#[test]
fn the_first_file_comes_whole_and_a_reader_keeps_it_so() {
    assert_eq!(play(&mut Reading::default(), "oooooooooo"), "RRRRRRRRRR");
    assert_eq!(play(&mut Reading::default(), "----------"), "R.........");
}

#[test]
fn a_change_of_mind_is_noticed_soon() {
    assert_eq!(play(&mut Reading::default(), "--------oooo"), "R.........RR");
    assert_eq!(play(&mut Reading::default(), "oooooo----"), "RRRRRRRRR.");
    // Every other file is read.
    assert_eq!(play(&mut Reading::default(), "o-o-o-o-"), "RR.RRRRR");
}

#[test]
fn opens_of_several_programs_count_each_once() {
    let mut reading = Reading::default();
    for _ in 0..4 {
        reading.looked();
    }
    for _ in 0..20 {
        reading.opened(None);
    }
    assert_eq!(play(&mut reading, "--------"), "RRR.....");
}

#[test]
fn a_program_that_looks_first_gets_no_bytes_with_its_lookup() {
    let mut reading = Reading::default();
    assert!(reading.looked());
    reading.opened(Some(true));
    assert!(!reading.looked());
    // Another one opens at once.
    reading.opened(Some(false));
    assert!(reading.looked());
}

const FILES: usize = 100;

fn listing() -> Listing {
    let entry = |n: usize| DirEntry {
        name: Name::new(OsStr::new(&format!("f{n:03}"))).unwrap(),
        what: Listed::Dir,
        seen: Arc::default(),
    };
    Listing { asked: Instant::now(), entries: (0..FILES).map(entry).collect(), hidden: 0 }
}

/// Scattered, and never the same for two names.
fn number(name: &Name) -> u64 {
    name.as_str()[1..].parse::<u64>().unwrap() * 37 % FILES as u64
}

/// Looks all up in this order. Gives how many had not been asked for by then, and how many were asked for again, which costs no
/// request.
fn play_walks(walks: &mut Walks, order: impl Iterator<Item = usize>) -> (usize, usize) {
    let listing = listing();
    let mut fetched = [false; FILES];
    let (mut surprises, mut twice) = (0, 0);
    for index in order {
        surprises += usize::from(!fetched[index]);
        for at in walks.looked(&listing, index, 32, number) {
            twice += usize::from(std::mem::replace(&mut fetched[at], true));
        }
    }
    (surprises, twice)
}

/// The same of one program.
fn surprises(walks: &mut Walks, order: impl Iterator<Item = usize>) -> usize {
    let (surprises, twice) = play_walks(walks, order);
    assert!(twice == 0 || surprises > 10, "{twice} were asked for twice");
    surprises
}

#[test]
fn a_walk_by_name_is_known_by_its_second_step() {
    let mut walks = Walks::default();
    assert_eq!(surprises(&mut walks, 0..FILES), 2);
    assert!(walks.under_way());
    // Some are left out.
    assert_eq!(surprises(&mut Walks::default(), (0..FILES).step_by(3)), 2);
}

#[test]
fn several_programs_share_a_walk() {
    // By fours, each backwards.
    let order = (0..FILES).map(|n| n / 4 * 4 + 3 - n % 4);
    let (surprises, twice) = play_walks(&mut Walks::default(), order);
    assert!(surprises <= 8 && twice == 0, "{surprises}, {twice}");
}

#[test]
fn several_programs_walk_each_through_its_part() {
    // Four, in turn, each through 25 names.
    let order = (0..FILES).map(|n| n % 4 * 25 + n / 4);
    let (surprises, _) = play_walks(&mut Walks::default(), order);
    assert_eq!(surprises, 4 * 2);
}

#[test]
fn what_was_told_in_another_way_is_no_gap() {
    let (mut walks, listing) = (Walks::default(), listing());
    let mut asked = 0;
    for index in 0..20 {
        asked = asked.max(walks.looked(&listing, index, 32, number).into_iter().max().unwrap_or(0));
    }
    assert!(asked >= 35, "{asked}");
    assert!(!walks.looked(&listing, asked + 1, 32, number).is_empty(), "the walk goes on behind what was asked for");
}

#[test]
fn a_walk_that_does_not_go_on_is_over() {
    let (mut walks, listing) = (Walks::default(), listing());
    for index in 0..10 {
        walks.looked(&listing, index, 32, number);
    }
    assert!(walks.under_way());
    for n in 0..WALKS {
        walks.looked(&listing, 98 - 3 * n, 32, |_| 7);
    }
    assert!(!walks.under_way());
}

#[test]
fn a_walk_by_number_is_known_soon() {
    let mut order: Vec<usize> = (0..FILES).collect();
    order.sort_by_key(|n| n * 37 % FILES);
    let mut walks = Walks::default();
    let surprises = surprises(&mut walks, order.into_iter());
    assert!((3..=6).contains(&surprises), "{surprises}");
    assert!(walks.under_way());
}

#[test]
fn a_walk_goes_on_in_the_next_listing() {
    let mut walks = Walks::default();
    surprises(&mut walks, 0..50);
    walks.listed_anew();
    assert_eq!(surprises(&mut walks, 50..FILES), 1);
}

#[test]
fn who_jumps_about_gets_little() {
    // Every other name from the front, every other from the back: neither order.
    let order = (0..FILES).map(|n| if n % 2 == 0 { n } else { FILES - n });
    let surprises = surprises(&mut Walks::default(), order);
    assert!(surprises > FILES / 2, "{surprises}");
}
