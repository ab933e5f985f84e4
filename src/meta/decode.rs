//! From headers to attributes. Never fails: what makes no sense is passed over for the next source.

use super::mode::Mode;
use super::{Attrs, Defaults, Kind, Time, Xattrs, listed, xattr};
use crate::store::ObjectHeaders;
use percent_encoding::percent_decode_str;
use std::time::SystemTime;

/// Longest target of a symbolic link (`PATH_MAX` of Linux without its NUL).
const TARGET_MAX: u64 = 4095;

/// GeeseFS keeps a link's target in this header and leaves the object empty.
const GEESEFS_LINK: &str = "--symlink-target";

/// What an object looks like. `key_is_dir`: its key ends in `/`; then it is a directory whatever else it says.
/// `modified` is the object's Last-Modified, which stands in for times that nobody noted.
pub fn decode(
    headers: &ObjectHeaders,
    key_is_dir: bool,
    size: u64,
    modified: SystemTime,
    defaults: &Defaults,
) -> (Attrs, Xattrs) {
    let mode =
        find(headers, &["mode", "permissions", "goog-reserved-posix-mode", "file-permissions"], "mode", |text| {
            Mode::from_header(text)
        });
    let kind = kind(headers, mode, key_is_dir, size);
    // Bits of a file say nothing of a directory: tools that put a plain object as a marker note the mode of that.
    let mode = mode.filter(|mode| kind != Kind::Dir || matches!(mode.kind, None | Some(Kind::Dir)));
    let default_mode = match kind {
        Kind::Dir => defaults.dir_mode,
        Kind::Symlink => 0o777,
        _ => defaults.file_mode,
    };
    let number = |text: &str| text.trim().parse().ok().filter(|id| *id != u32::MAX);
    let uid = find(headers, &["uid", "owner", "goog-reserved-posix-uid", "file-owner"], "uid", number);
    let gid = find(headers, &["gid", "group", "goog-reserved-posix-gid", "file-group"], "gid", number);
    let own = |id: Option<u32>, default| if defaults.force_owner { default } else { id.unwrap_or(default) };
    let modified = Time::from(modified);
    let mtime = find(headers, &["mtime", "goog-reserved-file-mtime", "file-mtime"], "mtime", Time::from_header);
    let mtime = mtime.unwrap_or(modified);
    let attrs = Attrs {
        kind,
        mode: mode.map_or(default_mode, |mode| mode.bits) & 0o7777,
        uid: own(uid, defaults.uid),
        gid: own(gid, defaults.gid),
        mtime,
        ctime: find(headers, &["ctime"], "ctime", Time::from_header).unwrap_or(modified),
        atime: find(headers, &["atime", "file-atime"], "atime", Time::from_header).unwrap_or(mtime),
        rdev: match kind {
            Kind::CharDevice | Kind::BlockDevice => find(headers, &["rdev"], "rdev", number).unwrap_or(0),
            _ => 0,
        },
    };
    let xattrs = headers.user.get("xattr").map_or_else(Xattrs::new, |header| xattr::from_header(header));
    (attrs, xattrs)
}

/// The target of a symbolic link that keeps it in a header; `None`: it is the object's content.
pub fn symlink_target(headers: &ObjectHeaders) -> Option<Vec<u8>> {
    headers
        .user
        .get(GEESEFS_LINK)
        .map(|text| percent_decode_str(text).collect())
        .filter(|target: &Vec<u8>| !target.is_empty())
}

/// A special kind is believed only of an object that can be one: a link has a target, a device has no content.
fn kind(headers: &ObjectHeaders, mode: Option<Mode>, key_is_dir: bool, size: u64) -> Kind {
    if key_is_dir {
        return Kind::Dir;
    }
    if symlink_target(headers).is_some() {
        return Kind::Symlink;
    }
    match mode.and_then(|mode| mode.kind) {
        Some(Kind::Symlink) if (1..=TARGET_MAX).contains(&size) => Kind::Symlink,
        Some(kind @ (Kind::Fifo | Kind::Socket | Kind::CharDevice | Kind::BlockDevice)) if size == 0 => kind,
        _ => Kind::File,
    }
}

/// The first header that makes sense, then the field of the first list that does.
fn find<T>(headers: &ObjectHeaders, names: &[&str], field: &str, read: impl Fn(&str) -> Option<T>) -> Option<T> {
    let own = names.iter().filter_map(|name| headers.user.get(*name)).map(String::as_str);
    let lists = listed::HEADERS.iter().filter_map(|name| headers.user.get(*name));
    own.chain(lists.filter_map(|list| listed::get(list, field))).find_map(read)
}
