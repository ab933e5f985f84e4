//! Logs over a bad line: each line is stored once, whatever is lost on the way.

use super::support::{Service, Spoil, assert_same, pattern, within};
use std::collections::HashMap;
use std::fs::OpenOptions;
use std::io::Write;
use std::sync::Mutex;
use std::time::Duration;

/// Appends and stores `times` lines of 4 KiB by this mount.
fn lines(path: std::path::PathBuf, from: usize, times: usize) -> Vec<u8> {
    within(Duration::from_secs(100), "appends", move || {
        let mut file = OpenOptions::new().append(true).create(true).open(path).unwrap();
        let mut all = Vec::new();
        for n in from..from + times {
            let line = pattern(n as u64, 4096);
            file.write_all(&line).unwrap();
            file.sync_all().unwrap();
            all.extend(line);
        }
        all
    })
}

/// The answer to each second append is lost after the work, also of the requests that make the object appendable; or the
/// request itself is lost.
#[test]
fn lost_answers_of_appends() {
    for service in [Service::embedded(), Service::embedded16()] {
        for spoil in [Spoil::Lose, Spoil::Reset, Spoil::Status(500, "UnknownError")] {
            let proxy = service.proxy();
            let mount = service.mount_through(&proxy, &[]);
            std::fs::write(mount.path("first"), "first").unwrap();
            let seen: Mutex<HashMap<&'static str, u32>> = Mutex::default();
            let how = spoil.clone();
            proxy.rule(move |request| {
                if !matches!(request.op, "AppendObject" | "CopyObject" | "DeleteObject") {
                    return Spoil::Pass;
                }
                let mut seen = seen.lock().unwrap();
                let count = seen.entry(request.op).or_default();
                *count += 1;
                if *count % 2 == 1 { how.clone() } else { Spoil::Pass }
            });
            let want = lines(mount.path("log"), 0, 40);
            let (appends, copies) = (proxy.count("AppendObject"), proxy.count("CopyObject"));
            assert!(appends >= 25 && copies >= 2, "{spoil:?}: {:?}", proxy.counts());
            assert_same("as it is seen", &std::fs::read(mount.path("log")).unwrap(), &want);
            mount.umount();
            let s3 = service.s3();
            assert_same(&format!("{spoil:?}"), &s3.get("log"), &want);
            assert!(s3.head("log").appendable, "{spoil:?}");
            let keys = s3.all_keys("");
            assert_eq!(s3.keys(""), ["first", "log"], "{spoil:?}");
            assert!(!keys.iter().any(|key| key.contains("/append-")), "{keys:?}");
            s3.delete_all();
        }
    }
}

/// A service that is away for longer than the mount waits: the program hears of it, and what it wrote is stored later, once.
#[test]
fn appends_while_the_service_is_away() {
    let service = Service::embedded16();
    let proxy = service.proxy();
    let mount = service.mount_through(&proxy, &super::IMPATIENT);
    let mut want = lines(mount.path("log"), 0, 20);
    assert!(service.s3().head("log").appendable);
    for lost in [Spoil::Reset, Spoil::Status(503, "SlowDown")] {
        let how = lost.clone();
        proxy.rule(move |request| if request.op == "AppendObject" { how.clone() } else { Spoil::Pass });
        let (path, line) = (mount.path("log"), pattern(99, 5000));
        let more = line.clone();
        within(Duration::from_secs(60), "fsync", move || {
            let mut file = OpenOptions::new().append(true).open(path).unwrap();
            file.write_all(&more).unwrap();
            assert!(super::gave_up(super::support::errno(file.sync_all())));
        });
        want.extend(line);
        proxy.repair();
        super::support::soon("stored", || service.s3().head("log").size == want.len() as u64);
        assert_same(&format!("{lost:?}"), &service.s3().get("log"), &want);
    }
    let more = lines(mount.path("log"), 20, 3);
    want.extend(more);
    mount.umount();
    assert_same("all", &service.s3().get("log"), &want);
    assert_eq!(service.s3().keys(""), ["log"]);
}
