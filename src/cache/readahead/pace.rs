//! How fast a stream's bytes come, which bounds its window.

use std::time::{Duration, Instant};

/// A window holds no more than what comes in this time: eight times the way to a service at the other end of the world. On a
/// narrow line more would only be waited for, by this reader and by all others.
const AHEAD: Duration = Duration::from_secs(2);
/// So long is measured.
const PERIOD: Duration = Duration::from_secs(1);

/// The rate of a stream.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Pace {
    since: Option<Instant>,
    bytes: u64,
    /// The reader waited in this time.
    waited: bool,
    /// Bytes that a window may hold.
    most: Option<u64>,
}

impl Pace {
    /// Notes a read that went on by `new` bytes. Gives what the window may hold.
    pub(super) fn note(&mut self, new: u64, waits: bool, now: Instant) -> u64 {
        let since = *self.since.get_or_insert(now);
        self.bytes += new;
        self.waited |= waits;
        let took = now.saturating_duration_since(since);
        if took >= PERIOD {
            // A reader that never waits is slower than what comes, and its rate says nothing.
            if self.waited {
                let rate = self.bytes as f64 / took.as_secs_f64();
                self.most = Some((rate * AHEAD.as_secs_f64()) as u64);
            }
            (self.since, self.bytes, self.waited) = (Some(now), 0, false);
        }
        self.most.unwrap_or(u64::MAX)
    }
}
