//! What the mount tests share: services, mounts by the real program, a raw look at the bucket, programs with a
//! time-out. Everything is ended and removed on drop, also when a test fails.
//!
//! Mounting needs root and `/dev/fuse`.

#![allow(dead_code, unused_imports)] // not every test uses all of it

mod lived;
mod mount;
mod proxy;
mod run;
mod s3;
mod service;

pub use lived::{Lived, threads_of};
pub use mount::{Mount, PROGRAM, is_gone, write_secret};
pub use proxy::{Line, Passing, Proxy, Spoil};
pub use run::{Ran, python, run, run_for, run_with, sh, venv_python};
pub use s3::S3;
pub use service::Service;

use std::io;
use std::sync::mpsc::RecvTimeoutError;
use std::time::Duration;

/// Random bytes.
pub fn noise(len: usize) -> Vec<u8> {
    let mut bytes = vec![0; len];
    fastrand::fill(&mut bytes);
    bytes
}

/// Bytes that differ at every offset that a test could mix up, the same at each call.
pub fn pattern(seed: u64, len: usize) -> Vec<u8> {
    let mut bytes = vec![0; len];
    fastrand::Rng::with_seed(seed).fill(&mut bytes);
    bytes
}

/// Compares long contents without printing them.
#[track_caller]
pub fn assert_same(what: &str, left: &[u8], right: &[u8]) {
    if left == right {
        return;
    }
    let at = left.iter().zip(right).position(|(a, b)| a != b).unwrap_or(left.len().min(right.len()));
    panic!("{what}: {} and {} bytes, different from offset {at} on", left.len(), right.len());
}

/// The errno of what must fail.
#[track_caller]
pub fn errno<T>(result: io::Result<T>) -> i32 {
    match result {
        Ok(_) => panic!("it succeeded"),
        Err(error) => error.raw_os_error().unwrap_or_else(|| panic!("not from the kernel: {error}")),
    }
}

/// Waits until something is so.
#[track_caller]
pub fn soon(what: &str, condition: impl Fn() -> bool) {
    let mut lived = Lived::from_now();
    while !condition() {
        assert!(lived.so_far() < Duration::from_secs(60), "{what}: not within a minute");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Does something that may wait on a mount, for so long at most. A hang is a failure, and must not hang the test.
#[track_caller]
pub fn within<T: Send + 'static>(limit: Duration, what: &str, work: impl FnOnce() -> T + Send + 'static) -> T {
    let (tell, told) = std::sync::mpsc::channel();
    std::thread::spawn(move || drop(tell.send(work())));
    let mut lived = Lived::from_now();
    loop {
        match told.recv_timeout(Duration::from_millis(100)) {
            Ok(done) => return done,
            Err(RecvTimeoutError::Timeout) if lived.so_far() < limit => {}
            Err(error) => panic!("{what}: not within {limit:?} ({error})"),
        }
    }
}
