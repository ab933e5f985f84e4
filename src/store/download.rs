//! The body of a GET, resumed where it broke.

use super::errors_from_sdk::{Failure, Outcome};
use super::http::chain;
use super::limits::Permit;
use super::retry::Tries;
use super::{ErrorKind, GetRequest, ObjectInfo, Result, Store};
use crate::patience::Patience;
use aws_smithy_types::byte_stream::ByteStream;
use bytes::Bytes;
use std::ops::Range;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// A body that gives nothing for so long is fetched anew.
pub(super) const STALL: Duration = Duration::from_secs(30);

/// A body on its way.
pub(super) struct Arriving {
    pub(super) stream: ByteStream,
    /// Bytes before the wanted ones: the service sent more than was asked for.
    pub(super) skip: u64,
    pub(super) _permit: Permit,
}

/// A GET whose headers were found good.
pub(super) struct Opened {
    pub(super) info: ObjectInfo,
    pub(super) range: Range<u64>,
    pub(super) arriving: Arriving,
}

/// An object's bytes as they arrive.
pub struct GetBody {
    /// What the headers said.
    pub info: ObjectInfo,
    /// The bytes that will come, half open.
    pub range: Range<u64>,
    store: Store,
    key: String,
    /// Where the next byte stands in the object.
    reached: u64,
    arriving: Option<Arriving>,
    /// Time for the next byte.
    patience: Patience,
    /// The attempts since then.
    tries: Option<Tries>,
}

impl GetBody {
    pub(super) fn new(store: Store, key: &str, opened: Opened) -> GetBody {
        let Opened { info, range, arriving } = opened;
        let reached = range.start;
        GetBody {
            info,
            range,
            store,
            key: key.to_owned(),
            reached,
            arriving: Some(arriving),
            patience: Patience::of(Duration::ZERO),
            tries: None,
        }
    }

    /// The next bytes, `None` at the end of `range`.
    ///
    /// A body that stalls, breaks or ends early is resumed from the byte it reached, on a new connection and with
    /// `If-Match`, until the deadline; no byte is given twice, none is left out.
    pub async fn next(&mut self) -> Result<Option<Bytes>> {
        // The reader's own pauses do not count.
        self.patience = Patience::of(self.store.ask_for);
        let stall = self.store.inner.stall.min(self.store.ask_for);
        loop {
            if self.reached >= self.range.end {
                self.arriving = None;
                return Ok(None);
            }
            let failure = match &mut self.arriving {
                None => self.resume().await.err(),
                Some(arriving) => match self.patience.spend(stall, arriving.stream.next()).await {
                    Ok(Some(Ok(frame))) => match self.take(frame) {
                        Some(bytes) => return Ok(Some(bytes)),
                        None => continue,
                    },
                    Ok(Some(Err(error))) => Some(broken(&chain(&error))),
                    Ok(None) => Some(broken("the body ended early")),
                    Err(_) => Some(broken("the body stalled")),
                },
            };
            if let Some(failure) = failure {
                self.arriving = None;
                self.tries().again(failure).await?;
            }
        }
    }

    /// The wanted bytes of a frame.
    fn take(&mut self, mut frame: Bytes) -> Option<Bytes> {
        let arriving = self.arriving.as_mut()?;
        let skipped = arriving.skip.min(frame.len() as u64);
        arriving.skip -= skipped;
        let _ = frame.split_to(skipped as usize);
        frame.truncate((self.range.end - self.reached).min(frame.len() as u64) as usize);
        if frame.is_empty() {
            return None;
        }
        self.reached += frame.len() as u64;
        self.tries = None;
        self.store.inner.counters.down.fetch_add(frame.len() as u64, Ordering::Relaxed);
        Some(frame)
    }

    async fn resume(&mut self) -> Outcome<()> {
        let (store, key) = (self.store.clone(), self.key.clone());
        let request = GetRequest {
            range: Some(self.reached..self.range.end),
            if_match: Some(self.info.etag.clone()),
            if_none_match: None,
        };
        let opened = store.open(self.tries(), &key, &request).await?;
        if opened.range != (self.reached..self.range.end) {
            return Err(broken("the object has another size now"));
        }
        self.arriving = Some(opened.arriving);
        Ok(())
    }

    fn tries(&mut self) -> &mut Tries {
        let store = &self.store;
        // Waiting for the body that stalled was part of the time for asking.
        let left = self.patience.left();
        self.tries.get_or_insert_with(|| Tries::new(store, "GetObject", &self.key, left))
    }
}

fn broken(words: &str) -> Box<Failure> {
    Failure::unclear("GetObject", ErrorKind::Server, words)
}
