//! `osirisfs run`.

use crate::house::*;
use std::fs;
use std::process::{Command, Stdio};

/// `osirisfs run` in the house, with what a mount needs.
fn run(house: &House, more: &[&str], words: &[&str]) -> Command {
    let options = format!("endpoint={},token_file=token", house.endpoint());
    let mut all = vec!["run", "-o", &options];
    all.extend(more);
    all.extend([BUCKET, "--"]);
    all.extend(words);
    let mut command = house.command(&all);
    command.env("TMPDIR", house.path(""));
    command
}

/// What a run leaves in its TMPDIR.
fn left(house: &House) -> Vec<String> {
    let names = fs::read_dir(house.path("")).unwrap().map(|entry| entry.unwrap().file_name());
    names.filter_map(|name| name.into_string().ok()).filter(|name| name.starts_with("osirisfs-run")).collect()
}

#[test]
fn a_command_finds_the_bucket_and_leaves_no_trace() {
    let house = House::new();
    let output =
        run(&house, &[], &["sh", "-c", "echo made > $OSIRISFS_MOUNT/a; ls $0; mountpoint -q $0", "{}"]).output();
    let output = output.unwrap();
    assert!(output.status.success(), "{output:?}");
    assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), "a");
    assert_eq!(left(&house), [""; 0]);
    house.mount(&[]);
    assert_eq!(fs::read_to_string(house.mountpoint().join("a")).unwrap(), "made\n");
    assert!(house.umount(&[]).status.success());
}

#[test]
fn exit_codes_tell_how_the_command_ended() {
    let house = House::new();
    let code = |words: &[&str]| run(&house, &[], words).output().unwrap().status.code();
    assert_eq!(code(&["sh", "-c", "exit 7"]), Some(7));
    assert_eq!(code(&["sh", "-c", "kill -KILL $$"]), Some(137));
    assert_eq!(code(&["no-such-program"]), Some(127));
    assert_eq!(code(&["/etc/passwd"]), Some(126));
    let output = run(&house, &["-o", "endpoint=http://127.0.0.1:1"], &["true"]).output().unwrap();
    assert_eq!(output.status.code(), Some(125), "{output:?}");
    assert_eq!(left(&house), [""; 0]);
}

#[test]
fn data_that_is_not_stored_is_not_a_success() {
    let house = House::new();
    house.refuse("lost.txt");
    fs::write(house.path("source"), "precious\n").unwrap();
    let script = "cp source $OSIRISFS_MOUNT/lost.txt; exit 0";
    let output = run(&house, &["-o", "retry_for=1s"], &["sh", "-c", script]).output().unwrap();
    assert_eq!(output.status.code(), Some(3), "{output:?}");
    assert!(words_of(&output).contains("lost.txt"), "{output:?}");
    // It is still mounted, so that somebody can save the file.
    let folder = left(&house).remove(0);
    assert_eq!(fs::read(house.path(&folder).join("lost.txt")).unwrap(), b"precious\n");
    house.refuse_nothing();
    let output = house.run(&["umount", &folder]);
    assert!(output.status.success(), "{output:?}");
}

#[test]
fn signals_of_the_batch_system_end_command_and_mount_in_order() {
    let house = House::new();
    let script = "trap 'echo saved > $OSIRISFS_MOUNT/state; exit 9' TERM; touch $OSIRISFS_MOUNT/begun; while :; do sleep 0.1; done";
    let child = run(&house, &[], &["sh", "-c", script]).stderr(Stdio::piped()).spawn().unwrap();
    let begun = || left(&house).first().is_some_and(|folder| house.path(folder).join("begun").exists());
    soon("the command", begun);
    kill(child.id() as i32, nix::sys::signal::SIGTERM);
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(9), "{output:?}");
    assert_eq!(left(&house), [""; 0]);
    house.mount(&[]);
    assert_eq!(fs::read_to_string(house.mountpoint().join("state")).unwrap(), "saved\n");
    assert!(house.umount(&[]).status.success());
}

#[test]
fn a_daemon_that_the_batch_system_ends_too_still_tells_what_was_stored() {
    let house = House::new();
    let script = "echo x > $OSIRISFS_MOUNT/x; touch $OSIRISFS_MOUNT/begun; cat";
    let mut child =
        run(&house, &[], &["sh", "-c", script]).stdin(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    soon("the command", || left(&house).first().is_some_and(|folder| house.path(folder).join("begun").exists()));
    let place = house.path(&left(&house)[0]);
    let mount = osirisfs::mount::table::at(&place).unwrap().unwrap();
    let daemon = osirisfs::mount::control::connect(&mount).unwrap().1;
    kill(daemon, nix::sys::signal::SIGTERM);
    soon("the end of the daemon", || is_gone(daemon));
    drop(child.stdin.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert_eq!(left(&house), [""; 0]);
}
