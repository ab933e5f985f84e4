//! Mounts over a bad line: each operation ends, in success with the right bytes or in an errno.
//!
//! The capital letters name the kinds of faults that users of other S3 file systems reported.

#[path = "fault/appends.rs"]
mod appends;
#[path = "fault/counts.rs"]
mod counts;
#[path = "fault/crash.rs"]
mod crash;
#[path = "fault/disk.rs"]
mod disk;
#[path = "fault/kills.rs"]
mod kills;
#[path = "fault/lost.rs"]
mod lost;
#[path = "fault/lost_places.rs"]
mod lost_places;
#[path = "fault/network.rs"]
mod network;
#[path = "fault/reads.rs"]
mod reads;
#[path = "fault/refused.rs"]
mod refused;
#[path = "fault/renames.rs"]
mod renames;
#[path = "fault/round_trips.rs"]
mod round_trips;
#[path = "fault/two.rs"]
mod two;
#[path = "fault/writes.rs"]
mod writes;

mod support;

/// Options of a mount that gives up soon.
const IMPATIENT: [&str; 4] = ["--ask-for", "3s", "--retry-for", "4s"];

const MIB: usize = 1 << 20;

/// What an S3 service says with an error.
fn error_document() -> Vec<u8> {
    b"<?xml version=\"1.0\" encoding=\"UTF-8\"?><Error><Code>InternalError</Code><Message>spoilt</Message></Error>"
        .to_vec()
}

/// The ways in which "the service does not answer" may be told.
fn gave_up(errno: i32) -> bool {
    [libc::EIO, libc::ETIMEDOUT, libc::EHOSTUNREACH].contains(&errno)
}
