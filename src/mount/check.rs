//! Looks at a mount point before anything is done with it.

use super::{MountError, table, unmount};
use nix::sys::statfs::statfs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A mount that has not answered after this time is alive but stuck, and is not ours to take away.
const STAT_WITHIN: Duration = Duration::from_secs(5);

/// More dead mounts than this on one path are not cleared.
const MOST_STACKED: usize = 16;

/// Makes the path real, clears dead mounts of ours from it, and says what is wrong with it. Gives the path to mount on.
pub fn prepare(path: &Path, nonempty: bool) -> Result<PathBuf, MountError> {
    let path = real(path)?;
    clear_dead(&path)?;
    let top = table::at(&path).map_err(|e| MountError::System(format!("/proc/self/mountinfo: {e}")))?;
    if let Some(mount) = &top
        && mount.is_ours()
    {
        return Err(MountError::AlreadyMounted { mountpoint: path, source: mount.source.clone() });
    }
    let meta = std::fs::metadata(&path).map_err(|e| from_io(e, &path))?;
    if !meta.is_dir() {
        return Err(MountError::NotADirectory(path));
    }
    // Reading a folder that autofs waits on would make autofs mount it, and it would wait for us.
    let automount = top.is_some_and(|mount| mount.fstype == "autofs");
    if !nonempty && !automount {
        let mut entries = std::fs::read_dir(&path).map_err(|e| from_io(e, &path))?;
        if entries.next().is_some() {
            return Err(MountError::NotEmpty(path));
        }
    }
    Ok(path)
}

/// Whether autofs waits there for a mount.
pub fn is_automount(path: &Path) -> bool {
    table::all().is_ok_and(|all| all.iter().any(|mount| mount.mountpoint == path && mount.fstype == "autofs"))
}

/// Clears mounts of ours whose daemon has died. Gives how many.
pub fn clear_dead(path: &Path) -> Result<usize, MountError> {
    let mut cleared = 0;
    while cleared < MOST_STACKED && is_dead(path) {
        match table::at(path) {
            Ok(Some(mount)) if mount.is_ours() => {}
            Ok(Some(mount)) => return Err(MountError::Foreign { mountpoint: path.to_owned(), fstype: mount.fstype }),
            // It lies in a dead mount: nothing that we could put right from here.
            _ => return Err(MountError::NoAccess(path.to_owned())),
        }
        unmount::lazily(path).map_err(|e| MountError::Stale { mountpoint: path.to_owned(), why: e.message() })?;
        cleared += 1;
    }
    Ok(cleared)
}

/// Whether the path is that of a mount without a daemon. The kernel may still know the attributes of its root, so stat(2)
/// is not enough; statfs(2) always asks.
pub fn is_dead(path: &Path) -> bool {
    let path = path.to_owned();
    let asked = within(STAT_WITHIN, move || std::fs::metadata(&path).and_then(|_| Ok(statfs(&path)?)));
    match asked {
        Some(Err(e)) => matches!(e.raw_os_error(), Some(libc::ENOTCONN | libc::ECONNABORTED)),
        Some(Ok(_)) | None => false,
    }
}

/// Whether the mount answers.
pub fn answers(path: &Path) -> bool {
    let path = path.to_owned();
    within(STAT_WITHIN, move || std::fs::metadata(&path)).is_some_and(|result| result.is_ok())
}

/// Whether the daemon of the mount works, whatever the service does: it answers the question for this attribute on the
/// FUSE thread, and the kernel asks it every time. (stat(2) may wait for the service.)
pub fn is_alive(path: &Path) -> bool {
    let path = path.to_owned();
    let ask = move || rustix::fs::getxattr(&path, "security.capability", &mut [0u8; 64]);
    match within(STAT_WITHIN, ask) {
        Some(Ok(_)) => true,
        Some(Err(e)) => matches!(e, rustix::io::Errno::NODATA | rustix::io::Errno::OPNOTSUPP),
        None => false,
    }
}

/// Absolute and without symbolic links, also if the last part is a dead mount.
pub fn real(path: &Path) -> Result<PathBuf, MountError> {
    match path.canonicalize() {
        Ok(path) => Ok(path),
        // EACCES: not even root may look into another user's FUSE mount.
        Err(e) if matches!(e.raw_os_error(), Some(libc::ENOTCONN | libc::ECONNABORTED | libc::EACCES)) => {
            let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else { return Err(from_io(e, path)) };
            let parent = if parent.as_os_str().is_empty() { Path::new(".") } else { parent };
            Ok(parent.canonicalize().map_err(|e| from_io(e, path))?.join(name))
        }
        Err(e) => Err(from_io(e, path)),
    }
}

fn from_io(e: io::Error, path: &Path) -> MountError {
    match e.raw_os_error() {
        Some(libc::ENOENT) => MountError::Missing(path.to_owned()),
        Some(libc::ENOTDIR) => MountError::NotADirectory(path.to_owned()),
        Some(libc::EACCES | libc::EPERM | libc::ENOTCONN) => MountError::NoAccess(path.to_owned()),
        _ => MountError::System(format!("{}: {e}", path.display())),
    }
}

/// Does something that may hang, in a thread of its own; `None` if it took too long (the thread is then left behind).
fn within<T: Send + 'static>(time: Duration, work: impl FnOnce() -> T + Send + 'static) -> Option<T> {
    let (sender, receiver) = std::sync::mpsc::channel();
    let thread = std::thread::Builder::new().name("stat".to_owned()).spawn(move || sender.send(work())).ok()?;
    let result = receiver.recv_timeout(time).ok()?;
    // The process may fork after this, which needs that the thread is really gone.
    let _ = thread.join();
    Some(result)
}

#[cfg(test)]
mod tests;
