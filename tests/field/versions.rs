//! Several clients change one object: no old and new bytes mixed, nothing lost without a word.

use super::{W, mount};
use crate::ops::{open_rw, read, stat, text, write};
use crate::support::{Service, errno, pattern, python, sh};
use std::fs::{self, File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::Path;

/// Reads on; `Err` is the errno.
fn rest(file: &mut File) -> Result<Vec<u8>, i32> {
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes).map(|_| bytes).map_err(|error| error.raw_os_error().unwrap())
}

#[test]
fn a_handle_reads_one_version() {
    let service = Service::embedded();
    let s3 = service.s3();
    let m = mount(&service);
    let size = 40 << 20;
    s3.put("f", vec![b'A'; size]);
    let mut file = File::open(m.path("f")).unwrap();
    let mut first = vec![0; 1 << 20];
    file.read_exact(&mut first).unwrap();
    s3.put("f", vec![b'B'; size]);
    match rest(&mut file) {
        Ok(bytes) => assert!(bytes.len() == size - (1 << 20) && bytes.iter().all(|byte| *byte == b'A')),
        Err(error) => assert_eq!(error, libc::ESTALE),
    }
    let mut again = vec![0; 1 << 20];
    if file.read_exact_at(&mut again, 0).is_ok() {
        assert!(again.iter().all(|byte| *byte == b'A'));
    }
    // A new handle reads the new version, also while the old one is open.
    assert!(read(&m.path("f")).iter().all(|byte| *byte == b'B'));
    if file.read_exact_at(&mut again, 5 << 20).is_ok() {
        assert!(again.iter().all(|byte| *byte == b'A'));
    }
    drop(file);
    assert!(read(&m.path("f")).iter().all(|byte| *byte == b'B'));
}

/// A14: each open sees what was closed before it, so appends of two machines that take turns follow each other.
#[test]
fn appends_in_turn_lose_nothing() {
    for service in [Service::embedded(), Service::embedded16()] {
        let (m, n) = (service.mount(), service.mount());
        // Soon of a size that is worth appending.
        let filler = "-".repeat(1000);
        let mut want = String::new();
        for i in 0..100 {
            for (mount, who) in [(&m, 'm'), (&n, 'n')] {
                sh(mount.root(), &format!("echo {who}{i}{filler} >> log")).ok();
                want += &format!("{who}{i}{filler}\n");
            }
        }
        let got = service.s3().text("log");
        assert_eq!(got.lines().count(), 200);
        assert!(got == want, "not in order");
        assert!(service.s3().head("log").appendable);
        assert_eq!(service.s3().keys(""), ["log"]);
    }
}

#[test]
fn a_shorter_version_is_not_padded() {
    let service = Service::embedded();
    let s3 = service.s3();
    let m = mount(&service);
    for (before, after) in [(20 << 20, 1 << 20), (1 << 20, 20 << 20), (5, 0), (0, 5)] {
        s3.put("f", vec![b'A'; before]);
        std::thread::sleep(W);
        let mut file = File::open(m.path("f")).unwrap();
        s3.put("f", vec![b'B'; after]);
        match rest(&mut file) {
            Ok(bytes) => assert!(bytes.len() == before && bytes.iter().all(|byte| *byte == b'A'), "{}", bytes.len()),
            Err(error) => assert_eq!(error, libc::ESTALE),
        }
        drop(file);
        let now = read(&m.path("f"));
        assert!(now.len() == after && now.iter().all(|byte| *byte == b'B'), "{before} {after}: {}", now.len());
    }
}

/// New content of the same size and, to the second, the same time.
#[test]
fn same_size_new_content() {
    let service = Service::embedded();
    let s3 = service.s3();
    let m = mount(&service);
    let texts = ["yes\n", "not\n", "may\n", "be.\n"];
    for (n, now) in texts.iter().enumerate() {
        s3.put("f", *now);
        s3.put("mapped", *now);
        std::thread::sleep(if n == 0 { std::time::Duration::ZERO } else { W });
        let head = s3.head("f");
        let seconds = head.modified.duration_since(std::time::UNIX_EPOCH).unwrap().as_secs() as i64;
        assert_eq!((stat(&m.path("f")).mtime(), text(&m.path("f")).as_str()), (seconds, *now));
        let script = "import mmap, os\n\
            f = os.open('mapped', os.O_RDONLY)\n\
            print(mmap.mmap(f, 0, mmap.MAP_SHARED, mmap.PROT_READ)[:].decode(), end='')\n";
        assert_eq!(python(m.root(), script).ok(), *now);
    }
}

/// The second of two writers hears that the first was there, and nobody's bytes are lost.
#[test]
fn two_writers_of_one_object() {
    let service = Service::embedded();
    let s3 = service.s3();
    s3.put("f", "00000000");
    let (m, n) = (mount(&service), mount(&service));
    let (first, second) = (open_rw(&m.path("f")), open_rw(&n.path("f")));
    first.write_all_at(b"AAAA", 0).unwrap();
    first.sync_all().unwrap();
    drop(first);
    second.write_all_at(b"BBBB", 4).unwrap();
    assert_eq!(errno(second.sync_all()), libc::ESTALE);
    drop(second);
    assert_eq!(s3.text("f"), "AAAA0000");
    assert_eq!(text(&n.path("f")), "AAAA0000");
    let keys = s3.keys("");
    let kept = keys.iter().find(|key| key.starts_with("f.conflict-")).expect("the other version is kept");
    assert_eq!((s3.text(kept), keys.len()), ("0000BBBB".to_owned(), 2));
    assert_eq!(text(&n.path(kept)), "0000BBBB", "and shown");
}

/// The same by shell, where only close can tell.
#[test]
fn close_tells_of_a_conflict() {
    let service = Service::embedded();
    let m = mount(&service);
    let script = "import os\n\
        f = os.open('f', os.O_WRONLY | os.O_CREAT)\n\
        os.write(f, b'mine')\n\
        input()\n\
        try: os.close(f)\n\
        except OSError as e: print(e.errno)\n";
    let mut child = std::process::Command::new("/usr/bin/python3")
        .args(["-c", script])
        .current_dir(m.root())
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    crate::support::soon("the open file", || m.path("f").exists());
    service.s3().put("f", "theirs");
    child.stdin.take().unwrap().write_all(b"\n").unwrap();
    let said = child.wait_with_output().unwrap();
    assert_eq!(String::from_utf8_lossy(&said.stdout), format!("{}\n", libc::ESTALE));
    assert_eq!((service.s3().text("f"), text(&m.path("f"))), ("theirs".to_owned(), "theirs".to_owned()));
}

#[test]
fn appends_from_two_mounts_in_turn() {
    let service = Service::embedded();
    // An open sees what was closed before it, whatever the age that attributes may have.
    let (m, n) = (service.mount_with(&["--max-age", "60"]), service.mount_with(&["--max-age", "60"]));
    let append = |path: &Path, line: String| {
        OpenOptions::new().append(true).create(true).open(path).unwrap().write_all(line.as_bytes()).unwrap();
    };
    let mut want = String::new();
    for i in 0..60 {
        append(&m.path("log"), format!("m{i}\n"));
        append(&n.path("log"), format!("n{i}\n"));
        want += &format!("m{i}\nn{i}\n");
    }
    assert_eq!(service.s3().text("log"), want);
    assert_eq!(service.s3().keys(""), ["log"]);
}

/// Both mounts write whole files and read each other's; a directory's names follow.
#[test]
fn two_mounts_see_each_other() {
    let service = Service::embedded();
    let (m, n) = (mount(&service), mount(&service));
    for round in 0..3 {
        fs::create_dir(m.path(&format!("d{round}"))).unwrap();
        for file in 0..5 {
            write(&m.path(&format!("d{round}/f{file}")), pattern(file, 10_000 * file as usize));
        }
        std::thread::sleep(W);
        assert_eq!(crate::ops::names(&n.path(&format!("d{round}"))).len(), 5);
        for file in 0..5 {
            assert_eq!(read(&n.path(&format!("d{round}/f{file}"))), pattern(file, 10_000 * file as usize));
        }
        fs::rename(n.path(&format!("d{round}/f1")), n.path(&format!("d{round}/g"))).unwrap();
        fs::remove_file(n.path(&format!("d{round}/f2"))).unwrap();
        std::thread::sleep(W);
        assert_eq!(crate::ops::names(&m.path(&format!("d{round}"))), ["f0", "f3", "f4", "g"]);
        assert_eq!(read(&m.path(&format!("d{round}/g"))), pattern(1, 10_000));
    }
}
