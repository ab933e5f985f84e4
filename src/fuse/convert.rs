//! Between the core's words and the kernel's.

use crate::fs::{Attr, Change, FsError, SetTime};
use crate::meta::{Kind, Time};
use fuser::{Errno, FileAttr, FileType, Generation, INodeNo, TimeOrNow};
use std::time::{SystemTime, UNIX_EPOCH};

/// A number is given out again only when the kernel has forgotten it, so one generation does.
pub(super) const GENERATION: Generation = Generation(0);
/// Preferred size of reads and writes: `cp` works in pieces of this size.
const BLOCK_SIZE: u32 = 512 * 1024;

/// The errno of a failed operation. A failure that the user will wonder about is logged where it arises, not here.
pub(super) fn errno(error: &FsError) -> Errno {
    tracing::debug!(%error, errno = error.errno(), "answered with an error");
    Errno::from_i32(error.errno())
}

pub(super) fn file_type(kind: Kind) -> FileType {
    match kind {
        Kind::File => FileType::RegularFile,
        Kind::Dir => FileType::Directory,
        Kind::Symlink => FileType::Symlink,
        Kind::Fifo => FileType::NamedPipe,
        Kind::Socket => FileType::Socket,
        Kind::CharDevice => FileType::CharDevice,
        Kind::BlockDevice => FileType::BlockDevice,
    }
}

pub(super) fn file_attr(attr: &Attr) -> FileAttr {
    FileAttr {
        ino: INodeNo(attr.ino),
        size: attr.size,
        blocks: attr.blocks,
        atime: attr.atime.into(),
        mtime: attr.mtime.into(),
        ctime: attr.ctime.into(),
        crtime: UNIX_EPOCH,
        kind: file_type(attr.kind),
        perm: (attr.mode & 0o7777) as u16,
        // Directories do not count their subdirectories: find(1) must not take a count for true.
        nlink: 1,
        uid: attr.uid,
        gid: attr.gid,
        rdev: attr.rdev,
        blksize: BLOCK_SIZE,
        flags: 0,
    }
}

/// The attributes that go with a negative entry: number 0 says "no such file", and may be remembered.
pub(super) fn no_attr() -> FileAttr {
    FileAttr {
        ino: INodeNo(0),
        size: 0,
        blocks: 0,
        atime: UNIX_EPOCH,
        mtime: UNIX_EPOCH,
        ctime: UNIX_EPOCH,
        crtime: UNIX_EPOCH,
        kind: FileType::RegularFile,
        perm: 0,
        nlink: 0,
        uid: 0,
        gid: 0,
        rdev: 0,
        blksize: 0,
        flags: 0,
    }
}

/// What SETATTR asks for. An empty request means: clear set-user-id (FUSE_HANDLE_KILLPRIV_V2).
pub(super) fn change(
    mode: Option<u32>,
    uid: Option<u32>,
    gid: Option<u32>,
    size: Option<u64>,
    atime: Option<TimeOrNow>,
    mtime: Option<TimeOrNow>,
) -> Change {
    let empty = mode.or(uid).or(gid).is_none() && size.is_none() && atime.is_none() && mtime.is_none();
    let (atime, mtime) = (atime.map(set_time), mtime.map(set_time));
    Change { mode, uid, gid, size, atime, mtime, clear_suid: empty }
}

fn set_time(time: TimeOrNow) -> SetTime {
    match time {
        TimeOrNow::Now => SetTime::Now,
        TimeOrNow::SpecificTime(time) => SetTime::At(Time::from(unskew(time))),
    }
}

/// fuser 0.18 subtracts the nanoseconds of times before 1970 instead of adding them.
fn unskew(time: SystemTime) -> SystemTime {
    match UNIX_EPOCH.duration_since(time) {
        Ok(before) if before.subsec_nanos() > 0 => {
            UNIX_EPOCH - std::time::Duration::from_secs(before.as_secs())
                + std::time::Duration::from_nanos(before.subsec_nanos().into())
        }
        _ => time,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn times_before_1970_are_put_right() {
        // -1.5 s is sent as (-2 s, 500,000,000 ns); fuser makes -2.5 s of it.
        let fuser = UNIX_EPOCH - Duration::new(2, 500_000_000);
        assert_eq!(unskew(fuser), UNIX_EPOCH - Duration::new(1, 500_000_000));
        let whole = UNIX_EPOCH - Duration::from_secs(3);
        assert_eq!(unskew(whole), whole);
    }
}
