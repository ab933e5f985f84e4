//! From attributes to headers.

use super::{Attrs, Kind, Xattrs, listed, mode, xattr};
use crate::store::ObjectHeaders;

/// Bytes of user metadata, names and values, that an object can have: RGW takes 8,000 and refuses 16,000.
pub const META_LIMIT: usize = 8000;

/// Attributes that do not fit into headers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TooBig {
    /// One value alone. `E2BIG`.
    #[error("extended attribute too large")]
    Value,
    /// All together. `ENOSPC`.
    #[error("no room for more extended attributes")]
    Total,
}

/// Headers that other programs wrote for what our headers say now, and that would contradict them. (s3sync's
/// `permissions`, `owner` and `group` are words that people use for other things: they stay, and ours come first.)
const REPLACED: [&str; 9] = [
    "goog-reserved-posix-mode",
    "goog-reserved-posix-uid",
    "goog-reserved-posix-gid",
    "goog-reserved-file-mtime",
    "file-permissions",
    "file-owner",
    "file-group",
    "file-mtime",
    "file-atime",
];

/// Writes attributes into an object's headers, in the place of those that are there. All other user metadata stays as
/// it is; the lists of s3cmd and mc are brought up to date. On `Err` nothing was changed.
pub fn encode(attrs: &Attrs, xattrs: &Xattrs, into: &mut ObjectHeaders) -> Result<(), TooBig> {
    let mut user = into.user.clone();
    for name in REPLACED {
        user.remove(name);
    }
    for name in listed::HEADERS {
        if let Some(list) = user.get_mut(name) {
            *list = listed::update(list, attrs);
        }
    }
    let mut set = |name: &str, value: Option<String>| match value {
        Some(value) => drop(user.insert(name.to_owned(), value)),
        None => drop(user.remove(name)),
    };
    set("mode", Some(mode::to_header(attrs.kind, attrs.mode)));
    set("uid", Some(attrs.uid.to_string()));
    set("gid", Some(attrs.gid.to_string()));
    set("mtime", Some(attrs.mtime.to_header()));
    set("ctime", Some(attrs.ctime.to_header()));
    set("atime", Some(attrs.atime.to_header()));
    if matches!(attrs.kind, Kind::CharDevice | Kind::BlockDevice) {
        set("rdev", Some(attrs.rdev.to_string()));
    }
    set("xattr", (!xattrs.is_empty()).then(|| xattr::to_header(xattrs)));
    if user.iter().map(|(name, value)| name.len() + value.len()).sum::<usize>() > META_LIMIT {
        return Err(TooBig::Total);
    }
    into.user = user;
    Ok(())
}

/// Removes what other programs noted of the content, when that is no longer the content: rclone's `md5chksum`, the
/// `md5` in s3cmd's list.
pub fn content_changed(headers: &mut ObjectHeaders) {
    headers.user.remove("md5chksum");
    for name in listed::HEADERS {
        if let Some(list) = headers.user.get_mut(name) {
            *list = listed::without(list, "md5");
        }
    }
}
