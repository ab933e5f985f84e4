//! A server that misbehaves on purpose: it answers what a closure says, byte for byte.

use crate::store::{Credentials, Quirks, Store, StoreConfig};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// A request as it came over the wire.
#[derive(Clone, Debug)]
pub struct Request {
    pub method: String,
    pub target: String,
    pub head: String,
    pub body: Vec<u8>,
}

impl Request {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }
}

/// What to send back.
pub struct Reply {
    bytes: Vec<u8>,
    close: bool,
    hold: Duration,
}

impl Reply {
    /// A whole answer; Content-Length is added.
    pub fn new(status: u16, headers: &str, body: impl AsRef<[u8]>) -> Reply {
        let body = body.as_ref();
        let headers: String = headers.lines().map(|line| format!("{}\r\n", line.trim())).collect();
        let mut bytes = format!("HTTP/1.1 {status} X\r\nContent-Length: {}\r\n{headers}\r\n", body.len()).into_bytes();
        bytes.extend_from_slice(body);
        Reply { bytes, close: false, hold: Duration::ZERO }
    }

    /// An answer to HEAD: the length of a body that is not sent.
    pub fn head(size: u64, headers: &str) -> Reply {
        let headers: String = headers.lines().map(|line| format!("{}\r\n", line.trim())).collect();
        let bytes = format!("HTTP/1.1 200 X\r\nContent-Length: {size}\r\n{headers}\r\n").into_bytes();
        Reply { bytes, close: false, hold: Duration::ZERO }
    }

    /// An S3 error document.
    pub fn error(status: u16, code: &str) -> Reply {
        Reply::new(status, "Content-Type: application/xml\nx-amz-request-id: tx1", error_document(code))
    }

    /// The connection is closed without an answer.
    pub fn lost() -> Reply {
        Reply { bytes: Vec::new(), close: true, hold: Duration::ZERO }
    }

    /// The last `missing` bytes are not sent; the connection is closed.
    pub fn cut(mut self, missing: usize) -> Reply {
        self.bytes.truncate(self.bytes.len() - missing);
        self.close = true;
        self
    }

    /// After its bytes the connection stays open and silent.
    pub fn held(mut self) -> Reply {
        self.hold = Duration::from_secs(60);
        self
    }

    /// The last `missing` bytes are not sent; the connection stays open and silent.
    pub fn stalled(mut self, missing: usize) -> Reply {
        self.bytes.truncate(self.bytes.len() - missing);
        self.held()
    }
}

pub fn error_document(code: &str) -> String {
    format!("<?xml version=\"1.0\"?><Error><Code>{code}</Code><Message>words</Message></Error>")
}

/// The server. Its tasks end with the test's runtime.
pub struct Fake {
    endpoint: String,
    seen: Arc<Mutex<Vec<Request>>>,
}

impl Fake {
    /// `answer` gets the number of the request, from 0, and the request.
    pub async fn start(answer: impl Fn(usize, &Request) -> Reply + Send + Sync + 'static) -> Fake {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let seen: Arc<Mutex<Vec<Request>>> = Arc::default();
        let (log, answer) = (seen.clone(), Arc::new(answer));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (log, answer) = (log.clone(), answer.clone());
                tokio::spawn(async move { serve(stream, &log, &*answer).await });
            }
        });
        Fake { endpoint, seen }
    }

    pub fn requests(&self) -> Vec<Request> {
        self.seen.lock().unwrap().clone()
    }

    /// `GET`, `PUT` ... in order.
    pub fn methods(&self) -> Vec<String> {
        self.requests().into_iter().map(|request| request.method).collect()
    }

    /// A store on this server that gives up after `seconds`.
    pub fn store(&self, seconds: f64) -> Store {
        store(&self.endpoint, seconds)
    }

    /// The same for a service that honours all conditions.
    pub async fn conditional_store(&self, seconds: f64) -> Store {
        let store = self.store(seconds);
        *store.place.quirks.lock().await = Some(Quirks {
            exclusive_put: true,
            match_put: true,
            match_quoted: true,
            conditional_complete: true,
            safe_self_copy: true,
        });
        store
    }
}

pub fn config(endpoint: &str, seconds: f64) -> StoreConfig {
    let credentials = Credentials { access_key: "TOKEN-OF-ALICE".into(), secret_key: String::new() };
    let patience = Duration::from_secs_f64(seconds);
    StoreConfig {
        max_connections: 4,
        ask_for: patience,
        store_for: patience,
        ..StoreConfig::new(endpoint, "b1", credentials)
    }
}

pub fn store(endpoint: &str, seconds: f64) -> Store {
    Store::new(config(endpoint, seconds)).unwrap()
}

async fn serve(mut stream: TcpStream, log: &Mutex<Vec<Request>>, answer: &impl Fn(usize, &Request) -> Reply) {
    let mut buffer = Vec::new();
    while let Some(request) = read_request(&mut stream, &mut buffer).await {
        let number = {
            let mut log = log.lock().unwrap();
            log.push(request.clone());
            log.len() - 1
        };
        let reply = answer(number, &request);
        if stream.write_all(&reply.bytes).await.is_err() {
            return;
        }
        tokio::time::sleep(reply.hold).await;
        if reply.close {
            return;
        }
    }
}

async fn read_request(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> Option<Request> {
    let end = loop {
        if let Some(at) = buffer.windows(4).position(|w| w == b"\r\n\r\n") {
            break at + 4;
        }
        if stream.read_buf(buffer).await.ok()? == 0 {
            return None;
        }
    };
    let head = String::from_utf8(buffer.drain(..end).collect()).unwrap();
    let mut words = head.split(' ');
    let (method, target) = (words.next()?.to_owned(), words.next()?.to_owned());
    let mut request = Request { method, target, head, body: Vec::new() };
    let length: usize = request.header("content-length").map_or(0, |text| text.parse().unwrap());
    while buffer.len() < length {
        if stream.read_buf(buffer).await.ok()? == 0 {
            return None;
        }
    }
    request.body = buffer.drain(..length).collect();
    Some(request)
}
