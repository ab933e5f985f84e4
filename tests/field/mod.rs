//! Faults that users of other S3 file systems met, each as a test of its kind.

mod answers;
mod attributes;
mod daemon;
mod foreign;
mod listing;
mod sizes;
mod versions;

use crate::support::{Mount, Service};
use osirisfs::server::RequestLog;

/// A change by another client is seen within this time.
const W: std::time::Duration = std::time::Duration::from_millis(1100);

/// A mount that believes names and attributes for one second.
fn mount(service: &Service) -> Mount {
    service.mount_with(&["--max-age", "1"])
}

/// Bytes that were sent up and down since the log was cleared.
fn bytes(log: &RequestLog) -> (u64, u64) {
    let entries = log.entries();
    (entries.iter().map(|entry| entry.up).sum(), entries.iter().map(|entry| entry.down).sum())
}
