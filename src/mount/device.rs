//! Makes the mount and gives the /dev/fuse descriptor that the kernel's requests come from.

use super::{FSTYPE, MountError, fusermount};
use crate::config::{MountFlags, Settings};
use nix::errno::Errno;
use nix::mount::MsFlags;
use std::fs::{File, OpenOptions};
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::Path;

/// Mounts: by mount(2) as root, else by fusermount3. The mount exists when this returns, but nothing answers in it
/// until the FUSE session has been started on the descriptor.
pub fn mount(settings: &Settings) -> Result<OwnedFd, MountError> {
    if nix::unistd::geteuid().is_root() {
        as_root(settings)
    } else {
        fusermount::mount(&settings.mountpoint, &helper_options(settings))
    }
}

/// Whether this machine and user can mount at all: asked early, so that the answer comes before that of the service.
pub fn check() -> Result<(), MountError> {
    if nix::unistd::geteuid().is_root() {
        return open().map(drop);
    }
    if !Path::new("/dev/fuse").exists() {
        return Err(MountError::NoFuse);
    }
    fusermount::find().map(drop)
}

fn open() -> Result<File, MountError> {
    OpenOptions::new().read(true).write(true).open("/dev/fuse").map_err(|e| match e.kind() {
        std::io::ErrorKind::NotFound => MountError::NoFuse,
        std::io::ErrorKind::PermissionDenied => MountError::FuseDenied,
        // ENXIO, ENODEV: the node is there, the driver is not.
        _ if matches!(e.raw_os_error(), Some(libc::ENXIO | libc::ENODEV)) => MountError::NoFuse,
        _ => MountError::System(format!("/dev/fuse: {e}")),
    })
}

fn as_root(settings: &Settings) -> Result<OwnedFd, MountError> {
    let device = open()?;
    let data = kernel_data(settings, device.as_raw_fd());
    nix::mount::mount(
        Some(settings.source().as_str()),
        &settings.mountpoint,
        Some(FSTYPE),
        kernel_flags(settings.flags, settings.read_only),
        Some(data.as_str()),
    )
    .map_err(|e| refused(e, &settings.mountpoint))?;
    Ok(device.into())
}

/// Gives a mount that is there other flags of the kernel's: read-only, noexec and so on. What the daemon was told stays.
pub fn remount(mountpoint: &Path, flags: MountFlags, read_only: bool) -> Result<(), MountError> {
    let none = None::<&str>;
    let flags = MsFlags::MS_REMOUNT | kernel_flags(flags, read_only);
    nix::mount::mount(none, mountpoint, none, flags, none).map_err(|errno| match errno {
        Errno::EPERM => MountError::NotYours(mountpoint.to_owned()),
        Errno::EBUSY => MountError::Busy { mountpoint: mountpoint.to_owned(), users: super::users::of(mountpoint) },
        Errno::EINVAL => MountError::NotMounted(mountpoint.to_owned()),
        other => refused(other, mountpoint),
    })
}

/// The mount data that fs/fuse/inode.c of the kernel reads. `rootmode` is S_IFDIR in octal. `default_permissions` makes
/// the kernel check owner, mode and group as on any local file system.
fn kernel_data(settings: &Settings, fd: i32) -> String {
    let (uid, gid) = (nix::unistd::geteuid(), nix::unistd::getegid());
    let allow_other = if settings.allow_other { ",allow_other" } else { "" };
    format!("fd={fd},rootmode=40000,user_id={uid},group_id={gid},default_permissions{allow_other}")
}

fn kernel_flags(flags: MountFlags, read_only: bool) -> MsFlags {
    let mut out = MsFlags::empty();
    out.set(MsFlags::MS_RDONLY, read_only);
    out.set(MsFlags::MS_NOATIME, flags.noatime);
    out.set(MsFlags::MS_NODIRATIME, flags.nodiratime);
    out.set(MsFlags::MS_NOEXEC, flags.noexec);
    out.set(MsFlags::MS_NOSUID, flags.nosuid);
    out.set(MsFlags::MS_NODEV, flags.nodev);
    out.set(MsFlags::MS_SYNCHRONOUS, flags.sync);
    out.set(MsFlags::MS_DIRSYNC, flags.dirsync);
    out
}

/// Options for fusermount3, which adds nosuid and nodev by itself and refuses their opposites.
fn helper_options(settings: &Settings) -> String {
    let flags = settings.flags;
    let mut options =
        vec![format!("fsname={}", escaped(&settings.source())), "subtype=osirisfs,default_permissions".to_owned()];
    for (on, name) in [
        (settings.read_only, "ro"),
        (settings.allow_other, "allow_other"),
        (flags.noatime, "noatime"),
        (flags.noexec, "noexec"),
        (flags.sync, "sync"),
        (flags.dirsync, "dirsync"),
    ] {
        if on {
            options.push(name.to_owned());
        }
    }
    options.join(",")
}

/// A comma in a value would end it (fusermount.c reads `\` as "the next character as it is").
fn escaped(value: &str) -> String {
    value.replace('\\', r"\\").replace(',', r"\,")
}

fn refused(errno: Errno, mountpoint: &Path) -> MountError {
    match errno {
        Errno::ENODEV => MountError::NoFuse,
        Errno::ENOENT => MountError::Missing(mountpoint.to_owned()),
        Errno::ENOTDIR => MountError::NotADirectory(mountpoint.to_owned()),
        Errno::EACCES => MountError::NoAccess(mountpoint.to_owned()),
        Errno::EPERM => MountError::Refused("the kernel says that this process may not mount".to_owned()),
        other => MountError::System(format!("mount on {}: {}", mountpoint.display(), other.desc())),
    }
}

#[cfg(test)]
mod tests;
