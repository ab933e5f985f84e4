use super::blocks::{OVERHEAD, blocks_of, cut};
use super::*;
use crate::store::ETag;
use bytes::Bytes;
use std::sync::Arc;

fn id(etag: &str) -> Arc<Identity> {
    Identity::new(&Arc::from("bucket"), "key", &ETag::new(etag))
}

#[test]
fn a_new_etag_never_meets_an_old_block() {
    let cache = BlockCache::new(10 * BLOCK);
    cache.insert(&id("a"), 0, Bytes::from_static(b"old"));
    assert_eq!(cache.try_read(&id("a"), 0..3), Some(vec![Bytes::from_static(b"old")]));
    assert_eq!(cache.try_read(&id("b"), 0..3), None);
}

#[test]
fn bounded_in_bytes_least_recently_used_goes_first() {
    let three = 3 * (BLOCK + OVERHEAD);
    let cache = BlockCache::new(three);
    let block = Bytes::from(vec![7; BLOCK as usize]);
    let id = id("a");
    for n in 0..3 {
        cache.insert(&id, n, block.clone());
    }
    assert!(cache.try_read(&id, 0..1).is_some());
    cache.insert(&id, 3, block.clone());
    assert_eq!(cache.bytes(), three);
    assert!(cache.has(&id, 0) && !cache.has(&id, 1) && cache.has(&id, 2) && cache.has(&id, 3));
    cache.insert(&id, 3, block);
    assert_eq!(cache.bytes(), three, "replacing a block must not count it twice");
}

#[test]
fn tiny_blocks_are_bounded_too() {
    let cache = BlockCache::new(100 * (1 + OVERHEAD));
    for n in 0..1000 {
        cache.insert(&id(&n.to_string()), 0, Bytes::from_static(b"x"));
    }
    let held = (0..1000).filter(|n| cache.has(&id(&n.to_string()), 0)).count();
    assert_eq!(held, 100);
}

#[test]
fn ranges_touch_the_right_blocks() {
    assert_eq!(blocks_of(&(5..5)), 0..0);
    assert_eq!(blocks_of(&(0..1)), 0..1);
    assert_eq!(blocks_of(&(BLOCK - 1..BLOCK + 1)), 0..2);
    assert_eq!(blocks_of(&(BLOCK..2 * BLOCK)), 1..2);
    let bytes = Bytes::from_static(b"abcdef");
    assert_eq!(cut(&bytes, 1, &(BLOCK + 2..BLOCK + 4)), Bytes::from_static(b"cd"));
    assert_eq!(cut(&bytes, 0, &(4..100)), Bytes::from_static(b"ef"));
}

#[test]
fn random_readers_fetch_nothing_ahead_sequential_ones_do() {
    let size = 1 << 30;
    let mut random = ReadAhead::default();
    for start in [700 << 20, 20 << 20, 500 << 20, 90 << 20] {
        assert!(random.note(&(start..start + 4096), size).is_empty());
    }
    let mut sequential = ReadAhead::default();
    let mut ahead = 0;
    for n in 0..64 {
        let read = n * BLOCK..(n + 1) * BLOCK;
        let want = sequential.note(&read, size);
        sequential.asked(want.end);
        ahead = ahead.max(want.end.saturating_sub(read.end));
    }
    assert_eq!(ahead, 32 << 20);
    let small = ReadAhead::default().note(&(0..4096), size);
    assert!(small.is_empty(), "a first small read proves nothing");
}
