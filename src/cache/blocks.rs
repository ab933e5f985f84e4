//! The blocks in memory and the flights that bring new ones.

use super::slice::{Joined, Segment, Slice};
use crate::store::{ETag, StoreError};
use crate::sync::{CACHE, Ranked};
use crate::sys;
use bytes::Bytes;
use lru::LruCache;
use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::sync::watch;

/// Bytes in a block, the last of an object excepted: what a random read of few bytes fetches. (Less would not be faster: a
/// round trip takes longer than the bytes.)
pub const BLOCK: u64 = 32 * 1024;

/// Bytes that come along with a request that is made anyway: the kernel's smallest read-ahead.
pub const SMALL: u64 = 128 * 1024;

/// What a block costs beside its bytes (measured: identity, key, list and table entries), so that the cache keeps its
/// bound also when it is full of tiny files.
pub(super) const OVERHEAD: u64 = 512;

/// What bytes these are: a bucket, a key and an etag. Hashed once.
#[derive(Debug)]
pub struct Identity {
    bucket: Arc<str>,
    key: String,
    etag: ETag,
    hash: u64,
}

impl Identity {
    /// The identity of one version of an object.
    pub fn new(bucket: &Arc<str>, key: &str, etag: &ETag) -> Arc<Identity> {
        let mut hasher = DefaultHasher::new();
        (bucket, key, etag).hash(&mut hasher);
        Arc::new(Identity { bucket: bucket.clone(), key: key.to_string(), etag: etag.clone(), hash: hasher.finish() })
    }
}

impl PartialEq for Identity {
    fn eq(&self, other: &Identity) -> bool {
        std::ptr::eq(self, other)
            || (self.hash == other.hash
                && self.etag == other.etag
                && self.key == other.key
                && self.bucket == other.bucket)
    }
}

impl Eq for Identity {}

impl Hash for Identity {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.hash);
    }
}

type BlockKey = (Arc<Identity>, u32);
/// What a flight says of its block: nothing yet, or how it ended.
pub(super) type Landing = Option<Result<Slice, StoreError>>;

/// The LRU block cache, bounded in bytes.
#[derive(Debug)]
pub struct BlockCache {
    capacity: u64,
    /// Bytes lent to what is not stored yet.
    pub(super) lent: AtomicU64,
    /// Bytes of segments: those of the cache, and those that are being filled or read.
    pub(super) alive: Arc<AtomicU64>,
    inner: Ranked<CACHE, Inner>,
}

#[derive(Debug)]
struct Inner {
    blocks: LruCache<BlockKey, Slice>,
    bytes: u64,
    flights: HashMap<BlockKey, watch::Receiver<Landing>>,
    used: Used,
}

/// How often a wanted block was in memory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Used {
    /// It was there.
    pub hits: u64,
    /// It had to be fetched, or was on its way.
    pub misses: u64,
}

/// How a wanted block is found.
pub(super) enum Claim {
    /// In memory.
    Here(Slice),
    /// Somebody is fetching it.
    Coming(watch::Receiver<Landing>),
}

/// Blocks that the claimer has promised to fetch: neighbours, in order.
pub(super) struct Run {
    pub(super) blocks: Range<u32>,
    pub(super) landings: Vec<watch::Sender<Landing>>,
}

impl BlockCache {
    /// A cache that holds up to `capacity` bytes.
    pub fn new(capacity: u64) -> Arc<BlockCache> {
        let inner = Inner { blocks: LruCache::unbounded(), bytes: 0, flights: HashMap::new(), used: Used::default() };
        Arc::new(BlockCache { capacity, lent: AtomicU64::new(0), alive: Arc::default(), inner: Ranked::new(inner) })
    }

    /// The upper bound in bytes.
    pub fn capacity(&self) -> u64 {
        self.capacity
    }

    /// Makes room for memory that was lent just now.
    pub(super) fn shrink(&self) {
        self.fit(&mut self.inner.lock());
    }

    /// Evicts until all memory together keeps the bound: blocks, what is on its way or being read, and what is lent.
    fn fit(&self, inner: &mut Inner) {
        let taken = |inner: &Inner| {
            let blocks = inner.blocks.len() as u64 * OVERHEAD;
            self.alive.load(Ordering::Relaxed) + blocks + self.lent()
        };
        while taken(inner) > self.capacity {
            let Some((_, old)) = inner.blocks.pop_lru() else { break };
            inner.gone(&old);
        }
        sys::keep_spare(self.capacity.saturating_sub(taken(inner)));
    }

    /// Bytes held now, with what holding them costs.
    pub fn bytes(&self) -> u64 {
        self.inner.lock().bytes
    }

    /// How often what was wanted was there.
    pub fn used(&self) -> Used {
        self.inner.lock().used
    }

    /// Whether a block is in memory or on its way; does not count as a use.
    pub fn has(&self, id: &Arc<Identity>, block: u32) -> bool {
        let inner = self.inner.lock();
        let key = (id.clone(), block);
        inner.blocks.contains(&key) || inner.flights.contains_key(&key)
    }

    /// The bytes of `range`, if all of them are in memory, in as few pieces as they lie there.
    pub fn try_read(&self, id: &Arc<Identity>, range: Range<u64>) -> Option<Vec<Bytes>> {
        let mut joined = Joined::default();
        let mut inner = self.inner.lock();
        let mut key = (id.clone(), 0);
        let blocks = blocks_of(&range);
        for block in blocks.clone() {
            key.1 = block;
            joined.push(cut(inner.blocks.get(&key)?, block, &range));
        }
        // What is not all here is asked for again, and counted then.
        inner.used.hits += blocks.len() as u64;
        drop(inner);
        Some(joined.finish())
    }

    /// Puts whole blocks in, evicting the least recently used. `bytes` begin with `block`, and share memory from then on.
    pub fn insert(&self, id: &Arc<Identity>, block: u32, bytes: &[u8]) {
        let (segment, mut writer) = Segment::new(bytes.len(), &self.alive);
        writer.append(bytes);
        for (from, block) in (0..bytes.len()).step_by(BLOCK as usize).zip(block..) {
            let until = bytes.len().min(from + BLOCK as usize);
            self.put(id, block, Slice::of(&segment, from..until));
        }
    }

    /// Puts one block in, whose memory others may share.
    pub(super) fn put(&self, id: &Arc<Identity>, block: u32, bytes: Slice) {
        let mut inner = self.inner.lock();
        inner.insert((id.clone(), block), bytes);
        self.fit(&mut inner);
    }

    /// Blocks of one version that are the same in another one are known by the other's name from now on.
    pub fn carry(&self, from: &Arc<Identity>, to: &Arc<Identity>, blocks: Range<u32>) {
        let mut inner = self.inner.lock();
        for block in blocks {
            if let Some(bytes) = inner.blocks.pop(&(from.clone(), block))
                && let Some((_, old)) = inner.blocks.push((to.clone(), block), bytes)
            {
                inner.gone(&old);
            }
        }
    }

    /// Forgets the blocks that lie in `range` as a whole.
    pub fn forget(&self, id: &Arc<Identity>, range: Range<u64>) {
        let mut inner = self.inner.lock();
        let mut key = (id.clone(), 0);
        for block in range.start.div_ceil(BLOCK)..range.end / BLOCK {
            key.1 = block as u32;
            if let Some(old) = inner.blocks.pop(&key) {
                inner.gone(&old);
            }
        }
    }

    /// Finds or promises each of `blocks`: what is neither here nor coming is in the returned runs, for the caller to
    /// fetch.
    pub(super) fn claim(&self, id: &Arc<Identity>, blocks: Range<u32>) -> (Vec<Claim>, Vec<Run>) {
        let mut inner = self.inner.lock();
        let mut claims = Vec::with_capacity(blocks.len());
        let mut runs: Vec<Run> = Vec::new();
        for block in blocks {
            let key = (id.clone(), block);
            if let Some(bytes) = inner.blocks.get(&key) {
                claims.push(Claim::Here(bytes.clone()));
                continue;
            }
            // One whose transfer ended without a word (by a fault in the program) is none.
            let alive = |flight: &&watch::Receiver<Landing>| flight.borrow().is_some() || flight.has_changed().is_ok();
            if let Some(flight) = inner.flights.get(&key).filter(alive) {
                claims.push(Claim::Coming(flight.clone()));
                continue;
            }
            let (sender, receiver) = watch::channel(None);
            inner.flights.insert(key, receiver.clone());
            claims.push(Claim::Coming(receiver));
            match runs.last_mut() {
                Some(run) if run.blocks.end == block => {
                    run.blocks.end += 1;
                    run.landings.push(sender);
                }
                _ => runs.push(Run { blocks: block..block + 1, landings: vec![sender] }),
            }
        }
        (claims, runs)
    }

    /// Counts what a reader found.
    pub(super) fn count(&self, claims: &[Claim]) {
        let hits = claims.iter().filter(|claim| matches!(claim, Claim::Here(_))).count();
        let mut inner = self.inner.lock();
        inner.used.hits += hits as u64;
        inner.used.misses += (claims.len() - hits) as u64;
    }

    /// A promised block has arrived: visible to all from now on.
    pub(super) fn land(&self, id: &Arc<Identity>, block: u32, landing: &watch::Sender<Landing>, bytes: Slice) {
        let key = (id.clone(), block);
        let mut inner = self.inner.lock();
        inner.flights.remove(&key);
        inner.insert(key, bytes.clone());
        self.fit(&mut inner);
        drop(inner);
        landing.send_replace(Some(Ok(bytes)));
    }

    /// A promised block will not come.
    pub(super) fn give_up(&self, id: &Arc<Identity>, block: u32, landing: &watch::Sender<Landing>, why: &StoreError) {
        self.inner.lock().flights.remove(&(id.clone(), block));
        landing.send_replace(Some(Err(why.clone())));
    }
}

impl Inner {
    fn insert(&mut self, key: BlockKey, bytes: Slice) {
        self.bytes += bytes.segment().cache_one() + OVERHEAD;
        if let Some((_, old)) = self.blocks.push(key, bytes) {
            self.gone(&old);
        }
    }

    fn gone(&mut self, old: &Slice) {
        self.bytes -= old.segment().drop_one() + OVERHEAD;
    }
}

/// The numbers of the blocks that a byte range touches.
pub(super) fn blocks_of(range: &Range<u64>) -> Range<u32> {
    if range.is_empty() {
        return 0..0;
    }
    (range.start / BLOCK) as u32..((range.end - 1) / BLOCK + 1) as u32
}

/// The part of a block that lies in a byte range.
pub(super) fn cut(bytes: &Slice, block: u32, range: &Range<u64>) -> Slice {
    let start = u64::from(block) * BLOCK;
    let from = range.start.saturating_sub(start).min(BLOCK) as usize;
    let to = range.end.saturating_sub(start).min(BLOCK) as usize;
    bytes.part(from..to.max(from))
}
