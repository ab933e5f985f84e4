//! The HTTP connector under the SDK: hyper's pooled HTTP/1.1 client over rustls, and what its errors mean.

use super::quickack::QuickAck;
use super::{ErrorKind, Result, StoreConfig, StoreError};
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy;
use hyper_util::client::legacy::connect::HttpConnector as TcpConnector;
use hyper_util::client::legacy::connect::dns::{GaiResolver, Name};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rustls::pki_types::CertificateDer;
use std::error::Error;
use std::fmt;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tower_service::Service;

/// Time for the TCP handshake, divided among the addresses of a name.
const CONNECT: Duration = Duration::from_secs(5);
/// A peer that acknowledges nothing of what was sent for so long is dead; one that acknowledges and is silent is only
/// slow. Longer than the keep-alive's half minute, because the kernel also counts a receive window that stays shut.
const DEAD_PEER: Duration = Duration::from_secs(60);
/// Less than the usual keep-alive time of servers and load balancers.
const IDLE: Duration = Duration::from_secs(25);
/// Big frames are fewer wake-ups per byte of a download; still bigger ones come from fresh memory each time, whose
/// clearing costs more.
const READ_BUFFER: usize = 256 << 10;

type Connector = HttpsConnector<QuickAck<TcpConnector<Resolver>>>;

/// The SDK's view of the pool. Cheap to clone.
#[derive(Clone)]
pub(super) struct HttpService {
    client: legacy::Client<Connector, SdkBody>,
}

impl HttpService {
    pub(super) fn new(config: &StoreConfig) -> Result<HttpService> {
        let mut tcp = TcpConnector::new_with_resolver(Resolver(GaiResolver::new()));
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        tcp.set_connect_timeout(Some(CONNECT));
        tcp.set_keepalive(Some(Duration::from_secs(10)));
        tcp.set_keepalive_interval(Some(Duration::from_secs(5)));
        tcp.set_keepalive_retries(Some(4));
        #[cfg(target_os = "linux")]
        tcp.set_tcp_user_timeout(Some(DEAD_PEER));
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(tls_config(config)?)
            .https_or_http()
            .enable_http1()
            .wrap_connector(QuickAck(tcp));
        let client = legacy::Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE)
            .pool_max_idle_per_host(config.max_connections.max(1))
            .http1_max_buf_size(READ_BUFFER)
            .build(connector);
        Ok(HttpService { client })
    }
}

impl fmt::Debug for HttpService {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HttpService")
    }
}

impl HttpClient for HttpService {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl HttpConnector for HttpService {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let client = self.client.clone();
        HttpConnectorFuture::new(async move {
            let mut request = request.try_into_http1x().map_err(|e| ConnectorError::user(Box::new(e)))?;
            say_empty(&mut request);
            let answer = client.request(request).await.map_err(|e| {
                let error = TransportError::from_hyper(&e);
                ConnectorError::other(Box::new(error), None)
            })?;
            HttpResponse::try_from(answer.map(SdkBody::from_body_1_x))
                .map_err(|e| ConnectorError::other(e.into(), None))
        })
    }
}

/// hyper sends no Content-Length with an empty body, and RGW refuses such an UploadPartCopy (411).
fn say_empty(request: &mut ::http::Request<SdkBody>) {
    let sends = matches!(*request.method(), ::http::Method::PUT | ::http::Method::POST);
    if sends && request.body().content_length() == Some(0) {
        request.headers_mut().insert(::http::header::CONTENT_LENGTH, ::http::HeaderValue::from_static("0"));
    }
}

/// An exchange that gave no answer.
#[derive(Debug)]
pub(super) struct TransportError {
    pub(super) kind: ErrorKind,
    /// Whether the service may have seen the request.
    pub(super) sent: bool,
    pub(super) message: String,
}

impl TransportError {
    fn from_hyper(error: &legacy::Error) -> TransportError {
        let kind = if !error.is_connect() {
            ErrorKind::Unreachable
        } else if find::<ResolveError>(error).is_some() {
            ErrorKind::Dns
        } else if find::<rustls::Error>(error).is_some() {
            ErrorKind::Tls
        } else {
            ErrorKind::Unreachable
        };
        TransportError { kind, sent: !error.is_connect(), message: chain(error) }
    }
}

impl fmt::Display for TransportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl Error for TransportError {}

/// The first error of type `T` in the chain of causes, also inside an `io::Error`, which hides what it wraps.
fn find<'a, T: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a T> {
    if let Some(found) = error.downcast_ref::<T>() {
        return Some(found);
    }
    if let Some(inner) = error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref) {
        return find(inner);
    }
    find(error.source()?)
}

/// All causes in one line, outermost first, without repetitions.
pub(super) fn chain(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let words = cause.to_string();
        if !text.contains(&words) {
            text.push_str(": ");
            text.push_str(&words);
        }
        next = cause.source();
    }
    text
}

/// getaddrinfo on the blocking pool. The addresses are shuffled, so that several gateways behind one name share the
/// load; a failure is marked, so that it can be told from a refused connection.
#[derive(Clone)]
struct Resolver(GaiResolver);

#[derive(Debug)]
struct ResolveError(std::io::Error);

impl fmt::Display for ResolveError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

impl Error for ResolveError {}

impl Service<Name> for Resolver {
    type Response = std::vec::IntoIter<SocketAddr>;
    type Error = ResolveError;
    type Future = Pin<Box<dyn Future<Output = std::result::Result<Self::Response, ResolveError>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<std::result::Result<(), ResolveError>> {
        self.0.poll_ready(cx).map_err(ResolveError)
    }

    fn call(&mut self, name: Name) -> Self::Future {
        let found = self.0.call(name);
        Box::pin(async move {
            let mut addresses: Vec<SocketAddr> = found.await.map_err(ResolveError)?.collect();
            fastrand::shuffle(&mut addresses);
            Ok(addresses.into_iter())
        })
    }
}

fn tls_config(config: &StoreConfig) -> Result<rustls::ClientConfig> {
    let mut roots = rustls::RootCertStore::empty();
    // Reading the system's certificates takes milliseconds: not for plain HTTP.
    if config.endpoint.to_ascii_lowercase().starts_with("https:") {
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        for certificate in extra_certificates(config)? {
            roots.add(certificate).map_err(|e| tls_error(config, &e))?;
        }
    }
    let provider = rustls::crypto::ring::default_provider();
    let config = rustls::ClientConfig::builder_with_provider(provider.into())
        .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])
        .map_err(|e| StoreError::local(ErrorKind::Tls, "Connect", e.to_string()))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(config)
}

fn extra_certificates(config: &StoreConfig) -> Result<Vec<CertificateDer<'static>>> {
    let Some(path) = &config.ca_file else { return Ok(Vec::new()) };
    let pem = std::fs::read(path).map_err(|e| tls_error(config, &e))?;
    let found: Vec<_> = rustls_pemfile::certs(&mut pem.as_slice())
        .collect::<std::io::Result<_>>()
        .map_err(|e| tls_error(config, &e))?;
    if found.is_empty() {
        return Err(tls_error(config, &"it holds no PEM certificate"));
    }
    Ok(found)
}

fn tls_error(config: &StoreConfig, cause: &dyn fmt::Display) -> StoreError {
    let path = config.ca_file.as_deref().unwrap_or(std::path::Path::new("")).display();
    StoreError::local(ErrorKind::Tls, "Connect", format!("cannot use the certificate file {path}: {cause}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io;

    #[test]
    fn causes_are_found_inside_io_errors() {
        let tls = || io::Error::new(io::ErrorKind::InvalidData, rustls::Error::HandshakeNotComplete);
        for wrapped in [tls(), io::Error::other(tls()), io::Error::other(io::Error::other(tls()))] {
            assert!(find::<rustls::Error>(&wrapped).is_some(), "{wrapped:?}");
            assert!(find::<ResolveError>(&wrapped).is_none());
        }
        assert!(find::<ResolveError>(&io::Error::other(ResolveError(tls()))).is_some());
        assert_eq!(chain(&io::Error::other("twice")), "twice");
    }
}
