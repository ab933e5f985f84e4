//! What was asked of the server: tests count round trips with it.

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// More entries than this are forgotten, the oldest first; the counts go on.
const MOST: usize = 100_000;

/// One answered request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The operation's name in S3, such as `GetObject`.
    pub op: &'static str,
    /// The bucket, empty for the service itself.
    pub bucket: String,
    /// The key, empty for a bucket; for a listing its prefix.
    pub key: String,
    /// The status of the answer.
    pub status: u16,
    /// Bytes of the request's body.
    pub up: u64,
    /// Bytes of the answer's body that were sent.
    pub down: u64,
}

/// The requests since the last [`RequestLog::clear`]. Clones show the same log.
#[derive(Debug, Clone, Default)]
pub struct RequestLog {
    inner: Arc<Mutex<Inner>>,
}

#[derive(Debug, Default)]
struct Inner {
    counts: BTreeMap<&'static str, u64>,
    entries: VecDeque<(Entry, Arc<AtomicU64>)>,
}

impl RequestLog {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a request; `down` goes on counting while the answer's body is sent.
    pub(crate) fn add(&self, entry: Entry, down: Arc<AtomicU64>) {
        let mut inner = self.lock();
        *inner.counts.entry(entry.op).or_default() += 1;
        if inner.entries.len() == MOST {
            inner.entries.pop_front();
        }
        inner.entries.push_back((entry, down));
    }

    /// How many requests there were of one operation.
    pub fn count(&self, op: &str) -> u64 {
        self.lock().counts.get(op).copied().unwrap_or(0)
    }

    /// How many requests there were of each operation.
    pub fn counts(&self) -> BTreeMap<String, u64> {
        self.lock().counts.iter().map(|(op, count)| ((*op).to_owned(), *count)).collect()
    }

    /// How many requests there were.
    pub fn total(&self) -> u64 {
        self.lock().counts.values().sum()
    }

    /// The requests in the order in which their answers began.
    pub fn entries(&self) -> Vec<Entry> {
        let entry =
            |(entry, down): &(Entry, Arc<AtomicU64>)| Entry { down: down.load(Ordering::Relaxed), ..entry.clone() };
        self.lock().entries.iter().map(entry).collect()
    }

    /// Forgets all requests so far.
    pub fn clear(&self) {
        *self.lock() = Inner::default();
    }
}
