//! What an object looks like as a file: attributes in and out of `x-amz-meta-*`.
//!
//! Writes what s3fs-fuse writes, so that both programs show a file alike. Reads that and what rclone, s3cmd, MinIO mc,
//! goofys and GeeseFS, Cyberduck, s3sync, gsutil, AWS DataSync and FSx leave with their uploads.

mod content_type;
mod decode;
mod encode;
mod listed;
mod mode;
#[cfg(test)]
mod tests;
mod time;
mod xattr;

pub use content_type::{DIRECTORY, SYMLINK, content_type};
pub use decode::{decode, symlink_target};
pub use encode::{META_LIMIT, TooBig, content_changed, encode};
pub use time::Time;
pub use xattr::{XATTR_LIMIT, Xattrs, check_xattrs};

/// Type of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Regular file.
    File,
    /// Directory.
    Dir,
    /// Symbolic link; its target is the object's content (see [`symlink_target`] for the other form).
    Symlink,
    /// Named pipe.
    Fifo,
    /// Unix socket.
    Socket,
    /// Character device.
    CharDevice,
    /// Block device.
    BlockDevice,
}

/// What `stat` shows beyond size and links.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attrs {
    /// Type.
    pub kind: Kind,
    /// Permission bits, `0o7777`.
    pub mode: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Data last changed.
    pub mtime: Time,
    /// Attributes last changed.
    pub ctime: Time,
    /// Last read, as far as anybody noted it.
    pub atime: Time,
    /// Device number of the two device kinds, else 0.
    pub rdev: u32,
}

/// What objects show that say nothing themselves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Defaults {
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Permission bits of everything but directories.
    pub file_mode: u32,
    /// Permission bits of directories.
    pub dir_mode: u32,
    /// Show everything as owned by `uid` and `gid`, whatever the object says: numbers of another site's users mean
    /// nothing here.
    pub force_owner: bool,
}

impl Defaults {
    /// 0644 and 0755, owned by this user.
    pub fn new(uid: u32, gid: u32) -> Defaults {
        Defaults { uid, gid, file_mode: 0o644, dir_mode: 0o755, force_owner: false }
    }
}
