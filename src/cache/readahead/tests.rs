use super::*;
use std::time::Duration;

const MIB: u64 = 1 << 20;
const SIZE: u64 = 1 << 30;
const MOST: u64 = 64 * MIB;
const ALONE: Share = Share { bytes: MOST, lanes: LANES, piece: 8 * MIB, worth: 1.0 };

/// Reads and does what is asked for; gives back the bytes fetched.
fn read(ahead: &mut ReadAhead, start: u64, len: u64, waits: bool) -> u64 {
    read_at(ahead, start, len, waits, Instant::now())
}

fn read_at(ahead: &mut ReadAhead, start: u64, len: u64, waits: bool, now: Instant) -> u64 {
    let want = ahead.note(&(start..start + len), SIZE, ALONE, waits, now);
    let mut bytes = 0;
    for range in want.ranges(SIZE) {
        bytes += range.end - range.start;
        if want.stride == 0 {
            ahead.asked(range.start, range.end);
        }
    }
    bytes
}

#[test]
fn a_random_reader_gets_nothing() {
    let mut ahead = ReadAhead::default();
    let mut fetched = 0;
    let mut at = 12345;
    for _ in 0..500 {
        at = (at * 25_214_903_917_u64 + 11) % (SIZE / 4096);
        fetched += read(&mut ahead, at * 4096, 4096, true);
    }
    assert!(fetched < 4 * MIB, "{fetched}");
    assert_eq!(read(&mut ReadAhead::default(), 0, 4096, true), 0, "a first small read proves nothing");
}

/// A tenth of the blocks must be wanted for the others to come along.
#[test]
fn a_random_reader_of_a_small_file_gets_neighbours() {
    const SMALL_FILE: u64 = 400 * BLOCK + 5;
    let share = Share { worth: 0.1, ..ALONE };
    let mut ahead = ReadAhead::default();
    let mut note = |start, len, waits| {
        let want = ahead.note(&(start..start + len), SMALL_FILE, share, waits, Instant::now());
        (want.start, want.end, want.count, want.piece)
    };
    // None is near another, or as far from one as that from the one before.
    let mut random = fastrand::Rng::with_seed(2);
    let mut places: Vec<u64> = (0..40).map(|n| n * 8 * BLOCK + random.u64(0..8) * 4096).collect();
    random.shuffle(&mut places);
    for place in places {
        assert_eq!(note(place, 4096, true).2, 0, "{place}");
        // Found in memory, it says nothing new.
        note(place, 4096, false);
    }
    assert_eq!(note(345 * BLOCK + 4096, 4096, true), (344 * BLOCK, 348 * BLOCK, 1, 2 * NEIGHBOURS));
    assert_eq!(note(360 * BLOCK + 4096, 512, true).2, 0, "more than 32 times what it asks for");
    assert_eq!(note(380 * BLOCK - 4096, 8192, true), (376 * BLOCK, 384 * BLOCK, 1, 4 * NEIGHBOURS));
    assert_eq!(note(SMALL_FILE - 4096, 4096, true), (396 * BLOCK, SMALL_FILE, 1, 2 * (4 * BLOCK + 5)));
}

#[test]
fn a_sequential_reader_gets_more_and_more_while_it_waits() {
    let (mut waiting, mut content) = (ReadAhead::default(), ReadAhead::default());
    let most_ahead = |ahead: &mut ReadAhead, waits| {
        let (mut fetched, mut most) = (0, 0);
        for n in 0..1024 {
            fetched += read(ahead, n * BIG, BIG, waits);
            most = most.max(fetched.saturating_sub((n + 1) * BIG));
        }
        most
    };
    let (waiting, content) = (most_ahead(&mut waiting, true), most_ahead(&mut content, false));
    assert!((MOST - SLACK..=MOST).contains(&waiting), "{waiting}");
    assert!((QUICK - SLACK..=QUICK).contains(&content), "{content}");
}

#[test]
fn streams_that_share_a_handle_do_not_disturb_one_another() {
    let mut ahead = ReadAhead::default();
    let mut fetched = [0; 6];
    for n in 0..64 {
        for (stream, fetched) in fetched.iter_mut().enumerate() {
            *fetched += read(&mut ahead, stream as u64 * 150 * MIB + n * BIG, BIG, false);
        }
    }
    assert!(fetched.iter().all(|fetched| *fetched >= 64 * BIG), "{fetched:?}");
}

#[test]
fn requests_that_overtake_one_another_are_one_stream() {
    let mut ahead = ReadAhead::default();
    let mut fetched = 0;
    for n in (0..256).step_by(4) {
        for order in [0, 2, 1, 3] {
            fetched += read(&mut ahead, (n + order) * MIB, MIB, true);
        }
    }
    assert!(fetched >= 256 * MIB, "{fetched}");
    assert_eq!(ahead.streams.len(), 1);
}

#[test]
fn strides_are_followed_in_both_directions() {
    for (first, stride) in [(0, 10 * MIB as i64), (SIZE - 10 * MIB, -10 * MIB as i64), (MIB, 300 << 10)] {
        let mut ahead = ReadAhead::default();
        let (mut fetched, mut known) = (0, std::collections::HashSet::new());
        let mut hits = 0;
        for n in 0..100 {
            let Some(start) = 0u64.checked_add_signed(first as i64 + n * stride).filter(|start| *start < SIZE) else {
                break;
            };
            hits += u32::from(known.contains(&start));
            let want = ahead.note(&(start..start + 4096), SIZE, ALONE, true, Instant::now());
            for range in want.ranges(SIZE) {
                fetched += range.end - range.start;
                assert_eq!(range.end - range.start, 4096);
                known.insert(range.start);
            }
        }
        assert!(hits >= 90, "stride {stride}: {hits} of 100");
        assert!(fetched <= 180 * 4096, "stride {stride}: {fetched}");
    }
}

#[test]
fn a_stream_with_large_holes_becomes_a_stride() {
    let mut ahead = ReadAhead::default();
    let fetched: u64 = (0..200).map(|n| read(&mut ahead, n * MIB, BIG, true)).sum();
    assert!(fetched < 64 * MIB, "{fetched}");
}

#[test]
fn a_window_that_is_not_needed_shrinks() {
    let mut ahead = ReadAhead::default();
    let mut at = 0;
    while at < 256 * MIB {
        read(&mut ahead, at, BIG, true);
        at += BIG;
    }
    let window = |ahead: &ReadAhead| ahead.streams[0].window;
    assert_eq!(window(&ahead), MOST);
    while at < SIZE {
        read(&mut ahead, at, BIG, false);
        at += BIG;
    }
    assert_eq!(window(&ahead), QUICK, "after eight windows of 64 MiB and eight of 32");
}

#[test]
fn a_window_holds_what_comes_in_two_seconds() {
    for rate in [MIB / 4, MIB, 10 * MIB, 25 * MIB] {
        let mut ahead = ReadAhead::default();
        let (reads, began) = (10 * rate / BIG, Instant::now());
        for n in 0..reads {
            let now = began + Duration::from_secs_f64((n * BIG) as f64 / rate as f64);
            read_at(&mut ahead, n * BIG, BIG, true, now);
            let window = ahead.streams[0].window;
            assert!(n < reads / 5 || window <= (5 * rate / 2).max(FIRST), "{rate}: {window}");
        }
        assert!(ahead.streams[0].window >= (2 * rate).max(FIRST) - BIG, "{rate}: {}", ahead.streams[0].window);
    }
}

#[test]
fn a_large_window_is_many_requests() {
    let mut ahead = ReadAhead::default();
    let first = ahead.note(&(0..MIB), SIZE, ALONE, true, Instant::now());
    assert_eq!((first.start, first.end, first.piece), (0, 5 * MIB, LARGE_PIECE), "with what the program waits for");
    let small = ReadAhead::default().note(&(0..MIB), 2 * MIB, ALONE, true, Instant::now());
    assert_eq!((small.start, small.end), (0, 2 * MIB));
    assert!(small.piece * 8 > small.end, "a file of two MiB is not worth eight requests");
    ahead.asked(first.start, first.end);
    let mut last = first;
    for n in 1..200 {
        let want = ahead.note(&(n * MIB..(n + 1) * MIB), SIZE, ALONE, true, Instant::now());
        if want.count > 0 {
            ahead.asked(want.start, want.end);
            last = want;
        }
    }
    assert_eq!(last.piece, MOST / SIDE_BY_SIDE, "as large as a connection carries well");
}

/// Reads `len` bytes over a line whose connections carry `each` bytes a second and together `all`; gives back the last window
/// and its piece.
fn read_over(len: u64, each: u64, all: u64) -> (u64, u64) {
    const ROOM: u64 = 128 * MIB;
    let share = Share { bytes: ROOM, lanes: LANES, piece: (each / 10).min(8 * MIB), worth: 1.0 };
    let (mut ahead, mut now, mut piece) = (ReadAhead::default(), Instant::now(), FIRST);
    for n in 0..len / MIB {
        let want = ahead.note(&(n * MIB..(n + 1) * MIB), 2 * len, share, true, now);
        if want.count > 0 {
            ahead.asked(want.start, want.end);
            piece = want.piece;
        }
        let lanes = (ahead.streams[0].window / piece).clamp(1, LANES);
        now += Duration::from_secs_f64(MIB as f64 / (lanes * each).min(all) as f64);
    }
    (ahead.streams[0].window, piece)
}

#[test]
fn the_window_grows_while_more_requests_bring_more() {
    // Each connection carries little: as many as there may be.
    let (window, piece) = read_over(2 << 30, 4 * MIB, 1 << 40);
    assert_eq!(window / piece, LANES, "{window} of {piece}");
    // And soon.
    let (window, piece) = read_over(64 * MIB, 4 * MIB, 1 << 40);
    assert_eq!(window / piece, LANES, "{window} of {piece}");
    // One that carries much fills the processor or the line: some large requests, and no more of them.
    let (window, piece) = read_over(2 << 30, 100 * MIB, 400 * MIB);
    assert_eq!((window, piece), (64 * MIB, 8 * MIB));
    // In between: as many as fill the line, or up to twice that.
    let (window, piece) = read_over(2 << 30, 20 * MIB, 400 * MIB);
    assert!((20..=40).contains(&(window / piece)), "{window} of {piece}");
}
