//! Keys and paths: which object key stands for which name in which directory.
//!
//! A mount shows a bucket, or what lies below one prefix of it. A directory is known by its key: `""` for a whole
//! bucket, else a text that ends in `/`. A file `x` in it has the key `dir_key + "x"`, a directory `dir_key + "x/"`.
//! A bucket can hold keys that no path can reach (`a//b`, `d/../e`, `/lead`); they are hidden here and counted.

use crate::store::ListEntry;
use std::borrow::Borrow;
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::fmt;
use std::sync::Arc;

#[cfg(test)]
mod tests;

/// The folder for our own temporary and probe objects. No directory shows an entry of this name, and none can be made:
/// it is reserved in every directory, because what is below a mount's root here may be the root of another mount there.
pub const RESERVED: &str = ".osirisfs";

/// Longest file name in bytes (`NAME_MAX` of Linux).
pub const NAME_MAX: usize = 255;

/// Longest key in bytes (S3; RGW answers 400 InvalidObjectName beyond).
pub const KEY_MAX: usize = 1024;

/// Why a text is no name, or has no key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Keys are UTF-8; RGW refuses other bytes. `EILSEQ`.
    #[error("name is not UTF-8")]
    NotUtf8,
    /// Name over 255 bytes or key over 1024. `ENAMETOOLONG`.
    #[error("name or key too long")]
    TooLong,
    /// Empty, `.`, `..`, or with `/` or NUL in it. `EINVAL`.
    #[error("not a file name")]
    Invalid,
    /// [`RESERVED`]. A lookup answers `ENOENT`, a creation `EPERM`.
    #[error("name is reserved for osirisfs")]
    Reserved,
}

/// One component of a path. Cheap to clone.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Name(Arc<str>);

impl Name {
    /// Checks what the kernel sent.
    pub fn new(name: &OsStr) -> Result<Name, NameError> {
        let name = name.to_str().ok_or(NameError::NotUtf8)?;
        check(name)?;
        Ok(Name(name.into()))
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Borrow<str> for Name {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl AsRef<OsStr> for Name {
    fn as_ref(&self) -> &OsStr {
        OsStr::new(&*self.0)
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&*self.0, f)
    }
}

fn check(name: &str) -> Result<(), NameError> {
    if name.is_empty() || name == "." || name == ".." || name.contains(['/', '\0']) {
        return Err(NameError::Invalid);
    }
    if name.len() > NAME_MAX {
        return Err(NameError::TooLong);
    }
    if name == RESERVED {
        return Err(NameError::Reserved);
    }
    Ok(())
}

/// The key of a file in the directory `dir_key`.
pub fn file_key(dir_key: &str, name: &Name) -> Result<String, NameError> {
    within_limit([dir_key, name.as_str()].concat())
}

/// The key of a directory in the directory `dir_key`, with its `/`: the key of its marker and the prefix of its content.
pub fn dir_key(dir_key: &str, name: &Name) -> Result<String, NameError> {
    within_limit([dir_key, name.as_str(), "/"].concat())
}

fn within_limit(key: String) -> Result<String, NameError> {
    if key.len() > KEY_MAX { Err(NameError::TooLong) } else { Ok(key) }
}

/// How one line of a listing looks in the directory that was listed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Shown {
    /// A file.
    File(Name),
    /// A subdirectory.
    Dir(Name),
    /// The directory's own marker object.
    Marker,
    /// Cannot be a path, or is our own.
    Hidden,
}

/// What an object in a listing of `dir_key` by delimiter is.
pub fn show_object(dir_key: &str, key: &str) -> Shown {
    match key.strip_prefix(dir_key) {
        // With an empty `dir_key` this would be an object without a name, which S3 does not have.
        Some("") if !dir_key.is_empty() => Shown::Marker,
        Some(name) if check(name).is_ok() => Shown::File(Name(name.into())),
        _ => Shown::Hidden,
    }
}

/// What a common prefix in a listing of `dir_key` by delimiter is.
pub fn show_prefix(dir_key: &str, prefix: &str) -> Shown {
    match prefix.strip_prefix(dir_key).and_then(|rest| rest.strip_suffix('/')) {
        Some(name) if check(name).is_ok() => Shown::Dir(Name(name.into())),
        _ => Shown::Hidden,
    }
}

fn is_reserved(dir_key: &str, line: &str) -> bool {
    line.strip_prefix(dir_key).is_some_and(|rest| rest.strip_suffix('/').unwrap_or(rest) == RESERVED)
}

/// One directory, made of all pages of its listing.
#[derive(Clone, Debug, Default)]
pub struct DirContent {
    /// Files in the order of their names' bytes.
    pub files: Vec<(Name, ListEntry)>,
    /// Subdirectories in the same order.
    pub dirs: Vec<Name>,
    /// The directory's own marker.
    pub marker: Option<ListEntry>,
    /// Keys and prefixes that no path reaches: not a file name, or a file that a directory of the same name covers.
    pub hidden: Vec<String>,
    /// Whether our own folder is in here. It is in none of the lists, yet a directory with it in is not empty.
    pub reserved: bool,
}

/// Sorts the lines of a listing into what the directory shows. A line may come twice (services repeat a common prefix
/// on the next page); an object's later line counts. Where a file and a directory have one name, the directory wins.
pub fn merge(dir_key: &str, objects: Vec<ListEntry>, prefixes: Vec<String>) -> DirContent {
    let mut content = DirContent::default();
    let mut hidden = BTreeSet::new();
    let mut dirs = BTreeSet::new();
    for prefix in prefixes {
        match show_prefix(dir_key, &prefix) {
            Shown::Dir(name) => drop(dirs.insert(name)),
            _ if is_reserved(dir_key, &prefix) => content.reserved = true,
            _ => drop(hidden.insert(prefix)),
        }
    }
    let mut files = BTreeMap::new();
    for entry in objects {
        match show_object(dir_key, &entry.key) {
            Shown::Marker => content.marker = Some(entry),
            Shown::File(name) if !dirs.contains(&name) => drop(files.insert(name, entry)),
            _ if is_reserved(dir_key, &entry.key) => content.reserved = true,
            _ => drop(hidden.insert(entry.key)),
        }
    }
    content.files = files.into_iter().collect();
    content.dirs = dirs.into_iter().collect();
    content.hidden = hidden.into_iter().collect();
    content
}
