//! The embedded S3 server: a small RGW for trying things out and for tests.
//!
//! It answers as Ceph's RADOS Gateway does by default, for token users and for users with a secret key. It runs on
//! threads of its own, so a test may block on a file system that talks to it.

mod access;
mod auth;
mod backend;
mod fault;
mod http;
mod log;
mod operation;
mod persist;
mod policy;

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, PoisonError, RwLock};

use s3s::auth::{S3Auth, SecretKey};
use s3s::service::S3ServiceBuilder;
use s3s::{S3Result, access::S3Access, access::S3AccessContext};
use tokio::runtime::Runtime;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use auth::Users;
use backend::{Backend, Route, Service};
use http::Front;

pub use backend::QuotaOf;
pub use fault::{Fault, Hook, RequestInfo};
pub use log::{Entry, RequestLog};

/// How the server is set up.
#[derive(Debug, Clone)]
pub struct ServerConfig {
    /// Where it listens; port 0 is any free port.
    pub listen: SocketAddr,
    /// Where objects are kept as files that outlive the server; `None` keeps all in memory.
    pub data_dir: Option<PathBuf>,
    /// Who may log in.
    pub users: Vec<User>,
    /// Buckets to create at the start, each with its owner's id.
    pub buckets: Vec<(String, String)>,
    /// Which release of RGW it behaves like.
    pub style: Style,
    /// What it takes at most.
    pub limits: Limits,
}

/// Someone who may log in.
#[derive(Clone, PartialEq, Eq)]
pub struct User {
    /// The id, as in access control lists.
    pub id: String,
    /// The access key, for a token user the token.
    pub access_key: String,
    /// The secret key; `None` for a token user, whose signature is not verified.
    pub secret_key: Option<String>,
}

/// Shows the id only: a token is a password.
impl fmt::Debug for User {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("User").field("id", &self.id).finish_non_exhaustive()
    }
}

/// Which release of RGW the server behaves like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Style {
    /// Pacific: If-Match of a PUT without quotes only, no conditions on complete, copy and delete, the answer to
    /// Complete has an empty ETag, no Server header.
    Rgw16,
    /// Tentacle: If-Match with or without quotes, Complete and DELETE are conditional, `Server: osirisfs`.
    #[default]
    Rgw20,
}

/// What the server takes at most.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Bytes in one PUT or part.
    pub max_put: u64,
    /// Bytes in one copy.
    pub max_copy: u64,
    /// The least bytes of a part that is not the last.
    pub min_part: u64,
    /// Parts in one upload.
    pub max_parts: u32,
    /// Bytes in a bucket.
    pub quota_bytes: Option<u64>,
    /// Bytes of user metadata, names and values.
    pub metadata: usize,
}

impl Default for Limits {
    fn default() -> Self {
        let gib = 1 << 30;
        let (max_put, max_copy, min_part) = (5 * gib, 5 * gib, 5 << 20);
        Self { max_put, max_copy, min_part, max_parts: 10_000, quota_bytes: None, metadata: 8 << 10 }
    }
}

/// One more address of a server.
pub struct Listener {
    address: SocketAddr,
    serving: JoinHandle<()>,
    requests: RequestLog,
}

impl Listener {
    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.address
    }

    /// What was asked here.
    pub fn log(&self) -> RequestLog {
        self.requests.clone()
    }

    /// Ends it as a process that is killed: all its connections break at once.
    pub async fn kill(self) {
        self.serving.abort();
        drop(self.serving.await);
    }
}

/// A running server. It ends when it is stopped or dropped.
pub struct Server {
    address: SocketAddr,
    front: Arc<Front>,
    backend: Arc<Backend>,
    stop: watch::Sender<bool>,
    serving: Option<JoinHandle<()>>,
    runtime: Option<Runtime>,
}

/// Signatures of users with a secret key.
struct Auth(Arc<Users>);

#[async_trait::async_trait]
impl S3Auth for Auth {
    async fn get_secret_key(&self, access_key: &str) -> S3Result<SecretKey> {
        self.0.get_secret_key(access_key).await
    }
}

/// Lets everything through to the backend, which knows the access control lists.
struct LetThrough;

#[async_trait::async_trait]
impl S3Access for LetThrough {
    async fn check(&self, _: &mut S3AccessContext<'_>) -> S3Result<()> {
        Ok(())
    }
}

impl Server {
    /// Starts a server.
    pub async fn start(config: ServerConfig) -> io::Result<Self> {
        let users = Arc::new(Users::new(&config.users));
        let backend = Arc::new(Backend::open(&config, users.clone())?);
        let mut builder = S3ServiceBuilder::new(Service(backend.clone()));
        builder.set_auth(Auth(users.clone()));
        builder.set_access(LetThrough);
        builder.set_route(Route(backend.clone()));
        let front = Arc::new(Front {
            service: builder.build(),
            users,
            style: config.style,
            log: RequestLog::default(),
            hook: RwLock::new(None),
            requests: AtomicU64::new(1),
            metadata: config.limits.metadata,
        });
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .thread_name("s3-server")
            .enable_all()
            .build()?;
        let listener = {
            let _inside = runtime.enter();
            http::bind(config.listen)?
        };
        let address = listener.local_addr()?;
        let (stop, stopped) = watch::channel(false);
        let serving = runtime.spawn(http::serve(listener, http::Gate { front: front.clone(), log: None }, stopped));
        Ok(Self { address, front, backend, stop, serving: Some(serving), runtime: Some(runtime) })
    }

    /// Listens on one more address, as another gateway of the same cluster does. The log of the server has its requests as
    /// well.
    pub fn listen(&self, address: SocketAddr) -> io::Result<Listener> {
        let runtime = self.runtime.as_ref().ok_or(io::ErrorKind::NotConnected)?;
        let listener = {
            let _inside = runtime.enter();
            http::bind(address)?
        };
        let address = listener.local_addr()?;
        let requests = RequestLog::default();
        let gate = http::Gate { front: self.front.clone(), log: Some(requests.clone()) };
        let serving = runtime.spawn(http::serve(listener, gate, self.stop.subscribe()));
        Ok(Listener { address, serving, requests })
    }

    /// The address that it listens on.
    pub fn addr(&self) -> SocketAddr {
        self.address
    }

    /// The URL for clients.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The token of a made-up user, in the form that OSiRIS gives out: an access key for [`User::access_key`].
    pub fn token(id: &str) -> String {
        auth::token(id)
    }

    /// What was asked of it.
    pub fn log(&self) -> RequestLog {
        self.front.log.clone()
    }

    /// Asks `hook` about each request from now on what shall go wrong with it.
    pub fn on_request(&self, hook: Box<Hook>) {
        *self.front.hook.write().unwrap_or_else(PoisonError::into_inner) = Some(hook.into());
    }

    /// From now on these and no others may log in; what they own stays.
    pub fn set_users(&self, users: &[User]) {
        self.front.users.set(users);
    }

    /// Sets or takes away a quota, in bytes. It is not kept on disk.
    pub fn set_quota(&self, of: QuotaOf, bytes: Option<u64>) {
        self.backend.set_quota(of, bytes);
    }

    /// Ends it: open requests may finish for a short time, then all connections are closed.
    pub async fn stop(mut self) {
        self.stop.send_replace(true);
        if let Some(serving) = self.serving.take() {
            // It fails only if it panicked, and then there is nothing left to wait for.
            drop(serving.await);
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.backend.close();
        self.stop.send_replace(true);
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}
