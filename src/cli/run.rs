//! `osirisfs run`: a bucket is there for the time of one command. The exit code says whether the command succeeded and
//! everything is stored.

use super::exit::{BUSY, DONE, Failure, NOT_STORED};
use super::umount;
use crate::mount::control::{self, Say};
use crate::mount::{MountError, table};
use std::ffi::{OsStr, OsString};
use std::io::{BufRead, BufReader, IsTerminal};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::UnixStream;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use tokio::signal::unix::{Signal, SignalKind, signal};

/// The bucket could not be mounted (as env(1) and timeout(1) say that they failed themselves).
const NOT_MOUNTED: u8 = 125;
const CANNOT_RUN: u8 = 126;
const NOT_FOUND: u8 = 127;

#[derive(clap::Args)]
pub struct Args {
    /// What to mount: a bucket, or a folder of it
    #[arg(value_name = "BUCKET[/PREFIX]")]
    source: String,

    /// Options of the mount, as mount(8) and fstab write them
    #[arg(short = 'o', value_name = "OPTIONS")]
    dash_o: Vec<String>,

    /// Where to mount [default: a new folder in $TMPDIR, or /tmp]
    #[arg(long, value_name = "FOLDER")]
    at: Option<PathBuf>,

    /// The command and its words
    #[arg(last = true, required = true, value_name = "COMMAND")]
    command: Vec<OsString>,
}

/// Mounts, runs, unmounts.
pub fn run(args: Args) -> Result<(), Failure> {
    let failed =
        |e: std::io::Error| Failure { code: NOT_MOUNTED, text: format!("the command cannot be prepared: {e}") };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(failed)?;
    let folder = match &args.at {
        Some(_) => None,
        None => Some(tempfile::Builder::new().prefix("osirisfs-run-").tempdir().map_err(failed)?),
    };
    let place = args.at.clone().or_else(|| folder.as_ref().map(|dir| dir.path().to_owned())).unwrap_or_default();
    let ended = runtime.block_on(async {
        // From here on a signal ends the command, and then the mount.
        let mut signals = Signals::catch().map_err(failed)?;
        mount(&args, &place, &mut signals).await?;
        let place = place.canonicalize().map_err(failed)?;
        let witness = Witness::of(&place);
        let ended = execute(&args.command, &place, &mut signals).await;
        Ok::<_, Failure>((ended, place, witness))
    });
    let (ended, place, witness) = ended?;
    let stored = unmounted(&place, witness);
    if let Some(folder) = folder
        && table::at(&place).is_ok_and(|mount| mount.is_some())
    {
        // Somebody may still want what is in it.
        let _ = folder.keep();
    }
    match (ended, stored) {
        (Ok(DONE), stored) => stored,
        (Ok(code), stored) => {
            if let Err(failure) = stored {
                failure.report();
            }
            Err(Failure::told(code))
        }
        (Err(failure), stored) => {
            if let Err(failure) = stored {
                failure.report();
            }
            Err(failure)
        }
    }
}

async fn mount(args: &Args, place: &Path, signals: &mut Signals) -> Result<(), Failure> {
    let failed = |what: String| Failure { code: NOT_MOUNTED, text: what };
    let program = std::env::current_exe().map_err(|e| failed(format!("where is this program? {e}")))?;
    let mut command = tokio::process::Command::new(program);
    command.arg("mount");
    for list in &args.dash_o {
        command.arg("-o").arg(list);
    }
    let mut child = command
        .args([OsStr::new(&args.source), place.as_os_str()])
        .stdin(Stdio::null())
        .spawn()
        .map_err(|e| failed(format!("the mount cannot be started: {e}")))?;
    loop {
        tokio::select! {
            status = child.wait() => {
                let status = status.map_err(|e| failed(format!("waiting for the mount: {e}")))?;
                return match status.success() {
                    true => Ok(()),
                    // It has said why.
                    false => Err(Failure::told(NOT_MOUNTED)),
                };
            }
            number = signals.next() => pass_on(child.id(), number),
        }
    }
}

async fn execute(words: &[OsString], place: &Path, signals: &mut Signals) -> Result<u8, Failure> {
    let words: Vec<OsString> = words.iter().map(|word| filled_in(word, place)).collect();
    let (program, rest) = words.split_first().ok_or_else(|| Failure::other("no command was given"))?;
    let started = tokio::process::Command::new(program).args(rest).env("OSIRISFS_MOUNT", place).spawn();
    let mut child = started.map_err(|e| Failure {
        code: if e.kind() == std::io::ErrorKind::NotFound { NOT_FOUND } else { CANNOT_RUN },
        text: format!("{} cannot be run: {e}; check its name and PATH", program.to_string_lossy()),
    })?;
    loop {
        tokio::select! {
            status = child.wait() => {
                return status.map(code_of).map_err(|e| Failure::other(format!("waiting for the command: {e}")));
            }
            number = signals.next() => pass_on(child.id(), number),
        }
    }
}

/// `{}` is the mount, as for find(1).
fn filled_in(word: &OsStr, place: &Path) -> OsString {
    if word.as_bytes() == b"{}" { place.as_os_str().to_owned() } else { word.to_owned() }
}

/// As a shell gives it.
fn code_of(status: ExitStatus) -> u8 {
    match (status.code(), status.signal()) {
        (Some(code), _) => code as u8,
        (None, Some(signal)) => 128 + signal as u8,
        (None, None) => 1,
    }
}

fn pass_on(pid: Option<u32>, number: i32) {
    let Some(pid) = pid else { return };
    if let Ok(signal) = nix::sys::signal::Signal::try_from(number) {
        // It may have ended a moment ago.
        let _ = nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid as i32), signal);
    }
}

/// Unmounts. A batch system may have told the daemon to end at the same time; its last words then say what was stored.
fn unmounted(place: &Path, witness: Option<Witness>) -> Result<(), Failure> {
    match umount::plainly(place) {
        Err(failure) if failure.code == BUSY => {
            umount::lazily(place)?;
            let text = format!("{}; it is unmounted when they have ended", failure.text);
            Err(Failure { code: BUSY, text })
        }
        Err(_) if table::at(place).is_ok_and(|mount| mount.is_none()) => match witness.map(Witness::last_words) {
            Some(Some(not_stored)) if not_stored.is_empty() => Ok(()),
            Some(Some(not_stored)) => Err(MountError::NotStored(not_stored).into()),
            _ => Err(Failure {
                code: NOT_STORED,
                text: "the mount went away without saying whether everything is stored; check the last files"
                    .to_owned(),
            }),
        },
        other => other,
    }
}

/// A connection to the daemon that is open from the beginning: it hears how the mount ended, whoever ended it.
struct Witness(BufReader<UnixStream>);

impl Witness {
    fn of(place: &Path) -> Option<Witness> {
        let mount = table::at(place).ok()??;
        Some(Witness(BufReader::new(control::connect(&mount).ok()?.0)))
    }

    fn last_words(self) -> Option<Vec<(String, String)>> {
        self.0.lines().map_while(Result::ok).find_map(|line| match serde_json::from_str(&line) {
            Ok(Say::Ended(not_stored)) => Some(not_stored),
            _ => None,
        })
    }
}

/// The signals of a batch system.
struct Signals(Vec<(i32, Signal)>);

impl Signals {
    fn catch() -> std::io::Result<Signals> {
        let kinds = [
            SignalKind::terminate(),
            SignalKind::hangup(),
            SignalKind::user_defined1(),
            SignalKind::user_defined2(),
            SignalKind::interrupt(),
        ];
        // At a terminal, Ctrl-C reaches the command by itself.
        let terminal = std::io::stdin().is_terminal();
        let mut caught = Vec::new();
        for kind in kinds {
            let number = if terminal && kind == SignalKind::interrupt() { 0 } else { kind.as_raw_value() };
            caught.push((number, signal(kind)?));
        }
        Ok(Signals(caught))
    }

    /// The number of the next one that is to be passed on.
    async fn next(&mut self) -> i32 {
        loop {
            let waiting = self.0.iter_mut().map(|(number, stream)| {
                Box::pin(async move {
                    stream.recv().await;
                    *number
                })
            });
            let (number, _, _) = futures::future::select_all(waiting).await;
            if number != 0 {
                return number;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exit_codes_as_a_shell_gives_them() {
        assert_eq!(code_of(ExitStatus::from_raw(7 << 8)), 7);
        assert_eq!(code_of(ExitStatus::from_raw(15)), 143);
    }

    #[test]
    fn only_a_word_of_its_own_is_filled_in() {
        let place = Path::new("/tmp/x");
        assert_eq!(filled_in(OsStr::new("{}"), place), "/tmp/x");
        assert_eq!(filled_in(OsStr::new("a{}"), place), "a{}");
    }
}
