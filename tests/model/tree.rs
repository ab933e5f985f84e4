//! A whole tree: names, kinds, modes, times, link targets, attributes, bytes; from a folder or from raw objects.

use super::side::{SET_BEFORE, apart_at_most, time, xattr, xattr_names};
use crate::support::S3;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;

#[derive(Clone, PartialEq, Eq)]
pub struct Node {
    pub mode: u32,
    pub mtime: String,
    pub exact_mtime: (i64, i64),
    pub xattrs: Vec<(String, Vec<u8>)>,
    /// Bytes of a file, target of a link, nothing of a directory.
    pub content: Vec<u8>,
}

impl Node {
    pub fn is_dir(&self) -> bool {
        self.mode & libc::S_IFMT == libc::S_IFDIR
    }

    /// Differences to what it should be. Directories' times follow their content on a plain file system only.
    fn differs(&self, wanted: &Node, dir_times: bool) -> Option<String> {
        if self.mode != wanted.mode {
            return Some(format!("mode {:o} in place of {:o}", self.mode, wanted.mode));
        }
        if self.mtime != wanted.mtime && (dir_times || !self.is_dir()) {
            return Some(format!("mtime {} in place of {}", self.mtime, wanted.mtime));
        }
        let apart = (self.exact_mtime.0 - wanted.exact_mtime.0).abs();
        if !self.is_dir() && self.exact_mtime.0 >= SET_BEFORE && apart > apart_at_most() {
            return Some(format!("mtime {apart} s apart"));
        }
        if self.xattrs != wanted.xattrs {
            return Some(format!("xattrs {:?} in place of {:?}", self.xattrs, wanted.xattrs));
        }
        content_differs(&self.content, &wanted.content)
    }
}

pub fn content_differs(is: &[u8], wanted: &[u8]) -> Option<String> {
    if is == wanted {
        return None;
    }
    let at = is.iter().zip(wanted).position(|(a, b)| a != b).unwrap_or(is.len().min(wanted.len()));
    let some = |bytes: &[u8]| format!("{:02x?}", &bytes[at.min(bytes.len())..(at + 8).min(bytes.len())]);
    Some(format!(
        "{} bytes in place of {}, from offset {at}: {} in place of {}",
        is.len(),
        wanted.len(),
        some(is),
        some(wanted)
    ))
}

pub type Tree = BTreeMap<String, Node>;

pub fn snapshot(root: &Path) -> Result<Tree, String> {
    let mut tree = Tree::new();
    walk(root, "", &mut tree)?;
    Ok(tree)
}

fn walk(root: &Path, below: &str, tree: &mut Tree) -> Result<(), String> {
    for entry in fs::read_dir(root.join(below)).map_err(|error| format!("ls {below}: {error}"))? {
        let name = entry.map_err(|error| format!("ls {below}: {error}"))?.file_name().into_string().unwrap();
        let path = if below.is_empty() { name } else { format!("{below}/{name}") };
        let node = look(&root.join(&path)).map_err(|error| format!("{path} is listed and cannot be read: {error}"))?;
        let is_dir = node.is_dir();
        if tree.insert(path.clone(), node).is_some() {
            return Err(format!("{path} is listed twice"));
        }
        if is_dir {
            walk(root, &path, tree)?;
        }
    }
    Ok(())
}

fn look(path: &Path) -> std::io::Result<Node> {
    let meta = fs::symlink_metadata(path)?;
    let content = match meta.mode() & libc::S_IFMT {
        libc::S_IFREG => fs::read(path)?,
        libc::S_IFLNK => fs::read_link(path)?.into_os_string().into_encoded_bytes(),
        _ => Vec::new(),
    };
    if !meta.is_dir() && meta.size() != content.len() as u64 {
        return Err(std::io::Error::other(format!("its size is {}, its content {}", meta.size(), content.len())));
    }
    let mut xattrs = Vec::new();
    if !meta.is_symlink() {
        for name in xattr_names(path)? {
            let value = xattr(path, &name)?;
            xattrs.push((name, value));
        }
    }
    Ok(Node {
        mode: meta.permissions().mode(),
        mtime: time(&meta),
        exact_mtime: (meta.mtime(), meta.mtime_nsec()),
        xattrs,
        content,
    })
}

/// Where two trees differ.
pub fn differences(is: &Tree, wanted: &Tree, dir_times: bool) -> Vec<String> {
    let mut found = Vec::new();
    for path in is.keys().chain(wanted.keys()).collect::<BTreeSet<_>>() {
        match (is.get(path), wanted.get(path)) {
            (Some(_), None) => found.push(format!("{path}: should not be there")),
            (None, Some(node)) => found.push(format!("{path}: missing (mode {:o})", node.mode)),
            (Some(is), Some(wanted)) => {
                found.extend(is.differs(wanted, dir_times).map(|what| format!("{path}: {what}")));
            }
            (None, None) => {}
        }
    }
    found
}

/// Where the bucket's raw objects differ from a tree: each file and link is one object of its bytes, each directory a
/// marker or a prefix, and there is nothing else: no hidden objects, no unfinished uploads.
pub fn raw_differences(bucket: &S3, wanted: &Tree) -> Vec<String> {
    let mut found = Vec::new();
    let keys: BTreeSet<String> = bucket.all_keys("").into_iter().collect();
    for key in &keys {
        // The attributes of the mount's own root.
        if key == ".osirisfs/root" || key.is_empty() {
            continue;
        }
        let (path, is_dir) = key.strip_suffix('/').map_or((key.as_str(), false), |path| (path, true));
        match wanted.get(path) {
            Some(node) if node.is_dir() == is_dir => {
                let bytes = bucket.get(key);
                found.extend(content_differs(&bytes, &node.content).map(|what| format!("object {key}: {what}")));
            }
            _ => found.push(format!("object {key}: should not be there")),
        }
    }
    for (path, node) in wanted {
        let key = if node.is_dir() { format!("{path}/") } else { path.clone() };
        let below = node.is_dir() && keys.range(key.clone()..).next().is_some_and(|next| next.starts_with(&key));
        if !keys.contains(&key) && !below {
            found.push(format!("object {key}: missing"));
        }
    }
    found.extend(bucket.uploads().into_iter().map(|upload| format!("unfinished upload of {}", upload.key)));
    found
}
