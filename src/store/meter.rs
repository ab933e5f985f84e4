//! What requests took and how they ended, for those who watch.

use super::{ErrorKind, StoreError};
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

/// Upper bounds of the classes of time, in milliseconds.
pub const BOUNDS_MS: [u64; 10] = [2, 5, 10, 25, 50, 100, 250, 1000, 5000, 30000];

/// The class of a time, by its number in [`BOUNDS_MS`]; `None`: longer than all of them.
pub fn class_of(took: Duration) -> Option<usize> {
    let ms = took.as_millis() as u64;
    BOUNDS_MS.iter().position(|bound| ms <= *bound)
}

/// So many failures are remembered.
const REMEMBERED: usize = 20;

/// The attempts of one operation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OpStats {
    /// Attempts that have ended.
    pub ended: u64,
    /// Those that failed: no answer, or one that says that something is wrong. "Not found" is not.
    pub failed: u64,
    /// On their way.
    pub in_flight: u64,
    /// Time of all that have ended.
    pub spent: Duration,
    /// How many took at most as long as each of [`BOUNDS_MS`], and longer than the one before.
    pub classes: [u64; BOUNDS_MS.len()],
}

/// A request that failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trouble {
    /// When.
    pub when: SystemTime,
    /// S3 operation.
    pub op: &'static str,
    /// Key; empty for the bucket.
    pub key: String,
    /// The error, with the service's request id.
    pub error: String,
}

/// All of it at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Metered {
    /// By operation (`GetObject`).
    pub ops: BTreeMap<&'static str, OpStats>,
    /// Pauses before another attempt.
    pub retries: u64,
    /// The last failures, the newest last.
    pub troubles: Vec<Trouble>,
    /// When the service last answered anything.
    pub answered: Option<SystemTime>,
    /// How far the service's clock is ahead of ours, as the last answer shows (to a second).
    pub clock_ahead: Option<i64>,
}

#[derive(Default)]
pub(super) struct Meter(Mutex<Inner>);

#[derive(Default)]
struct Inner {
    now: Metered,
    troubles: VecDeque<Trouble>,
}

/// A request on its way; one that is given up counts as ended, too.
pub(super) struct OnItsWay<'a> {
    meter: &'a Meter,
    op: &'static str,
}

impl Drop for OnItsWay<'_> {
    fn drop(&mut self) {
        self.meter.with(|inner| inner.now.ops.entry(self.op).or_default().in_flight -= 1);
    }
}

impl Meter {
    fn with<T>(&self, change: impl FnOnce(&mut Inner) -> T) -> T {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn begin(&self, op: &'static str) -> OnItsWay<'_> {
        self.with(|inner| inner.now.ops.entry(op).or_default().in_flight += 1);
        OnItsWay { meter: self, op }
    }

    pub(super) fn retry(&self) {
        self.with(|inner| inner.now.retries += 1);
    }

    /// The service said what time it is, so it has answered.
    pub(super) fn answered(&self, date: Option<SystemTime>) {
        let now = SystemTime::now();
        let ahead = date.map(|date| match date.duration_since(now) {
            Ok(ahead) => ahead.as_secs() as i64,
            Err(behind) => -(behind.duration().as_secs() as i64),
        });
        self.with(|inner| {
            inner.now.answered = Some(now);
            inner.now.clock_ahead = ahead.or(inner.now.clock_ahead);
        });
    }

    pub(super) fn ended(&self, op: &'static str, key: &str, took: Duration, error: Option<&StoreError>) {
        let trouble = error.filter(|error| is_trouble(error.kind));
        self.with(|inner| {
            let stats = inner.now.ops.entry(op).or_default();
            stats.ended += 1;
            stats.spent += took;
            if let Some(class) = class_of(took) {
                stats.classes[class] += 1;
            }
            let Some(error) = trouble else { return };
            stats.failed += 1;
            if inner.troubles.len() == REMEMBERED {
                inner.troubles.pop_front();
            }
            let trouble = Trouble { when: SystemTime::now(), op, key: key.to_owned(), error: error.to_string() };
            inner.troubles.push_back(trouble);
        });
    }

    pub(super) fn snapshot(&self) -> Metered {
        self.with(|inner| Metered { troubles: inner.troubles.iter().cloned().collect(), ..inner.now.clone() })
    }
}

/// Whether somebody who watches wants to know.
fn is_trouble(kind: ErrorKind) -> bool {
    use ErrorKind::*;
    matches!(kind, Server | Timeout | Unreachable | Dns | Tls | ClockSkew | Denied | BadCredentials | Quota | Corrupt)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attempts_are_counted_by_time_and_end() {
        let meter = Meter::default();
        let on_its_way = meter.begin("GetObject");
        assert_eq!(meter.snapshot().ops["GetObject"].in_flight, 1);
        drop(on_its_way);
        let missing = StoreError::local(ErrorKind::NotFound, "GetObject", "gone");
        let broken = StoreError::local(ErrorKind::Server, "GetObject", "broken");
        meter.ended("GetObject", "a", Duration::from_millis(3), Some(&missing));
        for n in 0..30 {
            meter.ended("GetObject", &n.to_string(), Duration::from_secs(60), Some(&broken));
        }
        let now = meter.snapshot();
        let stats = &now.ops["GetObject"];
        assert_eq!((stats.ended, stats.failed, stats.in_flight), (31, 30, 0));
        assert_eq!((stats.classes[1], stats.classes.iter().sum::<u64>()), (1, 1), "a minute is beyond all classes");
        assert_eq!(now.troubles.len(), REMEMBERED);
        assert_eq!(now.troubles.last().map(|trouble| trouble.key.as_str()), Some("29"));
    }

    #[test]
    fn the_clock_of_the_service_is_compared() {
        let meter = Meter::default();
        meter.answered(Some(SystemTime::now() - Duration::from_secs(100)));
        let ahead = meter.snapshot().clock_ahead.unwrap();
        assert!((-101..=-99).contains(&ahead), "{ahead}");
        meter.answered(None);
        assert!(meter.snapshot().clock_ahead.is_some());
    }
}
