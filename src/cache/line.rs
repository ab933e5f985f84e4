//! How fast one connection brings a body, which says how large the requests of a reader may be, and how soon the service
//! answers.

use super::blocks::BLOCK;
use crate::sync::{LEAF, Ranked};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// So long a request may take once its answer has begun: far more than it costs beside its bytes, and little enough that a
/// window is many requests where a connection carries little.
const TAKES: Duration = Duration::from_millis(100);
/// The best connection of this time and of the one before counts: others may have been busy, or had to share.
const PERIOD: Duration = Duration::from_secs(30);
/// Shorter bodies say little.
const LEAST: u64 = 256 << 10;
/// Before anything is known.
const UNKNOWN: u64 = 1 << 20;

/// What bodies have shown so far.
#[derive(Debug)]
pub(super) struct Line {
    best: Ranked<LEAF, Best>,
    soonest: Ranked<LEAF, Best>,
    piece: AtomicU64,
    /// Nanoseconds.
    answer: AtomicU64,
}

/// The largest value of two periods.
#[derive(Debug)]
struct Best {
    since: Instant,
    now: f64,
    before: f64,
}

impl Best {
    fn new() -> Ranked<LEAF, Best> {
        Ranked::new(Best { since: Instant::now(), now: f64::MIN, before: f64::MIN })
    }

    fn note(&mut self, value: f64, at: Instant) -> f64 {
        let age = at.saturating_duration_since(self.since);
        if age >= PERIOD {
            let before = if age < 2 * PERIOD { self.now } else { f64::MIN };
            *self = Best { since: at, now: f64::MIN, before };
        }
        self.now = self.now.max(value);
        self.now.max(self.before)
    }
}

impl Line {
    pub(super) fn new() -> Line {
        let (piece, answer) = (AtomicU64::new(UNKNOWN), AtomicU64::new(0));
        Line { best: Best::new(), soonest: Best::new(), piece, answer }
    }

    /// Notes a body: its bytes after the first that came, and how long after those the last did.
    pub(super) fn note(&self, bytes: u64, took: Duration, at: Instant) {
        if bytes < LEAST {
            return;
        }
        let rate = bytes as f64 / took.as_secs_f64().max(1e-6);
        let best = self.best.lock().note(rate, at);
        self.piece.store((best * TAKES.as_secs_f64()) as u64, Ordering::Relaxed);
    }

    /// Notes how long after a request its answer began.
    pub(super) fn note_answer(&self, took: Duration, at: Instant) {
        let soonest = -self.soonest.lock().note(-took.as_secs_f64(), at);
        self.answer.store((soonest * 1e9) as u64, Ordering::Relaxed);
    }

    /// Bytes that a request may have.
    pub(super) fn piece(&self) -> u64 {
        self.piece.load(Ordering::Relaxed)
    }

    /// How likely a block must be read later for it to be worth its time in a request that is made anyway: then a request of
    /// its own is saved. Between 0 and 1.
    pub(super) fn worth(&self) -> f64 {
        let brings = BLOCK as f64 * TAKES.as_secs_f64() / (self.piece() as f64).max(1.0);
        brings / (brings + self.answer.load(Ordering::Relaxed) as f64 / 1e9)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;

    #[test]
    fn what_comes_along_pays_where_answers_take_long() {
        let (line, begun) = (Line::new(), Instant::now());
        assert!(line.worth() > 0.999, "nothing is known");
        line.note(100 * MIB, Duration::from_secs(1), begun);
        let after = |millis, secs| {
            line.note_answer(Duration::from_millis(millis), begun + Duration::from_secs(secs));
            (line.worth() * 1000.0).round() as u64
        };
        // A block takes 0.3125 ms.
        assert_eq!([after(20, 0), after(1, 1), after(20, 31)], [15, 238, 238]);
        assert_eq!(after(20, 62), 15);
    }

    #[test]
    fn the_best_of_the_last_seconds_counts() {
        let line = Line::new();
        let begun = Instant::now();
        let note = |rate: u64, after: u64| {
            line.note(
                MIB,
                Duration::from_secs_f64(MIB as f64 / (rate * MIB) as f64),
                begun + Duration::from_secs(after),
            );
            line.piece() as f64 / MIB as f64
        };
        assert_eq!(line.piece(), UNKNOWN);
        let near = |piece: f64, expected: f64| assert!((piece - expected).abs() < 0.01, "{piece}, not {expected}");
        near(note(5, 0), 0.5);
        near(note(80, 1), 8.0);
        near(note(5, 2), 8.0);
        near(note(5, 31), 8.0);
        near(note(5, 62), 0.5);
        near(note(80, 100), 8.0);
        near(note(10, 200), 1.0);
        line.note(1000, Duration::ZERO, begun + Duration::from_secs(201));
        near(line.piece() as f64 / MIB as f64, 1.0);
    }
}
