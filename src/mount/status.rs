//! What a daemon tells of itself over the control socket. The names are those of `osirisfs status --json`.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// All of it. Times are seconds since 1970.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
// A daemon that was started before an upgrade says less.
#[serde(default)]
pub struct Status {
    /// Version of the daemon's program.
    pub version: String,
    /// Its process.
    pub pid: u32,
    /// Bucket and folder.
    pub source: String,
    /// Where it is mounted.
    pub mountpoint: String,
    /// Since when.
    pub since: u64,
    /// Nothing can be changed.
    pub read_only: bool,
    /// The service.
    pub service: Service,
    /// The S3 user id, if it is known.
    pub user: Option<String>,
    /// Where the credentials came from.
    pub credentials_from: String,
    /// Memory for data that was read.
    pub cache: Cache,
    /// What programs asked for, by operation of the kernel.
    pub operations: BTreeMap<String, Operation>,
    /// Requests by S3 operation.
    pub requests: BTreeMap<String, Requests>,
    /// Second and further attempts.
    pub retries: u64,
    /// Bytes of bodies sent.
    pub bytes_up: u64,
    /// Bytes of objects received.
    pub bytes_down: u64,
    /// Files and directories that the kernel or an operation knows.
    pub inodes: u64,
    /// What is to be stored.
    pub pending: Vec<Pending>,
    /// Files that another client changed while they were changed here, since the mount began.
    pub conflicts: u64,
    /// The last requests that failed, the newest last.
    pub troubles: Vec<Event>,
    /// The last warnings and errors of the log, the newest last.
    pub log: Vec<Event>,
}

/// The service.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Service {
    /// Its address.
    pub endpoint: String,
    /// What it says that it is.
    pub server: Option<String>,
    /// When it last answered.
    pub answered: Option<u64>,
    /// Seconds that its clock is ahead of ours.
    pub clock_ahead: Option<i64>,
    /// Those who answer behind its name.
    pub gateways: Vec<Gateway>,
    /// Certificates are not verified (`--no-tls-verify`).
    pub no_tls_verify: bool,
    /// For so many seconds it has refused the credentials.
    pub refused_for: Option<u64>,
    /// What it was found to honour; nothing if that was not tried yet.
    pub honours: Option<BTreeMap<String, bool>>,
}

/// One of those behind the service's name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gateway {
    /// Address and port.
    pub address: String,
    /// Microseconds of a TCP handshake, if there was one.
    pub handshake_us: Option<u64>,
    /// It does not answer and gets no requests.
    pub left_out: bool,
}

/// Memory for data that was read.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cache {
    /// Bytes in it.
    pub used: u64,
    /// Upper bound.
    pub size: u64,
    /// Blocks that were there when they were wanted.
    pub hits: u64,
    /// Blocks that were not.
    pub misses: u64,
}

/// Requests of one S3 operation.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Requests {
    /// Attempts that have ended.
    pub ended: u64,
    /// Those that failed.
    pub failed: u64,
    /// On their way now.
    pub in_flight: u64,
    /// Milliseconds of all that have ended.
    pub spent_ms: u64,
    /// How many took up to 2, 5, 10, 25, 50, 100, 250 ms, 1, 5, 30 s, each without the ones before.
    pub classes: Vec<u64>,
}

/// Calls of one operation of the kernel.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Operation {
    /// All, most of which are answered from memory.
    pub calls: u64,
    /// Those that wait for their answer now.
    pub waiting: u64,
    /// Those that failed by the service, the way to it or the local disk.
    pub failed: u64,
    /// Milliseconds of all that had to wait and have ended.
    pub spent_ms: u64,
    /// How many took as long as in [`Requests::classes`]; what memory answered is in the first.
    pub classes: Vec<u64>,
}

/// Something to store.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pending {
    /// Path below the mount point.
    pub path: String,
    /// Size; 0 if only attributes are to be stored.
    pub bytes: u64,
    /// How much the service has already.
    pub sent: u64,
}

/// Something that happened.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// When.
    pub when: u64,
    /// What.
    pub what: String,
}
