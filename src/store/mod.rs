//! The store room: the only one that speaks S3.
//!
//! [`Store`] is one bucket of one service, seen with one user's credentials. It owns deadlines, retries, conditions
//! and everything in which Ceph's RADOS Gateway differs from the book; what comes out is a typed answer or a
//! [`StoreError`]. Each method is one S3 request when nothing goes wrong.

mod account;
mod acl;
mod append;
mod body;
mod bucket;
mod client;
mod complete;
mod config;
mod copy;
mod dial;
mod digest;
mod download;
mod error;
mod errors_from_sdk;
mod exchange;
mod flight;
mod gateways;
mod headers;
mod http;
mod identity;
mod limits;
mod list;
mod meter;
mod multipart;
mod part_source;
mod places;
mod policy;
mod quickack;
mod quirks;
mod read;
mod retry;
mod settle;
mod sse;
mod stray;
mod survey;
mod tls;
mod types;
mod upload_body;
mod usage;
mod write;

pub use append::{Tail, pieces};
pub use body::{Body, Segment};
pub use complete::{Completion, completed_etag};
pub use config::{CONNECTIONS, CredentialSource, Credentials, Network, Proxies, StoreConfig};
pub use download::GetBody;
pub use error::{ErrorKind, StoreError};
pub use http::READ_BUFFER;
pub use limits::RequestCounts;
pub use meter::{BOUNDS_MS, Metered, OpStats, Trouble, class_of};
pub use multipart::CopySource;
pub use sse::SseKey;
pub use survey::{Reached, Survey, survey};
pub use types::*;
pub use usage::Usage;

use ::aws_sdk_s3::Client;
use ::aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use ::aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use client::Clock;
use exchange::{Exchange, Extra};
use identity::SharedCredentials;
use limits::{Counters, Limits};
use places::Places;
pub use retry::REQUESTS;
use retry::{Done, Tries};
use std::error::Error;
use std::future::Future;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicU32};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

/// Result of the store room.
pub type Result<T> = std::result::Result<T, StoreError>;

/// One bucket. Cheap to clone; all clones share connections and counters, also those for other buckets.
#[derive(Clone)]
pub struct Store {
    inner: Arc<Inner>,
    place: Arc<Place>,
    sse: Option<Arc<SseKey>>,
    ask_for: Duration,
    store_for: Duration,
}

/// The bucket, and what was found out in it: a versioned one honours other conditions than the next.
struct Place {
    bucket: String,
    /// The keys of all probes begin so.
    probes: String,
    watch_probes: OnceLock<Box<WatchProbes>>,
    quirks: tokio::sync::Mutex<Option<Quirks>>,
    /// How often that was tried.
    probed: AtomicU32,
    /// Keys of probes that broke off, and may have left an upload.
    broke_off: Mutex<Vec<String>>,
    /// It was found that nothing can be appended here.
    no_append: AtomicBool,
}

type WatchProbes = dyn Fn(&str, bool) + Send + Sync;

struct Inner {
    places: Places,
    clock: Arc<Clock>,
    warned_of_clock: AtomicBool,
    told_of_keys: AtomicBool,
    credentials: Arc<SharedCredentials>,
    limits: Limits,
    counters: Counters,
    /// Whether the source of a part is decoded twice; see part_source.rs.
    decodes_twice: tokio::sync::Mutex<Option<bool>>,
    /// The `Server` header as last seen.
    server: Mutex<Option<String>>,
    /// A body that gives nothing for so long is fetched anew.
    stall: Duration,
}

/// What to fetch of an object.
#[derive(Clone, Debug, Default)]
pub struct GetRequest {
    /// Byte range, half open; `None`: all. Must not be empty. May end beyond the object's end.
    pub range: Option<Range<u64>>,
    /// Only if the object still has this tag (else [`ErrorKind::PreconditionFailed`]).
    pub if_match: Option<ETag>,
    /// Only if the object no longer has this tag (else [`ErrorKind::NotModified`]).
    pub if_none_match: Option<ETag>,
}

impl Store {
    /// Makes the client. Sends nothing. Must be called within a tokio runtime.
    pub fn new(config: StoreConfig) -> Result<Store> {
        let clock = Arc::new(Clock::default());
        let credentials = SharedCredentials::new(&config);
        let places = Places::new(&config, &clock, &credentials)?;
        let (ask_for, store_for) = (config.ask_for, config.store_for);
        let place = Place::new(&config.bucket, &config.probe_prefix);
        let inner = Inner {
            places,
            clock,
            warned_of_clock: AtomicBool::new(false),
            told_of_keys: AtomicBool::new(false),
            credentials,
            limits: Limits::new(config.max_connections),
            counters: Counters::default(),
            decodes_twice: tokio::sync::Mutex::new(None),
            server: Mutex::new(None),
            stall: download::STALL,
        };
        Ok(Store { inner: Arc::new(inner), place: Arc::new(place), sse: None, ask_for, store_for })
    }

    /// The bucket's name.
    pub fn bucket(&self) -> &str {
        &self.place.bucket
    }

    /// The service's address: the one of its names that is used now.
    pub fn endpoint(&self) -> &str {
        self.inner.places.endpoint()
    }

    /// Looks which of the service's names answer and takes the best. Does nothing if it has only one.
    pub async fn find_way(&self) {
        self.inner.places.find_way().await;
    }

    /// The gateways behind the name that is used now: address, time of the TCP handshake, whether it is left out.
    pub fn gateways(&self) -> Vec<(std::net::SocketAddr, Option<Duration>, bool)> {
        self.inner.places.gateways()
    }

    /// The same store with another total time for each operation, say to fail fast at mount time.
    pub fn with_deadline(&self, total: Duration) -> Store {
        Store { ask_for: total, store_for: total, ..self.clone() }
    }

    /// Another bucket of the same service, by the same connections.
    pub fn for_bucket(&self, bucket: &str, probe_prefix: &str) -> Store {
        Store { place: Arc::new(Place::new(bucket, probe_prefix)), ..self.clone() }
    }

    /// Signs the next requests of this store and all its clones as someone else, or with a renewed token.
    pub fn set_credentials(&self, credentials: Credentials) {
        self.inner.credentials.set(credentials);
    }

    /// Since when the service has refused the credentials, if it does.
    pub fn refused_for(&self) -> Option<Duration> {
        self.inner.credentials.refused_for()
    }

    /// `watch` is told before objects and uploads are made that find out what the service honours, and again when they are gone
    /// (`false`): a daemon that is killed in between leaves them. All their keys begin with what it is told; no other store
    /// uses the same.
    pub fn watch_probes(&self, watch: impl Fn(&str, bool) + Send + Sync + 'static) {
        let _ = self.place.watch_probes.set(Box::new(watch));
    }

    fn probing(&self, keys: &str, begins: bool) {
        if let Some(watch) = self.place.watch_probes.get() {
            watch(keys, begins);
        }
    }

    /// What was sent and received so far.
    pub fn requests(&self) -> RequestCounts {
        self.inner.counters.snapshot()
    }

    /// Bytes of bodies that have gone out so far.
    pub fn bytes_sent(&self) -> u64 {
        self.inner.counters.up.load(std::sync::atomic::Ordering::Relaxed)
    }

    /// What requests took and how they ended.
    pub fn metered(&self) -> Metered {
        self.inner.counters.meter.snapshot()
    }

    /// What the service says that it is (its `Server` header), if it has said so.
    pub fn server(&self) -> Option<String> {
        self.inner.server.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What the service was found to honour; nothing if that was not tried yet, or is being tried now.
    pub fn known_quirks(&self) -> Option<Quirks> {
        self.place.quirks.try_lock().ok().and_then(|known| known.clone())
    }

    /// One operation with nothing special about it: attempts until the deadline.
    async fn request<T, E, F, Fut>(
        &self,
        op: &'static str,
        key: &str,
        total: Duration,
        limit: Duration,
        extra: Extra,
        call: F,
    ) -> Result<Done<T>>
    where
        F: Fn(&Client, Exchange) -> Fut,
        Fut: Future<Output = std::result::Result<T, SdkError<E, HttpResponse>>>,
        E: ProvideErrorMetadata + Error + Send + Sync + 'static,
    {
        let mut tries = Tries::new(self, op, key, total);
        loop {
            match tries.attempt(limit, extra.clone(), &call).await {
                Ok(done) => return Ok(done),
                Err(failure) => tries.again(failure).await?,
            }
        }
    }

    fn note_server(&self, name: Option<&str>) {
        if let Some(name) = name {
            let mut server = self.inner.server.lock().unwrap_or_else(PoisonError::into_inner);
            if server.as_deref() != Some(name) {
                *server = Some(name.to_owned());
            }
        }
    }
}

impl Place {
    fn new(bucket: &str, probe_prefix: &str) -> Place {
        let id: String = std::iter::repeat_with(fastrand::alphanumeric).take(16).collect();
        Place {
            bucket: bucket.to_owned(),
            probes: format!("{probe_prefix}{id}-"),
            watch_probes: OnceLock::new(),
            quirks: Default::default(),
            probed: AtomicU32::new(0),
            broke_off: Mutex::default(),
            no_append: AtomicBool::new(false),
        }
    }
}

#[cfg(test)]
mod tests;
