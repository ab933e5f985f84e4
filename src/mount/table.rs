//! The kernel's mount table, `/proc/self/mountinfo` (proc_pid_mountinfo(5)).

use super::FSTYPE;
use std::ffi::OsString;
use std::io;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

/// A line of the table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mount {
    /// `MAJOR:MINOR` of the device: names the mount in `/sys/class/bdi`, and is unique while the mount lives.
    pub device: String,
    /// Where.
    pub mountpoint: PathBuf,
    /// Type, such as `fuse.osirisfs`.
    pub fstype: String,
    /// What is mounted.
    pub source: String,
    /// The user that mounted it (`user_id=` of FUSE mounts).
    pub owner: Option<u32>,
}

impl Mount {
    /// Whether it is one of this program's.
    pub fn is_ours(&self) -> bool {
        self.fstype == FSTYPE
    }
}

/// All mounts that this process sees, in the order of mounting.
pub fn all() -> io::Result<Vec<Mount>> {
    of(Path::new("/proc/self/mountinfo"))
}

/// The mounts of a table like `/proc/PID/mountinfo`.
pub(super) fn of(table: &Path) -> io::Result<Vec<Mount>> {
    Ok(std::fs::read(table)?.split(|b| *b == b'\n').filter_map(line).collect())
}

/// The mount that one sees at this very path: the last one, where several are stacked. The path must be absolute and
/// without symbolic links.
pub fn at(path: &Path) -> io::Result<Option<Mount>> {
    Ok(all()?.into_iter().rfind(|mount| mount.mountpoint == path))
}

/// The mount that a path lies in.
pub fn holding(path: &Path) -> io::Result<Option<Mount>> {
    let mounts = all()?;
    let longest =
        mounts.iter().filter(|m| path.starts_with(&m.mountpoint)).map(|m| m.mountpoint.as_os_str().len()).max();
    Ok(mounts.into_iter().rfind(|m| path.starts_with(&m.mountpoint) && Some(m.mountpoint.as_os_str().len()) == longest))
}

/// `36 35 98:0 /mnt1 /mnt/point rw,noatime master:1 - ext3 /dev/root rw,errors=continue`, fields numbered there from 1:
/// 3 device, 5 mount point, then after ` - ` type, source, options of the file system.
fn line(line: &[u8]) -> Option<Mount> {
    let mut fields = line.split(|b| *b == b' ');
    let device = String::from_utf8(fields.nth(2)?.to_vec()).ok()?;
    let mountpoint = PathBuf::from(OsString::from_vec(unescaped(fields.nth(1)?)));
    let mut after = fields.skip_while(|field| *field != b"-").skip(1);
    let text = |field: &[u8]| String::from_utf8_lossy(&unescaped(field)).into_owned();
    let fstype = text(after.next()?);
    let source = text(after.next()?);
    let options = text(after.next().unwrap_or_default());
    let owner = options.split(',').find_map(|option| option.strip_prefix("user_id=")?.parse().ok());
    Some(Mount { device, mountpoint, fstype, source, owner })
}

/// The kernel writes blank, tab, newline and backslash as three octal digits after a backslash.
fn unescaped(field: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(field.len());
    let mut rest = field;
    while let Some((&first, tail)) = rest.split_first() {
        let octal = tail.get(..3).and_then(|d| u8::from_str_radix(std::str::from_utf8(d).ok()?, 8).ok());
        match octal {
            Some(byte) if first == b'\\' => {
                out.push(byte);
                rest = &tail[3..];
            }
            _ => {
                out.push(first);
                rest = tail;
            }
        }
    }
    out
}

#[cfg(test)]
mod tests;
