//! Tests of the interval map.

use super::*;
use proptest::prelude::*;

#[derive(Clone, Debug)]
enum Op {
    Write(u64, u64),
    Truncate(u64),
    Punch(u64, u64),
    Set(u64, u64, Source),
}

fn source() -> impl Strategy<Value = Source> {
    prop_oneof![Just(Source::Base), Just(Source::Local), Just(Source::Hole), (1u32..4).prop_map(Source::Part)]
}

fn op() -> impl Strategy<Value = Op> {
    let (at, len) = (0u64..60, 0u64..25);
    prop_oneof![
        (at.clone(), len.clone()).prop_map(|(at, len)| Op::Write(at, len)),
        (0u64..80).prop_map(Op::Truncate),
        (at.clone(), len.clone()).prop_map(|(at, len)| Op::Punch(at, len)),
        (at, len, source()).prop_map(|(at, len, source)| Op::Set(at, len, source)),
    ]
}

/// The same, byte by byte.
fn model_set(model: &mut Vec<Source>, at: u64, len: u64, source: Source) {
    if len > 0 {
        model.resize(model.len().max(at as usize), Source::Hole);
        model.resize(model.len().max((at + len) as usize), source);
        model[at as usize..(at + len) as usize].fill(source);
    }
}

fn apply(extents: &mut Extents, model: &mut Vec<Source>, op: &Op) {
    match *op {
        Op::Write(at, len) => {
            extents.write(at..at + len);
            model_set(model, at, len, Source::Local);
        }
        Op::Truncate(size) => {
            extents.truncate(size);
            model.resize(size as usize, Source::Hole);
        }
        Op::Punch(at, len) => {
            extents.punch(at..at + len);
            let end = (at + len).min(model.len() as u64);
            model_set(model, at, end.saturating_sub(at), Source::Hole);
        }
        Op::Set(at, len, source) => {
            extents.set(at..at + len, source);
            model_set(model, at, len, source);
        }
    }
}

/// Maximal runs of `range` of the model.
fn model_pieces(model: &[Source], range: Range<u64>) -> Vec<(Range<u64>, Source)> {
    let mut pieces: Vec<(Range<u64>, Source)> = Vec::new();
    for at in range.start..range.end.min(model.len() as u64) {
        match pieces.last_mut() {
            Some((piece, source)) if *source == model[at as usize] => piece.end = at + 1,
            _ => pieces.push((at..at + 1, model[at as usize])),
        }
    }
    pieces
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn behaves_like_a_vector_of_bytes(base in 0u64..50, ops in prop::collection::vec(op(), 0..25)) {
        let mut extents = Extents::of_base(base);
        let mut model = vec![Source::Base; base as usize];
        for op in &ops {
            apply(&mut extents, &mut model, op);
            let size = model.len() as u64;
            prop_assert_eq!(extents.size(), size);
            prop_assert_eq!(extents.pieces(0..u64::MAX).collect::<Vec<_>>(), model_pieces(&model, 0..size));
            let local = model.iter().filter(|source| **source == Source::Local).count();
            prop_assert_eq!(extents.local_bytes(), local as u64);
        }
        for start in 0..=model.len() as u64 + 2 {
            for end in [start, start + 1, start + 7, 90] {
                prop_assert_eq!(extents.pieces(start..end).collect::<Vec<_>>(), model_pieces(&model, start..end));
            }
            let rest = model.get(start as usize..).unwrap_or_default();
            let data = rest.iter().position(|source| *source != Source::Hole).map(|at| start + at as u64);
            prop_assert_eq!(extents.next_data(start), data);
            let hole = rest.iter().position(|source| *source == Source::Hole).unwrap_or(rest.len());
            prop_assert_eq!(extents.next_hole(start), (!rest.is_empty()).then_some(start + hole as u64));
        }
        for source in [Source::Base, Source::Local, Source::Hole, Source::Part(1)] {
            prop_assert_eq!(extents.is_all(source), model.iter().all(|at| *at == source));
        }
    }
}

#[test]
fn a_write_past_the_end_leaves_zeros_between() {
    let mut extents = Extents::of_base(10);
    extents.write(20..25);
    let pieces: Vec<_> = extents.pieces(5..100).collect();
    assert_eq!(pieces, [(5..10, Source::Base), (10..20, Source::Hole), (20..25, Source::Local)]);
    assert_eq!((extents.size(), extents.local_bytes()), (25, 5));
}

#[test]
fn many_small_writes_in_order_are_one_run() {
    let mut extents = Extents::empty();
    for at in 0..1000 {
        extents.write(at * 4096..(at + 1) * 4096);
    }
    assert_eq!(extents.pieces(0..u64::MAX).count(), 1);
    assert!(extents.is_all(Source::Local));
    assert_eq!(extents.local_bytes(), extents.size());
}

#[test]
fn offsets_near_the_largest_file_do_no_harm() {
    let end = i64::MAX as u64;
    let mut extents = Extents::empty();
    extents.write(end - 1..end);
    extents.punch(0..u64::MAX);
    assert_eq!((extents.size(), extents.local_bytes(), extents.next_data(0)), (end, 0, None));
}
