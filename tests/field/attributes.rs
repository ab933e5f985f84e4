//! Space, extended attributes, cold storage.

use super::mount;
use crate::ops::{stat, text, write};
use crate::support::{Service, errno, pattern, python, sh, soon};
use osirisfs::server::{Limits, Style};
use osirisfs::store::WriteHeaders;
use std::fs::{self, File};

/// df shows the quota, and a full bucket is EDQUOT at close, not a hang.
#[test]
fn quota() {
    let limits = Limits { quota_bytes: Some(100 << 20), ..Limits::default() };
    let service = Service::embedded_as(Style::default(), limits);
    let mut m = mount(&service);
    write(&m.path("f"), pattern(1, 40 << 20));
    m.again();
    let df = sh(m.root(), "df -B1 --output=size,used,avail . | tail -n 1").ok();
    let numbers: Vec<u64> = df.split_whitespace().map(|number| number.parse().unwrap()).collect();
    assert_eq!(numbers, [100 << 20, 40 << 20, 60 << 20]);
    let began = std::time::Instant::now();
    // In a process of its own: when another test of this one starts a program, the kernel closes a duplicate of each open
    // file, which stores what was written so far.
    let script = "import os\n\
        file = os.open('f', os.O_WRONLY | os.O_TRUNC)\n\
        try:\n\
        \x20   for _ in range(120): os.write(file, os.urandom(1 << 20))\n\
        \x20   os.fsync(file)\n\
        except OSError as error: print(error.errno)\n\
        try: os.close(file)\n\
        except OSError as error: print(error.errno)\n";
    let said = python(m.root(), script).ok();
    assert_eq!(said.split_whitespace().next(), Some("122"), "EDQUOT: {said}");
    assert!(began.elapsed().as_secs() < 60);
    assert_eq!(service.s3().head("f").size, 40 << 20, "the old version stands");
    // Reading goes on; after something is removed, writing too.
    let file = File::options().write(true).open(m.path("f")).unwrap();
    file.set_len(0).unwrap();
    file.sync_all().unwrap();
    drop(file);
    assert_eq!(service.s3().head("f").size, 0);
    write(&m.path("g"), pattern(3, 5 << 20));
    assert_eq!(service.s3().head("g").size, 5 << 20);
}

/// Writing asks the service nothing about extended attributes.
#[test]
fn writes_ask_nothing_of_attributes() {
    let service = Service::embedded();
    let m = mount(&service);
    write(&m.path("f"), "x");
    sh(m.root(), "setfattr -n user.a -v 0x00ff10 f; sync f").ok();
    // The first write of a mount finds out what the service honours.
    service.log().clear();
    sh(m.root(), "dd if=/dev/zero of=f bs=4k count=1000 conv=notrunc status=none; getfattr -d f > /dev/null; ls -l f > /dev/null").ok();
    let counts = service.log().counts();
    assert!(counts.values().sum::<u64>() <= 4, "{counts:?}");
    assert_eq!(sh(m.root(), "getfattr --only-values -n user.a f | od -An -tx1").ok(), " 00 ff 10\n");
}

#[test]
fn cold_storage() {
    let service = Service::embedded();
    let s3 = service.s3();
    let put = |key: &str, class: &str| {
        let mut with = WriteHeaders::default();
        with.headers.storage_class = Some(class.to_owned());
        s3.put_with(key, "cold bytes", &with);
    };
    put("glacier", "GLACIER");
    put("deep", "DEEP_ARCHIVE");
    put("instant", "GLACIER_IR");
    put("rare", "STANDARD_IA");
    let m = mount(&service);
    sh(m.root(), "ls -l; stat glacier deep instant rare").ok();
    for name in ["glacier", "deep"] {
        assert_eq!(errno(fs::read(m.path(name))), libc::EACCES, "{name}");
        assert_eq!(stat(&m.path(name)).len(), 10);
    }
    for name in ["instant", "rare"] {
        assert_eq!(text(&m.path(name)), "cold bytes");
    }
    soon("a line in the log", || m.log().contains("cold storage class"));
    // A change keeps the class.
    sh(m.root(), "chmod 600 rare; echo + >> rare").ok();
    assert_eq!(s3.head("rare").headers.storage_class.as_deref(), Some("STANDARD_IA"));
}
