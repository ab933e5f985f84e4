//! Programs, with a time-out and their output.

use super::lived::{Lived, threads_of};
use std::fs::File;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

/// How a program ended.
#[derive(Debug)]
pub struct Ran {
    what: String,
    /// Exit code; `None`: by a signal or by the time-out.
    pub code: Option<i32>,
    pub out: String,
    pub err: String,
}

impl Ran {
    /// Its output, if it succeeded.
    #[track_caller]
    pub fn ok(self) -> String {
        assert!(self.code == Some(0), "{} ended with {:?}\n{}\n{}", self.what, self.code, self.out, self.err);
        self.out
    }

    /// Its error output, if it failed by itself.
    #[track_caller]
    pub fn fails(self) -> String {
        assert!(self.code.is_some_and(|code| code != 0), "{} ended with {:?}\n{}", self.what, self.code, self.out);
        self.err
    }
}

const PATH: &str = "/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// The program's path. With a PATH of its own and a bare name, std forks to look the name up (else it calls posix_spawn): that
/// copies the page tables of a process that holds a server's objects in memory, which takes longer than most programs.
fn found(program: &str) -> PathBuf {
    let places = PATH.split(':').map(|folder| Path::new(folder).join(program));
    places.into_iter().find(|place| place.exists()).unwrap_or_else(|| PathBuf::from(program))
}

/// Runs a program in a folder, for two minutes at most.
pub fn run(dir: &Path, program: &str, args: &[&str]) -> Ran {
    run_for(Duration::from_secs(120), dir, program, args)
}

/// Runs a program in a folder; after the time it and its children are killed.
pub fn run_for(patience: Duration, dir: &Path, program: &str, args: &[&str]) -> Ran {
    run_with(&[], patience, dir, program, args)
}

/// Runs a program that others have to answer. If it hangs, what their threads wait for is told.
pub fn run_with(others: &[i32], patience: Duration, dir: &Path, program: &str, args: &[&str]) -> Ran {
    // Files and not pipes: a daemon that keeps a pipe open must not hold up the test.
    let (out, err) = (tempfile::NamedTempFile::new().unwrap(), tempfile::NamedTempFile::new().unwrap());
    let open = |file: &tempfile::NamedTempFile| Stdio::from(File::options().append(true).open(file.path()).unwrap());
    let mut command = Command::new(found(program));
    command.args(args).current_dir(dir).env_clear().stdin(Stdio::null()).stdout(open(&out)).stderr(open(&err));
    command.envs([("PATH", PATH), ("HOME", "/nonexistent"), ("LC_ALL", "C.UTF-8")]);
    let what = format!("{program} {args:?}");
    let mut child = command.process_group(0).spawn().unwrap_or_else(|e| panic!("{what}: {e}"));
    let mut lived = Lived::from_now();
    let mut hung = String::new();
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        if lived.so_far() > patience {
            hung = threads_of(&[&[child.id() as i32], others].concat());
            let group = nix::unistd::Pid::from_raw(-(child.id() as i32));
            let _ = nix::sys::signal::kill(group, nix::sys::signal::Signal::SIGKILL);
            break child.wait().unwrap();
        }
        std::thread::sleep(Duration::from_millis(2));
    };
    let read = |file: &tempfile::NamedTempFile| {
        String::from_utf8_lossy(&std::fs::read(file.path()).unwrap_or_default()).into_owned()
    };
    let mut err = read(&err);
    if status.code().is_none() {
        err += &format!("\n(ended by {status} after {:?})\n{hung}", lived.so_far());
    }
    Ran { what, code: status.code(), out: read(&out), err }
}

/// A bash script that stops at the first failure.
pub fn sh(dir: &Path, script: &str) -> Ran {
    run(dir, "bash", &["-euo", "pipefail", "-c", script])
}

/// A Python script, standard library only.
pub fn python(dir: &Path, script: &str) -> Ran {
    run(dir, "python3", &["-c", script])
}

/// The Python of the scripts' own environment, which has boto3 and h5py.
pub fn venv_python() -> String {
    let state = std::env::var_os("OSIRISFS_STATE").map_or_else(|| PathBuf::from("/var/tmp/osirisfs"), PathBuf::from);
    let python = state.join("venv/bin/python").to_str().unwrap().to_owned();
    let has = Command::new(&python).args(["-c", "import boto3, h5py"]).output();
    assert!(
        has.is_ok_and(|output| output.status.success()),
        "{python} with boto3 and h5py is missing: scripts/test --quick installs it"
    );
    python
}
