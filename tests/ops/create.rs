//! open(2) with O_CREAT, O_EXCL, O_TRUNC, O_APPEND and the rest.

use super::{is_there, mode, names, open_rw, read, stat, text, write};
use crate::support::{Service, errno, soon};
use std::fs::{self, File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{FileExt, OpenOptionsExt, symlink};
use std::sync::Barrier;

pub fn create_write_read(service: &Service) {
    let mut m = service.mount();
    let mut file = OpenOptions::new().read(true).write(true).create_new(true).open(m.path("f")).unwrap();
    file.write_all(b"hello ").unwrap();
    file.write_all(b"world").unwrap();
    assert_eq!(text(&m.path("f")), "hello world", "another handle sees what is not stored yet");
    assert_eq!(stat(&m.path("f")).len(), 11);
    file.seek(SeekFrom::Start(6)).unwrap();
    let mut rest = String::new();
    file.read_to_string(&mut rest).unwrap();
    assert_eq!(rest, "world");
    drop(file);
    m.again();
    assert_eq!(text(&m.path("f")), "hello world");
    assert_eq!(names(m.root()), ["f"]);
}

pub fn empty_file(service: &Service) {
    let mut m = service.mount();
    drop(File::create(m.path("empty")).unwrap());
    assert_eq!(names(m.root()), ["empty"]);
    m.again();
    assert_eq!((stat(&m.path("empty")).len(), read(&m.path("empty")).len()), (0, 0));
    // Also one that is created for reading only.
    let flags = OpenOptions::new().read(true).custom_flags(libc::O_CREAT).mode(0o644).open(m.path("ro"));
    drop(flags.unwrap_or_else(|_| panic!("O_RDONLY|O_CREAT")));
    m.again();
    assert_eq!(names(m.root()), ["empty", "ro"]);
}

pub fn what_open_refuses(service: &Service) {
    let m = service.mount();
    write(&m.path("f"), "x");
    fs::create_dir(m.path("d")).unwrap();
    symlink("nowhere", m.path("dangling")).unwrap();
    let new = |name: &str| OpenOptions::new().write(true).create_new(true).open(m.path(name));
    assert_eq!(errno(new("f")), libc::EEXIST);
    assert_eq!(errno(new("d")), libc::EEXIST);
    assert_eq!(errno(new("dangling")), libc::EEXIST, "O_EXCL follows no link");
    assert_eq!(errno(new("nope/f")), libc::ENOENT);
    assert_eq!(errno(new("f/f")), libc::ENOTDIR);
    assert_eq!(errno(OpenOptions::new().write(true).open(m.path("d"))), libc::EISDIR);
    assert_eq!(errno(File::open(m.path("nope"))), libc::ENOENT);
    assert_eq!(errno(File::open(m.path("dangling"))), libc::ENOENT);
    let no_follow = OpenOptions::new().read(true).custom_flags(libc::O_NOFOLLOW).open(m.path("dangling"));
    assert_eq!(errno(no_follow), libc::ELOOP);
    let dir = OpenOptions::new().read(true).custom_flags(libc::O_DIRECTORY).open(m.path("f"));
    assert_eq!(errno(dir), libc::ENOTDIR);
    let read_only = File::open(m.path("f")).unwrap();
    assert_eq!(errno(read_only.write_at(b"y", 0)), libc::EBADF);
    let write_only = OpenOptions::new().write(true).open(m.path("f")).unwrap();
    assert_eq!(errno(write_only.read_at(&mut [0], 0)), libc::EBADF);
    // Creating through a dangling link makes its target.
    write(&m.path("dangling"), "made");
    assert_eq!(text(&m.path("nowhere")), "made");
}

pub fn o_trunc(service: &Service) {
    let mut m = service.mount();
    write(&m.path("f"), "a longer text");
    let mut file = OpenOptions::new().write(true).truncate(true).open(m.path("f")).unwrap();
    assert_eq!(stat(&m.path("f")).len(), 0);
    file.write_all(b"short").unwrap();
    drop(file);
    assert_eq!(text(&m.path("f")), "short");
    drop(OpenOptions::new().write(true).truncate(true).open(m.path("f")).unwrap());
    m.again();
    assert_eq!(stat(&m.path("f")).len(), 0);
    assert_eq!(mode(&m.path("f")) & 0o7777, 0o644 & mode(&m.path("f")), "the mode stays");
}

pub fn o_append(service: &Service) {
    let mut m = service.mount();
    write(&m.path("f"), "0");
    let open = || OpenOptions::new().append(true).open(m.path("f")).unwrap();
    let (mut one, mut two) = (open(), open());
    for n in 0..50 {
        write!(one, "a{n}").unwrap();
        write!(two, "b{n}").unwrap();
    }
    let want: String = (0..50).map(|n| format!("a{n}b{n}")).collect();
    assert_eq!(text(&m.path("f")), format!("0{want}"));
    drop((one, two));
    m.again();
    assert_eq!(text(&m.path("f")), format!("0{want}"));
}

/// Of two mounts that create the same name exclusively exactly one succeeds.
pub fn exclusive_between_mounts(service: &Service) {
    let mounts = [service.mount(), service.mount()];
    let barrier = Barrier::new(2);
    for round in 0..30 {
        let create = |n: usize| {
            barrier.wait();
            let file = OpenOptions::new().write(true).create_new(true).open(mounts[n].path(&format!("x{round}")));
            file.map(|mut file| file.write_all(&[n as u8]).unwrap()).map_err(|e| e.raw_os_error().unwrap())
        };
        let (first, second) = std::thread::scope(|scope| {
            let first = scope.spawn(|| create(0));
            let second = scope.spawn(|| create(1));
            (first.join().unwrap(), second.join().unwrap())
        });
        let winner = match (first, second) {
            (Ok(()), Err(libc::EEXIST)) => 0,
            (Err(libc::EEXIST), Ok(())) => 1,
            other => panic!("round {round}: {other:?}"),
        };
        assert_eq!(service.s3().get(&format!("x{round}")), [winner], "round {round}");
    }
}

/// A lock file is there for the other mount as soon as it was made, and gone as soon as it was removed.
pub fn lock_files_between_mounts(service: &Service) {
    let (m, n) = (service.mount_with(&["--max-age", "1"]), service.mount_with(&["--max-age", "1"]));
    let lock = |at: &crate::support::Mount| OpenOptions::new().write(true).create_new(true).open(at.path("lock"));
    for _ in 0..5 {
        let held = lock(&m).unwrap();
        assert_eq!(errno(lock(&n)), libc::EEXIST);
        drop(held);
        assert_eq!(errno(lock(&n)), libc::EEXIST);
        fs::remove_file(m.path("lock")).unwrap();
        soon("the lock for the other mount", || lock(&n).is_ok());
        fs::remove_file(n.path("lock")).unwrap();
        soon("the lock for this mount", || lock(&m).is_ok());
        fs::remove_file(m.path("lock")).unwrap();
        soon("the end", || !is_there(&n.path("lock")));
    }
}

pub fn read_only_mount(service: &Service) {
    let m = service.mount();
    write(&m.path("f"), "x");
    fs::create_dir(m.path("d")).unwrap();
    let ro = service.mount_with(&["--read-only"]);
    assert_eq!(text(&ro.path("f")), "x");
    assert_eq!(errno(OpenOptions::new().write(true).open(ro.path("f"))), libc::EROFS);
    assert_eq!(errno(File::create(ro.path("g"))), libc::EROFS);
    assert_eq!(errno(fs::create_dir(ro.path("e"))), libc::EROFS);
    assert_eq!(errno(fs::remove_file(ro.path("f"))), libc::EROFS);
    assert_eq!(errno(fs::remove_dir(ro.path("d"))), libc::EROFS);
    assert_eq!(errno(fs::rename(ro.path("f"), ro.path("g"))), libc::EROFS);
    assert_eq!(errno(symlink("f", ro.path("l"))), libc::EROFS);
}

/// What open(2) says must be true of the file at that moment, whatever was known of it.
pub fn open_sees_what_was_closed_elsewhere(service: &Service) {
    let (m, n) = (service.mount_with(&["--max-age", "60"]), service.mount_with(&["--max-age", "60"]));
    write(&m.path("f"), "first");
    assert_eq!(text(&n.path("f")), "first");
    for text_now in ["second", "the third, longer", "4"] {
        write(&m.path("f"), text_now);
        assert_eq!(text(&n.path("f")), text_now);
    }
    // Also for a writer that does not truncate.
    let file = open_rw(&n.path("f"));
    file.write_at(b"N", 0).unwrap();
    drop(file);
    write(&m.path("g"), "xyz");
    let file = open_rw(&m.path("f"));
    assert_eq!(text(&m.path("f")), "N");
    file.write_at(b"M", 1).unwrap();
    drop(file);
    assert_eq!(text(&n.path("f")), "NM");
}
