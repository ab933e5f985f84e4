//! The HTTP side: connections, what is done to each request before and after the protocol crate sees it, the log.

use std::io;
use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use http::{HeaderName, HeaderValue, Method, Request, Response, StatusCode, header, request};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use s3s::service::S3Service;
use s3s::{Body, S3Error, S3Result, s3_error};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::Style;
use super::auth::Users;
use super::backend::{RawHeaders, error, metadata_size, text};
use super::fault::{CountedBody, Fault, Hook, RequestInfo};
use super::log::{Entry, RequestLog};
use super::operation::{Operation, is_legal_path};

/// The largest read and the most that is buffered per connection.
const BUFFER: usize = 256 << 10;

/// How long open connections may go on when the server stops.
const GRACE: Duration = Duration::from_secs(2);

/// A body that a fault hook refuses is read up to this size, so that the client gets to read the answer.
const DRAIN: usize = 64 << 20;

/// What all connections share.
pub(crate) struct Front {
    pub(crate) service: S3Service,
    pub(crate) users: Arc<Users>,
    pub(crate) style: Style,
    pub(crate) log: RequestLog,
    pub(crate) hook: RwLock<Option<Arc<Hook>>>,
    pub(crate) requests: AtomicU64,
    /// The most user metadata of a request.
    pub(crate) metadata: usize,
}

/// One address that it listens on.
#[derive(Clone)]
pub(crate) struct Gate {
    pub(crate) front: Arc<Front>,
    /// What was asked here.
    pub(crate) log: Option<RequestLog>,
}

/// The connection is to be dropped.
#[derive(Debug, thiserror::Error)]
#[error("dropped by a fault hook")]
struct Dropped;

/// Serves connections until `stop` is set, then lets the open ones end.
pub(crate) async fn serve(listener: TcpListener, gate: Gate, mut stop: watch::Receiver<bool>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    connections.spawn(connection(stream, gate.clone(), stop.clone()));
                }
                Err(error) => {
                    // Out of file descriptors, most likely: connections that end will free some.
                    tracing::warn!(%error, "cannot accept a connection");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            },
            Some(_) = connections.join_next() => {}
            _ = stop.changed() => break,
        }
    }
    drop(listener);
    let all = async { while connections.join_next().await.is_some() {} };
    if tokio::time::timeout(GRACE, all).await.is_err() {
        connections.shutdown().await;
    }
}

async fn connection(stream: TcpStream, gate: Gate, mut stop: watch::Receiver<bool>) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "cannot set TCP_NODELAY");
    }
    let service = service_fn(move |request| {
        let gate = gate.clone();
        async move { gate.front.answer(request, gate.log.as_ref()).await }
    });
    let connection = http1::Builder::new().max_buf_size(BUFFER).serve_connection(TokioIo::new(stream), service);
    let mut connection = pin!(connection);
    let result = tokio::select! {
        result = connection.as_mut() => result,
        _ = stop.changed() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = result {
        tracing::debug!(%error, "connection ended");
    }
}

impl Front {
    async fn answer(
        &self,
        request: Request<Incoming>,
        log: Option<&RequestLog>,
    ) -> Result<Response<CountedBody>, Dropped> {
        let (parts, body) = request.into_parts();
        let operation =
            Operation::of(&parts.method, parts.uri.path(), parts.uri.query().unwrap_or_default(), &parts.headers);
        let up = text(&parts.headers, header::CONTENT_LENGTH).and_then(|length| length.parse().ok()).unwrap_or(0);
        let fault = self.fault(&parts, &operation, up);
        if let Fault::Delay(time) = fault {
            tokio::time::sleep(time).await;
        }
        let is_head = parts.method == Method::HEAD;
        let result = match fault {
            Fault::Status(status, code) => {
                // What the client sent is of no interest, nor is an error on its way.
                drop(http_body_util::Limited::new(body, DRAIN).collect().await);
                Err(error::custom(StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR), code))
            }
            _ => self.work(parts, body, &operation).await,
        };
        let mut response = result.or_else(S3Error::to_http_response).unwrap_or_else(|_| {
            let mut response = Response::new(Body::empty());
            *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
            response
        });
        if is_head && response.headers().contains_key(header::CONTENT_RANGE) {
            *response.status_mut() = StatusCode::PARTIAL_CONTENT;
        }
        self.add_headers(&mut response);
        let down = Arc::new(AtomicU64::new(0));
        let entry = Entry {
            op: operation.name,
            bucket: operation.bucket,
            key: operation.key,
            status: response.status().as_u16(),
            up,
            down: 0,
        };
        if let Some(log) = log {
            log.add(entry.clone(), down.clone());
        }
        self.log.add(entry, down.clone());
        if fault == Fault::AfterWork {
            return Err(Dropped);
        }
        Ok(response.map(|body| CountedBody::new(body, down, fault)))
    }

    fn fault(&self, parts: &request::Parts, operation: &Operation, length: u64) -> Fault {
        let hook = self.hook.read().unwrap_or_else(PoisonError::into_inner).clone();
        let Some(hook) = hook else { return Fault::Pass };
        hook(&RequestInfo {
            op: operation.name,
            bucket: operation.bucket.clone(),
            key: operation.key.clone(),
            query: parts.uri.query().unwrap_or_default().to_owned(),
            range: text(&parts.headers, header::RANGE).map(str::to_owned),
            length,
        })
    }

    async fn work(&self, mut parts: request::Parts, body: Incoming, operation: &Operation) -> S3Result<Response<Body>> {
        if metadata_size(&parts.headers) > self.metadata {
            // RGW's front end refuses a request with large headers before anybody reads it, so without an error code.
            let mut response = Response::new(Body::empty());
            *response.status_mut() = StatusCode::BAD_REQUEST;
            return Ok(response);
        }
        // RGW takes customer keys over TLS only, which this server does not speak.
        if parts.headers.contains_key("x-amz-server-side-encryption-customer-algorithm") {
            return Err(s3_error!(InvalidRequest));
        }
        let caller = self.users.identify(&mut parts, self.style)?;
        parts.extensions.insert(caller);
        if !is_legal_path(parts.uri.path()) {
            return Err(error::invalid_object_name());
        }
        let signed = parts.uri.query().is_some_and(|query| query.contains("Signature="));
        if !signed && !parts.headers.contains_key(header::AUTHORIZATION) {
            hide_headers(&mut parts);
        }
        let request = Request::from_parts(parts, Body::from(body));
        let called = self.service.call(request).await;
        let response = called.map_err(|error| {
            let mut unknown = error::unknown();
            unknown.set_source(error.into());
            unknown
        })?;
        match operation.name {
            "CompleteMultipartUpload" | "CopyObject" | "UploadPartCopy" if self.style == Style::Rgw16 => {
                Ok(response.map(without_quotes))
            }
            _ => Ok(response),
        }
    }

    fn add_headers(&self, response: &mut Response<Body>) {
        let number = self.requests.fetch_add(1, Ordering::Relaxed);
        if let Ok(id) = HeaderValue::try_from(format!("tx{number:021x}")) {
            response.headers_mut().insert("x-amz-request-id", id);
        }
        // Release 20 names itself, the ones before do not.
        if self.style == Style::Rgw20 {
            response.headers_mut().insert(header::SERVER, HeaderValue::from_static("osirisfs"));
        }
    }
}

/// Leaves only those headers to the protocol crate that it needs to know the operation and to read the body.
fn hide_headers(parts: &mut request::Parts) {
    const SHOWN: [HeaderName; 6] = [
        header::HOST,
        header::CONTENT_LENGTH,
        header::TRANSFER_ENCODING,
        header::CONTENT_TYPE,
        HeaderName::from_static("x-amz-copy-source"),
        HeaderName::from_static("x-amz-copy-source-range"),
    ];
    let all = std::mem::take(&mut parts.headers);
    for name in SHOWN {
        if let Some(value) = all.get(&name) {
            parts.headers.insert(name, value.clone());
        }
    }
    parts.extensions.insert(RawHeaders(all));
}

/// Release 16 writes the ETags of these answers without quotes.
fn without_quotes(body: Body) -> Body {
    let Some(bytes) = body.bytes() else { return body };
    let text = String::from_utf8_lossy(&bytes);
    let Some((before, rest)) = text.split_once("<ETag>") else { return body };
    let Some((etag, after)) = rest.split_once("</ETag>") else { return body };
    let etag = etag.replace("&quot;", "").replace('"', "");
    Body::from(format!("{before}<ETag>{etag}</ETag>{after}"))
}

/// Binds the listener.
pub(crate) fn bind(address: std::net::SocketAddr) -> io::Result<TcpListener> {
    let listener = std::net::TcpListener::bind(address)?;
    listener.set_nonblocking(true)?;
    TcpListener::from_std(listener)
}
