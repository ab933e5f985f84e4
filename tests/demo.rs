//! `osirisfs demo`: what it promises, and that it leaves nothing behind.
//!
//! Needs root and /dev/fuse.

use osirisfs::mount::table;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

fn demo(folder: &Path) -> Command {
    assert!(nix::unistd::geteuid().is_root(), "these tests mount: run them as root");
    let mut command = Command::new(env!("CARGO_BIN_EXE_osirisfs"));
    command.arg("demo").env("TMPDIR", folder).stdin(Stdio::null());
    command
}

fn nothing_is_left(folder: &Path) {
    let mounts: Vec<_> = table::all().unwrap().into_iter().filter(|m| m.mountpoint.starts_with(folder)).collect();
    assert!(mounts.is_empty(), "{mounts:?}");
    assert_eq!(fs::read_dir(folder).unwrap().count(), 0, "files are left in {}", folder.display());
}

#[test]
fn once_compares_everything_and_cleans_up() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().canonicalize().unwrap();
    let output = demo(&folder).arg("--once").output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}\n{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(text.matches("   ok: ").count(), 3, "{text}");
    nothing_is_left(&folder);
}

#[test]
fn a_folder_of_ones_own_can_be_shown() {
    let dir = tempfile::tempdir().unwrap();
    let source = tempfile::tempdir().unwrap();
    fs::write(source.path().join("mine.txt"), "mine").unwrap();
    let output = demo(dir.path()).arg("--once").arg("--source").arg(source.path()).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && text.contains("user.osiris.key = mine.txt"), "{text}");
}

#[test]
fn it_stays_until_it_is_interrupted_and_then_cleans_up() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().canonicalize().unwrap();
    let mut child = demo(&folder).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let invited = lines.by_ref().map_while(Result::ok).find(|line| line.contains("until you press Ctrl-C"));
    let invited = invited.expect("it invites to try");
    let mount = invited.split_whitespace().find(|word| word.starts_with('/')).unwrap();
    assert!(Path::new(mount).join("hard ones/large.bin").exists(), "{mount}");
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(child.id() as i32), nix::sys::signal::SIGINT).unwrap();
    let rest: Vec<String> = lines.map_while(Result::ok).collect();
    assert!(child.wait().unwrap().success(), "{rest:?}");
    nothing_is_left(&folder);
}
