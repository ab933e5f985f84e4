//! Getting a /dev/fuse descriptor, becoming a daemon, ending a mount.

pub mod check;
pub mod control;
pub mod daemon;
pub mod device;
pub mod error;
pub mod fusermount;
pub mod status;
pub mod table;
pub mod tune;
pub mod unmount;
pub mod users;

pub use error::MountError;

/// The file system type as the mount table shows it. systemd and df go by the part after the dot.
pub const FSTYPE: &str = "fuse.osirisfs";
