//! The HTTP client under the SDK: hyper's pooled HTTP/1.1 over rustls, to the gateways behind one name; and what its errors
//! mean.
//!
//! Each request is sent to one gateway's address, with the name in its Host header and in the TLS handshake. So each gateway
//! has a pool of its own, and which one a request goes to is decided here.

use super::dial::{self, Dial};
use super::flight::{self, Watched};
use super::gateways::{Gateway, Gateways, Lookup};
use super::{ErrorKind, Result, StoreConfig, StoreError, tls};
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use hyper::body::Incoming;
use hyper_rustls::{FixedServerNameResolver, HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rustls::pki_types::ServerName;
use std::error::Error;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

/// Less than the usual keep-alive time of servers and load balancers.
const IDLE: Duration = Duration::from_secs(25);
/// Big frames are fewer wake-ups per byte of a download; still bigger ones come from fresh memory each time, whose
/// clearing costs more. Each connection that reads has one.
pub const READ_BUFFER: u64 = 128 << 10;

type Client = legacy::Client<HttpsConnector<Dial>, SdkBody>;

/// The SDK's view of one name of the service. Cheap to clone.
#[derive(Clone)]
pub(super) struct HttpService {
    client: Client,
    /// `None`: a proxy looks after that.
    gateways: Option<Arc<Gateways>>,
    /// For a proxy that sees each request.
    proxy_auth: Option<::http::HeaderValue>,
    /// Value of the Host header.
    host: ::http::HeaderValue,
    scheme: ::http::uri::Scheme,
}

impl HttpService {
    /// `spare`: there are other names of the service.
    pub(super) fn new(config: &StoreConfig, endpoint: &str, spare: bool) -> Result<HttpService> {
        let wrong = |why: &str| StoreError::local(ErrorKind::BadRequest, "Connect", format!("{endpoint}: {why}"));
        let uri: ::http::Uri = endpoint.parse().map_err(|_| wrong("no address"))?;
        let scheme = uri.scheme().cloned().ok_or_else(|| wrong("no scheme"))?;
        let https = scheme == ::http::uri::Scheme::HTTPS;
        let name = uri.host().ok_or_else(|| wrong("no host"))?.trim_matches(['[', ']']).to_owned();
        let default_port = if https { 443 } else { 80 };
        let port = uri.port_u16().unwrap_or(default_port);
        let host = if port == default_port {
            uri.host().unwrap_or_default().to_owned()
        } else {
            format!("{}:{port}", uri.host().unwrap_or_default())
        };
        let host = ::http::HeaderValue::try_from(host).map_err(|_| wrong("no host"))?;
        let proxy = dial::proxy_for(&config.network, &uri)?;
        let gateways = match &proxy {
            Some(_) => None,
            None => Some(Gateways::new(&name, port, lookup(config, &name), spare)),
        };
        let dial = match (&proxy, &gateways) {
            (None, Some(gateways)) => Dial::straight(gateways.clone()),
            (Some(proxy), _) => Dial::by_proxy(proxy, https),
            (None, None) => return Err(wrong("no way")),
        };
        let proxy_auth = proxy.filter(|_| !https).and_then(|proxy| proxy.basic_auth().cloned());
        let builder = HttpsConnectorBuilder::new().with_tls_config(tls::client_config(config, https)?).https_or_http();
        let connector = match ServerName::try_from(name) {
            Ok(name) => builder.with_server_name_resolver(FixedServerNameResolver::new(name)),
            Err(_) if https => return Err(wrong("its host is no name that a certificate can have")),
            Err(_) => builder,
        };
        let client = legacy::Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE)
            .pool_max_idle_per_host(config.max_connections.max(1))
            .http1_max_buf_size(READ_BUFFER as usize)
            .build(connector.enable_http1().wrap_connector(dial));
        let service = HttpService { client, gateways, proxy_auth, host, scheme };
        if let Some(gateways) = &service.gateways {
            // Without its gateways, or they would keep themselves alive.
            let prober = HttpService { gateways: None, ..service.clone() };
            gateways.set_probe(Box::new(move |address| {
                let prober = prober.clone();
                Box::pin(async move { prober.probe(address).await.is_ok() })
            }));
        }
        Ok(service)
    }

    /// The gateways, unless a proxy looks after them.
    pub(super) fn gateways(&self) -> Option<&Arc<Gateways>> {
        self.gateways.as_ref()
    }

    /// Asks for a sign of life: anybody may send `GET /` to RGW. Gives the status.
    pub(super) async fn probe(&self, address: SocketAddr) -> std::result::Result<u16, TransportError> {
        let mut request = ::http::Request::new(SdkBody::empty());
        self.direct(&mut request, address);
        let asking = tokio::time::timeout(dial::CONNECT, self.client.request(request));
        let late = |_| TransportError { kind: ErrorKind::Timeout, sent: true, message: "no answer in time".into() };
        let status = asking.await.map_err(late)?.map_err(|e| TransportError::from_hyper(&e))?.status().as_u16();
        if status >= 500 {
            let message = format!("HTTP {status}");
            return Err(TransportError { kind: ErrorKind::Server, sent: true, message });
        }
        Ok(status)
    }

    /// Turns a request to a gateway's address; the name stays in its Host header.
    fn direct(&self, request: &mut ::http::Request<SdkBody>, address: SocketAddr) {
        request.headers_mut().insert(::http::header::HOST, self.host.clone());
        let path = request.uri().path_and_query().cloned();
        let path = path.unwrap_or_else(|| ::http::uri::PathAndQuery::from_static("/"));
        let uri =
            ::http::Uri::builder().scheme(self.scheme.clone()).authority(address.to_string()).path_and_query(path);
        if let Ok(uri) = uri.build() {
            *request.uri_mut() = uri;
        }
    }

    async fn send(&self, mut request: ::http::Request<SdkBody>) -> std::result::Result<Answer, TransportError> {
        say_empty(&mut request);
        let Some(gateways) = &self.gateways else {
            if let Some(auth) = &self.proxy_auth {
                request.headers_mut().insert(::http::header::PROXY_AUTHORIZATION, auth.clone());
            }
            let answer = self.client.request(request).await.map_err(|e| TransportError::from_hyper(&e))?;
            return Ok(answer.map(SdkBody::from_body_1_x));
        };
        let mut failed = Vec::new();
        let mut last = None;
        loop {
            let resolved = gateways.choose(&failed).await.map_err(TransportError::unresolved)?;
            let Some(gateway) = resolved else { return Err(last.unwrap_or_else(TransportError::nowhere)) };
            let spare = if gateways.several() { flight::again(&request) } else { None };
            match (self.exchange(gateways, &gateway, request).await, spare) {
                // Nothing was sent: any other gateway will do, at once.
                (Err(error), Some(same)) if !error.sent => {
                    failed.push(gateway.address);
                    last = Some(error);
                    request = same;
                }
                (result, _) => return result,
            }
        }
    }

    async fn exchange(
        &self,
        gateways: &Arc<Gateways>,
        gateway: &Arc<Gateway>,
        mut request: ::http::Request<SdkBody>,
    ) -> std::result::Result<Answer, TransportError> {
        self.direct(&mut request, gateway.address);
        let mut flight = gateway.enter();
        match flight::answer_of(gateways, gateway, self.client.request(request)).await {
            Ok(Ok(answer)) => {
                flight.answered();
                gateway.outcome(!matches!(answer.status().as_u16(), 500 | 502 | 504));
                let (gateways, gateway) = (gateways.clone(), gateway.clone());
                Ok(answer.map(|body: Incoming| SdkBody::from_body_1_x(Watched::new(body, gateways, gateway, flight))))
            }
            Ok(Err(error)) => {
                let error = TransportError::from_hyper(&error);
                gateway.outcome(false);
                if error.sent {
                    gateways.suspect(gateway);
                } else {
                    gateways.leave_out(gateway, &error.message);
                }
                Err(error)
            }
            Err(gone) => Err(TransportError { kind: ErrorKind::Unreachable, sent: true, message: gone.to_string() }),
        }
    }
}

type Answer = ::http::Response<SdkBody>;

/// Where the addresses of a name come from: `--resolve`, the name itself if it is an address, or the system.
fn lookup(config: &StoreConfig, name: &str) -> Lookup {
    let told = config.network.resolve.iter().find(|(told, _)| told.eq_ignore_ascii_case(name));
    match (told, name.parse::<IpAddr>()) {
        (Some((_, addresses)), _) => Lookup::Fixed(addresses.clone()),
        (None, Ok(address)) => Lookup::Fixed(vec![address]),
        (None, Err(_)) => Lookup::Name,
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
        let service = self.clone();
        HttpConnectorFuture::new(async move {
            let request = request.try_into_http1x().map_err(|e| ConnectorError::user(Box::new(e)))?;
            let answer = service.send(request).await.map_err(|e| ConnectorError::other(Box::new(e), None))?;
            HttpResponse::try_from(answer).map_err(|e| ConnectorError::other(e.into(), None))
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

    fn unresolved(error: ResolveError) -> TransportError {
        TransportError { kind: ErrorKind::Dns, sent: false, message: error.to_string() }
    }

    fn nowhere() -> TransportError {
        TransportError { kind: ErrorKind::Dns, sent: false, message: "the name has no address".into() }
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

/// A name that does not resolve.
#[derive(Debug)]
pub(super) struct ResolveError(pub(super) std::io::Error);

impl fmt::Display for ResolveError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

impl Error for ResolveError {}

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
