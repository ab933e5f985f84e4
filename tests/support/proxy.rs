//! A TCP proxy between a mount and its service that spoils exchanges on request, and counts them.
//!
//! It understands just enough HTTP/1.1 to know where a message ends. A thread a connection.

#[path = "proxy_wire.rs"]
mod wire;

use std::collections::{BTreeMap, HashMap};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, RwLock};
use std::time::{Duration, Instant};

/// A request that passes.
#[derive(Clone, Debug)]
pub struct Passing {
    pub method: String,
    /// The operation's name in S3, such as `GetObject`.
    pub op: &'static str,
    /// The key, decoded; empty for the bucket.
    pub key: String,
    pub query: String,
    pub range: Option<String>,
    /// Length of its body.
    pub length: u64,
    /// How many requests of this operation came before it.
    pub n: u64,
    pub at: Instant,
}

/// What is to happen to a request.
#[derive(Clone, Debug)]
pub enum Spoil {
    /// Nothing.
    Pass,
    /// It goes on to the service after this time.
    Delay(Duration),
    /// An answer in place of the service, which hears nothing of it: status and error code.
    Status(u16, &'static str),
    /// The same with any body.
    Answer(u16, Vec<u8>),
    /// The connection is reset; the service hears nothing of it.
    Reset,
    /// The service does its work, but the connection is reset in place of its answer.
    Lose,
    /// The service does its work, and its answer waits for so long.
    Hold(Duration),
    /// So many bytes of the answer's body pass, then the connection is closed (or reset).
    Cut { after: u64, reset: bool },
    /// So many bytes of the answer's body pass, then nothing for this time.
    Pause { after: u64, for_: Duration },
    /// The Range header is taken out: the answer is the whole object with status 200.
    Unranged,
}

impl Spoil {
    /// What a bad line does: of a hundred requests eight meet a fault or wait.
    pub fn now_and_then(request: &Passing) -> Spoil {
        match fastrand::u8(..100) {
            0 => Spoil::Reset,
            1 | 2 => Spoil::Lose,
            3 => Spoil::Status(503, "SlowDown"),
            4 => Spoil::Status(500, "InternalError"),
            5 if request.method == "GET" => Spoil::Cut { after: fastrand::u64(..200_000), reset: fastrand::bool() },
            6 => Spoil::Delay(Duration::from_millis(fastrand::u64(..50))),
            7 => Spoil::Hold(Duration::from_millis(fastrand::u64(..50))),
            _ => Spoil::Pass,
        }
    }
}

type Rule = dyn Fn(&Passing) -> Spoil + Send + Sync;

/// How the line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Line {
    Good,
    /// Nothing passes in either direction, and nobody says so.
    Silent,
    /// Connections are reset as soon as anything is sent.
    Cut,
}

pub struct Proxy {
    address: SocketAddr,
    shared: Arc<Shared>,
}

struct Shared {
    service: SocketAddr,
    rule: RwLock<Box<Rule>>,
    line: RwLock<Line>,
    ended: AtomicBool,
    requests: Mutex<Vec<Passing>>,
    counts: Mutex<HashMap<&'static str, u64>>,
    up: AtomicU64,
    down: AtomicU64,
    /// Bytes a second, 0 for as fast as it goes.
    rate_up: AtomicU64,
    rate_down: AtomicU64,
    open: Mutex<Vec<TcpStream>>,
}

impl Proxy {
    /// A proxy before a service at `http://HOST:PORT`.
    pub fn new(endpoint: &str) -> Proxy {
        let service = endpoint.trim_start_matches("http://").parse().unwrap();
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared {
            service,
            rule: RwLock::new(Box::new(|_| Spoil::Pass)),
            line: RwLock::new(Line::Good),
            ended: AtomicBool::new(false),
            requests: Mutex::default(),
            counts: Mutex::default(),
            up: AtomicU64::new(0),
            down: AtomicU64::new(0),
            rate_up: AtomicU64::new(0),
            rate_down: AtomicU64::new(0),
            open: Mutex::default(),
        });
        let accepting = shared.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if accepting.ended.load(Ordering::Relaxed) {
                    return;
                }
                let shared = accepting.clone();
                std::thread::spawn(move || wire::serve(&shared, stream));
            }
        });
        Proxy { address, shared }
    }

    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// From now on this says what happens to each request.
    pub fn rule(&self, rule: impl Fn(&Passing) -> Spoil + Send + Sync + 'static) {
        *self.shared.rule.write().unwrap() = Box::new(rule);
    }

    /// From now on all passes.
    pub fn repair(&self) {
        self.rule(|_| Spoil::Pass);
        self.line(Line::Good);
        self.limit(0, 0);
    }

    pub fn line(&self, line: Line) {
        *self.shared.line.write().unwrap() = line;
    }

    /// Bytes a second of each connection's bodies, 0 for as fast as it goes.
    pub fn limit(&self, up: u64, down: u64) {
        self.shared.rate_up.store(up, Ordering::Relaxed);
        self.shared.rate_down.store(down, Ordering::Relaxed);
    }

    /// Forgets what passed so far.
    pub fn clear(&self) {
        self.shared.requests.lock().unwrap().clear();
        self.shared.counts.lock().unwrap().clear();
        self.shared.up.store(0, Ordering::Relaxed);
        self.shared.down.store(0, Ordering::Relaxed);
    }

    /// Requests since the last [`Proxy::clear`], also those that were spoilt.
    pub fn requests(&self) -> Vec<Passing> {
        self.shared.requests.lock().unwrap().clone()
    }

    pub fn count(&self, op: &str) -> usize {
        self.requests().iter().filter(|request| request.op == op).count()
    }

    /// How many requests there were of each operation.
    pub fn counts(&self) -> BTreeMap<&'static str, usize> {
        let mut counts = BTreeMap::new();
        for request in self.requests() {
            *counts.entry(request.op).or_default() += 1;
        }
        counts
    }

    /// Bytes of bodies that went up to the service.
    pub fn up(&self) -> u64 {
        self.shared.up.load(Ordering::Relaxed)
    }

    /// Bytes of bodies that came down from it.
    pub fn down(&self) -> u64 {
        self.shared.down.load(Ordering::Relaxed)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.ended.store(true, Ordering::Relaxed);
        for stream in self.shared.open.lock().unwrap().drain(..) {
            let _ = stream.shutdown(Shutdown::Both);
        }
        // Wakes the listener, so that it sees the end.
        let _ = TcpStream::connect(self.address);
    }
}

impl Shared {
    fn note(&self, mut passing: Passing) -> Passing {
        let mut counts = self.counts.lock().unwrap();
        let count = counts.entry(passing.op).or_default();
        passing.n = *count;
        *count += 1;
        drop(counts);
        self.requests.lock().unwrap().push(passing.clone());
        passing
    }
}
