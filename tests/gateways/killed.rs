//! Gateways killed in the middle of a large file.

use super::support::{Mount, PROGRAM, Service, assert_same, errno, pattern, run, soon};
use super::{mount, rgw, rgw_later};
use std::fs::{self, File};
use std::io::Write;
use std::time::{Duration, Instant};

/// Each part is sent again, close(2) says that the file is stored, and it is.
#[test]
fn gateways_are_killed_in_mid_part() {
    const ALL: [&str; 3] = ["rgw", "rgw-2", "rgw-3"];
    let service = Service::rgw();
    let mut mount = mount(&service, &["--log-requests"]);
    let bytes = pattern(11, 64 << 20);
    let sent_again = |mount: &Mount| {
        let log = mount.log();
        let parts = log.lines().filter(|line| line.contains("op=\"UploadPart\""));
        parts.filter(|line| line.contains("status=200") && !line.contains("tries=1 ")).count()
    };
    let (mut moments, mut stored) = (0, 0);
    // Now and then no part is on its way in the moment of the kill.
    while sent_again(&mount) == 0 {
        assert!(moments < 10, "no part was on its way in any of {moments} moments");
        moments += 1;
        let killer = std::thread::spawn(|| {
            std::thread::sleep(Duration::from_millis(500));
            ALL.into_iter().for_each(|name| rgw(&["kill", name]));
            ALL.into_iter().for_each(|name| rgw(&["start", name]));
        });
        while !killer.is_finished() {
            stored += 1;
            fs::write(mount.path(&format!("file{stored}")), &bytes).unwrap();
        }
        killer.join().unwrap();
    }
    eprintln!("{} parts were sent again, of {stored} files", sent_again(&mount));
    assert!(!mount.log().contains("ERROR"), "{}", mount.log());
    // A completion that was killed when the object stood there already leaves its upload, and the log tells of it.
    let left = mount.log().matches("still lists the upload").count();
    mount.again();
    for n in 1..=stored {
        assert_same(&format!("file{n}"), &fs::read(mount.path(&format!("file{n}"))).unwrap(), &bytes);
    }
    assert_eq!(service.s3().uploads().len(), left, "{:?}", service.s3().uploads());
}

/// A large file whose parts are uploaded. The gateway that completes it is killed, as it were: for so many seconds the service
/// answers each completion with 500.
fn killed_in_mid_completion(service: &Service, mount: &Mount, bytes: &[u8], seconds: &str) -> File {
    let key = service.s3().key("large");
    // Before the file is opened: a child closes its duplicates of what is open, and so stores it.
    let mut waiting = rgw_later(&["hold", &key, seconds]);
    let mut file = File::create(mount.path("large")).unwrap();
    file.write_all(bytes).unwrap();
    soon("the upload has begun", || service.s3().uploads().iter().any(|upload| upload.key == key));
    drop(waiting.stdin.take());
    assert!(waiting.wait().unwrap().success(), "the lock was not taken");
    file
}

#[test]
fn a_gateway_is_killed_in_mid_completion() {
    let service = Service::rgw();
    let mut mount = mount(&service, &[]);
    let bytes = pattern(12, 40 << 20);
    let began = Instant::now();
    let file = killed_in_mid_completion(&service, &mount, &bytes, "8");
    file.sync_all().unwrap();
    assert!(began.elapsed() > Duration::from_secs(7), "it was not waited for: {:?}", began.elapsed());
    drop(file);
    mount.again();
    assert_same("large", &fs::read(mount.path("large")).unwrap(), &bytes);
    assert!(service.s3().uploads().is_empty(), "{:?}", service.s3().uploads());
}

/// The parts are with the service alone: the upload stays, and with it the file.
#[test]
fn a_completion_that_took_too_long_is_repeated_by_recover() {
    let service = Service::rgw();
    let cache = service.folder().join("cache");
    fs::create_dir(&cache).unwrap();
    let mount = mount(&service, &["--retry-for", "2s", "--cache-dir", cache.to_str().unwrap()]);
    let bytes = pattern(13, 40 << 20);
    let file = killed_in_mid_completion(&service, &mount, &bytes, "20");
    assert_eq!(errno(file.sync_all()), libc::EIO);
    // SIGKILL of the daemon, and a new one: its uploads are given up, but this one is needed.
    mount.crash();
    let mount = super::mount(&service, &["--cache-dir", cache.to_str().unwrap()]);
    assert_eq!(errno(fs::read(mount.path("large"))), libc::ENOENT);
    let (endpoint, token) = (service.endpoint(), service.folder().join("token"));
    let words =
        ["--cache-dir", cache.to_str().unwrap(), "--token-file", token.to_str().unwrap(), "--endpoint", &endpoint];
    let told = run(service.folder(), PROGRAM, &[&["recover", "--store"], &words[..]].concat()).ok();
    assert!(told.contains("large is stored"), "{told}");
    drop(file);
    assert_same("large", &service.s3().get("large"), &bytes);
    assert!(service.s3().uploads().is_empty(), "{:?}", service.s3().uploads());
}
