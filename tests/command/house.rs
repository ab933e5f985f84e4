//! A service, a folder and the program, for tests of the commands.

#![allow(dead_code)] // not every test uses all of it

use osirisfs::mount::{control, table};
use osirisfs::server::{Fault, Limits, Server, ServerConfig, Style, User};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

pub const PROGRAM: &str = env!("CARGO_BIN_EXE_osirisfs");
pub const BUCKET: &str = "cou-data";

/// A server with one user and one bucket, a token file, and an empty folder to mount on.
pub struct House {
    pub runtime: tokio::runtime::Runtime,
    pub server: Option<Server>,
    pub dir: tempfile::TempDir,
    pub token: String,
}

impl House {
    pub fn new() -> House {
        assert!(nix::unistd::geteuid().is_root(), "these tests mount: run them as root");
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let token = Server::token("alice_um");
        let config = ServerConfig {
            listen: ([127, 0, 0, 1], 0).into(),
            data_dir: None,
            users: vec![User { id: "alice_um".to_owned(), access_key: token.clone(), secret_key: None }],
            buckets: vec![(BUCKET.to_owned(), "alice_um".to_owned())],
            style: Style::default(),
            limits: Limits::default(),
        };
        let server = Some(runtime.block_on(Server::start(config)).unwrap());
        let dir = tempfile::tempdir().unwrap();
        let house = House { runtime, server, dir, token };
        fs::create_dir(house.mountpoint()).unwrap();
        house.secret("token", &house.token);
        house
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().canonicalize().unwrap().join(name)
    }

    pub fn mountpoint(&self) -> PathBuf {
        self.path("mount")
    }

    pub fn endpoint(&self) -> String {
        self.server.as_ref().unwrap().endpoint()
    }

    pub fn secret(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).unwrap();
        fs::set_permissions(self.path(name), fs::Permissions::from_mode(0o600)).unwrap();
    }

    /// `osirisfs WORDS` in the house's folder, without anything of this process's environment.
    pub fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(PROGRAM);
        command.args(words).current_dir(self.dir.path()).env_clear().env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
        // What cannot be stored stays there, too, and goes with the test.
        command.env("HOME", self.dir.path()).env("TMPDIR", self.dir.path()).stdin(Stdio::null());
        command
    }

    pub fn run(&self, words: &[&str]) -> Output {
        self.command(words).output().unwrap()
    }

    pub fn mount_words<'a>(&self, endpoint: &'a str) -> Vec<&'a str> {
        vec!["mount", "--endpoint", endpoint, "--token-file", "token", BUCKET, "mount"]
    }

    /// Mounts with additional words; gives the daemon's process id.
    pub fn mount(&self, more: &[&str]) -> i32 {
        let endpoint = self.endpoint();
        let mut words = self.mount_words(&endpoint);
        words.extend(more);
        let output = self.run(&words);
        assert!(output.status.success(), "{output:?}");
        assert!(output.stderr.is_empty() && output.stdout.is_empty(), "{output:?}");
        self.daemon()
    }

    pub fn in_table(&self) -> Option<table::Mount> {
        table::at(&self.mountpoint()).unwrap()
    }

    pub fn daemon(&self) -> i32 {
        control::connect(&self.in_table().expect("mounted")).expect("the daemon listens").1
    }

    pub fn umount(&self, more: &[&str]) -> Output {
        let mut words = vec!["umount", "mount"];
        words.extend(more);
        self.run(&words)
    }
}

impl Drop for House {
    fn drop(&mut self) {
        while self.in_table().is_some() {
            let _ = osirisfs::mount::unmount::by_force(&self.mountpoint());
        }
        if let Some(server) = self.server.take() {
            self.runtime.block_on(server.stop());
        }
    }
}

pub fn kill(pid: i32, signal: nix::sys::signal::Signal) {
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), signal).unwrap();
}

/// Ended, whether or not somebody has waited for it.
pub fn is_gone(pid: i32) -> bool {
    fs::read_to_string(format!("/proc/{pid}/stat")).map_or(true, |stat| stat.contains(") Z "))
}

pub fn soon(what: &str, condition: impl Fn() -> bool) {
    let began = Instant::now();
    while !condition() {
        assert!(began.elapsed() < Duration::from_secs(10), "{what}: not within 10 s");
        std::thread::sleep(Duration::from_millis(10));
    }
}

pub fn words_of(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

impl House {
    /// From now on nothing can be stored under this key.
    pub fn refuse(&self, key: &'static str) {
        self.server.as_ref().unwrap().on_request(Box::new(move |request| {
            let stores = matches!(request.op, "PutObject" | "CreateMultipartUpload" | "UploadPart");
            if stores && request.key == key { Fault::Status(500, "InternalError") } else { Fault::Pass }
        }));
    }

    pub fn refuse_nothing(&self) {
        self.server.as_ref().unwrap().on_request(Box::new(|_| Fault::Pass));
    }
}
