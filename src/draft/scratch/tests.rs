use super::*;
use proptest::prelude::*;

fn all(scratch: &Scratch, range: Range<u64>) -> Vec<u8> {
    scratch.read(range).unwrap().to_vec()
}

#[test]
fn what_is_written_in_order_stays_in_memory() {
    let folder = tempfile::tempdir().unwrap();
    let memory = BlockCache::new(64 * CHUNK);
    let room = Room { folder: folder.path(), memory: &memory };
    let mut scratch = Scratch::default();
    let data: Vec<u8> = (0..5 * CHUNK + 77).map(|n| (n % 251) as u8).collect();
    for (n, piece) in data.chunks(100_000).enumerate() {
        scratch.write(n as u64 * 100_000, piece, room).unwrap();
    }
    assert!(all(&scratch, 0..data.len() as u64) == data);
    let segments = scratch.segments(CHUNK..3 * CHUNK).unwrap();
    assert!(segments.iter().all(|segment| matches!(segment, Segment::Bytes(_))) && segments.len() == 2);
    assert_eq!(memory.lent(), 6 * CHUNK);
    scratch.forget(0..4 * CHUNK);
    // Two chunks are still on their way.
    assert_eq!(memory.lent(), 4 * CHUNK);
    drop(segments);
    assert_eq!(memory.lent(), 2 * CHUNK);
    // A change of what is in memory moves its chunk to the file.
    scratch.write(4 * CHUNK + 5, b"changed", room).unwrap();
    let at = 4 * CHUNK as usize;
    assert_eq!(
        all(&scratch, 4 * CHUNK + 4..4 * CHUNK + 13),
        [&data[at + 4..at + 5], b"changed", &data[at + 12..at + 13]].concat()
    );
    assert_eq!(memory.lent(), CHUNK);
    drop(scratch);
    assert_eq!(memory.lent(), 0);
}

#[test]
fn without_memory_there_is_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let memory = BlockCache::new(4 * CHUNK);
    let room = Room { folder: folder.path(), memory: &memory };
    let mut scratch = Scratch::default();
    let data = vec![7; 10 * CHUNK as usize];
    scratch.write(0, &data, room).unwrap();
    assert_eq!(memory.lent(), 2 * CHUNK, "half of the memory may be lent");
    let segments = scratch.segments(0..10 * CHUNK).unwrap();
    assert!(
        matches!(segments[..], [Segment::Bytes(_), Segment::Bytes(_), Segment::File { len, .. }] if len == 8 * CHUNK)
    );
    assert!(all(&scratch, 0..10 * CHUNK) == data);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    /// Whatever is written, in whatever order, is read back.
    #[test]
    fn reads_what_was_written(
        writes in prop::collection::vec((0..4_000_000_u64, 1..1_500_000_usize, any::<u8>(), any::<bool>()), 1..12),
        chunks in 0..8_u64,
    ) {
        let folder = tempfile::tempdir().unwrap();
        let memory = BlockCache::new(chunks * 2 * CHUNK);
        let room = Room { folder: folder.path(), memory: &memory };
        let (mut scratch, mut model, mut front) = (Scratch::default(), vec![0; 0], 0);
        for (offset, len, value, follows) in writes {
            let offset = if follows { front } else { offset };
            let data: Vec<u8> = (0..len).map(|n| value.wrapping_add(n as u8)).collect();
            // What was never written is never read: fill up to the offset as the caller's extents would forbid.
            if model.len() < offset as usize {
                let hole = vec![0; offset as usize - model.len()];
                scratch.write(model.len() as u64, &hole, room).unwrap();
                model.extend(hole);
            }
            scratch.write(offset, &data, room).unwrap();
            let end = offset as usize + len;
            if model.len() < end {
                model.resize(end, 0);
            }
            model[offset as usize..end].copy_from_slice(&data);
            front = end as u64;
        }
        let size = model.len() as u64;
        prop_assert!(all(&scratch, 0..size) == model);
        prop_assert!(all(&scratch, size / 3..size / 2) == model[size as usize / 3..size as usize / 2]);
        prop_assert!(memory.lent() <= chunks * CHUNK);
        drop(scratch);
        prop_assert_eq!(memory.lent(), 0);
    }
}
