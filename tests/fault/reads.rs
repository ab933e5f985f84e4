//! Reading: the right bytes, or an error.

use super::support::{Passing, Service, Spoil, assert_same, errno, pattern, within};
use super::{IMPATIENT, MIB, error_document, gave_up};
use std::collections::HashSet;
use std::fs;
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// A1: error documents and whole objects where a range was asked for.
#[test]
fn an_error_document_is_never_file_data() {
    let service = Service::embedded();
    let proxy = service.proxy();
    let bytes = pattern(1, 32 * MIB);
    service.s3().put("f", bytes.clone());
    let mount = service.mount_through(&proxy, &[]);
    proxy.rule(|request| match (request.op, request.n) {
        ("GetObject", 2) => Spoil::Status(500, "InternalError"),
        ("GetObject", 4) => Spoil::Answer(200, error_document()),
        ("GetObject", 6) => Spoil::Unranged,
        _ => Spoil::Pass,
    });
    let path = mount.path("f");
    let read = within(Duration::from_secs(60), "cat", move || fs::read(path)).unwrap();
    assert!(proxy.count("GetObject") > 6, "the faults were met: {:?}", proxy.counts());
    assert_same("f", &read, &bytes);
}

#[test]
fn an_error_document_for_ever_is_an_error() {
    let service = Service::embedded();
    let proxy = service.proxy();
    service.s3().put("f", pattern(1, MIB));
    let mount = service.mount_through(&proxy, &IMPATIENT);
    for spoil in [Spoil::Answer(200, error_document()), Spoil::Answer(206, error_document()), Spoil::Unranged] {
        let unranged = matches!(spoil, Spoil::Unranged);
        proxy.rule(move |request| if request.op == "GetObject" { spoil.clone() } else { Spoil::Pass });
        let path = mount.path("f");
        let read = within(Duration::from_secs(30), "cat", move || fs::read(path));
        match read {
            Ok(bytes) if unranged => assert_same("f", &bytes, &pattern(1, MIB)),
            other => assert!(gave_up(errno(other))),
        }
    }
}

/// A2: a body that ends early is fetched on from where it ended.
#[test]
fn a_body_that_breaks_off_is_completed() {
    for reset in [false, true] {
        let service = Service::embedded();
        let proxy = service.proxy();
        let bytes = pattern(2, 20 * MIB + 77);
        service.s3().put("f", bytes.clone());
        let mount = service.mount_through(&proxy, &[]);
        let seen = Mutex::new(HashSet::new());
        proxy.rule(move |request: &Passing| match &request.range {
            Some(range) if seen.lock().unwrap().insert(range.clone()) => {
                let (from, to) = range.trim_start_matches("bytes=").split_once('-').unwrap();
                let len = to.parse().unwrap_or(20 * MIB as u64) - from.parse::<u64>().unwrap();
                // Down to a length that no first request has, else the halves would go on for ever.
                if len > 100_000 { Spoil::Cut { after: len / 2, reset } } else { Spoil::Pass }
            }
            _ => Spoil::Pass,
        });
        let (from, to) = (mount.path("f"), service.folder().join("x"));
        within(Duration::from_secs(100), "cp", move || fs::copy(from, to)).unwrap();
        assert_same("f", &fs::read(service.folder().join("x")).unwrap(), &bytes);
    }
}

#[test]
fn a_body_that_never_comes_is_an_error_and_no_end_of_file() {
    let service = Service::embedded();
    let proxy = service.proxy();
    service.s3().put("f", pattern(2, 3 * MIB));
    let mount = service.mount_through(&proxy, &IMPATIENT);
    proxy.rule(|request| if request.op == "GetObject" { Spoil::Cut { after: 0, reset: false } } else { Spoil::Pass });
    let path = mount.path("f");
    let result = within(Duration::from_secs(30), "cat", move || fs::read(path));
    assert!(gave_up(errno(result)));
}

/// G1: a service that is busy is waited for.
#[test]
fn throttling_is_waited_out() {
    let service = Service::embedded();
    let proxy = service.proxy();
    service.s3().put("d/f", "hello");
    let mount = service.mount_through(&proxy, &[]);
    let began = Instant::now();
    proxy.rule(move |request| match request.method.as_str() {
        "GET" | "HEAD" if began.elapsed() < Duration::from_secs(20) => Spoil::Status(503, "SlowDown"),
        _ => Spoil::Pass,
    });
    let (file, root) = (mount.path("d/f"), mount.root().to_owned());
    let cat = std::thread::spawn(move || fs::read(file));
    let ls = std::thread::spawn(move || fs::read_dir(root).map(|dir| dir.count()));
    let (cat, ls) = within(Duration::from_secs(30), "cat and ls", move || (cat.join().unwrap(), ls.join().unwrap()));
    assert_eq!(cat.unwrap(), b"hello");
    assert_eq!(ls.unwrap(), 1);
    let tries = proxy.requests().iter().filter(|request| request.at.duration_since(began).as_secs() < 20).count();
    assert!(tries < 80, "{tries} tries for two operations of up to three questions each in 20 s");
}

#[test]
fn other_passing_failures_are_waited_out_too() {
    let service = Service::embedded();
    let proxy = service.proxy();
    for name in 0..6 {
        service.s3().put(&format!("d{name}/f"), "hello");
    }
    let mount = service.mount_through(&proxy, &[]);
    let faults = [
        Spoil::Status(500, "InternalError"),
        Spoil::Status(502, "BadGateway"),
        Spoil::Status(504, "GatewayTimeout"),
        Spoil::Status(429, "TooManyRequests"),
        Spoil::Reset,
        Spoil::Lose,
    ];
    for (number, fault) in faults.into_iter().enumerate() {
        let before = proxy.requests().len() as u64;
        let counter = std::sync::atomic::AtomicU64::new(0);
        let spoil = fault.clone();
        proxy.rule(move |_| match counter.fetch_add(1, std::sync::atomic::Ordering::Relaxed) {
            0..8 => spoil.clone(),
            _ => Spoil::Pass,
        });
        let path = mount.path(&format!("d{number}/f"));
        let read = within(Duration::from_secs(30), "cat", move || fs::read(path));
        assert_eq!(read.unwrap_or_else(|e| panic!("{fault:?}: {e}")), b"hello", "{fault:?}");
        assert!(proxy.requests().len() as u64 >= before + 8);
    }
}

#[test]
fn a_failure_is_not_taken_for_an_absence() {
    let service = Service::embedded();
    let proxy = service.proxy();
    service.s3().put("d/f", "hello");
    let mount = service.mount_through(&proxy, &["--ask-for", "1s", "--max-age", "60"]);
    for fault in
        [Spoil::Status(503, "SlowDown"), Spoil::Status(500, "InternalError"), Spoil::Status(403, "AccessDenied")]
    {
        let denied = matches!(fault, Spoil::Status(403, _));
        proxy.rule(move |_| fault.clone());
        for name in ["d/f", "d", "new"] {
            let path = mount.path(name);
            let errno = errno(within(Duration::from_secs(20), "stat", move || fs::metadata(path)));
            assert!(if denied { errno == libc::EACCES } else { gave_up(errno) }, "{name}: {errno}");
        }
        let root = mount.root().to_owned();
        let listed = within(Duration::from_secs(20), "ls", move || {
            fs::read_dir(root).and_then(|dir| dir.collect::<Result<Vec<_>, _>>())
        });
        assert!(listed.is_err(), "{listed:?}");
    }
    proxy.repair();
    assert_eq!(fs::read(mount.path("d/f")).unwrap(), b"hello");
    assert_eq!(errno(fs::metadata(mount.path("new"))), libc::ENOENT);
}

/// H10: a slow file holds nobody up but its readers.
#[test]
fn one_slow_file_blocks_no_other() {
    let service = Service::embedded();
    let proxy = service.proxy();
    for name in ["slow.bin", "d/quick", "d/other"] {
        service.s3().put(name, pattern(3, 2 * MIB));
    }
    let mount = service.mount_through(&proxy, &[]);
    proxy.rule(|request| match (request.op, request.key.as_str()) {
        ("GetObject", "slow.bin") => Spoil::Delay(Duration::from_secs(8)),
        _ => Spoil::Pass,
    });
    let readers: Vec<_> = (0..20)
        .map(|_| {
            let path = mount.path("slow.bin");
            std::thread::spawn(move || fs::read(path))
        })
        .collect();
    std::thread::sleep(Duration::from_millis(300));
    let began = Instant::now();
    assert_eq!(fs::metadata(mount.path("d/quick")).unwrap().len(), 2 * MIB as u64);
    assert_eq!(fs::read_dir(mount.path("d")).unwrap().count(), 2);
    assert_same("quick", &fs::read(mount.path("d/quick")).unwrap(), &pattern(3, 2 * MIB));
    fs::write(mount.path("d/new"), "new").unwrap();
    let took = began.elapsed();
    assert!(took < Duration::from_secs(2), "the others took {took:?}");
    assert!(readers.iter().all(|reader| !reader.is_finished()), "the slow ones are still waiting");
    for reader in readers {
        assert_same("slow", &reader.join().unwrap().unwrap(), &pattern(3, 2 * MIB));
    }
}
