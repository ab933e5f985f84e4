//! Renaming a directory that breaks half way.

use super::support::{Mount, S3, Service, Spoil, errno, sh, soon, within};
use super::{IMPATIENT, gave_up};
use std::collections::BTreeMap;
use std::fs;
use std::time::Duration;

const DIRS: usize = 10;
const FILES: usize = 20;

/// Content by path below the directory.
fn fill(s3: &S3) -> BTreeMap<String, String> {
    let path = |n: usize| format!("s{}/f{n}", n % DIRS);
    let files: BTreeMap<_, _> = (0..DIRS * FILES).map(|n| (path(n), format!("content {n}"))).collect();
    s3.put_many(files.iter().map(|(path, text)| (format!("d/{path}"), text.clone())));
    s3.put("d/", "");
    files
}

/// Every file is there once at least, under the old or the new name, with its content.
fn none_lost(mount: &Mount, files: &BTreeMap<String, String>) {
    for (path, text) in files {
        let found = ["d", "e"].iter().find_map(|dir| fs::read_to_string(mount.path(&format!("{dir}/{path}"))).ok());
        assert_eq!(found.as_ref(), Some(text), "{path}");
    }
}

/// F3: one copy that fails for ever: the directory stands as it was.
#[test]
fn a_rename_that_fails_half_way_is_rolled_back() {
    let service = Service::embedded();
    let proxy = service.proxy();
    let s3 = service.s3();
    let files = fill(&s3);
    let mount = service.mount_through(&proxy, &IMPATIENT);
    proxy.rule(|request| match request.op {
        "CopyObject" if request.key.ends_with("s3/f103") => Spoil::Status(500, "InternalError"),
        _ => Spoil::Pass,
    });
    let (from, to) = (mount.path("d"), mount.path("e"));
    let result = within(Duration::from_secs(60), "mv", move || fs::rename(from, to));
    assert!(gave_up(errno(result)));
    assert_eq!(s3.keys("e"), Vec::<String>::new(), "the copies are gone");
    assert_eq!(s3.keys("d/").len(), files.len() + 1);
    assert_eq!(errno(fs::metadata(mount.path("e"))), libc::ENOENT);
    none_lost(&mount, &files);
    proxy.repair();
    fs::rename(mount.path("d"), mount.path("e")).unwrap();
    assert_eq!(s3.keys("d"), Vec::<String>::new());
    assert_eq!(s3.keys("e/").len(), files.len() + 1);
    none_lost(&mount, &files);
}

/// The removal of the old names fails: all is under the new ones, and what is left can be removed.
#[test]
fn a_rename_whose_deletes_fail_loses_nothing() {
    let service = Service::embedded();
    let proxy = service.proxy();
    let files = fill(&service.s3());
    let mount = service.mount_through(&proxy, &IMPATIENT);
    proxy.rule(|request| match request.op {
        "DeleteObjects" | "DeleteObject" => Spoil::Status(500, "InternalError"),
        _ => Spoil::Pass,
    });
    let (from, to) = (mount.path("d"), mount.path("e"));
    let result = within(Duration::from_secs(60), "mv", move || fs::rename(from, to));
    assert!(gave_up(errno(result)));
    none_lost(&mount, &files);
    proxy.repair();
    sh(mount.root(), "if [ -d d ]; then mkdir -p e; cp -a d/. e/; rm -r d; fi").ok();
    assert_eq!(service.s3().keys("d"), Vec::<String>::new());
    assert_eq!(service.s3().keys("e/").iter().filter(|key| !key.ends_with('/')).count(), files.len());
    none_lost(&mount, &files);
}

/// F3: the daemon dies while it renames.
#[test]
fn a_rename_that_is_killed_loses_nothing() {
    let service = Service::embedded();
    let proxy = service.proxy();
    let s3 = service.s3();
    let files = fill(&s3);
    let mut mount = service.mount_through(&proxy, &[]);
    proxy.rule(|request| match request.op {
        "CopyObject" => Spoil::Delay(Duration::from_millis(200)),
        _ => Spoil::Pass,
    });
    let (from, to) = (mount.path("d"), mount.path("e"));
    let renaming = std::thread::spawn(move || fs::rename(from, to));
    soon("half of the copies", || s3.keys("e/").len() > files.len() / 3);
    mount.crash();
    assert!(renaming.join().unwrap().is_err());
    proxy.repair();
    mount.revive();
    none_lost(&mount, &files);
    sh(mount.root(), "cp -a d/. e/ && rm -r d").ok();
    none_lost(&mount, &files);
}
