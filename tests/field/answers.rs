//! Services of several releases, refusals, and what they must not cost.

use super::mount;
use crate::ops::{is_there, names, open_rw, read, text, write};
use crate::support::{Service, assert_same, errno, noise, pattern, python, sh, soon};
use osirisfs::server::{Fault, Style};
use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::FileExt;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Barrier};

const STYLES: [Style; 2] = [Style::Rgw16, Style::Rgw20];

/// Bodies of all sizes, and many deletions at once, with default options on each release.
#[test]
fn every_release_takes_our_bodies() {
    for style in STYLES {
        let service = Service::embedded_as(style, Default::default());
        let m = mount(&service);
        for size in [0, 1 << 10, 50 << 20] {
            let bytes = noise(size);
            write(&m.path(&format!("f{size}")), &bytes);
            assert_same("stored", &service.s3().get(&format!("f{size}")), &bytes);
        }
        fs::create_dir(m.path("many")).unwrap();
        (0..50).for_each(|n| write(&m.path(&format!("many/{n}")), "x"));
        fs::rename(m.path("many"), m.path("moved")).unwrap();
        assert_eq!(names(&m.path("moved")).len(), 50);
        assert_eq!(service.s3().keys("many"), [""; 0]);
    }
}

/// One of two wins an exclusive create on each release, and a service that says "conflict, again" is asked again.
#[test]
fn exclusive_create_on_every_release() {
    for style in STYLES {
        let service = Service::embedded_as(style, Default::default());
        let busy = Arc::new(AtomicU32::new(0));
        let count = busy.clone();
        service.server().on_request(Box::new(move |request| {
            let first_of_three =
                request.key.starts_with('x') && count.fetch_add(1, Ordering::Relaxed).is_multiple_of(3);
            if request.op == "PutObject" && first_of_three {
                Fault::Status(409, "OperationAborted")
            } else {
                Fault::Pass
            }
        }));
        let mounts = [mount(&service), mount(&service)];
        let barrier = Barrier::new(2);
        for round in 0..20 {
            let create = |n: usize| {
                barrier.wait();
                OpenOptions::new().write(true).create_new(true).open(mounts[n].path(&format!("x{round}"))).is_ok()
            };
            let won = std::thread::scope(|scope| {
                let other = scope.spawn(|| create(1));
                [create(0), other.join().unwrap()]
            });
            assert_ne!(won[0], won[1], "{style:?}, round {round}");
        }
        assert!(busy.load(Ordering::Relaxed) > 10);
    }
}

/// Two writers of a large object, where the release honours no condition at the end of an upload.
#[test]
fn conflicts_of_large_files_on_every_release() {
    for style in STYLES {
        let service = Service::embedded_as(style, Default::default());
        let s3 = service.s3();
        let (m, n) = (mount(&service), mount(&service));
        let (ours, theirs) = (pattern(1, 30 << 20), pattern(2, 30 << 20));
        write(&m.path("f"), "base");
        fs::write(service.folder().join("ours"), &ours).unwrap();
        let script = format!(
            "import os, time\n\
             f = os.open('f', os.O_RDWR)\n\
             open('{0}/opened', 'w').close()\n\
             while not os.path.exists('{0}/go'): time.sleep(0.01)\n\
             os.write(f, open('{0}/ours', 'rb').read())\n\
             try: os.fsync(f)\n\
             except OSError as e: print(e.errno)\n",
            service.folder().display()
        );
        // A program of its own: no other test's program can close its file and so be told in its place.
        std::thread::scope(|scope| {
            let writer = scope.spawn(|| python(n.root(), &script).ok());
            soon("the open file", || service.folder().join("opened").exists());
            write(&m.path("f"), &theirs);
            fs::write(service.folder().join("go"), "").unwrap();
            assert_eq!(writer.join().unwrap(), format!("{}\n", libc::ESTALE), "{style:?}");
        });
        let keys = s3.keys("");
        assert!(keys.len() == 2 && keys[0] == "f" && keys[1].starts_with("f.conflict-"), "{keys:?}");
        let (at_name, beside) = (s3.get("f"), s3.get(&keys[1]));
        assert!(at_name == theirs && beside == ours || at_name == ours && beside == theirs, "{style:?}");
        assert_eq!(s3.uploads().len(), 0);
    }
}

/// What is renamed and removed at once does not come back by a late store.
#[test]
fn nothing_comes_back_after_a_removal() {
    let service = Service::embedded();
    let m = mount(&service);
    let script = "mkdir p1; echo a > p1/a; echo b > p1/b; chmod 640 p1/a p1; touch p1/b; mv p1 p2; chmod 600 p2/a; rm -r p2\n\
        head -c 40000000 /dev/zero > big; touch -d 2001-01-01 big; rm big";
    sh(m.root(), script).ok();
    std::thread::sleep(std::time::Duration::from_millis(2500));
    assert_eq!(service.s3().all_keys("").iter().filter(|key| !key.starts_with(".osirisfs/probe")).count(), 0);
    assert_eq!(service.s3().uploads().len(), 0);
    assert_eq!(names(m.root()), [""; 0]);
}

/// A refused removal or replacement leaves the file as it was, what is not stored yet included.
#[test]
fn refused_removals_keep_what_was_written() {
    for size in [1000, 9 << 20] {
        let service = Service::embedded();
        let m = mount(&service);
        let mut bytes = pattern(3, size);
        write(&m.path("f"), &bytes);
        write(&m.path("g"), "g");
        let file = open_rw(&m.path("f"));
        file.write_all_at(b"not stored yet", 100).unwrap();
        bytes[100..114].copy_from_slice(b"not stored yet");
        service.server().on_request(Box::new(|request| {
            let refused = request.key == "f" && ["DeleteObject", "CopyObject"].contains(&request.op);
            if refused { Fault::Status(403, "AccessDenied") } else { Fault::Pass }
        }));
        assert_eq!(errno(fs::remove_file(m.path("f"))), libc::EACCES);
        assert_eq!(errno(fs::rename(m.path("g"), m.path("f"))), libc::EACCES);
        assert_same("still here", &read(&m.path("f")), &bytes);
        file.sync_all().unwrap();
        drop(file);
        assert_same("stored", &service.s3().get("f"), &bytes);
        assert_eq!((names(m.root()), text(&m.path("g"))), (vec!["f".to_owned(), "g".to_owned()], "g".to_owned()));
        service.server().on_request(Box::new(|_| Fault::Pass));
        fs::rename(m.path("g"), m.path("f")).unwrap();
        assert_eq!((names(m.root()), text(&m.path("f"))), (vec!["f".to_owned()], "g".to_owned()));
        let s3 = service.s3();
        soon("no hidden object is left", || s3.all_keys("").iter().all(|key| !key.contains("/open-")));
    }
}

/// Who may not write hears so, and the old bytes stand.
#[test]
fn refused_overwrites_keep_the_old_bytes() {
    let service = Service::embedded();
    service.s3().put("f", "0123456789");
    let m = mount(&service);
    service.server().on_request(Box::new(|request| {
        let writes = ["PutObject", "CreateMultipartUpload", "CopyObject"].contains(&request.op);
        if writes { Fault::Status(403, "AccessDenied") } else { Fault::Pass }
    }));
    let said = sh(m.root(), "echo new > f").fails();
    assert!(said.contains("Permission denied"), "{said}");
    assert_eq!(errno(File::create_new(m.path("g"))), libc::EACCES);
    let file = File::create(m.path("h")).and_then(|mut file| file.write_all(b"x").and_then(|()| file.sync_all()));
    assert_eq!(errno(file), libc::EACCES);
    assert_eq!(service.s3().text("f"), "0123456789");
    soon("the old text", || text(&m.path("f")) == "0123456789");
    service.server().on_request(Box::new(|_| Fault::Pass));
    soon("the refused file is gone", || !is_there(&m.path("h")) || service.s3().find("h").is_some());
}
