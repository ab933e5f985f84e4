//! The daemon is killed, or unmounted, right after a close.

use super::MIB;
use super::support::{Mount, Proxy, Service, Spoil, assert_same, is_gone, pattern, sh, soon};
use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

/// A mount with a cache folder of its own, which can be looked into.
fn with_cache(service: &Service, proxy: &Proxy) -> (PathBuf, Mount) {
    let cache = service.folder().join("cache");
    fs::create_dir(&cache).unwrap();
    let mount = service.mount_through(proxy, &["--cache-dir", cache.to_str().unwrap()]);
    (cache, mount)
}

/// A8: what close(2) has promised outlives the daemon.
#[test]
fn data_is_there_when_the_daemon_is_killed_after_close() {
    let service = Service::embedded();
    let proxy = service.proxy();
    proxy.limit(8 * MIB as u64, 0);
    let mut mount = service.mount_through(&proxy, &[]);
    let bytes = pattern(1, 40 * MIB);
    fs::write(service.folder().join("source"), &bytes).unwrap();
    sh(mount.root(), "cp ../source f; cp ../source g & cp ../source h & wait; echo small > s").ok();
    mount.crash();
    let s3 = service.s3();
    for name in ["f", "g", "h"] {
        assert_same(name, &s3.get(name), &bytes);
    }
    assert_eq!(s3.text("s"), "small\n");
    proxy.repair();
    mount.revive();
    assert_same("f", &fs::read(mount.path("f")).unwrap(), &bytes);
}

/// A9: the same with an unmount by the system's own tool.
#[test]
fn data_is_there_when_the_mount_ends_right_after_a_copy() {
    let service = Service::embedded();
    let proxy = service.proxy();
    proxy.limit(16 * MIB as u64, 0);
    let mount = service.mount_through(&proxy, &[]);
    let bytes = pattern(2, 60 * MIB);
    fs::write(service.folder().join("source"), &bytes).unwrap();
    let daemon = mount.daemon();
    let at = mount.root().to_str().unwrap();
    sh(service.folder(), &format!("cp source {at}/f && chmod 640 {at}/f && fusermount3 -u {at}")).ok();
    soon("the end of the daemon", || is_gone(daemon));
    let s3 = service.s3();
    assert_same("f", &s3.get("f"), &bytes);
    let mode = s3.meta("f", "mode").unwrap();
    assert_eq!(mode.parse::<u32>().unwrap() & 0o7777, 0o640);
    assert!(s3.uploads().is_empty());
}

/// G2: an upload that the daemon could not finish is given up by the next mount.
#[test]
fn an_upload_of_a_killed_daemon_is_given_up_by_the_next_mount() {
    let service = Service::embedded();
    let proxy = service.proxy();
    proxy.limit(4 * MIB as u64, 0);
    let s3 = service.s3();
    let (cache, mut mount) = with_cache(&service, &proxy);
    fs::write(service.folder().join("source"), pattern(3, 100 * MIB)).unwrap();
    // A program of its own: a descriptor that another test's fork has copied is closed there, too, which stores the file.
    let mut writing = Command::new("cp").arg(service.folder().join("source")).arg(mount.path("f")).spawn().unwrap();
    // (A daemon that is killed between the service's answer and its own note, a millisecond later, leaves the upload.)
    // (There may be a second one for a moment, by which the daemon finds out what the service honours.)
    let of_the_file = || s3.uploads().into_iter().filter(|upload| upload.key == "f").collect::<Vec<_>>();
    soon("an upload that is noted", || {
        let notes =
            fs::read_dir(&cache).unwrap().flatten().map(|note| fs::read_to_string(note.path()).unwrap_or_default());
        let notes = notes.collect::<String>();
        let whole = |id: &str| notes.split_inclusive('\n').any(|note| note.ends_with('\n') && note.contains(id));
        matches!(&of_the_file()[..], [upload] if whole(&upload.id))
    });
    mount.crash();
    assert!(!writing.wait().unwrap().success());
    assert_eq!(of_the_file().len(), 1, "the daemon had no chance to give it up");
    proxy.repair();
    mount.revive();
    soon("the upload given up", || s3.uploads().is_empty());
    assert!(s3.find("f").is_none());
}

/// The same for the object under which a file lives that was removed while it was open.
#[test]
fn a_hidden_object_of_a_killed_daemon_is_removed_by_the_next_mount() {
    let service = Service::embedded();
    let proxy = service.proxy();
    let s3 = service.s3();
    let (cache, mut mount) = with_cache(&service, &proxy);
    let hidden = || s3.all_keys(".osirisfs/open-").len();
    s3.put("f", pattern(4, 5 * MIB));
    let open = fs::File::open(mount.path("f")).unwrap();
    fs::remove_file(mount.path("f")).unwrap();
    assert_eq!(hidden(), 1, "the open file's bytes have a place");
    mount.crash();
    drop(open);
    assert_eq!(hidden(), 1, "the daemon had no chance to remove it");
    mount.revive();
    soon("the hidden object removed", || hidden() == 0);
    soon("nothing noted any longer", || fs::read_dir(&cache).unwrap().count() == 0);
}

/// The same for the objects that find out which conditions the service honours.
#[test]
fn probes_of_a_killed_daemon_are_removed_by_the_next_mount() {
    let service = Service::embedded();
    let proxy = service.proxy();
    let s3 = service.s3();
    let (cache, mut mount) = with_cache(&service, &proxy);
    let probes = || s3.all_keys(".osirisfs/probe-").len();
    s3.put("f", "old");
    // Deletes never arrive, nor does the end of the upload.
    proxy.rule(|request| match request.op {
        "DeleteObject" | "CompleteMultipartUpload" => Spoil::Delay(Duration::from_secs(600)),
        _ => Spoil::Pass,
    });
    // In a process of its own, which is left waiting.
    let path = mount.path("f");
    let writer = Command::new("/bin/sh").args(["-c", "echo new > \"$0\""]).arg(&path).spawn();
    soon("probes", || probes() == 4 && s3.uploads().len() == 1);
    mount.crash();
    let _ = writer.unwrap().wait();
    proxy.repair();
    mount.revive();
    soon("the probes removed", || probes() == 0 && s3.uploads().is_empty());
    soon("nothing noted any longer", || fs::read_dir(&cache).unwrap().count() == 0);
}
