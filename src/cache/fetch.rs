//! Bringing blocks: ranged GETs pinned to one etag, each block published as it arrives.

use super::blocks::{BLOCK, BlockCache, Claim, Identity, Run, blocks_of, cut};
use crate::store::{ETag, ErrorKind, GetBody, GetRequest, Store, StoreError};
use bytes::{Bytes, BytesMut};
use std::ops::Range;
use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Blocks in one GET when reading ahead (4 MiB): long enough that the round trip does not count, short enough that
/// several run side by side.
const CHUNK: u32 = (4 * 1024 * 1024 / BLOCK) as u32;
/// GETs in flight for reading ahead, over all handles: with [`CHUNK`] this bounds the memory that is promised to data
/// nobody has asked for yet (64 MiB).
const AHEAD_GETS: usize = 16;

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
    ahead: Arc<Semaphore>,
}

impl Fetcher {
    /// A fetcher over a cache and a store.
    pub fn new(cache: Arc<BlockCache>, store: Store) -> Fetcher {
        Fetcher { cache, store, ahead: Arc::new(Semaphore::new(AHEAD_GETS)) }
    }

    /// The cache below.
    pub fn cache(&self) -> &Arc<BlockCache> {
        &self.cache
    }

    /// The bytes of `range` (cut at the end of the object), one slice a block.
    pub async fn read(&self, origin: &Origin, range: Range<u64>) -> Result<Vec<Bytes>, StoreError> {
        let range = range.start.min(origin.size)..range.end.min(origin.size);
        let blocks = blocks_of(&range);
        let (claims, runs) = self.cache.claim(&origin.id, blocks.clone());
        for run in runs {
            self.spawn(origin.clone(), run, None);
        }
        self.cache.count(&claims);
        let mut slices = Vec::with_capacity(claims.len());
        for (block, claim) in blocks.zip(claims) {
            let bytes = match claim {
                Claim::Here(bytes) => bytes,
                Claim::Coming(mut flight) => match flight.wait_for(Option::is_some).await {
                    Ok(landed) => landed.clone().unwrap_or_else(|| Err(lost()))?,
                    Err(_) => return Err(lost()),
                },
            };
            slices.push(cut(&bytes, block, &range));
        }
        Ok(slices)
    }

    /// Starts fetching what is missing of `range`, without waiting; as far as the budget for reading ahead allows.
    /// Gives back the offset up to which the bytes are here or coming.
    pub fn ahead(&self, origin: &Origin, range: Range<u64>) -> u64 {
        let range = range.start.min(origin.size)..range.end.min(origin.size);
        let mut at = blocks_of(&range);
        while at.start < at.end {
            if self.cache.has(&origin.id, at.start) {
                at.start += 1;
                continue;
            }
            let Ok(permit) = self.ahead.clone().try_acquire_owned() else { break };
            let end = at.end.min(at.start.next_multiple_of(CHUNK).max(at.start + CHUNK / 2));
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
        // What is already here or coming makes the body superfluous, except where it fills one run from its start.
        let Some(run) = runs.into_iter().next() else { return };
        if u64::from(run.blocks.start) * BLOCK != body.range.start {
            self.spawn(origin.clone(), run, None);
            return;
        }
        let (cache, id) = (self.cache.clone(), origin.id.clone());
        tokio::spawn(async move { receive(&cache, &id, run, body).await });
    }

    fn spawn(&self, origin: Origin, run: Run, permit: Option<Arc<OwnedSemaphorePermit>>) {
        let (cache, store) = (self.cache.clone(), self.store.clone());
        tokio::spawn(async move {
            let _permit = permit;
            let range = u64::from(run.blocks.start) * BLOCK..(u64::from(run.blocks.end) * BLOCK).min(origin.size);
            let request = GetRequest { range: Some(range), if_match: Some(origin.etag.clone()), if_none_match: None };
            match store.get(&origin.key, request).await {
                Ok(body) => receive(&cache, &origin.id, run, body).await,
                Err(error) => {
                    for (block, landing) in run.blocks.zip(&run.landings) {
                        cache.give_up(&origin.id, block, landing, &error);
                    }
                }
            }
        });
    }
}

/// Cuts a body into blocks and publishes each when it is whole.
async fn receive(cache: &BlockCache, id: &Arc<Identity>, run: Run, mut body: GetBody) {
    let end = body.range.end;
    let mut landings = run.blocks.clone().zip(&run.landings);
    let mut at = body.range.start;
    let mut block = BytesMut::new();
    let mut failed = None;
    let mut current = landings.next();
    while let Some((number, landing)) = current {
        let want = (BLOCK.min(end - (u64::from(number) * BLOCK).min(end))) as usize;
        if block.len() == want && want > 0 {
            cache.land(id, number, landing, std::mem::take(&mut block).freeze());
            current = landings.next();
            continue;
        }
        match body.next().await {
            Ok(Some(mut frame)) => {
                at += frame.len() as u64;
                // A frame may end one block and fill the next ones.
                while !frame.is_empty() {
                    let Some((number, landing)) = current else { break };
                    let want = (BLOCK.min(end - u64::from(number) * BLOCK)) as usize;
                    if block.capacity() == 0 {
                        block.reserve(want);
                    }
                    block.extend_from_slice(&frame.split_to(frame.len().min(want - block.len())));
                    if block.len() == want {
                        cache.land(id, number, landing, std::mem::take(&mut block).freeze());
                        current = landings.next();
                    }
                }
            }
            Ok(None) => {
                failed = Some(StoreError::local(
                    ErrorKind::Corrupt,
                    "GetObject",
                    format!("the body ended at byte {at} instead of {end}"),
                ));
                break;
            }
            Err(error) => {
                failed = Some(error);
                break;
            }
        }
    }
    if let Some(error) = failed {
        for (number, landing) in current.into_iter().chain(landings) {
            cache.give_up(id, number, landing, &error);
        }
    }
}

fn lost() -> StoreError {
    StoreError::local(ErrorKind::Server, "GetObject", "the transfer was given up")
}
