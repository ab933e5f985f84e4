//! What could not be stored outlives the daemon: `lost+found` of the cache folder, and `osirisfs recover`.

use super::support::{
    Mount, PROGRAM, Passing, Proxy, Ran, Service, Spoil, assert_same, errno, pattern, python, run, sh, soon, within,
};
use super::writes::{close, fail_stores, is_store, store};
use super::{IMPATIENT, MIB, gave_up};
use serde_json::Value;
use std::fs::{self, OpenOptions};
use std::os::unix::fs::{FileExt, PermissionsExt};
use std::path::Path;
use std::time::Duration;

/// `osirisfs recover` of what the mounts of this service have lost.
fn recover(service: &Service, words: &[&str]) -> Ran {
    recover_at(service, &service.endpoint(), words)
}

fn recover_at(service: &Service, endpoint: &str, words: &[&str]) -> Ran {
    let mut all = vec!["recover", "--cache-dir", "cache", "--token-file", "token", "--endpoint", endpoint];
    all.extend(words);
    run(service.folder(), PROGRAM, &all)
}

/// The entries.
fn lost(service: &Service) -> Vec<Value> {
    serde_json::from_str(&recover(service, &["--json"]).ok()).unwrap()
}

/// The only entry; its name.
fn only(service: &Service) -> (Value, String) {
    let mut all = lost(service);
    assert_eq!(all.len(), 1, "{all:?}");
    let one = all.remove(0);
    let name = one["entry"].as_str().unwrap().to_owned();
    (one, name)
}

/// Kills the daemon. Its locks go with the last of its threads.
pub fn crash(service: &Service, mount: &Mount) {
    mount.crash();
    soon("the locks of the daemon gone", || lost(service).iter().all(|entry| entry["held"] == false));
}

pub fn refuse(proxy: &Proxy) {
    fail_stores(proxy, 503, "SlowDown");
}

/// Writes a file that cannot be stored, and has its error.
pub fn fail_to_store(path: &Path, bytes: &[u8]) {
    let (path, bytes) = (path.to_owned(), bytes.to_owned());
    let result = within(Duration::from_secs(60), "writing", move || store(&path, &bytes));
    assert!(gave_up(errno(result)));
}

/// The error at close is the program's; its bytes survive even if the daemon is killed in the next moment.
#[test]
fn what_a_close_could_not_store_is_stored_by_recover() {
    let service = Service::embedded();
    let proxy = service.proxy();
    let mount = service.mount_through(&proxy, &IMPATIENT);
    sh(mount.root(), "mkdir d").ok();
    refuse(&proxy);
    let bytes = pattern(1, 3 * MIB);
    fail_to_store(&mount.path("d/f"), &bytes);
    crash(&service, &mount);
    let (entry, name) = only(&service);
    assert_eq!((&entry["bucket"], &entry["key"], &entry["path"]), (&"cou-data".into(), &"d/f".into(), &"d/f".into()));
    assert_eq!((&entry["size"], &entry["here"]), (&(3 * MIB).into(), &(3 * MIB).into()));
    assert!(entry["why"].as_str().unwrap().contains("503") && entry["held"] == false);
    let listed = recover(&service, &[]).ok();
    assert!(listed.contains(&name) && listed.contains("cou-data/d/f") && listed.contains("503"), "{listed}");
    assert!(service.s3().find("d/f").is_none());
    let mode = |path: &str| fs::metadata(service.folder().join(path)).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode("cache/lost+found"), 0o700);
    assert_eq!(mode(&format!("cache/lost+found/{name}/record")), 0o600);

    let told = recover(&service, &["--store"]).ok();
    assert!(told.contains("cou-data/d/f is stored"), "{told}");
    assert_same("d/f", &service.s3().get("d/f"), &bytes);
    let mode: u32 = service.s3().meta("d/f", "mode").unwrap().parse().unwrap();
    assert_eq!(mode & 0o7777, 0o644);
    let listed = recover(&service, &[]).ok();
    assert!(listed.starts_with("Nothing was lost"), "{listed}");
    assert_eq!(fs::read_dir(service.folder().join("cache/lost+found")).unwrap().count(), 0);
}

/// What is written and synced once more replaces what was kept before.
#[test]
fn what_is_kept_is_what_was_written_last() {
    let service = Service::embedded();
    let proxy = service.proxy();
    let mount = service.mount_through(&proxy, &IMPATIENT);
    refuse(&proxy);
    let root = mount.root().to_owned();
    let script = "import os\n\
        f = os.open('f', os.O_WRONLY | os.O_CREAT); told = 0\n\
        def sync():\n\
        \x20   global told\n\
        \x20   try: os.fsync(f)\n\
        \x20   except OSError: told += 1\n\
        os.write(f, b'first'); sync()\n\
        os.write(f, b' and second'); os.pwrite(f, b'F', 0); sync()\n\
        print(told, flush=True); os.kill(os.getpid(), 9)";
    let told = within(Duration::from_secs(60), "fsync", move || python(&root, script));
    assert_eq!(told.out, "2\n", "{told:?}");
    crash(&service, &mount);
    let (_, name) = only(&service);
    recover(&service, &["--export", "saved", &name]).ok();
    assert_eq!(fs::read_to_string(service.folder().join("saved")).unwrap(), "First and second");
    assert_eq!(only(&service).1, name, "exporting takes nothing away");
    recover(&service, &["--store", &name]).ok();
    assert_eq!(service.s3().text("f"), "First and second");
}

/// A file that is stored after all, emptied or removed by its user has no entry any longer.
#[test]
fn what_is_stored_or_not_wanted_any_more_is_not_kept() {
    let service = Service::embedded();
    let proxy = service.proxy();
    let mount = service.mount_through(&proxy, &IMPATIENT);
    refuse(&proxy);
    let (a, b, c) = (mount.path("a"), mount.path("b"), mount.path("c"));
    std::thread::scope(|scope| {
        for path in [&a, &b, &c] {
            scope.spawn(move || fail_to_store(path, b"content"));
        }
    });
    let keys = || {
        let mut keys: Vec<String> =
            lost(&service).iter().map(|entry| entry["key"].as_str().unwrap().to_owned()).collect();
        keys.sort();
        keys
    };
    assert_eq!(keys(), ["a", "b", "c"]);
    assert!(lost(&service).iter().all(|entry| entry["held"] == true));
    fs::remove_file(&b).unwrap();
    soon("the entry of what was removed gone", || keys() == ["a", "c"]);
    let emptied = OpenOptions::new().write(true).truncate(true).open(&c).unwrap();
    soon("the entry of what was emptied gone", || keys() == ["a"]);
    proxy.repair();
    close(emptied).unwrap();
    soon("the entry of what was stored in the background gone", || keys().is_empty());
    assert_eq!(service.s3().text("a"), "content");
    mount.umount();
    assert_eq!(service.s3().keys(""), ["a", "c"]);
    let folder = service.folder().join("cache/lost+found");
    soon("no rubbish left", || fs::read_dir(&folder).unwrap().count() == 0);
}

/// `umount` names the entries, and with `--force` they stay, also of what no program has heard of yet.
#[test]
fn what_a_mount_ends_without_is_kept() {
    let service = Service::embedded();
    let proxy = service.proxy();
    let mount = service.mount_through(&proxy, &["--ask-for", "3s"]);
    refuse(&proxy);
    // Its close still tries.
    let bytes = pattern(2, 3 * MIB);
    let (path, data) = (mount.path("f"), bytes.clone());
    let writing = std::thread::spawn(move || store(&path, &data));
    soon("the close on its way", || proxy.requests().iter().any(|request| is_store(&request.method)));
    assert!(lost(&service).is_empty());
    let at = mount.root().to_str().unwrap().to_owned();
    let ended = run(service.folder(), PROGRAM, &["umount", "--force", &at]);
    assert_eq!(ended.code, Some(3), "{ended:?}\n{}", mount.log());
    assert!(ended.err.contains("lost+found/") && ended.err.contains("osirisfs recover"), "{}", ended.err);
    assert!(writing.join().unwrap().is_err());
    assert!(mount.log().contains("NOT STORED: f"), "{}", mount.log());
    let (entry, _) = only(&service);
    assert!(entry["held"] == false && entry["key"] == "f", "{entry}");
    recover(&service, &["--store"]).ok();
    assert_same("f", &service.s3().get("f"), &bytes);
}

/// A daemon that lives stores its files itself.
#[test]
fn what_a_mount_still_tries_is_left_to_it() {
    let service = Service::embedded();
    let proxy = service.proxy();
    let mount = service.mount_through(&proxy, &IMPATIENT);
    refuse(&proxy);
    fail_to_store(&mount.path("f"), b"content");
    let (entry, name) = only(&service);
    assert_eq!(entry["held"], true);
    for words in [&["--store"][..], &["--store", &name]] {
        let refused = recover(&service, words);
        assert_eq!(refused.code, Some(3));
        assert!(refused.err.contains("its mount still tries"), "{}", refused.err);
    }
    let refused = recover(&service, &["--drop", &name]).fails();
    assert!(refused.contains("its mount still tries"), "{refused}");
    assert!(service.s3().find("f").is_none() && only(&service).1 == name);
    // So says who unmounts.
    let refused = run(service.folder(), PROGRAM, &["umount", mount.root().to_str().unwrap()]);
    assert_eq!(refused.code, Some(3));
    assert!(refused.err.contains(&name) && refused.err.contains("osirisfs recover"), "{}", refused.err);
    proxy.repair();
    mount.umount();
    assert_eq!(service.s3().text("f"), "content");
    assert!(lost(&service).is_empty());
}

/// What the service refuses for good is given up by the mount, and kept.
#[test]
fn what_was_refused_for_good_is_kept() {
    let service = Service::embedded();
    let proxy = service.proxy();
    service.s3().put("f", "old");
    let mount = service.mount_through(&proxy, &[]);
    fail_stores(&proxy, 403, "AccessDenied");
    assert_eq!(errno(store(&mount.path("f"), b"new content")), libc::EACCES);
    soon("the old content shown", || fs::read_to_string(mount.path("f")).is_ok_and(|text| text == "old"));
    let (entry, _) = only(&service);
    assert!(entry["held"] == false && entry["why"].as_str().unwrap().contains("AccessDenied"), "{entry}");
    // Still refused: it stays.
    let refused = recover_at(&service, &proxy.endpoint(), &["--store"]);
    assert_eq!(refused.code, Some(3));
    assert!(refused.err.contains("AccessDenied"), "{}", refused.err);
    assert_eq!(lost(&service).len(), 1);
    proxy.repair();
    mount.umount();
    recover(&service, &["--store"]).ok();
    assert_eq!(service.s3().text("f"), "new content");
    assert_eq!(service.s3().keys(""), ["f"]);
}

/// Neither somebody else's version nor the kept one is lost.
#[test]
fn what_somebody_else_has_stored_meanwhile_is_kept_too() {
    for before in [None, Some("before")] {
        let service = Service::embedded();
        let proxy = service.proxy();
        if let Some(text) = before {
            service.s3().put("f", text);
        }
        let mount = service.mount_through(&proxy, &IMPATIENT);
        refuse(&proxy);
        fail_to_store(&mount.path("f"), b"ours");
        crash(&service, &mount);
        service.s3().put("f", "theirs");
        let told = recover(&service, &["--store"]).ok();
        let keys = service.s3().keys("");
        assert_eq!(keys.len(), 2, "{keys:?}");
        assert!(keys[1].starts_with("f.conflict-") && told.contains(&keys[1]), "{told}");
        assert_eq!((service.s3().text("f"), service.s3().text(&keys[1])), ("theirs".into(), "ours".into()));
        assert!(lost(&service).is_empty());
    }
}

/// Without room for it nothing can be kept; the program and the log hear of both.
#[test]
fn where_nothing_can_be_kept_the_error_is_still_told() {
    let service = Service::embedded();
    let proxy = service.proxy();
    fs::create_dir(service.folder().join("cache")).unwrap();
    fs::write(service.folder().join("cache/lost+found"), "in the way").unwrap();
    let mount = service.mount_through(&proxy, &IMPATIENT);
    refuse(&proxy);
    fail_to_store(&mount.path("f"), b"content");
    fail_to_store(&mount.path("g"), b"content");
    assert_eq!(mount.log().matches("could not be kept in").count(), 1, "{}", mount.log());
    assert!(mount.log().contains("cache/lost+found"));
    proxy.repair();
    mount.umount();
    assert_eq!(service.s3().keys(""), ["f", "g"]);
}

/// Seven bytes of an object changed, and the daemon killed that could not store them.
fn crash_with_small_change(service: &Service, proxy: &Proxy, at: usize) {
    let mount = service.mount_through(proxy, &IMPATIENT);
    refuse(proxy);
    let path = mount.path("big");
    within(Duration::from_secs(60), "changing", move || {
        let file = OpenOptions::new().write(true).open(path).unwrap();
        file.write_all_at(b"changed", at as u64).unwrap();
        assert!(gave_up(errno(close(file))));
    });
    crash(service, &mount);
}

/// Only what was changed is kept; the rest is copied inside the service, as the mount would have done.
#[test]
fn a_small_change_of_a_large_object_is_stored() {
    let service = Service::embedded();
    let proxy = service.proxy();
    let mut bytes = pattern(4, 40 * MIB);
    service.s3().put_parts("big", &bytes, &Default::default());
    crash_with_small_change(&service, &proxy, 20 * MIB);
    bytes[20 * MIB..20 * MIB + 7].copy_from_slice(b"changed");
    let (entry, name) = only(&service);
    assert_eq!((&entry["here"], &entry["size"]), (&7.into(), &(40 * MIB).into()));
    recover(&service, &["--export", "saved", &name]).ok();
    assert_same("saved", &fs::read(service.folder().join("saved")).unwrap(), &bytes);
    proxy.repair();
    proxy.clear();
    recover_at(&service, &proxy.endpoint(), &["--store"]).ok();
    assert_same("big", &service.s3().get("big"), &bytes);
    assert!(proxy.count("UploadPartCopy") > 0 && proxy.up() < 16 * MIB as u64, "{:?}", proxy.counts());
}

/// What the rest was to come from is gone: that is said, and what is here can still be had.
#[test]
fn a_change_of_an_object_that_is_gone_is_exported() {
    let service = Service::embedded();
    let proxy = service.proxy();
    service.s3().put_parts("big", &pattern(4, 20 * MIB), &Default::default());
    crash_with_small_change(&service, &proxy, MIB);
    service.s3().put("big", "theirs");
    let refused = recover(&service, &["--store"]);
    assert_eq!(refused.code, Some(3));
    assert!(refused.err.contains("replaced or removed") && refused.err.contains("--export"), "{}", refused.err);
    let (_, name) = only(&service);
    let told = recover(&service, &["--export", "saved", &name]).fails();
    assert!(told.contains(&format!("0 to {MIB}")) && told.contains("read as zeros"), "{told}");
    let mut wanted = vec![0; 20 * MIB];
    wanted[MIB..MIB + 7].copy_from_slice(b"changed");
    assert_same("saved", &fs::read(service.folder().join("saved")).unwrap(), &wanted);
    assert_eq!(service.s3().keys(""), ["big"]);
    recover(&service, &["--drop", &name]).ok();
    assert!(lost(&service).is_empty());
}

/// A new file of 40 MiB whose third part could not be stored, with its daemon killed.
fn crash_in_upload(service: &Service, proxy: &Proxy) -> (Mount, Vec<u8>) {
    let mount = service.mount_through(proxy, &IMPATIENT);
    proxy.rule(|request| match request.op {
        "UploadPart" if request.query.contains("partNumber=3&") => Spoil::Status(500, "InternalError"),
        _ => Spoil::Pass,
    });
    let bytes = pattern(6, 40 * MIB);
    fail_to_store(&mount.path("f"), &bytes);
    assert_eq!(service.s3().uploads().len(), 1);
    crash(service, &mount);
    proxy.repair();
    proxy.clear();
    (mount, bytes)
}

/// Parts that are in an upload are only there: it is not given up, and goes on where it broke.
#[test]
fn an_upload_that_broke_is_completed() {
    let service = Service::embedded();
    let proxy = service.proxy();
    let (mut mount, bytes) = crash_in_upload(&service, &proxy);
    let (entry, name) = only(&service);
    assert!(entry["in_upload"] == true && entry["here"].as_u64().unwrap() < 40 * MIB as u64, "{entry}");
    // The next mount looks for uploads that nobody needs.
    mount.revive();
    soon("the log telling of it", || mount.log().contains("files of earlier mounts"));
    std::thread::sleep(Duration::from_secs(2));
    assert_eq!((service.s3().uploads().len(), proxy.count("AbortMultipartUpload")), (1, 0));
    let told = recover(&service, &["--export", "saved", &name]).fails();
    assert!(told.contains(&format!("0 to {}", 16 * MIB)) && told.contains("upload"), "{told}");
    proxy.clear();
    recover_at(&service, &proxy.endpoint(), &["--store"]).ok();
    assert_same("f", &service.s3().get("f"), &bytes);
    assert_same("f in the mount", &fs::read(mount.path("f")).unwrap(), &bytes);
    let of_f = |request: &Passing| request.op == "UploadPart" && request.key == "f";
    let parts: Vec<_> = proxy.requests().into_iter().filter(of_f).collect();
    assert!(parts.iter().any(|part| part.query.contains("partNumber=3&")));
    assert!(parts.iter().all(|part| !part.query.contains("partNumber=1&")), "{parts:?}");
    assert!(service.s3().uploads().is_empty() && lost(&service).is_empty());
}

/// When its parts are gone with the upload, that is said; when nobody needs it any more, it goes.
#[test]
fn an_upload_that_is_gone_is_told_and_one_that_is_dropped_goes() {
    let service = Service::embedded();
    let proxy = service.proxy();
    let (mut mount, _) = crash_in_upload(&service, &proxy);
    let (_, name) = only(&service);
    let upload = service.s3().uploads().remove(0);
    service.s3().abort(&upload);
    let refused = recover(&service, &["--store"]);
    assert_eq!(refused.code, Some(3));
    assert!(refused.err.contains("the upload that has its first parts is gone"), "{}", refused.err);
    recover(&service, &["--drop", &name]).ok();

    let (again, _) = crash_in_upload(&service, &proxy);
    let (_, name) = only(&service);
    recover(&service, &["--drop", &name]).ok();
    assert_eq!(service.s3().uploads().len(), 1);
    mount.revive();
    soon("the upload given up", || service.s3().uploads().is_empty());
    drop(again);
}
