//! The steps of the demo, each said in plain words before it is done.

use super::{bucket, tree};
use crate::cli::exit::Failure;
use crate::server::{Limits, Server, ServerConfig, Style, User};
use crate::store::{Credentials, Store, StoreConfig};
use crate::sys;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};
use tokio::process::Command;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// The bucket of the demo, named as OSiRIS wants it: the virtual organisation first.
pub const BUCKET: &str = "demo-data";
const USER: &str = "alice_demo";

/// Ctrl-C and SIGTERM.
pub struct Signals(Signal, Signal);

impl Signals {
    /// From here on they do not end the process.
    pub fn catch() -> std::io::Result<Signals> {
        Ok(Signals(signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?))
    }

    /// Returns when one comes.
    pub async fn any(&mut self) {
        tokio::select! {
            _ = self.0.recv() => {}
            _ = self.1.recv() => {}
        }
    }
}

/// A server, a token and a place to mount.
pub struct Demo {
    server: Server,
    store: Store,
    folder: PathBuf,
    mountpoint: PathBuf,
    token_file: PathBuf,
    program: PathBuf,
    step: u32,
    mounts: u32,
    mounted: bool,
}

impl Demo {
    /// Starts the server and makes the token.
    pub async fn start(folder: &Path) -> Result<Demo, Failure> {
        let failed = |e: std::io::Error| Failure::other(format!("the demo cannot be started: {e}"));
        let token = Server::token(USER);
        let config = ServerConfig {
            listen: ([127, 0, 0, 1], 0).into(),
            data_dir: Some(folder.join("server")),
            users: vec![User { id: USER.to_owned(), access_key: token.clone(), secret_key: None }],
            buckets: vec![(BUCKET.to_owned(), USER.to_owned())],
            style: Style::default(),
            limits: Limits::default(),
        };
        let server = Server::start(config).await.map_err(failed)?;
        let (mountpoint, token_file) = (folder.join("mount"), folder.join("token"));
        std::fs::create_dir(&mountpoint).map_err(failed)?;
        write_secret(&token_file, &token).map_err(failed)?;
        let store = Store::new(store_config(server.endpoint(), token))
            .map_err(|e| Failure::other(format!("the demo cannot be started: {e}")))?;
        let mut demo = Demo {
            server,
            store,
            folder: folder.to_owned(),
            mountpoint,
            token_file,
            program: std::env::current_exe().map_err(failed)?,
            step: 0,
            mounts: 0,
            mounted: false,
        };
        demo.say(&format!(
            "An S3 server that behaves like OSiRIS (Ceph RGW) runs at {}, for this machine only. It has one user, {USER}, \
             with a token, and one bucket, {BUCKET}, which is empty.",
            demo.endpoint()
        ));
        Ok(demo)
    }

    /// Where the server is.
    pub fn endpoint(&self) -> String {
        self.server.endpoint()
    }

    /// Where the bucket is mounted.
    pub fn mountpoint(&self) -> &Path {
        &self.mountpoint
    }

    /// The file with the token.
    pub fn token_file(&self) -> &Path {
        &self.token_file
    }

    /// Mounts by the command itself.
    pub async fn mount(&mut self) -> Result<(), Failure> {
        self.say(match self.mounts {
            0 => "Mount the bucket. The token is in a file that only its owner can read:",
            _ => "Mount it again, by a new daemon that remembers nothing:",
        });
        self.mounts += 1;
        let words = [
            "mount".to_owned(),
            "--endpoint".to_owned(),
            self.endpoint(),
            "--token-file".to_owned(),
            self.token_file.display().to_string(),
            BUCKET.to_owned(),
            self.mountpoint.display().to_string(),
        ];
        self.mounted = true;
        self.run_own(&words).await
    }

    /// Unmounts by the command itself; it returns when everything is stored.
    pub async fn unmount(&mut self) -> Result<(), Failure> {
        self.say("Unmount. When this returns, all is stored and the daemon has ended:");
        self.run_own(&["umount".to_owned(), self.mountpoint.display().to_string()]).await?;
        self.mounted = false;
        Ok(())
    }

    /// Chooses what to copy, or takes the folder that was given.
    pub async fn choose_files(&mut self, given: Option<&Path>) -> Result<PathBuf, Failure> {
        if let Some(given) = given {
            return given
                .canonicalize()
                .map_err(|e| Failure::other(format!("the folder {} cannot be read: {e}", given.display())));
        }
        let stage = self.folder.join("files");
        let to = stage.clone();
        blocking(move || tree::stage(&to)).await?;
        Ok(stage)
    }

    /// Copies with cp.
    pub async fn copy_in(&mut self, source: &Path) -> Result<(), Failure> {
        let from = source.to_owned();
        let entries = blocking(move || tree::read(&from)).await?;
        let (files, bytes) = tree::totals(&entries);
        self.say(&format!(
            "Copy {files} files ({:.1} MB) into it, keeping modes, times and links:",
            bytes as f64 / 1e6
        ));
        let began = Instant::now();
        let target = self.mountpoint.display().to_string();
        self.run("cp", &["-a".to_owned(), format!("{}/.", source.display()), target]).await?;
        println!("   {}", speed(bytes, began.elapsed()));
        Ok(())
    }

    /// Reads everything back through the mount, which is a fresh one.
    pub async fn compare_with_mount(&mut self, source: &Path) -> Result<(), Failure> {
        self.say(
            "Read everything back through this fresh mount and compare contents (MD5), sizes, modes, times and links:",
        );
        let (from, to) = (source.to_owned(), self.mountpoint.clone());
        let began = Instant::now();
        let (count, bytes, differences) = blocking(move || {
            let (before, after) = (tree::read(&from)?, tree::read(&to)?);
            let differences = tree::differences(&before, &after);
            Ok((before.len(), tree::totals(&before).1, differences))
        })
        .await?;
        println!("   {}", speed(bytes, began.elapsed()));
        verdict(differences, &format!("all {count} files, folders and links are equal"))
    }

    /// Reads everything by S3, past the file system.
    pub async fn compare_with_server(&mut self, source: &Path) -> Result<(), Failure> {
        self.say("Ask the server itself, by S3 and past the file system: each file must be one object with its bytes:");
        let from = source.to_owned();
        let entries = blocking(move || tree::read(&from)).await?;
        let differences = bucket::differences(&self.store, &entries)
            .await
            .map_err(|e| Failure::other(format!("the server cannot be asked: {e}")))?;
        let (files, _) = tree::totals(&entries);
        verdict(differences, &format!("all {files} files are objects with the same name and MD5"))
    }

    /// Shows what the mount tells about an object beside its bytes, and compares with the server.
    pub async fn show_attributes(&mut self, source: &Path) -> Result<(), Failure> {
        let from = source.to_owned();
        let entries = blocking(move || tree::read(&from)).await?;
        let Some(name) = tree::first_file(&entries) else { return Ok(()) };
        let (Some(key), path) = (name.to_str().map(str::to_owned), self.mountpoint.join(&name)) else { return Ok(()) };
        self.say(&format!("What S3 knows about {}, as extended attributes of the file:", name.display()));
        let read = blocking(move || {
            ["etag", "owner", "acl", "bucket", "key"]
                .iter()
                .map(|name| Ok((*name, sys::getxattr(&path, &format!("user.osiris.{name}"))?)))
                .collect::<std::io::Result<Vec<_>>>()
        })
        .await?;
        let value = |wanted: &str| {
            let found = read.iter().find(|(name, _)| *name == wanted).and_then(|(_, value)| value.as_deref());
            found.map(|value| String::from_utf8_lossy(value).trim().to_owned())
        };
        for (name, _) in &read {
            println!("   user.osiris.{name} = {}", value(name).as_deref().unwrap_or("(none)"));
        }
        let asked = |e| Failure::other(format!("the server cannot be asked: {e}"));
        let etag = self.store.head(&key).await.map_err(asked)?.etag;
        let owner = self.store.get_acl(&key).await.map_err(asked)?.owner;
        let mut differences = Vec::new();
        for (name, expected) in [("etag", etag.as_str()), ("owner", &owner), ("bucket", BUCKET), ("key", &key)] {
            if value(name).as_deref() != Some(expected) {
                differences.push(format!("user.osiris.{name} should be {expected}"));
            }
        }
        if !value("acl").is_some_and(|acl| acl.contains(&owner)) {
            differences.push(format!("user.osiris.acl should name {owner}"));
        }
        verdict(differences, "the server says the same")
    }

    /// Takes the mount away and stops the server. The folder goes with its owner.
    pub async fn clean_up(mut self) -> Result<(), Failure> {
        let mut outcome = Ok(());
        if self.mounted {
            self.say("Clean up:");
            outcome = self.run_own(&["umount".to_owned(), self.mountpoint.display().to_string()]).await;
            let left = crate::mount::table::at(&self.mountpoint).ok().flatten().is_some();
            if left && outcome.is_err() {
                let force = ["umount".to_owned(), "--force".to_owned(), self.mountpoint.display().to_string()];
                // The first failure is the one to report.
                let _ = self.run_own(&force).await;
            } else if !left {
                // It had not been mounted yet, or was unmounted by hand.
                outcome = Ok(());
            }
        }
        self.server.stop().await;
        outcome
    }

    fn say(&mut self, words: &str) {
        self.step += 1;
        println!("{}. {words}", self.step);
    }

    async fn run_own(&self, words: &[String]) -> Result<(), Failure> {
        println!("   $ osirisfs {}", words.join(" "));
        execute(&self.program, words).await
    }

    async fn run(&self, program: &str, words: &[String]) -> Result<(), Failure> {
        println!("   $ {program} {}", words.join(" "));
        execute(Path::new(program), words).await
    }
}

async fn execute(program: &Path, words: &[String]) -> Result<(), Failure> {
    let name = program.file_name().unwrap_or(program.as_os_str()).to_string_lossy().into_owned();
    let status = Command::new(program)
        .args(words)
        .stdin(Stdio::null())
        .status()
        .await
        .map_err(|e| Failure::other(format!("{name} cannot be started: {e}")))?;
    if status.success() { Ok(()) } else { Err(Failure::other(format!("{name} failed ({status})"))) }
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> std::io::Result<T> + Send + 'static) -> Result<T, Failure> {
    match tokio::task::spawn_blocking(work).await {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(e)) => Err(Failure::other(format!("the demo failed: {e}"))),
        Err(e) => Err(Failure::other(format!("the demo failed: {e}"))),
    }
}

fn verdict(differences: Vec<String>, good: &str) -> Result<(), Failure> {
    if differences.is_empty() {
        println!("   ok: {good}");
        return Ok(());
    }
    for difference in differences.iter().take(20) {
        println!("   DIFFERENT: {difference}");
    }
    Err(Failure::other(format!("the demo found {} differences", differences.len())))
}

fn speed(bytes: u64, time: Duration) -> String {
    let seconds = time.as_secs_f64().max(0.001);
    format!("took {seconds:.1} s ({:.0} MB/s)", bytes as f64 / 1e6 / seconds)
}

fn write_secret(path: &Path, token: &str) -> std::io::Result<()> {
    let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    writeln!(file, "{token}")
}

fn store_config(endpoint: String, token: String) -> StoreConfig {
    let credentials = Credentials { access_key: token, secret_key: String::new() };
    let patience = Duration::from_secs(20);
    StoreConfig { ask_for: patience, store_for: patience, ..StoreConfig::new(endpoint, BUCKET, credentials) }
}
