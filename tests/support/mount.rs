//! Mounts by `osirisfs mount`, ended by `osirisfs umount`.

use super::{run, run_with};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use osirisfs::mount::{control, table, unmount};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// The program under test.
pub const PROGRAM: &str = env!("CARGO_BIN_EXE_osirisfs");

/// A mounted bucket (or a plain folder in its place).
pub struct Mount {
    at: PathBuf,
    /// How to mount it again; `None` for a plain folder.
    how: Option<How>,
}

struct How {
    folder: PathBuf,
    endpoint: String,
    source: String,
    flags: Vec<String>,
    daemon: i32,
}

/// A file that only its owner can read.
pub fn write_secret(path: &Path, text: &str) {
    fs::write(path, text).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
}

impl Mount {
    pub(super) fn plain(at: PathBuf) -> Mount {
        Mount { at, how: None }
    }

    pub fn new(folder: &Path, endpoint: &str, source: &str, flags: &[&str]) -> Mount {
        let folder = folder.canonicalize().unwrap();
        let at = tempfile::Builder::new().prefix("mount-").tempdir_in(&folder).unwrap().keep();
        let flags = flags.iter().map(|flag| flag.to_string()).collect();
        let how = How { folder, endpoint: endpoint.to_owned(), source: source.to_owned(), flags, daemon: 0 };
        let mut mount = Mount { at, how: Some(how) };
        mount.start();
        mount
    }

    fn start(&mut self) {
        let Some(how) = &mut self.how else { return };
        let at = self.at.to_str().unwrap();
        let mut words = vec!["mount", "--token-file", "token"];
        if !how.endpoint.is_empty() {
            words.extend(["--endpoint", &how.endpoint]);
        }
        let level = std::env::var("OSIRISFS_TEST_LOG").unwrap_or_else(|_| "info".to_owned());
        words.extend(["--log-file", "log", "--log", &level]);
        // What cannot be stored stays there, and goes with the test.
        if !how.flags.iter().any(|flag| flag == "--cache-dir") {
            words.extend(["--cache-dir", "cache"]);
        }
        words.extend(how.flags.iter().map(String::as_str));
        words.extend([how.source.trim_end_matches('/'), at]);
        run(&how.folder, PROGRAM, &words).ok();
        how.daemon = control::connect(&entry(&self.at).expect("mounted")).expect("the daemon listens").1;
    }

    /// A path below the mount point.
    pub fn path(&self, name: &str) -> PathBuf {
        self.at.join(name)
    }

    /// The mount point.
    pub fn root(&self) -> &Path {
        &self.at
    }

    /// The daemon's process.
    pub fn daemon(&self) -> i32 {
        self.how.as_ref().expect("a plain folder has no daemon").daemon
    }

    /// What the daemons of this service have logged.
    pub fn log(&self) -> String {
        let how = self.how.as_ref().expect("a plain folder has no daemon");
        fs::read_to_string(how.folder.join("log")).unwrap_or_default()
    }

    /// Unmounts; fails if anything is in use or was not stored.
    pub fn umount(mut self) {
        self.stop();
    }

    /// Unmounts and mounts again: nothing is remembered but what was stored.
    pub fn again(&mut self) {
        self.stop();
        self.start();
    }

    /// Ends the daemon with SIGKILL and takes the dead mount away.
    pub fn crash(&self) {
        let _ = kill(Pid::from_raw(self.daemon()), Signal::SIGKILL);
        super::soon("the end of the daemon", || is_gone(self.daemon()));
        while entry(&self.at).is_some() {
            unmount::by_force(&self.at).unwrap();
        }
    }

    /// Mounts again after [`Mount::crash`].
    pub fn revive(&mut self) {
        self.start();
    }

    fn stop(&mut self) {
        let Some(how) = &self.how else { return };
        run(&how.folder, PROGRAM, &["umount", self.at.to_str().unwrap()]).ok();
        assert!(entry(&self.at).is_none() && is_gone(how.daemon), "umount returned too early");
    }

    /// Takes the mount away whatever happens, and ends the daemon.
    fn clear(&self) {
        let Some(how) = &self.how else { return };
        for _ in 0..8 {
            if entry(&self.at).is_none() {
                break;
            }
            let _ = unmount::by_force(&self.at);
        }
        for signal in [Signal::SIGTERM, Signal::SIGINT, Signal::SIGKILL] {
            if how.daemon <= 0 || is_gone(how.daemon) {
                break;
            }
            let _ = kill(Pid::from_raw(how.daemon), signal);
            let began = Instant::now();
            while !is_gone(how.daemon) && began.elapsed() < Duration::from_secs(2) {
                std::thread::sleep(Duration::from_millis(10));
            }
        }
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        let Some(how) = &self.how else { return };
        if entry(&self.at).is_none() {
            return;
        }
        if std::thread::panicking() {
            eprintln!("--- the daemon's log ---\n{}", self.log());
            return self.clear();
        }
        // The end of each test is a test too: everything is closed and can be stored.
        let patience = Duration::from_secs(60);
        let umount = ["umount", self.at.to_str().unwrap()];
        let ended = run_with(&[how.daemon], patience, &how.folder, PROGRAM, &umount);
        if ended.code != Some(0) {
            eprintln!("--- the daemon's log ---\n{}", self.log());
        }
        self.clear();
        ended.ok();
    }
}

fn entry(at: &Path) -> Option<table::Mount> {
    table::at(at).unwrap()
}

/// Ended, whether or not somebody has waited for it.
pub fn is_gone(pid: i32) -> bool {
    fs::read_to_string(format!("/proc/{pid}/stat")).map_or(true, |stat| stat.contains(") Z "))
}
