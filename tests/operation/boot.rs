//! fstab and systemd, as far as that goes without a systemd that runs.

use crate::house::*;
use std::fs;
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixDatagram;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

fn text_of(output: &Output) -> String {
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout.clone()).unwrap()
}

#[test]
fn a_mount_can_be_made_read_only_and_writable_again() {
    let house = House::new();
    symlink(PROGRAM, house.path("mount.osirisfs")).unwrap();
    house.mount(&[]);
    let remount = |options: &str| {
        let mountpoint = house.mountpoint();
        let mut command = Command::new(house.path("mount.osirisfs"));
        command.args([BUCKET, mountpoint.to_str().unwrap(), "-o", options]).env_clear().output().unwrap()
    };
    let output = remount("ro,remount,noexec");
    assert!(output.status.success(), "{output:?}");
    let error = fs::write(house.mountpoint().join("x"), "x").unwrap_err();
    assert_eq!(error.raw_os_error(), Some(libc::EROFS));
    assert!(remount("rw,remount").status.success());
    fs::write(house.mountpoint().join("x"), "x").unwrap();
    assert!(house.umount(&[]).status.success());
    let output = remount("ro,remount");
    assert_eq!(output.status.code(), Some(32), "nothing is mounted: {output:?}");
}

#[test]
fn lines_of_s3fs_are_translated_into_lines_that_mount() {
    let house = House::new();
    house.secret("passwd-s3fs", &format!("{}:\n", house.token));
    let line = format!(
        "/dev/sda1 / ext4 defaults 0 1\ns3fs#{BUCKET} {} fuse _netdev,allow_other,use_path_request_style,url={},passwd_file={} 0 0\n",
        house.mountpoint().display(),
        house.endpoint(),
        house.path("passwd-s3fs").display()
    );
    fs::write(house.path("fstab"), line).unwrap();
    let printed = text_of(&house.run(&["fstab", "--from-s3fs", "fstab"]));
    let ours: Vec<&str> = printed.lines().filter(|line| !line.starts_with('#')).collect();
    assert_eq!(ours.len(), 1, "{printed}");
    let fields: Vec<&str> = ours[0].split(' ').collect();
    assert_eq!(fields[2], "osirisfs");
    symlink(PROGRAM, house.path("mount.osirisfs")).unwrap();
    let mut helper = Command::new(house.path("mount.osirisfs"));
    let output = helper.args([fields[0], fields[1], "-o", fields[3]]).env_clear().output().unwrap();
    assert!(output.status.success(), "{output:?}");
    assert!(house.umount(&[]).status.success());

    fs::write(house.path("fstab"), "/dev/sda1 / ext4 defaults 0 1\n").unwrap();
    let output = house.run(&["fstab", "--from-s3fs", "fstab"]);
    assert!(output.status.code() == Some(1) && words_of(&output).contains("no line of s3fs"), "{output:?}");
}

#[test]
fn units_are_such_as_systemd_takes() {
    let house = House::new();
    let place = house.path("my data-x");
    fs::create_dir(&place).unwrap();
    let place = place.to_str().unwrap();
    let escaped = Command::new("systemd-escape").args(["--path", place]).output();
    let kinds: [&[&str]; 4] = [&[], &["--automount", "--idle", "60"], &["--service"], &["--user"]];
    for more in kinds {
        let folder = house.path(&format!("units{}", more.join("")));
        fs::create_dir(&folder).unwrap();
        let words =
            [&["unit", BUCKET, place, "-o", "ro,comment=50%", "--write", folder.to_str().unwrap()], more].concat();
        let printed = text_of(&house.run(&words));
        let files: Vec<&str> = printed.lines().collect();
        assert_eq!(files.len(), if more.contains(&"--automount") { 2 } else { 1 }, "{printed}");
        if let Ok(escaped) = &escaped {
            let name = String::from_utf8_lossy(&escaped.stdout).trim().to_owned();
            assert!(files.iter().all(|file| file.contains(&name)), "{printed} {name}");
        }
        verify(&files);
    }
    let output = house.run(&["unit", BUCKET, place, "-o", "cache_sise=1"]);
    assert!(output.status.code() == Some(2) && words_of(&output).contains("cache_size"), "{output:?}");
}

/// `systemd-analyze verify`, where it is installed.
fn verify(files: &[&str]) {
    let mut command = Command::new("systemd-analyze");
    let Ok(output) = command.args(["verify", "--man=no"]).args(files).output() else { return };
    assert!(output.status.success() && output.stderr.is_empty(), "{files:?}: {output:?}");
}

#[test]
fn the_packaged_units_have_no_unknown_word() {
    let house = House::new();
    for (unit, as_user) in [("osirisfs@.service", false), ("user/osirisfs@.service", true)] {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("packaging").join(unit);
        let text = fs::read_to_string(path).unwrap().replace("/usr/bin/osirisfs", PROGRAM);
        let copy = house.path(&format!("osirisfs{as_user}@x.service"));
        fs::write(&copy, text).unwrap();
        verify(&[copy.to_str().unwrap()]);
    }
}

#[test]
fn systemd_is_told_that_it_is_ready_and_alive_and_read_again_and_stopping() {
    let mut house = House::new();
    let socket = UnixDatagram::bind(house.path("notify")).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let hear = |wanted: &str| {
        let mut buffer = [0; 1024];
        loop {
            let len = socket.recv(&mut buffer).unwrap_or_else(|e| panic!("{wanted}: {e}"));
            if String::from_utf8_lossy(&buffer[..len]).lines().any(|line| line.starts_with(wanted)) {
                return;
            }
        }
    };
    let endpoint = house.endpoint();
    fs::write(house.path("conf"), "log = \"info\"\n").unwrap();
    let mut words = house.mount_words(&endpoint);
    words.extend(["--foreground", "--config", "conf", "--log-file", "log", "--max-age", "0"]);
    let mut command = house.command(&words);
    command.env("NOTIFY_SOCKET", house.path("notify")).env("WATCHDOG_USEC", "1500000").stderr(Stdio::null());
    let mut child = command.spawn().unwrap();
    hear("READY=1");
    assert!(house.in_table().is_some(), "it is ready when it is mounted");
    hear("WATCHDOG=1");
    hear("WATCHDOG=1");
    fs::write(house.path("conf"), "log = \"debug\"\n").unwrap();
    kill(child.id() as i32, nix::sys::signal::SIGUSR1);
    hear("RELOADING=1");
    hear("READY=1");
    soon("the new log level", || fs::read_to_string(house.path("log")).is_ok_and(|log| log.contains("logging debug")));
    // A service that is away is no reason to be started again.
    let server = house.server.take().unwrap();
    house.runtime.block_on(server.stop());
    for _ in 0..5 {
        hear("WATCHDOG=1");
    }
    kill(child.id() as i32, nix::sys::signal::SIGTERM);
    hear("STOPPING=1");
    assert!(child.wait().unwrap().success());
}
