//! A server to test, and a plain HTTP client that shows each answer as it is.

use std::path::PathBuf;

use bytes::Bytes;
use http::{HeaderMap, Request};
use http_body_util::{BodyExt, Full};
use hyper_util::rt::TokioIo;
use osirisfs::server::{Limits, Server, ServerConfig, Style, User};
use tokio::net::TcpStream;

/// The bucket of `alice_um` that each server has.
pub const BUCKET: &str = "umdemo-data";

pub fn token_user(id: &str) -> User {
    User { id: id.into(), access_key: Server::token(id), secret_key: None }
}

pub fn config(style: Style) -> ServerConfig {
    ServerConfig {
        listen: ([127, 0, 0, 1], 0).into(),
        data_dir: None,
        users: vec![
            token_user("alice_um"),
            token_user("bob_wsu"),
            User { id: "carol_msu".into(), access_key: "CAROL".into(), secret_key: Some("carol's secret".into()) },
        ],
        buckets: vec![(BUCKET.into(), "alice_um".into())],
        style,
        limits: Limits::default(),
    }
}

pub async fn start() -> Server {
    Server::start(config(Style::Rgw20)).await.expect("a server")
}

pub async fn start_on(folder: PathBuf) -> Server {
    let config = ServerConfig { data_dir: Some(folder), ..config(Style::Rgw20) };
    Server::start(config).await.expect("a server")
}

/// Sends requests as one user.
pub struct Client {
    address: std::net::SocketAddr,
    authorization: Option<String>,
}

pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Answer {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().expect("ASCII"))
    }

    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("UTF-8")
    }

    /// The contents of all XML elements of that name.
    pub fn elements(&self, name: &str) -> Vec<&str> {
        let (open, close) = (format!("<{name}>"), format!("</{name}>"));
        let pieces = self.text().split(open.as_str()).skip(1);
        pieces.map(|piece| piece.split(close.as_str()).next().expect("a piece")).collect()
    }

    /// Status and error code.
    pub fn error(&self) -> (u16, &str) {
        (self.status, self.elements("Code").first().copied().unwrap_or_default())
    }

    pub fn etag(&self) -> String {
        self.header("etag").expect("an ETag").to_owned()
    }
}

impl Client {
    pub fn of(server: &Server, user: &str) -> Self {
        Self::with_key(server, &Server::token(user))
    }

    pub fn with_key(server: &Server, access_key: &str) -> Self {
        let authorization = format!(
            "AWS4-HMAC-SHA256 Credential={access_key}/20260101/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=0"
        );
        Self { address: server.addr(), authorization: Some(authorization) }
    }

    pub fn anonymous(server: &Server) -> Self {
        Self { address: server.addr(), authorization: None }
    }

    /// Sends a request; fails if the connection is dropped before the whole answer is there.
    pub async fn try_send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Bytes>,
    ) -> Result<Answer, hyper::Error> {
        let stream = TcpStream::connect(self.address).await.expect("the server listens");
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
        let connection = tokio::spawn(connection);
        let mut request = Request::builder().method(method).uri(path).header("host", self.address.to_string());
        if let Some(authorization) = &self.authorization {
            request = request.header("authorization", authorization);
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        // RGW wants a length for an empty body as well, which hyper does not send of its own.
        let body = body.into();
        let request = request.header("content-length", body.len()).body(Full::new(body)).expect("a request");
        let (parts, body) = sender.send_request(request).await?.into_parts();
        let body = body.collect().await?.to_bytes();
        connection.abort();
        Ok(Answer { status: parts.status.as_u16(), headers: parts.headers, body })
    }

    pub async fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: impl Into<Bytes>) -> Answer {
        self.try_send(method, path, headers, body).await.expect("an answer")
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.send("GET", path, &[], "").await
    }

    pub async fn head(&self, path: &str) -> Answer {
        self.send("HEAD", path, &[], "").await
    }

    /// Puts an object into the bucket; the answer must be 200.
    pub async fn put(&self, key: &str, body: impl Into<Bytes>) -> Answer {
        let answer = self.send("PUT", &object(key), &[], body).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer
    }
}

/// The path of a key in the bucket.
pub fn object(key: &str) -> String {
    format!("/{BUCKET}/{key}")
}
