//! Whether a larger window pays: how fast a stream's bytes come, before and after it grew.

use std::time::{Duration, Instant};

/// A window that grew has to bring this much more.
const GAIN: f64 = 1.05;

/// What a stream should do with its window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Advice {
    Keep,
    Double,
    /// The last doubling brought nothing.
    Halve,
}

/// The rate of a stream, a window's worth of bytes at a time.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Pace {
    since: Option<Instant>,
    bytes: u64,
    /// The reader waited in this time.
    waited: bool,
    /// Bytes a second before the window grew; 0: not known yet.
    before: f64,
    /// It grew just before this time.
    grew: bool,
}

impl Pace {
    /// Notes a read that went on by `new` bytes.
    pub(super) fn note(&mut self, new: u64, window: u64, waits: bool, now: Instant) -> Advice {
        let since = *self.since.get_or_insert(now);
        self.bytes += new;
        self.waited |= waits;
        if self.bytes < window {
            return Advice::Keep;
        }
        let took = now.saturating_duration_since(since).max(Duration::from_micros(1));
        let rate = self.bytes as f64 / took.as_secs_f64();
        let (pays, grew) = (rate > self.before * GAIN, self.grew);
        let advice = match (self.waited, pays) {
            (true, true) => Advice::Double,
            (true, false) if grew => Advice::Halve,
            _ => Advice::Keep,
        };
        // After a growth in vain the rate of the smaller window stays what the next one is held against.
        let before = if advice == Advice::Halve { self.before } else { rate };
        *self = Pace { since: Some(now), before, grew: advice == Advice::Double, ..Pace::default() };
        advice
    }
}
