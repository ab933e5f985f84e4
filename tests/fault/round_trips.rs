//! How many round trips stand between a program and its answer, measured with a line on which each takes long.

use super::support::{Mount, Proxy, Service, Spoil, sh, soon};
use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

const TRIP: Duration = Duration::from_millis(400);

/// A mount over a slow line; the service's manners are known already, as after the first write of a day.
fn slow(service: &Service) -> (Proxy, Mount) {
    let proxy = service.proxy();
    let mount = service.mount_through(&proxy, &["--max-age", "60"]);
    fs::write(mount.path("first"), "first").unwrap();
    proxy.rule(|_| Spoil::Delay(TRIP));
    (proxy, mount)
}

/// Round trips that something takes.
fn trips(work: impl FnOnce()) -> f64 {
    let began = Instant::now();
    work();
    began.elapsed().as_secs_f64() / TRIP.as_secs_f64()
}

#[test]
fn a_small_file_comes_with_its_lookup() {
    let service = Service::embedded();
    service.s3().put_many((0..6).map(|n| (format!("d/f{n}"), format!("content {n}"))));
    let (proxy, mount) = slow(&service);
    sh(mount.root(), "ls d").ok();
    proxy.clear();
    for n in 0..6 {
        let took =
            trips(|| assert_eq!(fs::read_to_string(mount.path(&format!("d/f{n}"))).unwrap(), format!("content {n}")));
        assert!(took < 1.7, "{took} round trips for file {n}");
    }
    assert_eq!(proxy.counts().into_iter().collect::<Vec<_>>(), [("GetObject", 6)]);
    // Each open asks, though a moment has passed since the lookup only.
    service.s3().put("d/f3", "another content");
    assert_eq!(fs::read_to_string(mount.path("d/f3")).unwrap(), "another content");
}

/// One stat, then another client's change, then an open: the open must see it.
#[test]
fn a_look_before_is_not_the_look_of_an_open() {
    let service = Service::embedded();
    service.s3().put("d/f", "old");
    let (_proxy, mount) = slow(&service);
    sh(mount.root(), "ls d").ok();
    assert_eq!(fs::metadata(mount.path("d/f")).unwrap().len(), 3);
    service.s3().put("d/f", "newer");
    assert_eq!(fs::read_to_string(mount.path("d/f")).unwrap(), "newer");
}

#[test]
fn a_new_file_costs_one_round_trip() {
    let service = Service::embedded();
    let (proxy, mount) = slow(&service);
    fs::create_dir(mount.path("d")).unwrap();
    proxy.clear();
    for n in 0..3 {
        let path = mount.path(&format!("d/f{n}"));
        let took = trips(|| fs::write(&path, "content").unwrap());
        assert!(took < 1.7, "{took} round trips for file {n}: {:?}", proxy.counts());
    }
    assert_eq!(service.s3().keys("d/"), ["d/", "d/f0", "d/f1", "d/f2"]);
}

/// What another client made since the directory was listed is replaced by an open that truncates, and keeps its mode.
#[test]
fn truncating_what_another_client_made_meanwhile_is_no_conflict() {
    let service = Service::embedded();
    let (_proxy, mount) = slow(&service);
    fs::create_dir(mount.path("d")).unwrap();
    let theirs = service.mount();
    fs::write(theirs.path("d/f"), "theirs").unwrap();
    fs::set_permissions(theirs.path("d/f"), fs::Permissions::from_mode(0o640)).unwrap();
    File::open(theirs.path("d/f")).unwrap().sync_all().unwrap();
    fs::write(mount.path("d/f"), "ours").unwrap();
    assert_eq!(service.s3().keys("d/"), ["d/", "d/f"]);
    assert_eq!(service.s3().text("d/f"), "ours");
    assert_eq!(fs::metadata(mount.path("d/f")).unwrap().permissions().mode() & 0o7777, 0o640);
    // One that is removed before it was ever stored takes theirs along.
    fs::write(theirs.path("d/g"), "theirs").unwrap();
    let file = File::create(mount.path("d/g")).unwrap();
    fs::remove_file(mount.path("d/g")).unwrap();
    drop(file);
    assert_eq!(service.s3().keys("d/"), ["d/", "d/f"]);
}

/// What another client made while the file was open here is a conflict, and both are kept.
#[test]
fn what_another_client_made_after_the_open_is_kept() {
    let service = Service::embedded();
    let (_proxy, mount) = slow(&service);
    fs::create_dir(mount.path("d")).unwrap();
    service.log().clear();
    // In a process of its own: when another test of this one starts a program, the kernel closes a duplicate of each open
    // file, which stores what was written so far.
    let script = "import os\n\
        f = os.open('d/f', os.O_WRONLY | os.O_CREAT | os.O_TRUNC)\n\
        os.write(f, b'ours')\n\
        input()\n\
        try: os.fsync(f)\n\
        except OSError as e: print(e.errno)\n";
    let mut writer = Command::new("/usr/bin/python3")
        .args(["-c", script])
        .current_dir(mount.root())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    soon("the question of the open answered", || service.log().count("HeadObject") == 1);
    std::thread::sleep(TRIP);
    service.s3().put("d/f", "theirs");
    writer.stdin.take().unwrap().write_all(b"\n").unwrap();
    let said = writer.wait_with_output().unwrap().stdout;
    assert_eq!(String::from_utf8_lossy(&said).trim(), libc::ESTALE.to_string());
    assert_eq!(service.s3().text("d/f"), "theirs");
    let kept: Vec<_> = service.s3().keys("d/f.conflict").into_iter().map(|key| service.s3().text(&key)).collect();
    assert_eq!(kept, ["ours"]);
}
