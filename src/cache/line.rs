//! How fast one connection brings a body, which says how large the requests of a reader may be.

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
    piece: AtomicU64,
}

/// Bytes a second.
#[derive(Debug)]
struct Best {
    since: Instant,
    now: f64,
    before: f64,
}

impl Line {
    pub(super) fn new() -> Line {
        let best = Best { since: Instant::now(), now: 0.0, before: 0.0 };
        Line { best: Ranked::new(best), piece: AtomicU64::new(UNKNOWN) }
    }

    /// Notes a body: its bytes after the first that came, and how long after those the last did.
    pub(super) fn note(&self, bytes: u64, took: Duration, at: Instant) {
        if bytes < LEAST {
            return;
        }
        let rate = bytes as f64 / took.as_secs_f64().max(1e-6);
        let mut best = self.best.lock();
        let age = at.saturating_duration_since(best.since);
        if age >= PERIOD {
            let before = if age < 2 * PERIOD { best.now } else { 0.0 };
            *best = Best { since: at, now: 0.0, before };
        }
        best.now = best.now.max(rate);
        let piece = best.now.max(best.before) * TAKES.as_secs_f64();
        self.piece.store(piece as u64, Ordering::Relaxed);
    }

    /// Bytes that a request may have.
    pub(super) fn piece(&self) -> u64 {
        self.piece.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;

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
