//! Logs: files that programs append to and store each time.

use super::{mode, read, stat, write};
use crate::support::{Mount, S3, Service, assert_same, errno, pattern, sh};
use osirisfs::server::Fault;
use std::fs::{self, File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// From this size on a log is worth its own kind of object.
const WORTH: usize = 64 << 10;

fn append_to(path: &Path) -> File {
    OpenOptions::new().append(true).create(true).open(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// Appends and stores so many times, what no other call does.
fn grow(file: &mut File, want: &mut Vec<u8>, times: usize) {
    for _ in 0..times {
        let more = pattern(want.len() as u64, 4096);
        file.write_all(&more).unwrap();
        file.sync_all().unwrap();
        want.extend(more);
    }
}

/// A log of this mount that can be appended to.
fn log(m: &Mount, name: &str) -> (File, Vec<u8>) {
    let (mut file, mut want) = (append_to(&m.path(name)), Vec::new());
    grow(&mut file, &mut want, WORTH / 4096 + 4);
    (file, want)
}

#[track_caller]
fn check(s3: &S3, key: &str, want: &[u8]) {
    assert_same(key, &s3.get(key), want);
    let head = s3.head(key);
    assert!(head.appendable, "{key}: {head:?}");
}

/// Nothing but these, and no helpers left.
#[track_caller]
fn only(s3: &S3, keys: &[&str]) {
    let all = s3.all_keys("");
    assert!(!all.iter().any(|key| key.contains("/append-")), "{all:?}");
    assert_eq!(s3.keys(""), keys);
}

pub fn a_log_grows(service: &Service) {
    let (m, s3) = (service.mount(), service.s3());
    let (mut file, mut want) = log(&m, "log");
    check(&s3, "log", &want);
    // A reader of this mount sees each line, another mount what was stored.
    let mut reader = File::open(m.path("log")).unwrap();
    let mut seen = Vec::new();
    for _ in 0..5 {
        grow(&mut file, &mut want, 3);
        reader.read_to_end(&mut seen).unwrap();
        assert_same("tail -f", &seen, &want);
        assert_same("another mount", &read(&service.mount().path("log")), &want);
    }
    // Longer than a block of the cache, and by steps of all sizes.
    for len in [1, 100_000, 131_072, 300_000, 7] {
        let more = pattern(len as u64, len);
        file.write_all(&more).unwrap();
        file.sync_all().unwrap();
        want.extend(more);
        assert_same("cat", &read(&m.path("log")), &want);
    }
    drop((file, reader));
    for n in 0..5 {
        sh(m.root(), &format!("echo {n} >> log")).ok();
        want.extend(format!("{n}\n").bytes());
    }
    check(&s3, "log", &want);
    assert_same("cat", &read(&m.path("log")), &want);
    m.umount();
    only(&s3, &["log"]);
    assert_same("cat", &read(&service.mount().path("log")), &want);
}

/// Small files, and files that are not appended to, are what they always were.
pub fn other_files_stay_plain(service: &Service) {
    let (m, s3) = (service.mount(), service.s3());
    sh(m.root(), "for n in 1 2 3 4 5; do echo $n >> small; done").ok();
    write(&m.path("large"), pattern(1, 2 * WORTH));
    let mut file = OpenOptions::new().write(true).open(m.path("large")).unwrap();
    for n in 0..3 {
        use std::io::Seek;
        file.seek(std::io::SeekFrom::End(0)).unwrap();
        file.write_all(&[n; 100]).unwrap();
        file.sync_all().unwrap();
    }
    for key in ["small", "large"] {
        assert!(!s3.head(key).appendable, "{key}");
    }
    assert_eq!(s3.text("small"), "1\n2\n3\n4\n5\n");
}

/// Changed attributes go with the next append, and the copy that stores them at once is no end.
pub fn attributes_and_appends(service: &Service) {
    let s3 = service.s3();
    let mut m = service.mount();
    let (mut file, mut want) = log(&m, "log");
    sh(m.root(), "chmod 640 log; setfattr -n user.a -v b log; sync log").ok();
    assert!(!s3.head("log").appendable);
    grow(&mut file, &mut want, 3);
    check(&s3, "log", &want);
    sh(m.root(), "chmod 600 log").ok();
    grow(&mut file, &mut want, 1);
    check(&s3, "log", &want);
    drop(file);
    let mtime = |m: &Mount| (stat(&m.path("log")).mtime(), stat(&m.path("log")).mtime_nsec());
    let before = mtime(&m);
    m.again();
    assert_eq!(mtime(&m), before);
    assert_eq!(mode(&m.path("log")) & 0o7777, 0o600);
    assert_eq!(sh(m.root(), "getfattr --only-values -n user.a log").ok(), "b");
    assert_same("cat", &read(&m.path("log")), &want);
}

/// Logs that are rotated: cut off, or moved aside, under the program that writes them.
pub fn rotated_logs(service: &Service) {
    let (m, s3) = (service.mount(), service.s3());
    let (mut file, want) = log(&m, "log");
    sh(m.root(), "cp log log.2; truncate -s 0 log").ok();
    let mut now = Vec::new();
    grow(&mut file, &mut now, WORTH / 4096 + 4);
    check(&s3, "log", &now);
    assert_same("log.2", &s3.get("log.2"), &want);
    // Cut off within, and grown again beyond what it was.
    sh(m.root(), "truncate -s 70000 log").ok();
    now.truncate(70_000);
    grow(&mut file, &mut now, 4);
    check(&s3, "log", &now);
    sh(m.root(), "mv log log.1").ok();
    grow(&mut file, &mut now, 4);
    check(&s3, "log.1", &now);
    let (mut next, mut newer) = log(&m, "log");
    grow(&mut next, &mut newer, 2);
    grow(&mut file, &mut now, 2);
    drop((file, next));
    check(&s3, "log", &newer);
    check(&s3, "log.1", &now);
    // A change within it is no append.
    sh(m.root(), "printf changed | dd of=log.1 bs=1 seek=5 conv=notrunc status=none; printf more >> log.1").ok();
    now[5..12].copy_from_slice(b"changed");
    now.extend(b"more");
    assert_same("log.1", &s3.get("log.1"), &now);
    m.umount();
    only(&s3, &["log", "log.1", "log.2"]);
}

/// Two write from the same state: the second hears of it, and both versions are kept.
pub fn two_appenders(service: &Service) {
    let s3 = service.s3();
    let (m, n) = (service.mount(), service.mount());
    let (first, want) = log(&m, "log");
    drop(first);
    let (mut a, mut b) = (append_to(&m.path("log")), append_to(&n.path("log")));
    // So that both know all of it.
    assert_same("cat", &read(&n.path("log")), &want);
    a.write_all(b"from a").unwrap();
    a.sync_all().unwrap();
    b.write_all(b"from another").unwrap();
    assert_eq!(errno(b.sync_all()), libc::ESTALE);
    drop((a, b));
    check(&s3, "log", &[&want[..], b"from a"].concat());
    let keys = s3.keys("");
    assert!(keys.len() == 2 && keys[1].starts_with("log.conflict-"), "{keys:?}");
    assert_same("theirs", &s3.get(&keys[1]), &[&want[..], b"from another"].concat());
}

/// Another client stores something else under the name, of the same size, or takes it away.
pub fn replaced_under_an_appender(service: &Service) {
    let s3 = service.s3();
    let m = service.mount();
    for change in ["replaced", "removed"] {
        let (mut file, want) = log(&m, change);
        let other = pattern(99, want.len());
        match change {
            "replaced" => s3.put(change, other.clone()),
            _ => s3.delete(change),
        }
        file.write_all(b"ours").unwrap();
        assert_eq!(errno(file.sync_all()), libc::ESTALE, "{change}");
        drop(file);
        if change == "replaced" {
            assert_same(change, &s3.get(change), &other);
        }
        let kept = s3.keys(&format!("{change}.conflict-"));
        assert_eq!(kept.len(), 1, "{change}: {:?}", s3.keys(""));
        assert_same(change, &s3.get(&kept[0]), &[&want[..], b"ours"].concat());
    }
}

/// Objects that another client has begun by an append.
pub fn foreign_logs(service: &Service) {
    let s3 = service.s3();
    s3.append("log", &["one ", "two "]);
    let m = service.mount();
    assert_eq!(fs::read_to_string(m.path("log")).unwrap(), "one two ");
    sh(m.root(), "printf three >> log").ok();
    check(&s3, "log", b"one two three");
    // Written anew, it is a plain object; grown by zeros, it is one still.
    sh(m.root(), "truncate -s +3 log").ok();
    check(&s3, "log", b"one two three\0\0\0");
    sh(m.root(), "printf new > log; printf er >> log").ok();
    assert_eq!(s3.text("log"), "newer");
    assert!(!s3.head("log").appendable);
}

/// A bucket that keeps versions, and a service that knows no append: found out once, and all is stored.
pub fn where_nothing_can_be_appended(service: &Service) {
    for fault in [Fault::Status(409, "InvalidBucketState"), Fault::Status(501, "NotImplemented")] {
        let (s3, name) = (service.s3(), format!("{fault:?}").split('"').nth(1).unwrap().to_owned());
        service.server().on_request(Box::new(move |request| match request.op {
            "AppendObject" => fault,
            _ => Fault::Pass,
        }));
        let m = service.mount();
        service.log().clear();
        let (file, want) = log(&m, &name);
        drop(file);
        m.umount();
        assert_same(&name, &s3.get(&name), &want);
        assert!(!s3.head(&name).appendable);
        assert_eq!(service.log().counts().get("AppendObject"), Some(&1));
    }
    let s3 = service.s3();
    let names = s3.keys("");
    only(&s3, &names.iter().map(String::as_str).collect::<Vec<_>>());
}
