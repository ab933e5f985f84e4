//! The daemon's memory and its end.

use super::mount;
use crate::support::{Service, sh, soon};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::fs::{self, File};
use std::io::Write;
use std::process::Command;

/// Resident memory in KiB.
fn memory(pid: i32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// Walking the same tree again and again takes no more memory than walking it once, and each object has its price.
#[test]
fn walks_do_not_add_up() {
    let service = Service::embedded();
    let put = |range: std::ops::Range<u32>| {
        service.s3().put_many(range.map(|n| (format!("d{:02}/file-{n:05}", n % 100), String::new())));
    };
    let m = mount(&service);
    let walk = |times: u32, want: u32| {
        for _ in 0..times {
            // Fresh listings, not remembered ones.
            std::thread::sleep(super::W / 2);
            assert_eq!(sh(m.root(), "find . -type f | wc -l").ok(), format!("{want}\n"));
        }
        memory(m.daemon())
    };
    put(0..10_000);
    let some = walk(4, 10_000);
    put(10_000..30_000);
    let two = walk(3, 30_000);
    let ten = walk(8, 30_000);
    assert!(ten as f64 <= 1.1 * two as f64, "{two} KiB after the first walks, {ten} KiB after more");
    assert!(ten.saturating_sub(some) <= 3 * 20_000, "{} KiB for 20,000 more objects", ten - some);
}

/// Files that were looked at are forgotten when the kernel forgets them.
#[test]
fn what_the_kernel_forgets_is_forgotten() {
    let service = Service::embedded();
    let m = mount(&service);
    sh(m.root(), "mkdir d; cd d; for n in $(seq 1500); do : > f$n; done").ok();
    sh(m.root(), "rm -r d").ok();
    // Names that are gone and come again get their objects, not old ones.
    sh(m.root(), "mkdir d; echo new > d/f1; test \"$(cat d/f1)\" = new; test \"$(ls d)\" = f1").ok();
    m.umount();
    assert_eq!(service.s3().keys(""), ["d/", "d/f1"]);
}

/// An open file that was not stored yet is stored when the daemon is told to end.
#[test]
fn a_stop_signal_stores_what_is_open() {
    let service = Service::embedded();
    let m = mount(&service);
    let mut file = File::create(m.path("f")).unwrap();
    file.write_all(b"dirty").unwrap();
    kill(Pid::from_raw(m.daemon()), Signal::SIGTERM).unwrap();
    let s3 = service.s3();
    soon("the bytes", || s3.find("f").is_some() && s3.get("f") == b"dirty");
    drop(file);
    let pid = m.daemon();
    soon("the end", || !fs::exists(format!("/proc/{pid}/exe")).unwrap());
}

/// `fusermount3 -u` refuses while files are open, and the mount works on; a lazy one stores them at their close.
#[test]
fn unmounting_with_open_files() {
    let service = Service::embedded();
    let m = mount(&service);
    service.s3().put("read", "x");
    let reader = File::open(m.path("read")).unwrap();
    let mut writer = File::create(m.path("f")).unwrap();
    writer.write_all(b"first ").unwrap();
    let busy = Command::new("fusermount3").arg("-u").arg(m.root()).output().unwrap();
    assert!(!busy.status.success() && String::from_utf8_lossy(&busy.stderr).contains("busy"), "{busy:?}");
    assert_eq!(fs::read(m.path("read")).unwrap(), b"x");
    let lazy = Command::new("umount").arg("-l").arg(m.root()).output().unwrap();
    assert!(lazy.status.success(), "{lazy:?}");
    writer.write_all(b"second").unwrap();
    drop(writer);
    assert_eq!(service.s3().get("f"), b"first second");
    drop(reader);
    let pid = m.daemon();
    soon("the end", || !fs::exists(format!("/proc/{pid}/exe")).unwrap());
}
