//! Becoming a daemon: the command forks before any thread exists, the child goes on as the daemon, and the command
//! waits at a pipe for its word. (A tokio runtime does not survive a fork: it has neither timers nor signals in the child.)

use nix::fcntl::OFlag;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::{ForkResult, Pid};
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};

/// After [`split`]: who we are.
pub enum Side {
    /// The command. The daemon said this.
    Command(Word),
    /// The daemon.
    Daemon(Ready),
}

/// What the daemon said when it was ready, or could not be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Word {
    /// The exit code of the command.
    pub code: u8,
    /// Why, if it is not 0.
    pub text: String,
}

/// The daemon's end of the pipe.
pub struct Ready {
    pipe: Option<File>,
    /// Still in the session of the command.
    in_session: bool,
}

impl Ready {
    /// For a process that stays in the foreground: nobody waits.
    pub fn nobody_waits() -> Ready {
        Ready { pipe: None, in_session: false }
    }

    /// Says that the mount answers, and lets go of the terminal. An error means that the command is no longer there to
    /// hear it (it was interrupted): the mount should then not stay.
    pub fn done(self, keep_stderr: bool) -> io::Result<()> {
        let Some(mut pipe) = self.pipe else { return Ok(()) };
        if self.in_session {
            nix::unistd::setsid()?;
        }
        // Before the word: whoever reads the command's output waits until nobody can write to it any more.
        leave_output(keep_stderr)?;
        pipe.write_all(b"0\n")
    }

    /// Says that it did not work, and why. Gives the text back in the foreground, where nobody waits.
    pub fn failed(self, code: u8, text: &str) -> Option<String> {
        let Some(mut pipe) = self.pipe else { return Some(text.to_owned()) };
        // A command that is gone needs no reason any more.
        let _ = pipe.write_all(format!("{code}\n{text}").as_bytes());
        None
    }

    /// Whether the command has gone away (it was interrupted) before it heard anything.
    pub fn is_abandoned(&self) -> bool {
        let Some(pipe) = &self.pipe else { return false };
        // A pipe without a reader is in the state of error; poll(2) tells that unasked.
        let mut state = [PollFd::new(pipe.as_fd(), PollFlags::empty())];
        poll(&mut state, PollTimeout::ZERO).is_ok_and(|changed| changed > 0)
    }
}

/// Forks. In the command it returns only when the daemon has spoken or died.
///
/// autofs lets only systemd's process group reach a place that is being mounted; everybody else waits for the mount. A
/// mount there stays in the group of its command until it is ready.
pub fn split(for_autofs: bool) -> io::Result<Side> {
    let (read, write) = nix::unistd::pipe2(OFlag::O_CLOEXEC)?;
    match crate::sys::fork()? {
        ForkResult::Parent { child } => {
            drop(write);
            Ok(Side::Command(hear(read, child)?))
        }
        ForkResult::Child => {
            drop(read);
            if !for_autofs {
                nix::unistd::setsid()?;
            }
            leave_caller(&write)?;
            Ok(Side::Daemon(Ready { pipe: Some(write.into()), in_session: for_autofs }))
        }
    }
}

fn hear(pipe: OwnedFd, child: Pid) -> io::Result<Word> {
    let mut text = String::new();
    File::from(pipe).read_to_string(&mut text)?;
    if let Some(word) = parse(&text) {
        return Ok(word);
    }
    let why = match waitpid(child, None) {
        Ok(WaitStatus::Exited(_, code)) => format!("it exited with code {code}"),
        Ok(WaitStatus::Signaled(_, signal, _)) => format!("it was ended by {signal}"),
        _ => "it gave no reason".to_owned(),
    };
    Ok(Word { code: 1, text: super::MountError::Died(why).to_string() })
}

fn parse(text: &str) -> Option<Word> {
    let (code, text) = text.split_once('\n')?;
    Some(Word { code: code.parse().ok()?, text: text.to_owned() })
}

/// Away from the terminal's input and from every folder and file that the caller had open.
fn leave_caller(keep: &OwnedFd) -> io::Result<()> {
    close_all_but(keep)?;
    std::env::set_current_dir("/")?;
    nix::unistd::dup2_stdin(File::open("/dev/null")?)?;
    Ok(())
}

/// Descriptors that the caller passed on by accident would be kept open for as long as the mount lives.
fn close_all_but(keep: &OwnedFd) -> io::Result<()> {
    let open: Vec<i32> = std::fs::read_dir("/proc/self/fd")?
        .flatten()
        .filter_map(|entry| entry.file_name().to_string_lossy().parse().ok())
        .filter(|fd| *fd > 2 && *fd != keep.as_raw_fd())
        .collect();
    for fd in open {
        // The one of the listing itself is closed already: EBADF.
        let _ = nix::unistd::close(fd);
    }
    Ok(())
}

/// Standard output and, unless it is the journal, standard error go nowhere from here on.
fn leave_output(keep_stderr: bool) -> io::Result<()> {
    let null = OpenOptions::new().read(true).write(true).open("/dev/null")?;
    nix::unistd::dup2_stdout(&null)?;
    if !keep_stderr {
        nix::unistd::dup2_stderr(&null)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
