//! A server, a bucket and mounts of it for tests: the real program, the real kernel. Needs root and /dev/fuse.
#![allow(dead_code)]

pub mod bucket;

pub use bucket::Bucket;

use osirisfs::mount::{control, table, unmount};
use osirisfs::server::{Limits, RequestLog, Server, ServerConfig, Style, User};
use std::cell::Cell;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

pub const PROGRAM: &str = env!("CARGO_BIN_EXE_osirisfs");
pub const BUCKET: &str = "um-lab";

/// A server with one user and one bucket, and a folder for mount points and secrets.
pub struct House {
    pub runtime: tokio::runtime::Runtime,
    server: Option<Server>,
    dir: tempfile::TempDir,
    token: String,
}

impl House {
    pub fn new() -> House {
        House::with(Style::default(), Limits::default())
    }

    pub fn with(style: Style, limits: Limits) -> House {
        assert!(nix::unistd::geteuid().is_root(), "these tests mount: run them as root");
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let token = Server::token("alice_um");
        let config = ServerConfig {
            listen: ([127, 0, 0, 1], 0).into(),
            data_dir: None,
            users: vec![User { id: "alice_um".to_owned(), access_key: token.clone(), secret_key: None }],
            buckets: vec![(BUCKET.to_owned(), "alice_um".to_owned())],
            style,
            limits,
        };
        let server = Some(runtime.block_on(Server::start(config)).unwrap());
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("token"), &token).unwrap();
        fs::set_permissions(dir.path().join("token"), fs::Permissions::from_mode(0o600)).unwrap();
        House { runtime, server, dir, token }
    }

    pub fn server(&self) -> &Server {
        self.server.as_ref().unwrap()
    }

    pub fn log(&self) -> RequestLog {
        self.server().log()
    }

    /// A folder beside the mount points, for local files of a test.
    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().canonicalize().unwrap().join(name)
    }

    /// The bucket as another S3 client sees it.
    pub fn bucket(&self) -> Bucket {
        Bucket::new(self.runtime.handle().clone(), &self.server().endpoint(), &self.token, BUCKET)
    }

    pub fn mount(&self, options: &[&str]) -> Mount {
        self.mount_at("mount", &self.server().endpoint(), options)
    }

    /// Mounts by way of another address of the server (a proxy).
    pub fn mount_at(&self, name: &str, endpoint: &str, options: &[&str]) -> Mount {
        let path = self.path(name);
        fs::create_dir_all(&path).unwrap();
        let log = self.path(&format!("{name}.log"));
        let mut command = self.command(&["mount", "--endpoint", endpoint, "--token-file", "token"]);
        command.arg("--log-file").arg(&log).args(options).arg(BUCKET).arg(&path);
        let output = command.output().unwrap();
        assert!(output.status.success(), "{output:?}");
        let pid = control::connect(&table::at(&path).unwrap().expect("mounted")).expect("the daemon listens").1;
        Mount { path, log, pid, ended: Cell::new(false) }
    }

    /// `osirisfs WORDS` in the house's folder, without anything of this process's environment.
    pub fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(PROGRAM);
        command.args(words).current_dir(self.dir.path()).env_clear().env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
        command.env("HOME", self.dir.path()).stdin(Stdio::null());
        command
    }

    pub fn stop_server(&mut self) {
        if let Some(server) = self.server.take() {
            self.runtime.block_on(server.stop());
        }
    }
}

impl Drop for House {
    fn drop(&mut self) {
        self.stop_server();
    }
}

/// A mounted bucket. Taken away by force when dropped.
pub struct Mount {
    pub path: PathBuf,
    pub log: PathBuf,
    pub pid: i32,
    ended: Cell<bool>,
}

impl Mount {
    pub fn join(&self, name: impl AsRef<Path>) -> PathBuf {
        self.path.join(name)
    }

    /// `osirisfs umount`: stores everything; the daemon has ended when it returns.
    pub fn umount(&self) -> Output {
        Command::new(PROGRAM).arg("umount").arg(&self.path).output().unwrap()
    }

    pub fn umount_well(&self) {
        let output = self.umount();
        assert!(output.status.success(), "{output:?}\n{}", self.log_tail());
        assert!(is_gone(self.pid), "the daemon lives on after umount");
        self.ended.set(true);
    }

    pub fn kill(&self) {
        let _ = nix::sys::signal::kill(nix::unistd::Pid::from_raw(self.pid), nix::sys::signal::SIGKILL);
        soon("the end of the daemon", Duration::from_secs(10), || is_gone(self.pid));
    }

    /// The last lines of the daemon's log, for messages.
    pub fn log_tail(&self) -> String {
        let text = fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<_> = text.lines().collect();
        lines[lines.len().saturating_sub(30)..].join("\n")
    }

    /// Resident memory of the daemon in bytes.
    pub fn memory(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid)).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("--- log of the daemon at {} ---\n{}\n---", self.path.display(), self.log_tail());
        }
        if self.ended.get() {
            return;
        }
        for _ in 0..10 {
            if !matches!(table::at(&self.path), Ok(Some(_))) {
                break;
            }
            let _ = unmount::by_force(&self.path);
        }
        if !is_gone(self.pid) {
            soon_or_not(Duration::from_secs(2), || is_gone(self.pid));
            let _ = nix::sys::signal::kill(nix::unistd::Pid::from_raw(self.pid), nix::sys::signal::SIGKILL);
        }
    }
}

/// Ended, whether or not somebody has waited for it.
pub fn is_gone(pid: i32) -> bool {
    fs::read_to_string(format!("/proc/{pid}/stat")).map_or(true, |stat| stat.contains(") Z "))
}

pub fn soon(what: &str, within: Duration, condition: impl FnMut() -> bool) {
    assert!(soon_or_not(within, condition), "{what}: not within {within:?}");
}

fn soon_or_not(within: Duration, mut condition: impl FnMut() -> bool) -> bool {
    let began = Instant::now();
    while !condition() {
        if began.elapsed() > within {
            return false;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    true
}

/// Bytes that look random and are the same for the same seed.
pub fn noise(seed: u64, len: usize) -> Vec<u8> {
    let mut bytes = vec![0; len];
    fastrand::Rng::with_seed(seed).fill(&mut bytes);
    bytes
}
