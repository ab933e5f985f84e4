//! The raw ceiling of `scripts/bench`: requests that were signed before, many in flight, no file system, nothing hashed.
//!
//! ```text
//! cargo run --release --example raw-client -- PLAN LANES
//! ```
//!
//! PLAN has a request a line, as JSON (see `scripts/lib/raw_plan.py`). Each of the LANES has a connection of its own and
//! takes the next request when it has read the last answer; those marked as last go out when all others are answered.
//! Prints how long all took, in microseconds.

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::Instant;

/// One request.
#[derive(Deserialize)]
struct Request {
    method: String,
    url: String,
    #[serde(default)]
    headers: HashMap<String, String>,
    /// The body: a file, from where on, how many bytes.
    #[serde(default)]
    body: Option<(String, u64, usize)>,
    #[serde(default)]
    last: bool,
}

type Failure = Box<dyn std::error::Error + Send + Sync>;

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [plan, lanes] = &arguments[..] else { return Err("usage: raw-client PLAN LANES".into()) };
    let lines = std::fs::read_to_string(plan)?;
    let requests: Vec<Request> = lines.lines().map(serde_json::from_str).collect::<Result<_, _>>()?;
    let (last, first): (Vec<_>, Vec<_>) = requests.into_iter().partition(|request| request.last);
    let begun = Instant::now();
    run(first, lanes.parse()?).await?;
    run(last, 1).await?;
    println!("{}", begun.elapsed().as_micros());
    Ok(())
}

async fn run(requests: Vec<Request>, lanes: usize) -> Result<(), Failure> {
    let lanes = lanes.min(requests.len());
    let (requests, next) = (Arc::new(requests), Arc::new(AtomicUsize::new(0)));
    let all: Vec<_> = (0..lanes).map(|_| tokio::spawn(lane(requests.clone(), next.clone()))).collect();
    for one in all {
        one.await??;
    }
    Ok(())
}

async fn lane(requests: Arc<Vec<Request>>, next: Arc<AtomicUsize>) -> Result<(), Failure> {
    let mut connection = None;
    while let Some(request) = requests.get(next.fetch_add(1, Relaxed)) {
        let mut sender = match connection.take() {
            Some(open) => open,
            None => connect(&request.url).await?,
        };
        // A server may end a connection that it has answered on.
        if sender.ready().await.is_err() {
            sender = connect(&request.url).await?;
        }
        send(&mut sender, request).await?;
        connection = Some(sender);
    }
    Ok(())
}

async fn connect(url: &str) -> Result<SendRequest<Full<Bytes>>, Failure> {
    let url: http::Uri = url.parse()?;
    let stream = TcpStream::connect(url.authority().ok_or("no host")?.as_str()).await?;
    stream.set_nodelay(true)?;
    let (sender, connection) = handshake(TokioIo::new(Prompt(stream))).await?;
    tokio::spawn(connection);
    Ok(sender)
}

async fn send(sender: &mut SendRequest<Full<Bytes>>, request: &Request) -> Result<(), Failure> {
    let url: http::Uri = request.url.parse()?;
    let mut body = Vec::new();
    if let Some((file, at, len)) = &request.body {
        body.resize(*len, 0);
        File::open(file)?.read_exact_at(&mut body, *at)?;
    }
    let path = url.path_and_query().ok_or("no path")?.as_str();
    let mut builder = http::Request::builder().method(request.method.as_str()).uri(path);
    builder = builder.header("host", url.authority().ok_or("no host")?.as_str());
    for (name, value) in &request.headers {
        builder = builder.header(name, value);
    }
    let answer = sender.send_request(builder.body(Full::from(body))?).await?;
    let status = answer.status();
    let mut body = answer.into_body();
    while let Some(frame) = body.frame().await {
        frame?;
    }
    if !status.is_success() {
        return Err(format!("{} {}: {status}", request.method, request.url).into());
    }
    Ok(())
}

/// A connection that acknowledges at once. A gateway that writes an answer in two pieces waits for the first one's
/// acknowledgement, which the kernel delays by 40 ms.
struct Prompt(TcpStream);

impl AsyncRead for Prompt {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let read = ready!(Pin::new(&mut self.0).poll_read(cx, buf));
        socket2::SockRef::from(&self.0).set_tcp_quickack(true)?;
        Poll::Ready(read)
    }
}

impl AsyncWrite for Prompt {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}
