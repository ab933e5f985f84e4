//! What is mounted, as its watchers see it: the file system and what the daemon knows of itself.

use super::control::{Backlog, NotStored};
use super::logging;
use crate::config::Settings;
use crate::fs::{Unstored, Volumes};
use crate::fuse::{Calls, Mounted};
use crate::mount::control::Left;
use crate::mount::status::{Cache, Event, Gateway, Operation, Pending, Requests, Service, Status};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A mount that is served.
pub struct Served {
    fs: Arc<Volumes>,
    mounted: Mounted,
    /// The parts of a status that do not change.
    fixed: Status,
}

impl Served {
    /// From now on.
    pub fn new(fs: Arc<Volumes>, mounted: Mounted, settings: &Settings) -> Served {
        let fixed = Status {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            pid: std::process::id(),
            source: settings.source(),
            mountpoint: settings.mountpoint.display().to_string(),
            since: seconds(SystemTime::now()),
            read_only: settings.read_only,
            service: Service { no_tls_verify: settings.network.no_tls_verify, ..Service::default() },
            credentials_from: settings.credentials_from.clone(),
            ..Status::default()
        };
        Served { fs, mounted, fixed }
    }

    /// The status now.
    pub fn look(&self) -> Status {
        let store = self.fs.store();
        let (metered, counts, watched) = (store.metered(), store.requests(), self.fs.watched());
        let (used, size, blocks) = watched.cache;
        let honours = store.known_quirks().map(|quirks| {
            BTreeMap::from([
                ("exclusive_put".to_owned(), quirks.exclusive_put),
                ("match_put".to_owned(), quirks.match_put),
                ("conditional_complete".to_owned(), quirks.conditional_complete),
                ("safe_self_copy".to_owned(), quirks.safe_self_copy),
            ])
        });
        let requests = metered.ops.iter().map(|(op, stats)| {
            let requests = Requests {
                ended: stats.ended,
                failed: stats.failed,
                in_flight: stats.in_flight,
                spent_ms: stats.spent.as_millis() as u64,
                classes: stats.classes.to_vec(),
            };
            (op.to_string(), requests)
        });
        let troubles = metered.troubles.iter().map(|trouble| {
            let key = if trouble.key.is_empty() { String::new() } else { format!("{}: ", trouble.key) };
            Event { when: seconds(trouble.when), what: format!("{key}{}", trouble.error) }
        });
        Status {
            service: Service {
                endpoint: store.endpoint().to_owned(),
                gateways: store.gateways().into_iter().map(gateway).collect(),
                refused_for: store.refused_for().map(|time| time.as_secs()),
                server: store.server(),
                answered: metered.answered.map(seconds),
                clock_ahead: metered.clock_ahead,
                honours,
                ..self.fixed.service.clone()
            },
            user: watched.user,
            cache: Cache { used, size, hits: blocks.hits, misses: blocks.misses },
            operations: self.mounted.calls().into_iter().map(|(op, calls)| (op.to_owned(), operation(calls))).collect(),
            requests: requests.collect(),
            retries: metered.retries,
            bytes_up: counts.bytes_up,
            bytes_down: counts.bytes_down,
            inodes: watched.inodes as u64,
            pending: watched
                .todo
                .into_iter()
                .map(|todo| Pending { path: todo.path, bytes: todo.bytes, sent: todo.sent })
                .collect(),
            conflicts: watched.conflicts,
            troubles: troubles.collect(),
            log: logging::recent().into_iter().map(|(when, what)| Event { when: seconds(when), what }).collect(),
            ..self.fixed.clone()
        }
    }
}

fn operation(calls: Calls) -> Operation {
    Operation {
        calls: calls.calls,
        waiting: calls.waiting,
        failed: calls.failed,
        spent_ms: calls.spent.as_millis() as u64,
        classes: calls.classes.to_vec(),
    }
}

fn gateway((address, handshake, left_out): (SocketAddr, Option<Duration>, bool)) -> Gateway {
    let handshake_us = handshake.map(|time| time.as_micros() as u64);
    Gateway { address: address.to_string(), handshake_us, left_out }
}

fn seconds(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

/// Path and reason, and where it is kept.
fn told(one: Unstored) -> (String, String) {
    let kept = one.kept.map(|folder| format!("; kept in {}", folder.display())).unwrap_or_default();
    (one.path, format!("{}{kept}", one.error))
}

impl Backlog for Served {
    async fn pending(&self) -> Left {
        let todo = self.fs.watched().todo;
        Left { files: todo.len(), bytes: todo.iter().map(|one| one.bytes.saturating_sub(one.sent)).sum() }
    }

    async fn sync_all(&self) -> NotStored {
        self.fs.sync_all().await.into_iter().map(told).collect()
    }

    async fn keep_all(&self, why: &str) -> NotStored {
        self.fs.keep_all(why).await.into_iter().map(told).collect()
    }

    async fn status(&self) -> Status {
        self.look()
    }
}
