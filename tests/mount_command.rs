//! `osirisfs mount` and `osirisfs umount` as a user runs them: the real program, the real kernel, the embedded server.
//!
//! Needs root and /dev/fuse.

#[path = "command/house.rs"]
mod house;
#[path = "command/secrets.rs"]
mod secrets;

use house::*;
use osirisfs::mount::control;
use osirisfs::server::Server;
use std::fs;
use std::io::{Read, Write};
use std::os::unix::fs::symlink;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

#[test]
fn mount_returns_when_it_answers_and_umount_when_the_daemon_has_ended() {
    let house = House::new();
    let pid = house.mount(&[]);
    assert!(fs::metadata(house.mountpoint()).unwrap().is_dir());
    let mount = house.in_table().unwrap();
    assert_eq!((mount.fstype.as_str(), mount.source.as_str()), ("fuse.osirisfs", BUCKET));
    assert_eq!(fs::read_link(format!("/proc/{pid}/cwd")).unwrap(), Path::new("/"));
    for fd in 0..3 {
        assert_eq!(fs::read_link(format!("/proc/{pid}/fd/{fd}")).unwrap(), Path::new("/dev/null"));
    }

    let endpoint = house.endpoint();
    let again = house.run(&house.mount_words(&endpoint));
    assert_eq!(again.status.code(), Some(1));
    assert!(words_of(&again).contains("already mounted"), "{again:?}");

    let output = house.umount(&[]);
    assert!(output.status.success(), "{output:?}");
    assert!(house.in_table().is_none() && is_gone(pid));

    let nothing = house.umount(&[]);
    assert_eq!(nothing.status.code(), Some(1));
    assert!(words_of(&nothing).contains("nothing is mounted"), "{nothing:?}");
}

#[test]
fn a_mount_is_there_before_one_has_to_wait() {
    let house = House::new();
    // The machine may be busy: once in ten times it has to be as fast as it can.
    let took = (0..10).map(|_| {
        let begun = Instant::now();
        house.mount(&[]);
        assert_eq!(fs::read_dir(house.mountpoint()).unwrap().count(), 0);
        let took = begun.elapsed();
        assert!(house.umount(&[]).status.success());
        took
    });
    let best = took.min().unwrap();
    println!("from the command to the first listing: {best:?}");
    assert!(best < Duration::from_millis(300), "{best:?}");
}

#[test]
fn a_mount_in_use_is_not_taken_away() {
    let house = House::new();
    let pid = house.mount(&[]);
    let mut user = Command::new("sleep").arg("60").current_dir(house.mountpoint()).spawn().unwrap();
    let output = house.umount(&[]);
    assert_eq!(output.status.code(), Some(4), "{output:?}");
    let expected = format!("sleep (process {})", user.id());
    assert!(words_of(&output).contains(&expected), "{output:?}");
    assert!(house.in_table().is_some() && !is_gone(pid));

    let output = house.umount(&["--lazy"]);
    assert!(output.status.success(), "{output:?}");
    assert!(house.in_table().is_none() && !is_gone(pid));
    user.kill().unwrap();
    user.wait().unwrap();
    soon("the end of the daemon after the last close", || is_gone(pid));
}

#[test]
fn a_mount_that_a_container_keeps_does_not_hold_up_umount() {
    // Keeps it under another name, and no mount of another test.
    const CONTAINER: &str = r#"mount --bind "$1" "$2"
        findmnt -rno TARGET -t fuse.osirisfs | grep -vxF "$2" | xargs -rn1 umount -il
        echo ready
        exec sleep 300"#;
    let house = House::new();
    fs::create_dir(house.path("kept")).unwrap();
    let keep = || {
        let mut command = Command::new("unshare");
        command.args(["--mount", "--propagation", "slave", "sh", "-ec", CONTAINER, "sh"]);
        let mut container =
            command.args([house.mountpoint(), house.path("kept")]).stdout(Stdio::piped()).spawn().unwrap();
        let mut ready = [0; 6];
        container.stdout.as_mut().unwrap().read_exact(&mut ready).unwrap();
        container
    };
    let pid = house.mount(&[]);
    let mut container = keep();
    let output = house.umount(&[]);
    assert!(output.status.success(), "{output:?}");
    let expected = format!("for sleep (process {})", container.id());
    assert!(words_of(&output).contains(&expected), "{output:?}");
    assert!(house.in_table().is_none() && !is_gone(pid));
    container.kill().unwrap();
    container.wait().unwrap();
    soon("the end of the daemon with the container", || is_gone(pid));

    let pid = house.mount(&[]);
    let mut container = keep();
    let output = house.umount(&["--force"]);
    assert!(output.status.success() && is_gone(pid), "{output:?}");
    container.kill().unwrap();
    container.wait().unwrap();
}

#[test]
fn every_way_to_unmount_ends_the_daemon() {
    let house = House::new();
    let mountpoint = house.mountpoint();
    for (program, words) in [("umount", vec![]), ("fusermount3", vec!["-u"]), ("umount", vec!["-l"])] {
        let pid = house.mount(&[]);
        let output = Command::new(program).args(&words).arg(&mountpoint).output().unwrap();
        assert!(output.status.success(), "{program} {words:?}: {output:?}");
        soon(program, || is_gone(pid));
        assert!(house.in_table().is_none());
    }
    for signal in [nix::sys::signal::SIGTERM, nix::sys::signal::SIGINT] {
        let pid = house.mount(&[]);
        kill(pid, signal);
        soon(signal.as_str(), || is_gone(pid));
        assert!(house.in_table().is_none(), "{signal} leaves a mount");
    }
}

#[test]
fn a_dead_mount_is_cleared_by_mount_and_by_umount() {
    let house = House::new();
    for _ in 0..2 {
        let pid = house.mount(&[]);
        kill(pid, nix::sys::signal::SIGKILL);
        soon("the death of the daemon", || is_gone(pid));
        // Attributes of the root may still be remembered; statfs always asks.
        soon("a dead mount", || nix::sys::statfs::statfs(&house.mountpoint()).is_err());
    }
    // The second mount stood where the first had died; now the second is dead.
    let output = house.umount(&[]);
    assert!(output.status.success() && words_of(&output).contains("had died"), "{output:?}");
    assert!(house.in_table().is_none());
}

#[test]
fn what_cannot_be_mounted_is_told_in_one_line_and_in_time() {
    let house = House::new();
    let endpoint = house.endpoint();
    house.secret("wrong", &Server::token("mallory_um"));
    house.secret("nonsense", "nonsense\n");
    fs::write(house.path("open"), &house.token).unwrap();
    fs::create_dir(house.path("full")).unwrap();
    fs::write(house.path("full/file"), "").unwrap();
    // It takes connections and never says a word.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let silent = format!("http://{}", silent.local_addr().unwrap());
    let closed = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        format!("http://{}", listener.local_addr().unwrap())
    };
    let plain_as_tls = endpoint.replace("http://", "https://");
    let cases: &[(&str, &str, &str, &str, u8, &str)] = &[
        (&endpoint, "token", "no-bucket", "mount", 1, "no bucket \"no-bucket\""),
        (&endpoint, "wrong", BUCKET, "mount", 1, "does not accept the token"),
        (&endpoint, "nonsense", BUCKET, "mount", 1, "does not let you use"),
        (&endpoint, "open", BUCKET, "mount", 2, "chmod 600"),
        (&endpoint, "nowhere", BUCKET, "mount", 2, "does not exist"),
        (&endpoint, "token", BUCKET, "missing", 1, "mkdir -p"),
        (&endpoint, "token", BUCKET, "token", 1, "not a directory"),
        (&endpoint, "token", BUCKET, "full", 1, "not empty"),
        (&endpoint, "token", "a b", "mount", 2, "cannot be the name"),
        (&closed, "token", BUCKET, "mount", 1, "cannot be reached"),
        (&silent, "token", BUCKET, "mount", 1, "does not answer"),
        ("https://no-such-host.invalid", "token", BUCKET, "mount", 1, "cannot be resolved"),
        (&plain_as_tls, "token", BUCKET, "mount", 1, &plain_as_tls),
    ];
    for (endpoint, token, bucket, mountpoint, code, expected) in cases {
        let began = Instant::now();
        let output = house.run(&["mount", "--endpoint", endpoint, "--token-file", token, bucket, mountpoint]);
        let words = words_of(&output);
        assert_eq!(output.status.code(), Some((*code).into()), "{expected}: {words}");
        assert!(words.contains(expected) && words.lines().count() == 1, "{expected}: {words}");
        assert!(!words.contains(&house.token), "the token shows: {words}");
        assert!(began.elapsed() < Duration::from_secs(15), "{expected}: {:?}", began.elapsed());
        assert!(house.in_table().is_none(), "{expected} leaves a mount");
    }
}

#[test]
fn called_by_mount_as_its_helper() {
    let house = House::new();
    symlink(PROGRAM, house.path("mount.osirisfs")).unwrap();
    symlink(PROGRAM, house.path("umount.fuse.osirisfs")).unwrap();
    let mountpoint = house.mountpoint();
    let options =
        format!("ro,noatime,noexec,_netdev,endpoint={},token_file={}", house.endpoint(), house.path("token").display());
    // systemd starts helpers with nearly no environment.
    let mut helper = Command::new(house.path("mount.osirisfs"));
    helper.args(["s3://cou-data/some/folder", mountpoint.to_str().unwrap(), "-o", &options]).env_clear();
    let output = helper.output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let line = fs::read_to_string("/proc/self/mountinfo").unwrap();
    let line = line.lines().find(|line| line.contains(mountpoint.to_str().unwrap())).unwrap().to_owned();
    assert!(line.contains("fuse.osirisfs cou-data/some/folder"), "{line}");
    for flag in ["ro", "noatime", "noexec", "nosuid", "nodev"] {
        assert!(line.split([' ', ',']).any(|word| word == flag), "{flag}: {line}");
    }
    let pid = house.daemon();
    // As the second `mount -a` does.
    let output = helper.output().unwrap();
    assert!(output.status.success() && output.stderr.is_empty() && house.daemon() == pid, "{output:?}");
    let output = Command::new(house.path("umount.fuse.osirisfs")).arg(&mountpoint).env_clear().output().unwrap();
    assert!(output.status.success() && is_gone(pid), "{output:?}");

    let mut wrong = Command::new(house.path("mount.osirisfs"));
    wrong.args(["cou-data", mountpoint.to_str().unwrap(), "-o", "cache_siz=1G"]).env_clear();
    let output = wrong.output().unwrap();
    assert_eq!(output.status.code(), Some(1), "mount(8) takes 1 for a wrong call");
    assert!(words_of(&output).contains("cache_size"), "{output:?}");
}

#[test]
fn in_the_foreground_it_stays_and_ends_with_the_mount() {
    let house = House::new();
    let endpoint = house.endpoint();
    let mut words = house.mount_words(&endpoint);
    words.push("--foreground");
    let start = || -> Child {
        let child = house.command(&words).stderr(Stdio::piped()).spawn().unwrap();
        soon("the mount", || house.in_table().is_some_and(|mount| control::connect(&mount).is_ok()));
        child
    };
    let child = start();
    kill(child.id() as i32, nix::sys::signal::SIGINT);
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert!(words_of(&output).contains("is mounted on") && words_of(&output).contains("has ended"), "{output:?}");
    let mut child = start();
    assert!(house.umount(&[]).status.success());
    assert!(child.wait().unwrap().success());
}

#[test]
fn umount_keeps_a_mount_with_unstored_files_and_names_them() {
    let house = House::new();
    let pid = house.mount(&["--retry-for", "1s"]);
    house.refuse("lost.txt");
    let mut lost = fs::File::create(house.mountpoint().join("lost.txt")).unwrap();
    lost.write_all(b"precious").unwrap();
    assert!(lost.sync_all().is_err(), "fsync tells that the file is not stored");
    drop(lost);
    fs::write(house.mountpoint().join("good.txt"), "x").unwrap();

    let output = house.umount(&[]);
    assert_eq!(output.status.code(), Some(3), "{output:?}");
    let words = words_of(&output);
    assert!(words.contains("lost.txt") && !words.contains("good.txt"), "{words}");
    assert!(house.in_table().is_some() && !is_gone(pid));
    assert_eq!(fs::read(house.mountpoint().join("lost.txt")).unwrap(), b"precious");

    house.refuse_nothing();
    let output = house.umount(&[]);
    assert!(output.status.success(), "{output:?}");
    house.mount(&[]);
    assert_eq!(fs::read(house.mountpoint().join("lost.txt")).unwrap(), b"precious");
    assert!(house.umount(&[]).status.success());
}

#[test]
fn force_unmounts_and_names_what_is_lost() {
    let house = House::new();
    let pid = house.mount(&["--retry-for", "1s"]);
    house.refuse("lost.txt");
    let _ = fs::write(house.mountpoint().join("lost.txt"), "precious");
    let output = house.umount(&["--force"]);
    assert_eq!(output.status.code(), Some(3), "{output:?}");
    assert!(words_of(&output).contains("lost.txt"), "{output:?}");
    assert!(house.in_table().is_none() && is_gone(pid));
}

#[test]
fn two_signals_end_a_daemon_whose_service_is_gone_and_the_log_names_the_files() {
    let mut house = House::new();
    let pid = house.mount(&["--retry-for", "2s", "--log-file", "log"]);
    house.refuse("lost.txt");
    let _ = fs::write(house.mountpoint().join("lost.txt"), "precious");
    let server = house.server.take().unwrap();
    house.runtime.block_on(server.stop());
    kill(pid, nix::sys::signal::SIGTERM);
    std::thread::sleep(Duration::from_millis(200));
    kill(pid, nix::sys::signal::SIGTERM);
    soon("the end of the daemon", || is_gone(pid));
    assert!(house.in_table().is_none());
    let log = fs::read_to_string(house.path("log")).unwrap();
    assert!(log.lines().any(|line| line.contains("NOT STORED") && line.contains("lost.txt")), "{log}");
}

#[test]
fn a_command_that_was_interrupted_leaves_no_mount() {
    let house = House::new();
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", silent.local_addr().unwrap());
    let mut child = house.command(&house.mount_words(&endpoint)).process_group(0).spawn().unwrap();
    std::thread::sleep(Duration::from_millis(300));
    kill(-(child.id() as i32), nix::sys::signal::SIGINT);
    assert!(!child.wait().unwrap().success());
    soon("the end of the daemon", || !runs_with(&endpoint));
    assert!(house.in_table().is_none());
}

/// Whether a process has this word among its arguments.
fn runs_with(word: &str) -> bool {
    let has = |path: PathBuf| {
        fs::read(path.join("cmdline")).is_ok_and(|line| line.split(|b| *b == 0).any(|w| w == word.as_bytes()))
    };
    fs::read_dir("/proc").unwrap().flatten().any(|entry| has(entry.path()))
}
