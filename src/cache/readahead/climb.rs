//! How far a window may grow: as long as more requests side by side bring more.

use std::time::{Duration, Instant};

/// A step has helped if the bytes come so much faster after it.
const GAIN: f64 = 1.1;
/// A rate is measured over so many windows, and at least this time.
const WINDOWS: u64 = 2;
const PERIOD: Duration = Duration::from_millis(50);
/// After a step that did not help, so many rates pass before it is tried again: other users of the line come and go.
const PATIENCE: u32 = 16;

/// The steps of a stream, each of which doubles what its window may hold.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Climb {
    steps: u32,
    /// Since when bytes are counted.
    since: Option<Instant>,
    bytes: u64,
    /// The reader waited in this time.
    waited: bool,
    /// Bytes that are not counted yet: after a step the first window was asked for before it.
    skip: u64,
    /// The rate before the last step, until it is known whether that helped.
    before: Option<f64>,
    patience: u32,
}

impl Climb {
    /// What the window may hold, if it may hold `base` anyway.
    pub(super) fn most(&self, base: u64) -> u64 {
        base << self.steps
    }

    /// Notes a read that went on by `new` bytes. `more`: the window is as large as it may be, yet could grow.
    pub(super) fn note(&mut self, new: u64, waits: bool, now: Instant, window: u64, more: bool) {
        if self.skip > 0 {
            self.skip = self.skip.saturating_sub(new);
            self.since = None;
            return;
        }
        let Some(since) = self.since else {
            (self.since, self.bytes, self.waited) = (Some(now), 0, false);
            return;
        };
        self.bytes += new;
        self.waited |= waits;
        let took = now.saturating_duration_since(since);
        if self.bytes < WINDOWS * window || took < PERIOD {
            return;
        }
        let rate = self.bytes as f64 / took.as_secs_f64();
        match self.before.take() {
            Some(before) if rate < before * GAIN => {
                self.steps = self.steps.saturating_sub(1);
                self.patience = PATIENCE;
            }
            _ if self.patience > 0 => self.patience -= 1,
            _ if self.waited && more => {
                self.before = Some(rate);
                self.steps += 1;
                self.skip = window;
            }
            _ => {}
        }
        self.since = None;
    }
}
