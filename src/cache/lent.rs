//! Memory of the cache, lent to bytes that wait to be stored: one bound holds for both.

use super::BlockCache;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// Memory that was lent; given back when dropped.
#[derive(Debug)]
pub struct Lent {
    from: Arc<BlockCache>,
    bytes: u64,
}

impl BlockCache {
    /// Lends memory, up to half of the cache; its least recently used blocks make room. `None`: all of that is lent.
    pub fn lend(self: &Arc<Self>, bytes: u64) -> Option<Lent> {
        let most = self.capacity() / 2;
        let more = |lent: u64| lent.checked_add(bytes).filter(|lent| *lent <= most);
        self.lent.fetch_update(Ordering::AcqRel, Ordering::Acquire, more).ok()?;
        self.shrink();
        Some(Lent { from: self.clone(), bytes })
    }

    /// Bytes lent now.
    pub fn lent(&self) -> u64 {
        self.lent.load(Ordering::Acquire)
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        // No lock: pieces of a body are dropped wherever it is sent.
        self.from.lent.fetch_sub(self.bytes, Ordering::AcqRel);
    }
}
