//! Ends a mount.

use super::{MountError, fusermount, users};
use nix::errno::Errno;
use nix::mount::{MntFlags, umount2};
use std::path::Path;
use std::time::Duration;

/// A mount is in use only if it still is after this time: a program that is just ending, or one that is between fork
/// and exec, holds files for a moment longer than it seems.
const BUSY: Duration = Duration::from_secs(1);
/// In this time it is tried so often.
const LOOKS: u32 = 10;

/// Unmounts if nobody uses the mount.
pub fn unmount(mountpoint: &Path) -> Result<(), MountError> {
    let mut tries = 0..LOOKS;
    loop {
        match by_flags(mountpoint, MntFlags::empty()) {
            // Counted and not timed: on a machine that stood still, who uses it has had no time to end.
            Err(MountError::Busy { .. }) if tries.next().is_some() => std::thread::sleep(BUSY / LOOKS),
            other => return other,
        }
    }
}

/// Takes the mount out of the tree now; it ends when the last file in it is closed.
pub fn lazily(mountpoint: &Path) -> Result<(), MountError> {
    by_flags(mountpoint, MntFlags::MNT_DETACH)
}

/// The emergency exit: whoever waits for an answer from the mount gets an error at once, then the mount is taken away.
/// Only root can abort; an ordinary user's mount is aborted when its daemon ends.
pub fn by_force(mountpoint: &Path) -> Result<(), MountError> {
    if nix::unistd::geteuid().is_root() {
        // This says EBUSY when files are open, and aborts the connection all the same.
        let _ = umount2(mountpoint, MntFlags::MNT_FORCE | MntFlags::UMOUNT_NOFOLLOW);
    }
    match lazily(mountpoint) {
        Err(MountError::NotMounted(_)) => Ok(()),
        other => other,
    }
}

fn by_flags(mountpoint: &Path, flags: MntFlags) -> Result<(), MountError> {
    if !nix::unistd::geteuid().is_root() {
        // umount2 of an ordinary process is EPERM, also for its own mount.
        return fusermount::unmount(mountpoint, flags.contains(MntFlags::MNT_DETACH));
    }
    umount2(mountpoint, flags | MntFlags::UMOUNT_NOFOLLOW).map_err(|errno| match errno {
        Errno::EBUSY => MountError::Busy { mountpoint: mountpoint.to_owned(), users: users::of(mountpoint) },
        Errno::EINVAL | Errno::ENOENT => MountError::NotMounted(mountpoint.to_owned()),
        Errno::EPERM | Errno::EACCES => MountError::NotYours(mountpoint.to_owned()),
        other => MountError::System(format!("unmounting {}: {}", mountpoint.display(), other.desc())),
    })
}
