use super::blocks::{OVERHEAD, blocks_of, cut};
use super::fetch::Filling;
use super::readahead::Share;
use super::slice::{Segment, Slice};
use super::*;
use crate::store::ETag;
use bytes::Bytes;
use std::sync::Arc;

const MIB: usize = 1 << 20;

fn id(etag: &str) -> Arc<Identity> {
    Identity::new(&Arc::from("bucket"), "key", &ETag::new(etag))
}

#[test]
fn a_new_etag_never_meets_an_old_block() {
    let cache = BlockCache::new(10 * BLOCK);
    cache.insert(&id("a"), 0, b"old");
    assert_eq!(cache.try_read(&id("a"), 0..3), Some(vec![Bytes::from_static(b"old")]));
    assert_eq!(cache.try_read(&id("b"), 0..3), None);
}

#[test]
fn bounded_in_bytes_least_recently_used_goes_first() {
    let three = 3 * (BLOCK + OVERHEAD);
    let cache = BlockCache::new(three);
    let block = vec![7; BLOCK as usize];
    let id = id("a");
    for n in 0..3 {
        cache.insert(&id, n, &block);
    }
    assert!(cache.try_read(&id, 0..1).is_some());
    cache.insert(&id, 3, &block);
    assert_eq!(cache.bytes(), three);
    assert!(cache.has(&id, 0) && !cache.has(&id, 1) && cache.has(&id, 2) && cache.has(&id, 3));
    cache.insert(&id, 3, &block);
    assert_eq!(cache.bytes(), three, "replacing a block must not count it twice");
}

#[test]
fn tiny_blocks_are_bounded_too() {
    let cache = BlockCache::new(100 * (1 + OVERHEAD));
    for n in 0..1000 {
        cache.insert(&id(&n.to_string()), 0, b"x");
    }
    let held = (0..1000).filter(|n| cache.has(&id(&n.to_string()), 0)).count();
    assert_eq!(held, 100);
}

/// Whatever the frames of a body are, the blocks hold the right bytes, and those of one segment lie side by side.
#[test]
fn frames_of_any_size_fill_blocks() {
    let mut content = vec![0; 3 * MIB + 777];
    fastrand::Rng::with_seed(7).fill(&mut content);
    for first in [0u32, 3, 8, 13] {
        let from = first as usize * BLOCK as usize;
        let blocks = blocks_of(&(from as u64..content.len() as u64));
        let cache = BlockCache::new(64 << 20);
        let mut filling = Filling::new(blocks.clone(), content.len() as u64, &cache.alive);
        let mut numbers = blocks.clone();
        let mut rest = &content[from..];
        while !rest.is_empty() {
            let mut frame = &rest[..rest.len().min(fastrand::usize(1..400_000))];
            rest = &rest[frame.len()..];
            while !frame.is_empty() {
                frame = &frame[filling.take(frame)..];
                while let Some(block) = filling.next_whole() {
                    cache.put(&id("a"), numbers.next().unwrap(), block);
                }
            }
        }
        assert!(filling.is_full() && numbers.is_empty());
        let all = cache.try_read(&id("a"), from as u64..content.len() as u64).unwrap();
        assert_eq!(all.concat(), content[from..], "from block {first}");
        for start in (from.next_multiple_of(MIB)..content.len()).step_by(MIB) {
            let end = (start + MIB).min(content.len());
            let pieces = cache.try_read(&id("a"), start as u64..end as u64).unwrap();
            assert_eq!(pieces, [&content[start..end]], "one piece at {start}");
        }
    }
}

/// As long as one block of a segment is in the cache, all of its memory is.
#[test]
fn shared_memory_counts_until_its_last_block_goes() {
    let cache = BlockCache::new(MIB as u64 + BLOCK - 1);
    let (segment, mut writer) = Segment::new(MIB, &cache.alive);
    writer.append(&vec![1; MIB]);
    let blocks = MIB as u64 / BLOCK;
    for n in 0..blocks as usize {
        let start = n * BLOCK as usize;
        cache.put(&id("a"), n as u32, Slice::of(&segment, start..start + BLOCK as usize));
    }
    drop((segment, writer));
    assert_eq!(cache.bytes(), MIB as u64 + blocks * OVERHEAD);
    cache.insert(&id("b"), 0, &[2; BLOCK as usize]);
    assert!((0..blocks as u32).all(|n| !cache.has(&id("a"), n)) && cache.has(&id("b"), 0));
    assert_eq!(cache.bytes(), BLOCK + OVERHEAD);
}

#[test]
fn ranges_touch_the_right_blocks() {
    assert_eq!(blocks_of(&(5..5)), 0..0);
    assert_eq!(blocks_of(&(0..1)), 0..1);
    assert_eq!(blocks_of(&(BLOCK - 1..BLOCK + 1)), 0..2);
    assert_eq!(blocks_of(&(BLOCK..2 * BLOCK)), 1..2);
    let (segment, mut writer) = Segment::new(6, &Default::default());
    writer.append(b"abcdef");
    let bytes = Slice::of(&segment, 0..6);
    assert_eq!(*cut(&bytes, 1, &(BLOCK + 2..BLOCK + 4)), *b"cd");
    assert_eq!(*cut(&bytes, 0, &(4..100)), *b"ef");
    assert_eq!(*cut(&bytes, 0, &(40..100)), *b"");
}

#[test]
fn a_sequential_reader_leaves_behind_what_it_has_read() {
    let size = 1 << 30;
    let share = Share { bytes: 32 << 20, lanes: 64, piece: 1 << 20, worth: 1.0 };
    let mut reader = ReadAhead::default();
    let mut left = 0;
    for n in 0..1024 {
        let read = n << 20..(n + 1) << 20;
        reader.note(&read, size, share, false, std::time::Instant::now());
        let passed = reader.passed();
        if !passed.is_empty() {
            assert_eq!(passed.start, left, "nothing is left out");
            left = passed.end;
        }
        assert!(left <= read.start, "not what the kernel may still ask for");
    }
    assert!(left >= size - (16 << 20));
    reader.note(&(5000..6000), size, share, false, std::time::Instant::now());
    assert!(reader.passed().is_empty());
    let cache = BlockCache::new(64 * BLOCK);
    for block in 0..4 {
        cache.insert(&id("a"), block, &[1; BLOCK as usize]);
    }
    cache.forget(&id("a"), 1..3 * BLOCK - 1);
    assert_eq!([0, 1, 2, 3].map(|block| cache.has(&id("a"), block)), [true, false, true, true]);
    assert_eq!(cache.bytes(), 3 * (BLOCK + OVERHEAD));
}
