//! The daemon of the mount that is to end, as its control socket shows it.

use crate::cli::progress::Progress;
use crate::mount::control::{Ask, Say};
use crate::mount::table::Mount;
use crate::mount::users;
use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

/// A daemon whose mount was taken away has ended by then, unless it stores something or somebody else still has the mount.
const STILL_THERE: Duration = Duration::from_secs(3);
/// After so many times it is taken for such a somebody, whom we may not see, if it has nothing to store.
const UNSEEN_LOOKS: u32 = 5;

/// The daemon at the other end of the control socket.
pub(super) struct Daemon {
    stream: BufReader<UnixStream>,
    /// What has come of a line.
    line: Vec<u8>,
}

/// How it went on after the mount was taken away.
pub(super) enum End {
    /// The daemon has ended; these (path, reason) could not be stored.
    Ended(Vec<(String, String)>),
    /// It serves on, for these.
    Held(Vec<String>),
}

impl Daemon {
    pub(super) fn new(stream: UnixStream) -> Daemon {
        Daemon { stream: BufReader::new(stream), line: Vec::new() }
    }

    fn ask(&mut self, what: Ask) -> io::Result<()> {
        let mut line = serde_json::to_vec(&what)?;
        line.push(b'\n');
        self.stream.get_mut().write_all(&line)
    }

    /// What it says next; `None`: it has closed the connection.
    fn hear(&mut self) -> io::Result<Option<Say>> {
        // After a time-out the line goes on where it was.
        if self.stream.read_until(b'\n', &mut self.line)? == 0 && self.line.is_empty() {
            return Ok(None);
        }
        Ok(Some(serde_json::from_slice(&std::mem::take(&mut self.line))?))
    }

    /// Has everything stored; gives what could not be, or nothing if it took longer than the patience.
    pub(super) fn sync(&mut self, patience: Option<Duration>) -> io::Result<Option<Vec<(String, String)>>> {
        self.ask(Ask::Sync)?;
        let began = Instant::now();
        let mut progress = Progress::default();
        loop {
            match self.hear()? {
                Some(Say::Pending(_)) if patience.is_some_and(|patience| began.elapsed() > patience) => {
                    return Ok(None);
                }
                Some(Say::Pending(left)) => progress.left(left),
                Some(Say::Synced(not_stored) | Say::Ended(not_stored)) => return Ok(Some(not_stored)),
                Some(Say::Status(_)) => {}
                Some(Say::Denied) => {
                    return Err(io::Error::other("it takes orders from its owner and root only"));
                }
                None => return Err(io::ErrorKind::UnexpectedEof.into()),
            }
        }
    }

    /// Waits until the daemon is done; with the mount that was taken away, only as long as it does not serve on for others.
    pub(super) fn last_words(&mut self, mount: Option<&Mount>) -> io::Result<End> {
        let (mut idle, mut looks) = (false, 0);
        self.stream.get_ref().set_read_timeout(mount.map(|_| STILL_THERE))?;
        loop {
            match self.hear() {
                Ok(Some(Say::Ended(not_stored))) => {
                    // Its end of the connection closes with its process.
                    self.stream.get_ref().set_read_timeout(None)?;
                    while self.hear()?.is_some() {}
                    return Ok(End::Ended(not_stored));
                }
                Ok(Some(Say::Status(status))) => idle = status.pending.is_empty(),
                Ok(Some(_)) => {}
                Ok(None) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => {
                    let by = mount.map_or_else(Vec::new, |mount| users::elsewhere(&mount.device));
                    // Counted and not timed: a machine may stand still.
                    looks += 1;
                    if !by.is_empty() || (idle && looks >= UNSEEN_LOOKS) {
                        return Ok(End::Held(by));
                    }
                    self.ask(Ask::Status)?;
                }
                Err(e) => return Err(e),
            }
        }
    }
}

/// The daemon has said its last words; its process needs some milliseconds more to be gone.
pub(super) fn wait_for_end(pid: i32) {
    for _ in 0..500 {
        if pid <= 0 || is_gone(pid) {
            return;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// No such process, or one that has ended and was not yet fetched by its parent.
fn is_gone(pid: i32) -> bool {
    let Ok(stat) = std::fs::read_to_string(format!("/proc/{pid}/stat")) else { return true };
    // `pid (name) state ...`, and the name may hold anything.
    stat.rsplit_once(')').is_some_and(|(_, rest)| matches!(rest.trim_start().chars().next(), Some('Z' | 'X')))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processes_that_are_gone() {
        assert!(!is_gone(std::process::id() as i32));
        let mut child = std::process::Command::new("true").spawn().unwrap();
        let pid = child.id() as i32;
        let ended = (0..500).any(|_| {
            std::thread::sleep(Duration::from_millis(10));
            is_gone(pid)
        });
        assert!(ended, "an ended process that nobody has waited for counts as gone");
        child.wait().unwrap();
        assert!(is_gone(pid));
    }
}
