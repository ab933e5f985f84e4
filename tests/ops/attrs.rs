//! stat(2), chmod(2), chown(2), utimensat(2), truncate(2).

use super::{atime, mode, mtime, open_rw, read, stat, write};
use crate::support::{Service, assert_same, errno, pattern, soon};
use nix::fcntl::AT_FDCWD;
use nix::sys::stat::{UtimensatFlags, futimens, utimensat};
use nix::sys::time::TimeSpec;
use nix::unistd::{Gid, Uid, chown};
use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt, fchown, symlink};
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

fn chmod(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

fn set_times(path: &Path, atime: TimeSpec, mtime: TimeSpec) {
    utimensat(AT_FDCWD, path, &atime, &mtime, UtimensatFlags::NoFollowSymlink).unwrap();
}

fn now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() as i64
}

pub fn new_things_look_new(service: &Service) {
    let m = service.mount();
    let began = now();
    OpenOptions::new().write(true).create_new(true).mode(0o640).open(m.path("f")).unwrap().write_all(b"hello").unwrap();
    fs::DirBuilder::new().mode(0o750).create(m.path("d")).unwrap();
    let file = stat(&m.path("f"));
    assert_eq!((file.mode(), file.len(), file.uid(), file.gid(), file.nlink()), (0o100640, 5, 0, 0, 1));
    assert_eq!(mode(&m.path("d")), 0o40750);
    for name in ["f", "d"] {
        let stat = stat(&m.path(name));
        for time in [stat.mtime(), stat.ctime(), stat.atime()] {
            assert!((began - 1..=now() + 1).contains(&time), "{name}: {time}");
        }
    }
    assert!(stat(&m.path("f")).blocks() * 512 >= 5);
    assert_eq!(errno(fs::metadata(m.path("nope"))), libc::ENOENT);
    assert_eq!(errno(fs::metadata(m.path("f/below"))), libc::ENOTDIR);
    assert_eq!(errno(fs::metadata(m.path("nope/below"))), libc::ENOENT);
}

pub fn chmod_and_chown_stay(service: &Service) {
    let mut m = service.mount();
    write(&m.path("closed"), "1");
    write(&m.path("open"), "2");
    fs::create_dir(m.path("dir")).unwrap();
    symlink("nowhere", m.path("link")).unwrap();
    let open = open_rw(&m.path("open"));
    for name in ["closed", "dir"] {
        chmod(&m.path(name), 0o2711);
        chown(&m.path(name), Some(Uid::from_raw(1234)), Some(Gid::from_raw(2345))).unwrap();
        chmod(&m.path(name), 0o3701);
    }
    open.set_permissions(fs::Permissions::from_mode(0o600)).unwrap();
    fchown(&open, Some(77), None).unwrap();
    fchown(&open, None, Some(88)).unwrap();
    std::os::unix::fs::lchown(m.path("link"), Some(5), Some(6)).unwrap();
    let look = |m: &crate::support::Mount| {
        let all = ["closed", "dir", "open", "link"].map(|name| stat(&m.path(name)));
        all.map(|stat| (stat.mode() & 0o7777, stat.uid(), stat.gid()))
    };
    let want = [(0o3701, 1234, 2345), (0o3701, 1234, 2345), (0o600, 77, 88), (0o777, 5, 6)];
    assert_eq!(look(&m), want);
    drop(open);
    assert_eq!(look(&m), want);
    m.again();
    assert_eq!(look(&m), want);
    assert_eq!(read(&m.path("closed")), b"1");
    assert_eq!(fs::read_link(m.path("link")).unwrap(), Path::new("nowhere"));
}

/// Attributes of a file that nobody has open are stored without anybody's doing.
pub fn attributes_are_stored_soon(service: &Service) {
    let m = service.mount();
    write(&m.path("f"), "1");
    fs::create_dir(m.path("d")).unwrap();
    let s3 = service.s3();
    chmod(&m.path("f"), 0o604);
    chmod(&m.path("d"), 0o704);
    set_times(&m.path("f"), TimeSpec::new(1, 2), TimeSpec::new(1234567890, 123456789));
    soon("the mode of the file", || s3.meta("f", "mode").as_deref() == Some(&0o100604.to_string()));
    soon("the mode of the directory", || s3.meta("d/", "mode").as_deref() == Some(&0o40704.to_string()));
    assert_eq!(s3.meta("f", "mtime").as_deref(), Some("1234567890.123456789"));
    assert_eq!(s3.text("f"), "1");
    // fsync stores them at once, of the file or of its directory.
    let open = open_rw(&m.path("f"));
    open.set_permissions(fs::Permissions::from_mode(0o640)).unwrap();
    open.sync_all().unwrap();
    assert_eq!(s3.meta("f", "mode").as_deref(), Some(&*0o100640.to_string()));
    drop(open);
    chmod(&m.path("f"), 0o444);
    File::open(m.root()).unwrap().sync_all().unwrap();
    assert_eq!(s3.meta("f", "mode").as_deref(), Some(&*0o100444.to_string()));
}

pub fn chown_clears_set_user_id(service: &Service) {
    let m = service.mount();
    write(&m.path("f"), "#!/bin/sh\n");
    fs::create_dir(m.path("d")).unwrap();
    for name in ["f", "d"] {
        chmod(&m.path(name), 0o6755);
        chown(&m.path(name), Some(Uid::from_raw(9)), None).unwrap();
    }
    assert_eq!((mode(&m.path("f")), mode(&m.path("d"))), (0o100755, 0o46755));
}

pub fn times_are_exact(service: &Service) {
    let mut m = service.mount();
    write(&m.path("f"), "1");
    fs::create_dir(m.path("d")).unwrap();
    symlink("f", m.path("l")).unwrap();
    let times = [(1234567890, 123456789), (0, 0), (-1, 999999999), (1, 1), (4102444800, 1)];
    for name in ["f", "d", "l"] {
        for (n, (secs, nanos)) in times.into_iter().enumerate() {
            set_times(&m.path(name), TimeSpec::new(secs - 7, nanos), TimeSpec::new(secs, nanos));
            assert_eq!(mtime(&m.path(name)), (secs, nanos), "{name} {n}");
            assert_eq!(atime(&m.path(name)), (secs - 7, nanos), "{name} {n}");
        }
    }
    let last = times[4];
    m.again();
    for name in ["f", "d", "l"] {
        assert_eq!(mtime(&m.path(name)), last, "{name}");
        assert_eq!(atime(&m.path(name)), (last.0 - 7, last.1), "{name}");
    }
}

pub fn every_time_survives_a_fresh_mount(service: &Service) {
    let mut m = service.mount();
    let times = [(1234567890, 123456789), (0, 0), (-1, 0), (-1, 5), (-86400, 999999999), (1, 0), (32503680000, 7)];
    for (n, (secs, nanos)) in times.into_iter().enumerate() {
        let path = m.path(&n.to_string());
        write(&path, "x");
        set_times(&path, TimeSpec::UTIME_OMIT, TimeSpec::new(secs, nanos));
    }
    m.again();
    for (n, time) in times.into_iter().enumerate() {
        assert_eq!(mtime(&m.path(&n.to_string())), time);
    }
}

pub fn now_and_omit(service: &Service) {
    let m = service.mount();
    write(&m.path("f"), "1");
    let old = TimeSpec::new(1000, 1);
    set_times(&m.path("f"), old, old);
    set_times(&m.path("f"), TimeSpec::UTIME_OMIT, TimeSpec::new(2000, 2));
    assert_eq!((atime(&m.path("f")), mtime(&m.path("f"))), ((1000, 1), (2000, 2)));
    set_times(&m.path("f"), TimeSpec::new(3000, 3), TimeSpec::UTIME_OMIT);
    assert_eq!((atime(&m.path("f")), mtime(&m.path("f"))), ((3000, 3), (2000, 2)));
    set_times(&m.path("f"), TimeSpec::UTIME_OMIT, TimeSpec::UTIME_NOW);
    assert_eq!(atime(&m.path("f")), (3000, 3));
    assert!((now() - mtime(&m.path("f")).0).abs() <= 2);
    set_times(&m.path("f"), TimeSpec::UTIME_NOW, TimeSpec::new(4000, 4));
    assert_eq!(mtime(&m.path("f")), (4000, 4));
    assert!((now() - atime(&m.path("f")).0).abs() <= 2);
    // Setting nothing changes nothing.
    set_times(&m.path("f"), TimeSpec::UTIME_OMIT, TimeSpec::UTIME_OMIT);
    assert_eq!(mtime(&m.path("f")), (4000, 4));
}

/// Times that a program sets before its close, as `cp -p` and `tar` do, are the ones that stay.
pub fn times_of_an_open_file(service: &Service) {
    let mut m = service.mount();
    let mut file = File::create(m.path("f")).unwrap();
    file.write_all(b"content").unwrap();
    futimens(&file, &TimeSpec::new(7, 8), &TimeSpec::new(1234567890, 123456789)).unwrap();
    assert_eq!(mtime(&m.path("f")), (1234567890, 123456789));
    drop(file);
    assert_eq!(mtime(&m.path("f")), (1234567890, 123456789));
    m.again();
    assert_eq!((mtime(&m.path("f")), atime(&m.path("f"))), ((1234567890, 123456789), (7, 8)));
    // A write after that counts again.
    let mut file = OpenOptions::new().append(true).open(m.path("f")).unwrap();
    file.write_all(b"+").unwrap();
    drop(file);
    assert!((now() - mtime(&m.path("f")).0).abs() <= 2);
    let shown = mtime(&m.path("f"));
    m.again();
    assert_eq!(mtime(&m.path("f")), shown);
}

/// A large file, which goes up while it is written, keeps the time that was set before its close.
pub fn times_of_a_large_file(service: &Service) {
    let mut m = service.mount();
    let mut file = File::create(m.path("f")).unwrap();
    let bytes = pattern(1, 40 << 20);
    for piece in bytes.chunks(1 << 20) {
        file.write_all(piece).unwrap();
    }
    futimens(&file, &TimeSpec::UTIME_OMIT, &TimeSpec::new(1234567890, 123456789)).unwrap();
    drop(file);
    assert_eq!(mtime(&m.path("f")), (1234567890, 123456789));
    m.again();
    assert_eq!(mtime(&m.path("f")), (1234567890, 123456789));
    assert_same("the content", &read(&m.path("f")), &bytes);
}

pub fn truncate_both_ways(service: &Service) {
    let mut m = service.mount();
    let bytes = pattern(2, 300_000);
    for name in ["closed", "open"] {
        write(&m.path(name), &bytes);
    }
    for size in [200_001_u64, 0, 5, 70_000, 70_000] {
        nix::unistd::truncate(&m.path("closed"), size as i64).unwrap();
        let open = open_rw(&m.path("open"));
        open.set_len(size).unwrap();
        assert_eq!(open.metadata().unwrap().len(), size);
        drop(open);
        for name in ["closed", "open"] {
            assert_eq!(stat(&m.path(name)).len(), size, "{name}");
            let mut want = bytes[..bytes.len().min(size as usize)].to_vec();
            if size != 200_001 {
                // It was cut to nothing in between.
                want = vec![0; size as usize];
            }
            assert_same(name, &read(&m.path(name)), &want);
        }
        m.again();
        assert_eq!(stat(&m.path("closed")).len(), size);
    }
    assert_same("at the end", &read(&m.path("closed")), &vec![0; 70_000]);
    fs::create_dir(m.path("d")).unwrap();
    assert_eq!(errno(nix::unistd::truncate(&m.path("d"), 0).map_err(std::io::Error::from)), libc::EISDIR);
    let read_only = File::open(m.path("open")).unwrap();
    assert_eq!(errno(read_only.set_len(1)), libc::EINVAL);
}

/// Cut and grown in one open: what was cut off must not come back.
pub fn truncated_bytes_do_not_come_back(service: &Service) {
    let mut m = service.mount();
    write(&m.path("f"), pattern(3, 100_000));
    let file = open_rw(&m.path("f"));
    file.set_len(10).unwrap();
    file.set_len(50_000).unwrap();
    let mut want = pattern(3, 100_000)[..10].to_vec();
    want.resize(50_000, 0);
    assert_same("while open", &read(&m.path("f")), &want);
    drop(file);
    m.again();
    assert_same("afterwards", &read(&m.path("f")), &want);
}
