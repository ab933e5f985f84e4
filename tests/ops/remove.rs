//! unlink(2): what is open lives on.

use super::{is_there, names, open_rw, read, text, write};
use crate::support::{Service, assert_same, errno, pattern, soon};
use std::fs::{self, File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::os::unix::fs::FileExt;

pub fn unlink(service: &Service) {
    let mut m = service.mount();
    write(&m.path("f"), "1");
    fs::create_dir(m.path("d")).unwrap();
    fs::remove_file(m.path("f")).unwrap();
    assert_eq!(errno(fs::remove_file(m.path("f"))), libc::ENOENT);
    assert_eq!(errno(fs::remove_file(m.path("d"))), libc::EISDIR);
    assert_eq!(errno(fs::metadata(m.path("f"))), libc::ENOENT);
    m.again();
    assert_eq!(names(m.root()), ["d"]);
    // The name is free for something else.
    fs::create_dir(m.path("f")).unwrap();
    write(&m.path("f/g"), "2");
    m.again();
    assert_eq!(text(&m.path("f/g")), "2");
}

/// Small files, large files and files that were never stored.
pub fn open_files_live_on(service: &Service) {
    let mut m = service.mount();
    for size in [10, 1_000_000, 9 << 20] {
        let bytes = pattern(size as u64, size);
        write(&m.path("f"), &bytes);
        let mut file = open_rw(&m.path("f"));
        fs::remove_file(m.path("f")).unwrap();
        assert!(!is_there(&m.path("f")));
        assert_eq!(file.metadata().unwrap().len(), size as u64);
        let mut got = Vec::new();
        file.read_to_end(&mut got).unwrap();
        assert_same("still readable", &got, &bytes);
        file.write_all_at(b"changed", 2).unwrap();
        file.write_all(b"more").unwrap();
        file.sync_all().unwrap();
        let mut want = bytes.clone();
        want[2..9].copy_from_slice(b"changed");
        want.extend_from_slice(b"more");
        file.seek(SeekFrom::Start(0)).unwrap();
        got.clear();
        file.read_to_end(&mut got).unwrap();
        assert_same("still writable", &got, &want);
        // Another file under the name is another file.
        write(&m.path("f"), "another");
        assert_eq!(file.metadata().unwrap().len(), want.len() as u64);
        drop(file);
        assert_eq!(text(&m.path("f")), "another");
        fs::remove_file(m.path("f")).unwrap();
    }
    let mut file = OpenOptions::new().read(true).write(true).create_new(true).open(m.path("new")).unwrap();
    file.write_all(b"temporary").unwrap();
    fs::remove_file(m.path("new")).unwrap();
    let mut got = [0; 9];
    file.read_exact_at(&mut got, 0).unwrap();
    assert_eq!(&got, b"temporary");
    drop(file);
    m.again();
    assert_eq!(names(m.root()), [""; 0]);
    if !service.is_plain() {
        let s3 = service.s3();
        soon("the end of hidden objects", || s3.all_keys("").iter().all(|key| !key.contains("/open-")));
        assert_eq!(s3.keys(""), [""; 0]);
    }
}

/// A large file that is being streamed up when its name goes.
pub fn unlink_while_streaming(service: &Service) {
    let m = service.mount();
    let bytes = pattern(3, 40 << 20);
    let mut file = OpenOptions::new().read(true).write(true).create_new(true).open(m.path("f")).unwrap();
    file.write_all(&bytes[..30 << 20]).unwrap();
    fs::remove_file(m.path("f")).unwrap();
    file.write_all(&bytes[30 << 20..]).unwrap();
    let mut got = vec![0; bytes.len()];
    file.read_exact_at(&mut got, 0).unwrap();
    assert_same("all of it", &got, &bytes);
    drop(file);
    assert_eq!(names(m.root()), [""; 0]);
    if !service.is_plain() {
        let s3 = service.s3();
        soon("no object and no upload is left", || s3.keys("").is_empty() && s3.uploads().is_empty());
    }
}

/// A new file is written and removed before its first close: nothing is ever stored.
pub fn temporary_files_leave_nothing(service: &Service) {
    let m = service.mount();
    for n in 0..20 {
        let mut file = File::create(m.path(&format!("tmp{n}"))).unwrap();
        file.write_all(b"x").unwrap();
        fs::remove_file(m.path(&format!("tmp{n}"))).unwrap();
    }
    assert_eq!(names(m.root()), [""; 0]);
    assert_eq!(service.s3().keys(""), [""; 0]);
}

/// Removed by another client while it is open here: the handle gives its old bytes or ESTALE, the name is gone.
pub fn removed_elsewhere(service: &Service) {
    let m = service.mount_with(&["--max-age", "1"]);
    let bytes = pattern(1, 3_000_000);
    write(&m.path("f"), &bytes);
    let file = File::open(m.path("f")).unwrap();
    service.s3().delete("f");
    soon("the name goes", || !is_there(&m.path("f")));
    assert_eq!(errno(File::open(m.path("f"))), libc::ENOENT);
    let mut got = vec![0; bytes.len()];
    match file.read_exact_at(&mut got, 0) {
        Ok(()) => assert_same("old bytes", &got, &bytes),
        Err(error) => assert_eq!(error.raw_os_error(), Some(libc::ESTALE)),
    }
    write(&m.path("f"), "new");
    assert_eq!(read(&m.path("f")), b"new");
}
