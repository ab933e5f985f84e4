//! What a store is told: where the service is, and who asks.

use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// Connections, unless it is told otherwise: 96 for large files, and some for what is asked meanwhile.
pub const CONNECTIONS: u16 = 128;

/// Where and as whom.
#[derive(Clone, Debug)]
pub struct StoreConfig {
    /// `https://rgw.example.org` or `http://127.0.0.1:8000`.
    pub endpoint: String,
    /// Region to sign with; RGW takes any (`us-east-1`).
    pub region: String,
    /// Bucket name.
    pub bucket: String,
    /// Who asks.
    pub credentials: Credentials,
    /// Extra PEM file of certificate authorities.
    pub ca_file: Option<PathBuf>,
    /// The way to the service.
    pub network: Network,
    /// Connections kept to the service at the same time (default [`CONNECTIONS`]).
    pub max_connections: usize,
    /// Total time for reading and asking, retries included (default 60 s).
    pub ask_for: Duration,
    /// Total time for storing (PUT, parts, complete, copy, delete), retries included (default 600 s).
    pub store_for: Duration,
    /// Where a renewed token is found; `None`: the credentials stay as they are.
    pub source: Option<CredentialSource>,
    /// How long credentials that worked are believed although the service refuses them (default 30 s).
    pub token_grace: Duration,
    /// Keys that [`super::Store::quirks`] may use for its probes begin with this (default `.osirisfs/probe-`).
    pub probe_prefix: String,
}

/// The way to the service, where it is not just the name in its address.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Network {
    /// Other addresses of the same service (`https://rgw-um.example.org`): used when the first does not answer.
    pub others: Vec<String>,
    /// Addresses of names, in place of the system's resolver.
    pub resolve: Vec<(String, Vec<IpAddr>)>,
    /// Any certificate will do.
    pub no_tls_verify: bool,
    /// Proxies.
    pub proxies: Proxies,
}

/// Proxies as the environment names them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Proxies {
    /// `HTTP_PROXY`
    pub http: Option<String>,
    /// `HTTPS_PROXY`
    pub https: Option<String>,
    /// `NO_PROXY`
    pub none_for: Option<String>,
}

/// An access key and its secret. For an OSiRIS token the token is the access key and the secret is empty.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// Access key or token. A token is a password: it is never shown.
    pub access_key: String,
    /// Secret key; may be empty.
    pub secret_key: String,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credentials(hidden)")
    }
}

impl StoreConfig {
    /// All defaults.
    pub fn new(endpoint: impl Into<String>, bucket: impl Into<String>, credentials: Credentials) -> StoreConfig {
        StoreConfig {
            endpoint: endpoint.into(),
            region: "us-east-1".to_owned(),
            bucket: bucket.into(),
            credentials,
            ca_file: None,
            network: Network::default(),
            max_connections: CONNECTIONS.into(),
            ask_for: Duration::from_secs(60),
            store_for: Duration::from_secs(600),
            source: None,
            token_grace: Duration::from_secs(30),
            probe_prefix: ".osirisfs/probe-".to_owned(),
        }
    }
}

/// Reads the credentials anew from where they came from.
#[derive(Clone)]
pub struct CredentialSource {
    words: Arc<str>,
    read: Arc<Read>,
}

type Read = dyn Fn() -> Option<Credentials> + Send + Sync;

impl CredentialSource {
    /// `words` say where that is, for the log; `read` may block, and gives nothing if there are none now.
    pub fn new(
        words: impl Into<Arc<str>>,
        read: impl Fn() -> Option<Credentials> + Send + Sync + 'static,
    ) -> CredentialSource {
        CredentialSource { words: words.into(), read: Arc::new(read) }
    }

    /// Where the credentials come from.
    pub fn words(&self) -> &str {
        &self.words
    }

    /// The credentials as they are there now.
    pub fn read(&self) -> Option<Credentials> {
        (self.read)()
    }
}

impl fmt::Debug for CredentialSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CredentialSource({})", self.words)
    }
}
