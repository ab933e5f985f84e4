//! Writing: 0 means stored.

use super::support::{Passing, Proxy, Service, Spoil, assert_same, errno, pattern, python, sh, soon, within};
use super::{IMPATIENT, MIB, error_document, gave_up};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::Duration;

pub fn is_store(method: &str) -> bool {
    matches!(method, "PUT" | "POST")
}

/// From now on whatever is to be stored is answered with this error.
pub fn fail_stores(proxy: &Proxy, status: u16, code: &'static str) {
    proxy.rule(move |request| if is_store(&request.method) { Spoil::Status(status, code) } else { Spoil::Pass });
}

/// Closes with the error that dropping would hide.
pub fn close(file: File) -> io::Result<()> {
    Ok(nix::unistd::close(std::os::fd::OwnedFd::from(file))?)
}

/// Writes a new file, and closes it, in a process of its own: each program that another test starts has for a moment a copy
/// of this process's descriptors, and closing that copy stores what is there by then.
pub fn store(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut source = tempfile::NamedTempFile::new()?;
    source.write_all(bytes)?;
    let script = format!(
        "import os\n\
         data = open('{}', 'rb').read()\n\
         try:\n\
         \x20   f = os.open('{}', os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)\n\
         \x20   try:\n\
         \x20       while data: data = data[os.write(f, data[:1 << 20]):]\n\
         \x20   finally: os.close(f)\n\
         \x20   print(0)\n\
         except OSError as e: print(e.errno)\n",
        source.path().display(),
        path.display()
    );
    match python(Path::new("/"), &script).ok().trim().parse().unwrap() {
        0 => Ok(()),
        errno => Err(io::Error::from_raw_os_error(errno)),
    }
}

/// A7: what could not be stored is never reported as stored.
#[test]
fn a_failed_upload_is_reported_each_time() {
    let service = Service::embedded();
    let proxy = service.proxy();
    let mount = service.mount_through(&proxy, &IMPATIENT);
    fail_stores(&proxy, 503, "SlowDown");
    let root = mount.root().to_owned();
    within(Duration::from_secs(60), "fsync and close", move || {
        let mut file = File::create(root.join("a")).unwrap();
        file.write_all(&pattern(1, MIB)).unwrap();
        assert!(gave_up(errno(file.sync_all())), "fsync");
        assert!(gave_up(errno(file.sync_all())), "fsync again");
        assert!(gave_up(errno(close(file))), "close after fsync");
        assert!(gave_up(errno(store(&root.join("b"), &pattern(2, MIB)))), "close");
    });
    assert_eq!(service.s3().keys(""), Vec::<String>::new());
    proxy.repair();
    // The bytes were kept and are stored when the service is back.
    soon("both files stored", || service.s3().keys("") == ["a", "b"]);
    assert_same("a", &service.s3().get("a"), &pattern(1, MIB));
    assert_same("b", &service.s3().get("b"), &pattern(2, MIB));
}

/// An answer that was lost after the work was done is no failure, and no second work.
#[test]
fn lost_answers_are_not_failures() {
    let service = Service::embedded();
    let proxy = service.proxy();
    let mount = service.mount_through(&proxy, &[]);
    // Once for each operation and key.
    let seen = std::sync::Mutex::new(std::collections::HashSet::new());
    proxy.rule(move |request| match seen.lock().unwrap().insert((request.op, request.key.clone())) {
        true => Spoil::Lose,
        false => Spoil::Pass,
    });
    let root = mount.root().to_owned();
    let bytes = pattern(3, 30 * MIB);
    let large = bytes.clone();
    within(Duration::from_secs(100), "all", move || {
        let at = |name: &str| root.join(name);
        fs::create_dir(at("d")).unwrap();
        store(&at("d/f"), b"one").unwrap();
        store(&at("d/f"), b"two").unwrap();
        let mut exclusive = OpenOptions::new().write(true).create_new(true).open(at("x")).unwrap();
        exclusive.write_all(b"only").unwrap();
        close(exclusive).unwrap();
        std::os::unix::fs::symlink("d/f", at("link")).unwrap();
        store(&at("large"), &large).unwrap();
        fs::rename(at("d/f"), at("d/g")).unwrap();
        fs::rename(at("d"), at("e")).unwrap();
        fs::remove_file(at("x")).unwrap();
        fs::create_dir(at("gone")).unwrap();
        fs::remove_dir(at("gone")).unwrap();
    });
    mount.umount();
    let s3 = service.s3();
    assert_eq!(s3.keys(""), ["e/", "e/g", "large", "link"]);
    assert_eq!(s3.text("e/g"), "two");
    assert_eq!(s3.text("link"), "d/f");
    assert_same("large", &s3.get("large"), &bytes);
    assert!(s3.uploads().is_empty(), "{:?}", s3.uploads());
}

/// F4: a success status with an error inside is a failure.
#[test]
fn success_with_an_error_inside_is_tried_again() {
    for answer in [error_document(), Vec::new()] {
        let service = Service::embedded();
        let proxy = service.proxy();
        service.s3().put("a", "aaa");
        service.s3().put("big", pattern(4, 40 * MIB));
        let mount = service.mount_through(&proxy, &[]);
        let told = answer.clone();
        proxy.rule(move |request| match request.op {
            "CopyObject" | "UploadPartCopy" | "CompleteMultipartUpload" if request.n == 0 => {
                Spoil::Answer(200, told.clone())
            }
            _ => Spoil::Pass,
        });
        let root = mount.root().to_owned();
        within(Duration::from_secs(60), "mv and writing", move || {
            fs::rename(root.join("a"), root.join("b")).unwrap();
            store(&root.join("new"), &pattern(5, 30 * MIB)).unwrap();
            let file = OpenOptions::new().write(true).open(root.join("big")).unwrap();
            file.write_all_at(b"changed", 20 * MIB as u64).unwrap();
            close(file).unwrap();
        });
        assert!(proxy.count("UploadPartCopy") > 1, "{:?}", proxy.counts());
        mount.umount();
        let s3 = service.s3();
        assert_eq!(s3.keys(""), ["b", "big", "new"]);
        assert_eq!(s3.text("b"), "aaa");
        assert_same("new", &s3.get("new"), &pattern(5, 30 * MIB));
        let mut big = pattern(4, 40 * MIB);
        big[20 * MIB..20 * MIB + 7].copy_from_slice(b"changed");
        assert_same("big", &s3.get("big"), &big);
    }
}

#[test]
fn success_with_an_error_inside_for_ever_is_an_error() {
    for answer in [error_document(), Vec::new()] {
        let service = Service::embedded();
        let proxy = service.proxy();
        service.s3().put("a", "aaa");
        let mount = service.mount_through(&proxy, &IMPATIENT);
        proxy.rule(move |request| match request.op {
            "CopyObject" | "CompleteMultipartUpload" => Spoil::Answer(200, answer.clone()),
            _ => Spoil::Pass,
        });
        let root = mount.root().to_owned();
        within(Duration::from_secs(60), "mv and writing", move || {
            assert!(gave_up(errno(fs::rename(root.join("a"), root.join("b")))));
            assert!(gave_up(errno(store(&root.join("new"), &pattern(5, 30 * MIB)))));
            assert_eq!(fs::read(root.join("a")).unwrap(), b"aaa");
        });
        assert_eq!(service.s3().keys(""), ["a"]);
        proxy.repair();
        soon("the file stored", || service.s3().find("new").is_some());
        assert_same("new", &service.s3().get("new"), &pattern(5, 30 * MIB));
    }
}

/// G2: no multipart upload is left behind by a close that failed, once the line is good again.
#[test]
fn a_failed_upload_leaves_nothing_behind() {
    let service = Service::embedded();
    let proxy = service.proxy();
    let s3 = service.s3();
    let mount = service.mount_through(&proxy, &IMPATIENT);
    proxy.rule(|request| match request.op {
        "UploadPart" if request.query.contains("partNumber=3&") => Spoil::Status(500, "InternalError"),
        "AbortMultipartUpload" => Spoil::Status(500, "InternalError"),
        _ => Spoil::Pass,
    });
    let path = mount.path("f");
    let result = within(Duration::from_secs(60), "writing", move || store(&path, &pattern(6, 40 * MIB)));
    assert!(gave_up(errno(result)));
    proxy.repair();
    soon("no upload left", || s3.uploads().is_empty());
    assert_same("f", &s3.get("f"), &pattern(6, 40 * MIB));
}

/// G2: a program that is interrupted while it writes leaves the prefix that it wrote, as on any disk.
#[test]
fn an_interrupted_copy_leaves_a_prefix() {
    let service = Service::embedded();
    let proxy = service.proxy();
    proxy.limit(8 * MIB as u64, 0);
    let mount = service.mount_through(&proxy, &[]);
    let bytes = pattern(7, 60 * MIB);
    fs::write(service.folder().join("source"), &bytes).unwrap();
    // Most of it is written at once; the program is interrupted while it waits for the rest.
    let give = "mkfifo ../slow; (head -c 50000000 ../source; sleep 3; tail -c +50000001 ../source) >../slow &";
    sh(mount.root(), &format!("{give} timeout -s INT 1 cp --copy-contents ../slow f || true; wait")).ok();
    mount.umount();
    let s3 = service.s3();
    assert!(s3.uploads().is_empty(), "{:?}", s3.uploads());
    if s3.find("f").is_some() {
        let stored = s3.get("f");
        assert!(stored.len() < bytes.len(), "it was interrupted");
        assert_same("f", &stored, &bytes[..stored.len()]);
    }
}

/// G4: an upload whose completion may have been received is never aborted.
#[test]
fn a_slow_completion_is_waited_for_and_not_aborted() {
    for spoil in [Spoil::Hold(Duration::from_secs(8)), Spoil::Lose] {
        let service = Service::embedded();
        let proxy = service.proxy();
        let mount = service.mount_through(&proxy, &[]);
        let told = spoil.clone();
        proxy.rule(move |request| match (request.op, request.n) {
            ("CompleteMultipartUpload", 0) => told.clone(),
            _ => Spoil::Pass,
        });
        let path = mount.path("f");
        within(Duration::from_secs(60), "writing", move || store(&path, &pattern(8, 30 * MIB))).unwrap();
        mount.umount();
        let aborts = |request: &&Passing| request.op == "AbortMultipartUpload" && request.key == "f";
        assert_eq!(proxy.requests().iter().filter(aborts).count(), 0, "{spoil:?}");
        assert_same("f", &service.s3().get("f"), &pattern(8, 30 * MIB));
    }
}

/// A change of attributes that comes while an earlier one is on its way is stored, too.
#[test]
fn attributes_that_change_while_they_are_stored_are_stored() {
    let service = Service::embedded();
    let proxy = service.proxy();
    service.s3().put("d/f", "content");
    service.s3().put("d/", "");
    let mount = service.mount_through(&proxy, &[]);
    proxy.rule(|request| match request.op {
        "CopyObject" => Spoil::Hold(Duration::from_secs(2)),
        _ => Spoil::Pass,
    });
    sh(mount.root(), "chmod 600 d/f; chmod 700 d").ok();
    soon("both on their way", || proxy.count("CopyObject") == 2);
    sh(mount.root(), "chmod 640 d/f; chmod 750 d").ok();
    std::thread::sleep(Duration::from_secs(3));
    mount.umount();
    for (key, wanted) in [("d/f", 0o640), ("d/", 0o750)] {
        let mode: u32 = service.s3().meta(key, "mode").unwrap().parse().unwrap();
        assert_eq!(mode & 0o7777, wanted, "{key}");
    }
}

fn sent(proxy: &Proxy) -> usize {
    proxy.up() as usize
}

/// B2: a file that is grown step by step is sent once.
#[test]
fn preallocating_in_steps_sends_each_byte_once() {
    let service = Service::embedded();
    let proxy = service.proxy();
    let mount = service.mount_through(&proxy, &[]);
    let bytes = pattern(9, 32 * MIB);
    fs::write(service.folder().join("source"), &bytes).unwrap();
    // A program of its own: a child of another test would close a duplicate of this one's file, and so store half of it.
    let script = format!(
        "import os\n\
         source, file = open('source', 'rb'), os.open('{}', os.O_CREAT | os.O_WRONLY)\n\
         for n in range(32):\n    \
             os.ftruncate(file, (n + 1) << 20)\n    \
             assert os.pwrite(file, source.read(1 << 20), n << 20) == 1 << 20\n\
         os.close(file)\n",
        mount.path("f").display()
    );
    python(service.folder(), &script).ok();
    assert!(sent(&proxy) <= 36 * MIB, "{} bytes sent", sent(&proxy));
    assert_same("f", &service.s3().get("f"), &bytes);
}

/// B7: a small change of a large object moves little.
#[test]
fn appending_to_a_large_object_moves_little() {
    let service = Service::embedded();
    let proxy = service.proxy();
    let size = 160 * MIB;
    service.s3().put_parts("f", &pattern(10, size), &Default::default());
    let mount = service.mount_through(&proxy, &[]);
    sh(mount.root(), "printf x >> f").ok();
    let (up, down) = (sent(&proxy), proxy.down() as usize);
    assert!(up <= 16 * MIB && down <= 16 * MIB, "{up} bytes up, {down} down");
    let mut wanted = pattern(10, size);
    wanted.push(b'x');
    assert_same("f", &service.s3().get("f"), &wanted);
    sh(mount.root(), "echo first > t; echo second >> t").ok();
    assert_eq!(service.s3().text("t"), "first\nsecond\n");
}

/// Descriptors are closed in the middle of writing, too: a child of the program has a copy of them until it starts another
/// program. What such a close stores, or fails to store, is not the last word.
#[test]
fn a_close_in_between_that_fails_loses_nothing() {
    for after in [0, 17] {
        let service = Service::embedded();
        let proxy = service.proxy();
        let mount = service.mount_through(&proxy, &IMPATIENT);
        proxy.rule(move |request| match request.op {
            "CompleteMultipartUpload" | "PutObject" if request.key == "new" => Spoil::Status(500, "InternalError"),
            _ => Spoil::Pass,
        });
        let bytes = pattern(5, 30 * MIB);
        fs::write(service.folder().join("source"), &bytes).unwrap();
        let script = format!(
            "import os\n\
             data = open('../source', 'rb').read(); told = 0\n\
             f = os.open('new', os.O_WRONLY | os.O_CREAT | os.O_TRUNC)\n\
             def tell(what, *a):\n\
             \x20   global told\n\
             \x20   try: return what(*a)\n\
             \x20   except OSError: told += 1\n\
             at = 0; cut = {after} << 20; asked = False\n\
             while at < len(data):\n\
             \x20   if at >= cut and not asked: tell(lambda: os.close(os.dup(f))); asked = True\n\
             \x20   at += tell(os.write, f, data[at:at + 100000]) or 0\n\
             tell(os.close, f); print(told)\n"
        );
        let root = mount.root().to_owned();
        let told = within(Duration::from_secs(60), "writing", move || python(&root, &script).ok());
        assert!(told.trim().parse::<u32>().unwrap() > 0, "the program hears of it");
        assert!(service.s3().keys("").is_empty());
        proxy.repair();
        soon("the file stored", || service.s3().find("new").is_some());
        assert_same(&format!("new, closed after {after} MiB"), &service.s3().get("new"), &bytes);
    }
}
