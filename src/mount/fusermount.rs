//! fusermount3, the set-user-id helper by which ordinary users mount and unmount FUSE file systems.

use super::MountError;
use nix::fcntl::{FcntlArg, FdFlag, fcntl};
use nix::sys::socket::{AddressFamily, ControlMessageOwned, MsgFlags, SockFlag, SockType, recvmsg, socketpair};
use std::io::{IoSliceMut, Read};
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// Where to look beside PATH: services are started without one, and NixOS keeps set-user-id programs apart.
const USUAL: &[&str] = &["/usr/bin", "/bin", "/usr/local/bin", "/run/wrappers/bin"];

/// Mounts with these options and gives the /dev/fuse descriptor.
pub fn mount(mountpoint: &Path, options: &str) -> Result<OwnedFd, MountError> {
    let program = find()?;
    let (ours, theirs) = socketpair(AddressFamily::Unix, SockType::Stream, None, SockFlag::SOCK_CLOEXEC)
        .map_err(|e| MountError::System(format!("socketpair: {e}")))?;
    // The helper finds its end by the number in _FUSE_COMMFD, so this one end must outlive its exec.
    fcntl(&theirs, FcntlArg::F_SETFD(FdFlag::empty())).map_err(|e| MountError::System(format!("fcntl: {e}")))?;
    let mut child = Command::new(&program)
        .args(["-o", options, "--"])
        .arg(mountpoint)
        .env("_FUSE_COMMFD", theirs.as_raw_fd().to_string())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|e| MountError::System(format!("{} cannot be started: {e}", program.display())))?;
    drop(theirs);
    let received = receive(&ours);
    let (_, words) = finish(&mut child);
    match received {
        Ok(Some(fd)) => Ok(fd),
        Ok(None) => Err(refusal(&words, mountpoint)),
        Err(e) => Err(MountError::System(format!("no descriptor came from {}: {e}", program.display()))),
    }
}

/// Ends a mount; lazily: also if it is in use.
pub fn unmount(mountpoint: &Path, lazily: bool) -> Result<(), MountError> {
    let mut command = Command::new(find()?);
    command.arg("-u");
    if lazily {
        command.arg("-z");
    }
    let mut child = command
        .arg("--")
        .arg(mountpoint)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|e| MountError::System(format!("fusermount3 cannot be started: {e}")))?;
    let (success, words) = finish(&mut child);
    if success { Ok(()) } else { Err(unmount_refusal(&words, mountpoint)) }
}

/// fusermount3, or its older name.
pub fn find() -> Result<PathBuf, MountError> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders: Vec<PathBuf> = std::env::split_paths(&path).chain(USUAL.iter().map(PathBuf::from)).collect();
    ["fusermount3", "fusermount"]
        .iter()
        .flat_map(|name| folders.iter().map(move |folder| folder.join(name)))
        .find(|path| path.is_file())
        .ok_or(MountError::NoFusermount)
}

/// One message of one byte with one descriptor; `None` if the helper closed its end without.
fn receive(socket: &OwnedFd) -> nix::Result<Option<OwnedFd>> {
    let mut byte = [0u8; 1];
    let mut space = nix::cmsg_space!([RawFd; 1]);
    let mut parts = [IoSliceMut::new(&mut byte)];
    loop {
        let flags = MsgFlags::MSG_CMSG_CLOEXEC;
        match recvmsg::<()>(socket.as_raw_fd(), &mut parts, Some(&mut space), flags) {
            Err(nix::errno::Errno::EINTR) => continue,
            Err(e) => return Err(e),
            Ok(message) => {
                let fd = message.cmsgs()?.find_map(|part| match part {
                    ControlMessageOwned::ScmRights(fds) => fds.first().copied(),
                    _ => None,
                });
                return Ok(fd.and_then(crate::sys::received_fd));
            }
        }
    }
}

fn finish(child: &mut Child) -> (bool, String) {
    let mut words = String::new();
    if let Some(mut stderr) = child.stderr.take() {
        // Words that cannot be read are only missing from the message.
        let _ = stderr.read_to_string(&mut words);
    }
    (child.wait().is_ok_and(|status| status.success()), words)
}

/// fusermount3 has no error codes: its English sentences are the interface.
fn refusal(words: &str, mountpoint: &Path) -> MountError {
    let has = |part: &str| words.contains(part);
    if has("user_allow_other") {
        MountError::AllowOtherForbidden
    } else if has("fuse device not found") || has("/dev/fuse: No such") {
        MountError::NoFuse
    } else if has("/dev/fuse") && has("Permission denied") {
        MountError::FuseDenied
    } else if has("no write access") || has("not owned by user") || has("Permission denied") {
        MountError::NoAccess(mountpoint.to_owned())
    } else {
        MountError::Refused(one_line(words))
    }
}

fn unmount_refusal(words: &str, mountpoint: &Path) -> MountError {
    let has = |part: &str| words.contains(part);
    if has("resource busy") {
        MountError::Busy { mountpoint: mountpoint.to_owned(), users: super::users::of(mountpoint) }
    } else if has("not found in") || has("Invalid argument") {
        MountError::NotMounted(mountpoint.to_owned())
    } else if has("not permitted") || has("Permission denied") || has("not mounted by") {
        MountError::NotYours(mountpoint.to_owned())
    } else {
        MountError::System(one_line(words))
    }
}

fn one_line(words: &str) -> String {
    let lines: Vec<&str> = words.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    if lines.is_empty() { "fusermount3 gave no reason".to_owned() } else { lines.join("; ") }
}

#[cfg(test)]
mod tests;
