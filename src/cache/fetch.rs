//! Bringing blocks: ranged GETs pinned to one etag, each block published as it arrives.

use super::blocks::{BLOCK, BlockCache, Claim, Identity, Run, blocks_of, cut};
use super::line::Line;
use super::readahead::{LANES, ReadAhead, Share};
use super::slice::{Joined, SEGMENT, Segment, Slice};
use crate::store::{ETag, ErrorKind, GetBody, GetRequest, Store, StoreError};
use crate::sync::Ranked;
use crate::sys::SlabWriter;
use bytes::{Buf, Bytes};
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Least memory for data that nobody has asked for yet; else half of the cache.
const LEAST_AHEAD: u64 = 16 << 20;
/// Least memory for what programs wait for; else a quarter of the cache.
const LEAST_WANTED: u64 = 8 << 20;
/// A read waits so long for its share of it.
const ROOM_WAIT: Duration = Duration::from_secs(5);
/// Least window of one reader, however many there are. With more than their share of what there is they would push out what
/// others have not read yet.
const LEAST_WINDOW: u64 = 128 << 10;
/// With more readers than these each may ask for more at once than one connection carries well.
const FEW: u64 = 4;
/// Memory of a transfer, see [`Buffer`].
const TRANSFER: u64 = 4 * crate::store::READ_BUFFER;
/// Least requests of one reader.
const LEAST_LANES: u64 = 4;

/// Where the bytes of one version come from.
#[derive(Clone, Debug)]
pub struct Origin {
    /// Identity for the cache.
    pub id: Arc<Identity>,
    /// The key under which the object stands now.
    pub key: String,
    /// Every GET is pinned to it.
    pub etag: ETag,
    /// Size of the object in bytes.
    pub size: u64,
}

/// Reads objects through the block cache.
#[derive(Clone)]
pub struct Fetcher {
    cache: Arc<BlockCache>,
    store: Store,
    ahead: Arc<Ahead>,
    /// Blocks that programs wait for, or are being given: first come, first served.
    wanted: Arc<Semaphore>,
    line: Arc<Line>,
}

/// The memory for reading ahead, shared by all readers.
struct Ahead {
    /// Blocks that may be on their way.
    blocks: Arc<Semaphore>,
    bytes: u64,
    since: Instant,
    /// Sequential readers of this second and of the one before: the second above, their number below.
    readers: [AtomicU64; 2],
}

impl Ahead {
    /// Counts a reader in this second; gives back what each reader may have ahead.
    fn share(&self, reader: &mut ReadAhead, size: u64, line: &Line) -> Share {
        let second = self.since.elapsed().as_secs() + 1;
        let slot = &self.readers[(second % 2) as usize];
        if reader.count_second(second, size) {
            let count = |slot: u64| if slot >> 32 == second { slot + 1 } else { second << 32 | 1 };
            let _ = slot.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |slot| Some(count(slot)));
        }
        let number = |second: u64| {
            let slot = self.readers[(second % 2) as usize].load(Ordering::Relaxed);
            if slot >> 32 == second { slot & 0xffff_ffff } else { 0 }
        };
        let readers = number(second).max(number(second - 1)).max(1);
        let (bytes, lanes) = ((self.bytes / readers).max(LEAST_WINDOW), (LANES / readers).max(LEAST_LANES));
        // The requests of many readers are side by side anyway.
        Share { bytes, lanes, piece: line.piece() * (readers / FEW).max(1), worth: line.worth() }
    }
}

/// How many blocks all reads together may wait for.
fn wanted(capacity: u64) -> u32 {
    ((capacity / 4).max(LEAST_WANTED) / BLOCK) as u32
}

impl Fetcher {
    /// A fetcher over a cache and a store.
    pub fn new(cache: Arc<BlockCache>, store: Store) -> Fetcher {
        let bytes = (cache.capacity() / 2).max(LEAST_AHEAD);
        // More than all shares together: who finds nothing left falls behind for good.
        let blocks = Arc::new(Semaphore::new((bytes * 5 / 4 / BLOCK) as usize));
        let ahead = Ahead { blocks, bytes, since: Instant::now(), readers: Default::default() };
        let wanted = Arc::new(Semaphore::new(wanted(cache.capacity()) as usize));
        Fetcher { cache, store, ahead: Arc::new(ahead), wanted, line: Arc::new(Line::new()) }
    }

    /// The same cache and budget over another bucket's store.
    pub fn over(&self, store: Store) -> Fetcher {
        Fetcher { store, ..self.clone() }
    }

    /// The cache below.
    pub fn cache(&self) -> &Arc<BlockCache> {
        &self.cache
    }

    /// The bytes of `range` (cut at the end of the object), in as few pieces as they lie in memory.
    pub async fn read(&self, origin: &Origin, range: Range<u64>) -> Result<Vec<Bytes>, StoreError> {
        let range = range.start.min(origin.size)..range.end.min(origin.size);
        let blocks = blocks_of(&range);
        // A read that is larger than all that there is takes all of it. Those before it may wait for a service that is silent:
        // then it goes on without, and ends by its own deadline.
        let room = (blocks.len() as u32).min(wanted(self.cache.capacity()));
        let _room = tokio::time::timeout(ROOM_WAIT, self.wanted.acquire_many(room)).await;
        let (claims, runs) = self.cache.claim(&origin.id, blocks.clone());
        for run in runs {
            self.spawn(origin.clone(), run, None);
        }
        self.cache.count(&claims);
        let mut joined = Joined::default();
        for (block, claim) in blocks.zip(claims) {
            let bytes = match claim {
                Claim::Here(bytes) => bytes,
                Claim::Coming(mut flight) => match flight.wait_for(Option::is_some).await {
                    Ok(landed) => landed.clone().unwrap_or_else(|| Err(lost()))?,
                    Err(_) => return Err(lost()),
                },
            };
            joined.push(cut(&bytes, block, &range));
        }
        Ok(joined.finish())
    }

    /// Notes a read and starts fetching what will be read next. `waits`: what it wants is not in memory.
    pub fn read_ahead<const R: u8>(
        &self,
        reader: &Ranked<R, ReadAhead>,
        origin: &Origin,
        read: &Range<u64>,
        waits: bool,
    ) {
        let want = {
            let mut reader = reader.lock();
            let share = self.ahead.share(&mut reader, origin.size, &self.line);
            reader.note(read, origin.size, share, waits, Instant::now())
        };
        for range in want.ranges(origin.size) {
            let (from, until) = (range.start, self.ahead(origin, range, want.piece));
            if want.stride == 0 {
                reader.lock().asked(from, until);
            }
        }
    }

    /// Starts fetching what is missing of `range` by requests of up to `piece` bytes, without waiting; as far as the memory
    /// for reading ahead reaches. Gives back the offset up to which the bytes are here or coming.
    fn ahead(&self, origin: &Origin, range: Range<u64>, piece: u64) -> u64 {
        let piece = piece.div_ceil(BLOCK).max(1) as u32;
        let range = range.start.min(origin.size)..range.end.min(origin.size);
        let mut at = blocks_of(&range);
        while at.start < at.end {
            if self.cache.has(&origin.id, at.start) {
                at.start += 1;
                continue;
            }
            let end = at.end.min((at.start + 1).next_multiple_of(piece).max(at.start + piece.div_ceil(2)));
            let Ok(permit) = self.ahead.blocks.clone().try_acquire_many_owned(end - at.start) else { break };
            let (_, runs) = self.cache.claim(&origin.id, at.start..end);
            let permit = Arc::new(permit);
            for run in runs {
                self.spawn(origin.clone(), run, Some(permit.clone()));
            }
            at.start = end;
        }
        (u64::from(at.start) * BLOCK).max(range.start)
    }

    /// Takes over a body that a GET at open began: its blocks are published like any others.
    pub fn adopt(&self, origin: &Origin, body: GetBody) {
        let (_, runs) = self.cache.claim(&origin.id, blocks_of(&body.range));
        let mut body = Some(body);
        for run in runs {
            let start = u64::from(run.blocks.start) * BLOCK;
            // It fills one run from its start; where others are here or coming between, the rest is asked for.
            match body.take_if(|body| body.range.start == start) {
                Some(body) => {
                    let (cache, line, id) = (self.cache.clone(), self.line.clone(), origin.id.clone());
                    tokio::spawn(async move { receive(&cache, &line, &id, run, body).await });
                }
                None => self.spawn(origin.clone(), run, None),
            }
        }
    }

    fn spawn(&self, origin: Origin, run: Run, permit: Option<Arc<OwnedSemaphorePermit>>) {
        let (cache, store, line) = (self.cache.clone(), self.store.clone(), self.line.clone());
        tokio::spawn(async move {
            let _permit = permit;
            let _buffer = Buffer::of(&cache.alive);
            let range = u64::from(run.blocks.start) * BLOCK..(u64::from(run.blocks.end) * BLOCK).min(origin.size);
            let request = GetRequest { range: Some(range), if_match: Some(origin.etag.clone()), if_none_match: None };
            let asked = Instant::now();
            match store.get(&origin.key, request).await {
                Ok(body) => {
                    let now = Instant::now();
                    line.note_answer(now - asked, now);
                    receive(&cache, &line, &origin.id, run, body).await;
                }
                Err(error) => {
                    for (block, landing) in run.blocks.zip(&run.landings) {
                        cache.give_up(&origin.id, block, landing, &error);
                    }
                }
            }
        });
    }
}

/// Fills a run's blocks from a body and publishes each when it is whole.
async fn receive(cache: &BlockCache, line: &Line, id: &Arc<Identity>, run: Run, mut body: GetBody) {
    let mut first: Option<(Instant, u64)> = None;
    let mut filling = Filling::new(run.blocks.clone(), body.range.end, &cache.alive);
    let mut landings = run.blocks.clone().zip(&run.landings);
    let failed = loop {
        match body.next().await {
            Ok(Some(mut frame)) => {
                let (begun, before) = *first.get_or_insert_with(|| (Instant::now(), frame.len() as u64));
                while !frame.is_empty() && !filling.is_full() {
                    let taken = filling.take(&frame);
                    frame.advance(taken);
                    while let Some(bytes) = filling.next_whole() {
                        let Some((number, landing)) = landings.next() else { break };
                        cache.land(id, number, landing, bytes);
                    }
                }
                if filling.is_full() {
                    let (now, bytes) = (Instant::now(), body.range.end - body.range.start);
                    line.note(bytes.saturating_sub(before), now.saturating_duration_since(begun), now);
                    return;
                }
            }
            Ok(None) => break StoreError::local(ErrorKind::Corrupt, "GetObject", "the body ended early"),
            Err(error) => break error,
        }
    };
    for (number, landing) in landings {
        cache.give_up(id, number, landing, &failed);
    }
}

/// What a transfer costs beside the blocks that it brings: the connection's buffer, the one that it has filled before, of
/// which the frames are parts, and as much again as these two for all that a connection and its tasks need besides (measured
/// with 64 readers).
struct Buffer(Arc<AtomicU64>);

impl Buffer {
    fn of(alive: &Arc<AtomicU64>) -> Buffer {
        alive.fetch_add(TRANSFER, Ordering::Relaxed);
        Buffer(alive.clone())
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        self.0.fetch_sub(TRANSFER, Ordering::Relaxed);
    }
}

/// The memory of a run of blocks while it is filled, a segment at a time.
pub(super) struct Filling {
    /// Offset in the object after the last byte wanted.
    end: u64,
    /// Offset of the next byte that comes.
    at: u64,
    /// Offset of the first byte that has not been given away in a block.
    given: u64,
    /// Offset of the current segment's first byte.
    start: u64,
    segment: Option<(Arc<Segment>, SlabWriter)>,
    alive: Arc<AtomicU64>,
}

impl Filling {
    pub(super) fn new(blocks: Range<u32>, end: u64, alive: &Arc<AtomicU64>) -> Filling {
        let start = u64::from(blocks.start) * BLOCK;
        let end = end.min(u64::from(blocks.end) * BLOCK);
        Filling { end, at: start, given: start, start, segment: None, alive: alive.clone() }
    }

    pub(super) fn is_full(&self) -> bool {
        self.at >= self.end
    }

    /// Takes in what of a frame fits into the current segment; gives back how much that is.
    pub(super) fn take(&mut self, frame: &[u8]) -> usize {
        if self.segment.is_none() {
            // Segments begin where the kernel's large reads begin.
            let end = (self.at + 1).next_multiple_of(u64::from(SEGMENT) * BLOCK).min(self.end);
            self.start = self.at;
            self.segment = Some(Segment::new((end - self.at) as usize, &self.alive));
        }
        let taken = self.segment.as_mut().map_or(0, |(_, writer)| writer.append(frame));
        self.at += taken as u64;
        taken
    }

    /// The next block that is whole. After the last block of a segment the next segment begins.
    pub(super) fn next_whole(&mut self) -> Option<Slice> {
        let block_end = (self.given + 1).next_multiple_of(BLOCK).min(self.end);
        if self.at < block_end || self.given >= self.end {
            return None;
        }
        let (segment, _) = self.segment.as_ref()?;
        let slice = Slice::of(segment, (self.given - self.start) as usize..(block_end - self.start) as usize);
        self.given = block_end;
        if block_end.is_multiple_of(u64::from(SEGMENT) * BLOCK) {
            self.segment = None;
        }
        Some(slice)
    }
}

fn lost() -> StoreError {
    StoreError::local(ErrorKind::Server, "GetObject", "the transfer was given up")
}
