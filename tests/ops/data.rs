//! Durability: what close, fsync and the like promise; holes.

use super::{open_rw, read, stat, write};
use crate::support::{Service, assert_same, errno, pattern, python, sh};
use rustix::fs::{FallocateFlags, SeekFrom, fallocate};
use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::process::Command;

pub fn sparse_files(service: &Service) {
    let mut m = service.mount();
    let file = File::create(m.path("f")).unwrap();
    file.write_at(b"begin", 0).unwrap();
    file.write_at(b"middle", 3_000_000).unwrap();
    file.write_at(b"end", 20_000_000).unwrap();
    drop(file);
    let mut want = vec![0; 20_000_003];
    want[..5].copy_from_slice(b"begin");
    want[3_000_000..3_000_006].copy_from_slice(b"middle");
    want[20_000_000..].copy_from_slice(b"end");
    assert_same("now", &read(&m.path("f")), &want);
    m.again();
    assert_same("later", &read(&m.path("f")), &want);
    // A file of holes alone.
    File::create(m.path("holes")).unwrap().set_len(33_554_433).unwrap();
    m.again();
    assert_same("holes", &read(&m.path("holes")), &vec![0; 33_554_433]);
}

/// A write beyond the end of an existing file leaves zeros between.
pub fn write_beyond_the_end(service: &Service) {
    let mut m = service.mount();
    write(&m.path("f"), "abc");
    open_rw(&m.path("f")).write_at(b"xyz", 100_000).unwrap();
    m.again();
    let got = read(&m.path("f"));
    assert_eq!((&got[..3], &got[100_000..], got.len()), (&b"abc"[..], &b"xyz"[..], 100_003));
    assert!(got[3..100_000].iter().all(|byte| *byte == 0));
}

pub fn preallocate_punch_and_seek(service: &Service) {
    let mut m = service.mount();
    let file = File::create(m.path("f")).unwrap();
    fallocate(&file, FallocateFlags::empty(), 0, 1_000_000).unwrap();
    assert_eq!(file.metadata().unwrap().len(), 1_000_000);
    file.write_at(&pattern(1, 400_000), 200_000).unwrap();
    fallocate(&file, FallocateFlags::KEEP_SIZE, 0, 2_000_000).unwrap();
    assert_eq!(file.metadata().unwrap().len(), 1_000_000);
    let punch = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
    fallocate(&file, punch, 300_000, 100_000).unwrap();
    fallocate(&file, punch, 900_000, 5_000_000).unwrap();
    let mut want = vec![0; 1_000_000];
    want[200_000..600_000].copy_from_slice(&pattern(1, 400_000));
    want[300_000..400_000].fill(0);
    assert_same("before close", &read(&m.path("f")), &want);
    // Where data and holes are reported they must be true: no data in a hole.
    let (mut at, mut seen) = (0, Vec::new());
    while let Ok(data) = rustix::fs::seek(&file, SeekFrom::Data(at)) {
        let hole = rustix::fs::seek(&file, SeekFrom::Hole(data)).unwrap();
        seen.push(data as usize..hole as usize);
        at = hole;
    }
    for (offset, _) in want.iter().enumerate().filter(|(_, byte)| **byte != 0) {
        assert!(seen.iter().any(|range| range.contains(&offset)), "{offset} is not in {seen:?}");
    }
    assert_eq!(rustix::fs::seek(&file, SeekFrom::Data(1_000_000)).unwrap_err(), rustix::io::Errno::NXIO);
    assert!((999_999..=1_000_000).contains(&rustix::fs::seek(&file, SeekFrom::Hole(999_999)).unwrap()));
    drop(file);
    m.again();
    assert_same("afterwards", &read(&m.path("f")), &want);
}

/// fsync, fdatasync and close each store what was written; S3 has it while the file is still open.
pub fn fsync_stores(service: &Service) {
    let m = service.mount();
    let s3 = service.s3();
    let bytes = pattern(5, 21 << 20);
    let mut file = File::create(m.path("f")).unwrap();
    file.write_all(&bytes[..20 << 20]).unwrap();
    file.sync_all().unwrap();
    assert_same("after fsync", &s3.get("f"), &bytes[..20 << 20]);
    file.write_all(&bytes[20 << 20..]).unwrap();
    file.sync_data().unwrap();
    assert_same("after fdatasync", &s3.get("f"), &bytes);
    File::open(m.root()).unwrap().sync_all().unwrap();
    rustix::fs::syncfs(File::open(m.root()).unwrap()).unwrap();
    // A duplicate's close stores too.
    file.write_at(b"changed", 5).unwrap();
    drop(file.try_clone().unwrap());
    let mut want = bytes.clone();
    want[5..12].copy_from_slice(b"changed");
    assert_same("after the duplicate's close", &s3.get("f"), &want);
    // And a child's, which has a duplicate until it becomes another program.
    file.write_at(b"again", 40).unwrap();
    assert!(Command::new("true").status().unwrap().success());
    want[40..45].copy_from_slice(b"again");
    assert_same("after a child's start", &s3.get("f"), &want);
    drop(file);
    assert_same("after close", &s3.get("f"), &want);
}

/// fsync when nothing was written, twice, of a new file, of a read-only one.
pub fn fsync_of_little(service: &Service) {
    let m = service.mount();
    let file = File::create(m.path("f")).unwrap();
    file.sync_all().unwrap();
    assert_eq!(service.s3().get("f"), b"");
    file.sync_all().unwrap();
    File::open(m.path("f")).unwrap().sync_all().unwrap();
    fs::create_dir(m.path("d")).unwrap();
    File::open(m.path("d")).unwrap().sync_all().unwrap();
    File::open(m.path("d")).unwrap().sync_data().unwrap();
    assert_eq!(service.s3().keys(""), ["d/", "f"]);
}

/// Blocks are true, since `cp` and `du` go by them.
pub fn blocks_and_space(service: &Service) {
    let m = service.mount();
    write(&m.path("f"), pattern(1, 700_001));
    assert_eq!(stat(&m.path("f")).blocks(), 1368);
    let space = nix::sys::statvfs::statvfs(m.root()).unwrap();
    assert!(space.blocks() > 0 && space.blocks_available() > 0 && space.files() > 0 && space.files_free() > 0);
    assert!(u128::from(space.blocks()) * u128::from(space.fragment_size()) <= 1 << 60);
    assert!(space.blocks_free() <= space.blocks() && space.name_max() == 255);
}

/// dd's direct I/O, which goes past the page cache.
pub fn direct_io(service: &Service) {
    let mut m = service.mount();
    let bytes = pattern(8, 4 << 20);
    fs::write(service.folder().join("source"), &bytes).unwrap();
    let dd = |words: &[&str]| crate::support::run(m.root(), "dd", words).ok();
    let source = format!("if={}", service.folder().join("source").display());
    dd(&[&source, "of=f", "bs=1M", "oflag=direct", "status=none"]);
    assert_same("written", &read(&m.path("f")), &bytes);
    dd(&["if=f", "of=g", "bs=512K", "iflag=direct", "status=none"]);
    assert_same("read", &read(&m.path("g")), &bytes);
    // A cached reader sees what is written directly.
    dd(&[&source, "of=f", "bs=4096", "count=1", "seek=3", "skip=9", "oflag=direct", "conv=notrunc", "status=none"]);
    let mut want = bytes.clone();
    want.copy_within(9 * 4096..10 * 4096, 3 * 4096);
    assert_same("after", &read(&m.path("f")), &want);
    m.again();
    assert_same("fresh", &read(&m.path("f")), &want);
}

/// copy_file_range(2) and sendfile(2), as cp, Python and servers use them.
pub fn copies_inside_the_mount(service: &Service) {
    let m = service.mount();
    let bytes = pattern(9, 3_000_000);
    write(&m.path("f"), &bytes);
    let copy = "import os, shutil\n\
        a, b = os.open('f', os.O_RDONLY), os.open('g', os.O_RDWR | os.O_CREAT)\n\
        left = 3000000\n\
        while left:\n    n = os.copy_file_range(a, b, left); assert n > 0; left -= n\n\
        os.close(b)\n\
        with open('f', 'rb') as f, open('h', 'wb') as h:\n\
        \x20   while os.sendfile(h.fileno(), f.fileno(), None, 1 << 20): pass\n\
        shutil.copy2('f', 'i')\n";
    python(m.root(), copy).ok();
    for name in ["g", "h", "i"] {
        assert_same(name, &read(&m.path(name)), &bytes);
        assert_same(name, &service.s3().get(name), &bytes);
    }
}

/// A whole file is copied inside the service; what is not stored, or not whole, by reading and writing. The same comes of it.
pub fn whole_files_are_copied_by_the_service(service: &Service) {
    let s3 = service.s3();
    let (large, other) = (pattern(21, 20_000_000), pattern(22, 3_000_000));
    let m = service.mount();
    write(&m.path("large"), &large);
    write(&m.path("there"), &other);
    sh(m.root(), "chmod 640 large; touch -d '2001-02-03 04:05:06.789' large; sync large").ok();
    let before = service.is_embedded().then(|| (service.log().count("CopyObject"), service.log().count("UploadPart")));
    sh(m.root(), "cp -p large new; cp large there; cmp large new; cmp large there").ok();
    if let Some((copies, parts)) = before {
        assert!(service.log().count("CopyObject") >= copies + 2, "copied by the service");
        assert_eq!(service.log().count("UploadPart"), parts, "nothing was sent");
    }
    for name in ["new", "there"] {
        assert_same(name, &s3.get(name), &large);
    }
    let script = "import os\n\
        def copy(a, b, at_a, at_b, n):\n\
        \x20   while n:\n\
        \x20       done = os.copy_file_range(a, b, n, at_a, at_b); assert done > 0\n\
        \x20       at_a, at_b, n = at_a + done, at_b + done, n - done\n\
        a = os.open('large', os.O_RDWR)\n\
        f = lambda name: os.open(name, os.O_RDWR | os.O_CREAT)\n\
        copy(a, f('begin'), 0, 0, 5000000)\n\
        copy(a, f('end'), 15000000, 0, 5000000)\n\
        copy(a, f('there'), 0, 1000, 2000)\n\
        b = f('and_more'); copy(a, b, 0, 0, 20000000); os.pwrite(b, b'more', 20000000); os.close(b)\n\
        os.pwrite(a, b'new', 7)\n\
        copy(a, f('changed'), 0, 0, 20000000)\n";
    python(m.root(), script).ok();
    let mut m = m;
    m.again();
    let mut changed = large.clone();
    changed[7..10].copy_from_slice(b"new");
    let mut there = large.clone();
    there[1000..3000].copy_from_slice(&large[..2000]);
    let and_more = [large.as_slice(), b"more"].concat();
    for (name, wanted) in [
        ("begin", &large[..5_000_000]),
        ("end", &large[15_000_000..]),
        ("there", &there),
        ("and_more", &and_more),
        ("changed", &changed),
        ("large", &changed),
        ("new", &large),
    ] {
        assert_same(name, &read(&m.path(name)), wanted);
    }
    let stat = sh(m.root(), "stat -c '%a %y' new").ok();
    assert!(stat.starts_with("640 2001-02-03 04:05:06.789"), "{stat}");
}

/// Files that are too long for one copy: in parts, and the rest by reading and writing.
pub fn long_files_are_copied_in_parts(service: &Service) {
    let bytes = pattern(23, 50_000_000);
    service.s3().put_parts("f", &bytes, &Default::default());
    let m = service.mount_with(&["--copy-limit", "16M"]);
    let before = service.is_embedded().then(|| service.log().count("UploadPartCopy"));
    sh(m.root(), "cp f g; cp f h; printf end >> h").ok();
    if let Some(before) = before {
        assert!(service.log().count("UploadPartCopy") >= before + 5, "copied by the service");
    }
    assert_same("g", &service.s3().get("g"), &bytes);
    assert_same("h", &service.s3().get("h"), &[bytes.as_slice(), b"end"].concat());
    assert!(service.s3().uploads().is_empty());
}

pub fn nothing_left_after_an_error(service: &Service) {
    let m = service.mount();
    let file = File::create(m.path("f")).unwrap();
    let beyond = 5_u64 << 40;
    assert_eq!(errno(file.set_len(beyond + 1)), libc::EFBIG);
    assert_eq!(errno(file.write_at(b"x", beyond)), libc::EFBIG);
    file.write_at(b"ok", 0).unwrap();
    drop(file);
    assert_eq!(service.s3().get("f"), b"ok");
}
