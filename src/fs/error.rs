//! What a file operation can end with, and the one table that maps it to an errno.

use crate::meta::TooBig;
use crate::names::NameError;
use crate::store::{ErrorKind, StoreError};
use std::fmt;
use std::io;

/// Error of a file operation.
#[derive(Debug)]
pub enum FsError {
    /// The service (or the way to it) said no.
    Store(StoreError),
    /// A name that no object key can carry.
    Name(NameError),
    /// Local disk trouble of the scratch file.
    Local(io::Error),
    /// Extended attributes beyond the limit.
    XattrTooBig(TooBig),
    /// The object was changed by another client since it was opened; where our version went, if it was kept.
    Conflict(Option<String>),
    /// A plain errno with a reason for the log.
    Errno(i32, &'static str),
}

/// Result of the file system core.
pub type Result<T> = std::result::Result<T, FsError>;

impl FsError {
    /// The errno of this error: the table of `docs/SEMANTICS.md`, section "Errors".
    pub fn errno(&self) -> i32 {
        match self {
            FsError::Store(error) => store_errno(error.kind),
            FsError::Name(NameError::NotUtf8) => libc::EILSEQ,
            FsError::Name(NameError::TooLong) => libc::ENAMETOOLONG,
            FsError::Name(NameError::Invalid) => libc::EINVAL,
            FsError::Name(NameError::Reserved) => libc::EPERM,
            FsError::Local(error) => error.raw_os_error().unwrap_or(libc::EIO),
            FsError::XattrTooBig(TooBig::Value) => libc::E2BIG,
            FsError::XattrTooBig(TooBig::Total) => libc::ENOSPC,
            FsError::Conflict(_) => libc::ESTALE,
            FsError::Errno(errno, _) => *errno,
        }
    }

    /// Whether storing the same again can never work: the service has refused it, not failed.
    pub fn is_final(&self) -> bool {
        match self {
            FsError::Store(error) => matches!(
                error.kind,
                ErrorKind::Denied | ErrorKind::TooLarge | ErrorKind::BadName | ErrorKind::MetadataTooLarge
            ),
            FsError::Name(_) | FsError::XattrTooBig(_) => true,
            _ => false,
        }
    }

    /// Whether there was no room for it.
    pub(super) fn is_quota(&self) -> bool {
        self.errno() == libc::EDQUOT
    }

    /// Whether the service refused it to this user.
    pub fn is_denied(&self) -> bool {
        matches!(self, FsError::Store(error) if error.kind == ErrorKind::Denied)
    }

    /// Whether the thing is simply not there.
    pub fn is_not_found(&self) -> bool {
        self.errno() == libc::ENOENT
    }
}

fn store_errno(kind: ErrorKind) -> i32 {
    match kind {
        ErrorKind::NotFound | ErrorKind::NoSuchBucket => libc::ENOENT,
        ErrorKind::NoSuchUpload => libc::EIO,
        ErrorKind::Denied | ErrorKind::BadCredentials | ErrorKind::ClockSkew | ErrorKind::Cold => libc::EACCES,
        ErrorKind::PreconditionFailed => libc::ESTALE,
        ErrorKind::NotModified => libc::EIO,
        ErrorKind::BadRange => libc::ESTALE,
        ErrorKind::Quota => libc::EDQUOT,
        ErrorKind::TooLarge => libc::EFBIG,
        ErrorKind::BadName => libc::ENAMETOOLONG,
        ErrorKind::MetadataTooLarge => libc::E2BIG,
        ErrorKind::NotEmpty => libc::ENOTEMPTY,
        ErrorKind::Exists => libc::EEXIST,
        // "No such device or address": of the errnos that mean nothing else here the one that reads best.
        ErrorKind::UnknownGrantee => libc::ENXIO,
        ErrorKind::Unsupported => libc::EOPNOTSUPP,
        ErrorKind::Timeout => libc::ETIMEDOUT,
        ErrorKind::Unreachable | ErrorKind::Dns => libc::EHOSTUNREACH,
        // Whoever appends stores the whole object then.
        ErrorKind::NotAppendable => libc::EIO,
        ErrorKind::Corrupt | ErrorKind::BadRequest | ErrorKind::Server | ErrorKind::Tls => libc::EIO,
    }
}

impl fmt::Display for FsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            FsError::Store(error) => error.fmt(f),
            FsError::Name(NameError::NotUtf8) => f.write_str("the name is not UTF-8: S3 keys must be"),
            FsError::Name(NameError::TooLong) => f.write_str("the name has over 255 bytes, or the key over 1024"),
            FsError::Name(NameError::Invalid) => f.write_str("not a name"),
            FsError::Name(NameError::Reserved) => f.write_str("the name is reserved for osirisfs itself"),
            FsError::Local(error) => write!(f, "local scratch space: {error}"),
            FsError::XattrTooBig(_) => f.write_str("extended attributes do not fit into the object's headers"),
            FsError::Conflict(Some(kept)) => {
                write!(f, "another client changed the object meanwhile; this version was stored as {kept}")
            }
            FsError::Conflict(None) => f.write_str("another client changed the object meanwhile"),
            FsError::Errno(_, reason) => f.write_str(reason),
        }
    }
}

impl std::error::Error for FsError {}

impl From<StoreError> for FsError {
    fn from(error: StoreError) -> FsError {
        FsError::Store(error)
    }
}

impl From<NameError> for FsError {
    fn from(error: NameError) -> FsError {
        FsError::Name(error)
    }
}

impl From<io::Error> for FsError {
    fn from(error: io::Error) -> FsError {
        FsError::Local(error)
    }
}

impl From<TooBig> for FsError {
    fn from(error: TooBig) -> FsError {
        FsError::XattrTooBig(error)
    }
}

macro_rules! errnos {
    ($($(#[$doc:meta])* $name:ident = $errno:ident, $why:literal;)*) => {
        impl FsError {
            $($(#[$doc])* pub const fn $name() -> FsError { FsError::Errno(libc::$errno, $why) })*
        }
    };
}

errnos! {
    /// ENOENT
    not_found = ENOENT, "no such file or directory";
    /// EEXIST
    exists = EEXIST, "the name exists";
    /// ENOTDIR
    not_dir = ENOTDIR, "not a directory";
    /// EISDIR
    is_dir = EISDIR, "a directory";
    /// ENOTEMPTY
    not_empty = ENOTEMPTY, "the directory is not empty";
    /// EINVAL
    invalid = EINVAL, "invalid argument";
    /// EBADF
    bad_handle = EBADF, "the handle is not open for this";
    /// ESTALE
    stale = ESTALE, "the object was replaced or removed";
    /// EPERM
    not_permitted = EPERM, "S3 has nothing like it";
    /// EROFS
    read_only = EROFS, "the mount is read-only";
    /// ENODATA
    no_xattr = ENODATA, "no such attribute";
    /// EOPNOTSUPP
    unsupported = EOPNOTSUPP, "not supported";
    /// EFBIG
    too_large = EFBIG, "beyond 5 TiB";
    /// ETXTBSY
    running = ETXTBSY, "the program runs";
    /// EIO
    internal = EIO, "an internal task ended early";
    /// ENAMETOOLONG
    too_long = ENAMETOOLONG, "too long";
}
