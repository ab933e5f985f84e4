//! What POSIX says of files, one function a rule. The same bodies run on a mount and, where S3 plays no part, on a plain
//! folder, so that a test that asks too much is found out.

#![allow(dead_code)] // not every user runs every case

pub mod append;
pub mod attrs;
pub mod create;
pub mod data;
pub mod dirs;
pub mod kept;
pub mod locks;
pub mod mapped;
pub mod names;
pub mod remove;
pub mod rename;
pub mod rename_dir;
pub mod special;
pub mod write;
pub mod xattrs;

use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// Makes a file with this content.
#[track_caller]
pub fn write(path: &Path, bytes: impl AsRef<[u8]>) {
    fs::write(path, bytes).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
}

#[track_caller]
pub fn read(path: &Path) -> Vec<u8> {
    fs::read(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

#[track_caller]
pub fn text(path: &Path) -> String {
    String::from_utf8(read(path)).unwrap()
}

/// Attributes, of a link itself.
#[track_caller]
pub fn stat(path: &Path) -> fs::Metadata {
    fs::symlink_metadata(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

pub fn is_there(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok()
}

/// Type and permission bits.
#[track_caller]
pub fn mode(path: &Path) -> u32 {
    stat(path).mode()
}

/// Seconds and nanoseconds.
#[track_caller]
pub fn mtime(path: &Path) -> (i64, i64) {
    let stat = stat(path);
    (stat.mtime(), stat.mtime_nsec())
}

#[track_caller]
pub fn atime(path: &Path) -> (i64, i64) {
    let stat = stat(path);
    (stat.atime(), stat.atime_nsec())
}

/// Opens an existing file for reading and writing.
#[track_caller]
pub fn open_rw(path: &Path) -> File {
    OpenOptions::new().read(true).write(true).open(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// Names in a directory, sorted.
#[track_caller]
pub fn names(dir: &Path) -> Vec<String> {
    let entries = fs::read_dir(dir).unwrap_or_else(|e| panic!("{}: {e}", dir.display()));
    let mut names: Vec<String> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}
