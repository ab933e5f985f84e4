//! `osirisfs umount`: everything stored, nothing mounted, no daemon left, or a message that says otherwise.

use super::exit::Failure;
use crate::config::Env;
use crate::mount::control;
use crate::mount::table::{self, Mount};
use crate::mount::{MountError, check, unmount};
use daemon::{Daemon, End, wait_for_end};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

mod daemon;

/// `--force` gives storing this time and no more.
const FORCE_AFTER: Duration = Duration::from_secs(5);

#[derive(clap::Args)]
pub struct Args {
    /// Where the bucket is mounted
    #[arg(value_name = "MOUNTPOINT", required_unless_present = "all")]
    mountpoints: Vec<PathBuf>,

    /// Unmount all of your mounts; as root: those of all users
    #[arg(long, short = 'a', conflicts_with = "mountpoints")]
    all: bool,

    /// Unmount although it is in use: it ends when the last file in it is closed
    #[arg(long, short = 'l')]
    lazy: bool,

    /// Unmount although it is in use or files could not be stored: osirisfs recover has these
    #[arg(long, short = 'f')]
    force: bool,
}

/// Unmounts each; goes on after a failure and reports the last.
pub fn run(args: Args) -> Result<(), Failure> {
    let env = Env::of_process();
    let paths: Vec<PathBuf> = match args.all {
        true => mine()?,
        false => args.mountpoints.iter().map(|path| env.absolute(path)).collect(),
    };
    let mut outcome = Ok(());
    for path in &paths {
        if let Err(failure) = one(path, &args)
            && let Err(before) = std::mem::replace(&mut outcome, Err(failure))
        {
            before.report();
        }
    }
    outcome
}

/// Unmounts one mount, for other commands.
pub fn plainly(path: &Path) -> Result<(), Failure> {
    one(path, &Args { mountpoints: Vec::new(), all: false, lazy: false, force: false })
}

/// Takes it out of the tree although it is in use.
pub fn lazily(path: &Path) -> Result<(), Failure> {
    Ok(unmount::lazily(path)?)
}

fn one(path: &Path, args: &Args) -> Result<(), Failure> {
    let path = check::real(path)?;
    let mount = find(&path)?;
    if !may_unmount(&mount) {
        return Err(MountError::NotYours(path).into());
    }
    let Ok((stream, pid)) = control::connect(&mount) else { return without_daemon(&mount, args) };
    let mut daemon = Daemon::new(stream);
    let patience = args.force.then_some(FORCE_AFTER);
    let stored = daemon.sync(patience).map_err(lost)?;
    if let (Some(not_stored), false) = (&stored, args.force)
        && !not_stored.is_empty()
    {
        return Err(MountError::NotStored(not_stored.clone()).into());
    }
    let in_use = take_away(&path, args)?;
    let hurried = stored.is_none_or(|not_stored| !not_stored.is_empty());
    if hurried {
        hurry(pid);
    } else if in_use && !args.force {
        eprintln!("osirisfs: {} is unmounted; its daemon ends when the last file is closed", path.display());
        return Ok(());
    }
    let mut end = daemon.last_words((!hurried).then_some(&mount)).map_err(lost)?;
    if args.force && matches!(end, End::Held(_)) {
        hurry(pid);
        end = daemon.last_words(None).map_err(lost)?;
    }
    let not_stored = match end {
        End::Ended(not_stored) => not_stored,
        End::Held(by) => {
            let by = if by.is_empty() { "what you may not see".to_owned() } else { by.join(", ") };
            eprintln!(
                "osirisfs: {} is unmounted and all is stored, but it is still mounted in another mount namespace (a container), \
                 for {by}; its daemon (process {pid}) ends when these have ended",
                path.display()
            );
            return Ok(());
        }
    };
    wait_for_end(pid);
    if not_stored.is_empty() {
        return Ok(());
    }
    let list: Vec<String> = not_stored.iter().map(|(path, error)| format!("{path} ({error})")).collect();
    let text = format!(
        "{} is unmounted, but these files could not be stored: {}; osirisfs recover stores what is kept in lost+found",
        path.display(),
        list.join(", ")
    );
    Err(Failure { code: super::exit::NOT_STORED, text })
}

/// All mounts that the user may unmount, the last one first: one may lie in another.
fn mine() -> Result<Vec<PathBuf>, MountError> {
    let mounts = table::all().map_err(|e| MountError::System(format!("/proc/self/mountinfo: {e}")))?;
    Ok(mounts.into_iter().rev().filter(|m| m.is_ours() && may_unmount(m)).map(|m| m.mountpoint).collect())
}

pub fn may_unmount(mount: &Mount) -> bool {
    let me = nix::unistd::geteuid();
    me.is_root() || mount.owner == Some(me.as_raw())
}

/// Unmounts in the way that was asked for. Gives whether programs still use what was the mount.
fn take_away(path: &Path, args: &Args) -> Result<bool, MountError> {
    match unmount::unmount(path) {
        Err(MountError::Busy { .. }) if args.force => unmount::by_force(path).map(|()| true),
        Err(MountError::Busy { .. }) if args.lazy => unmount::lazily(path).map(|()| true),
        other => other.map(|()| false),
    }
}

/// Tells the daemon to end without what it could not store. Two different signals, because equal ones may become one.
fn hurry(pid: i32) {
    for signal in [Signal::SIGTERM, Signal::SIGINT] {
        if pid > 0
            && let Err(e) = kill(Pid::from_raw(pid), signal)
        {
            tracing::debug!("{signal} to {pid}: {e}");
        }
    }
}

fn lost(e: io::Error) -> Failure {
    Failure::other(format!(
        "the daemon of the mount went away without saying whether everything is stored: {e}; check your last files"
    ))
}

pub fn find(path: &Path) -> Result<Mount, MountError> {
    let read = |e| MountError::System(format!("/proc/self/mountinfo: {e}"));
    match table::at(path).map_err(read)? {
        Some(mount) if mount.is_ours() => Ok(mount),
        Some(mount) => Err(MountError::Foreign { mountpoint: path.to_owned(), fstype: mount.fstype }),
        None => match table::holding(path).map_err(read)? {
            Some(mount) if mount.is_ours() => {
                Err(MountError::InsideMount { path: path.to_owned(), mountpoint: mount.mountpoint })
            }
            _ => Err(MountError::NotMounted(path.to_owned())),
        },
    }
}

/// Nobody answers on the control socket: the daemon is dead, or it is alive and cannot be asked.
fn without_daemon(mount: &Mount, args: &Args) -> Result<(), Failure> {
    let path = &mount.mountpoint;
    // Nobody but its owner can see by looking that a mount is dead; that its daemon does not listen says the same.
    let of_another = mount.owner != Some(nix::unistd::geteuid().as_raw());
    if of_another {
        unmount::lazily(path)?;
    }
    if of_another || check::clear_dead(path)? > 0 {
        eprintln!(
            "osirisfs: the daemon of {} had died; the dead mount is cleared. Files that were being written then may be lost; \
             osirisfs recover lists what is kept of them.",
            path.display()
        );
        return Ok(());
    }
    if args.lazy || args.force {
        unmount::lazily(path)?
    } else {
        unmount::unmount(path)?
    }
    Err(Failure::other(format!(
        "{} is unmounted, but its daemon could not be asked whether everything is stored; wait until the process ends",
        path.display()
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_without_a_mount_of_ours() {
        let dir = tempfile::tempdir().unwrap();
        assert!(matches!(find(dir.path()), Err(MountError::NotMounted(_))));
        assert!(matches!(find(Path::new("/proc")), Err(MountError::Foreign { .. })));
    }
}
