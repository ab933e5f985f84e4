//! A tree of files: making one to copy, reading one, comparing two.

use md5_many::{Digest, Md5};
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};

/// A file, folder or link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// What it is and holds.
    pub what: What,
    /// Permission bits.
    pub mode: u32,
    /// Modification time: seconds and nanoseconds.
    pub modified: (i64, i64),
}

/// What an entry is and holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// A file: its size and the MD5 of its bytes.
    File {
        /// Bytes.
        size: u64,
        /// In hex.
        md5: String,
    },
    /// A folder.
    Folder,
    /// A symbolic link and where it leads.
    Link(PathBuf),
}

/// So much of the machine's documentation is taken at most.
const MOST_FILES: usize = 150;
const MOST_BYTES: u64 = 8 << 20;

/// Larger than a single PUT that the file system makes, so that it goes up in parts.
const LARGE: usize = 24 << 20;

/// Makes a folder of real files (documentation of this machine) and of files that are hard in some way.
pub fn stage(to: &Path) -> io::Result<()> {
    fs::create_dir_all(to.join("documents"))?;
    let mut left = (MOST_FILES, MOST_BYTES);
    copy_some(Path::new("/usr/share/doc"), &to.join("documents"), 3, &mut left)?;
    let hard = to.join("hard ones");
    fs::create_dir_all(hard.join("folder in a folder/and one more"))?;
    fs::create_dir_all(hard.join("empty folder"))?;
    fs::write(hard.join("empty"), "")?;
    fs::write(hard.join("Gr\u{fc}\u{df}e \u{2603}.txt"), "a name beyond ASCII\n")?;
    fs::write(hard.join("folder in a folder/and one more/deep & 100% +plus"), "characters that URLs do not like\n")?;
    fs::write(hard.join("run.sh"), "#!/bin/sh\necho hello\n")?;
    fs::set_permissions(hard.join("run.sh"), fs::Permissions::from_mode(0o750))?;
    symlink("run.sh", hard.join("link to run.sh"))?;
    let mut random = fastrand::Rng::with_seed(7);
    let mut large = File::create(hard.join("large.bin"))?;
    let mut chunk = vec![0u8; 1 << 20];
    for _ in 0..LARGE / chunk.len() {
        random.fill(&mut chunk);
        large.write_all(&chunk)?;
    }
    large.write_all(b"and an odd end")?;
    // As old as a file can look on most systems, with a fraction.
    let old = std::time::UNIX_EPOCH + std::time::Duration::new(1_000_000_000, 123_456_789);
    large.set_modified(old)
}

/// Copies regular files that are readable and not too large, `depth` folders deep.
fn copy_some(from: &Path, to: &Path, depth: u32, left: &mut (usize, u64)) -> io::Result<()> {
    let Ok(entries) = fs::read_dir(from) else { return Ok(()) };
    let mut entries: Vec<_> = entries.flatten().collect();
    entries.sort_by_key(|entry| entry.file_name());
    for entry in entries {
        let Ok(kind) = entry.file_type() else { continue };
        let target = to.join(entry.file_name());
        if kind.is_dir() && depth > 0 {
            fs::create_dir_all(&target)?;
            copy_some(&entry.path(), &target, depth - 1, left)?;
        } else if kind.is_file() {
            let size = entry.metadata().map(|meta| meta.len()).unwrap_or(u64::MAX);
            if left.0 == 0 || size > left.1 {
                continue;
            }
            if fs::copy(entry.path(), &target).is_ok() {
                *left = (left.0 - 1, left.1 - size);
            }
        }
        if left.0 == 0 {
            return Ok(());
        }
    }
    Ok(())
}

/// Reads all of a tree; names are relative to it, and the root itself is left out.
pub fn read(root: &Path) -> io::Result<BTreeMap<PathBuf, Entry>> {
    let mut entries = BTreeMap::new();
    let mut folders = vec![PathBuf::new()];
    while let Some(folder) = folders.pop() {
        let path = root.join(&folder);
        for entry in fs::read_dir(&path).map_err(|e| at(&path, e))? {
            let name = folder.join(entry.map_err(|e| at(&path, e))?.file_name());
            let path = root.join(&name);
            let Some(entry) = read_one(&path).map_err(|e| at(&path, e))? else { continue };
            if entry.what == What::Folder {
                folders.push(name.clone());
            }
            entries.insert(name, entry);
        }
    }
    Ok(entries)
}

/// `None` for sockets and the like, which cannot be copied to S3.
fn read_one(path: &Path) -> io::Result<Option<Entry>> {
    let meta = fs::symlink_metadata(path)?;
    let what = if meta.is_dir() {
        What::Folder
    } else if meta.is_symlink() {
        What::Link(fs::read_link(path)?)
    } else if meta.is_file() {
        What::File { size: meta.len(), md5: file_md5(path)? }
    } else {
        return Ok(None);
    };
    Ok(Some(Entry { what, mode: meta.mode() & 0o7777, modified: (meta.mtime(), meta.mtime_nsec()) }))
}

fn at(path: &Path, e: io::Error) -> io::Error {
    io::Error::new(e.kind(), format!("{}: {e}", path.display()))
}

/// How many files, and how many bytes they hold.
pub fn totals(entries: &BTreeMap<PathBuf, Entry>) -> (usize, u64) {
    let sizes = entries.values().filter_map(|entry| match &entry.what {
        What::File { size, .. } => Some(*size),
        _ => None,
    });
    sizes.fold((0, 0), |(files, bytes), size| (files + 1, bytes + size))
}

/// The first file that holds something.
pub fn first_file(entries: &BTreeMap<PathBuf, Entry>) -> Option<PathBuf> {
    let holds_something = |entry: &Entry| matches!(&entry.what, What::File { size, .. } if *size > 0);
    entries.iter().find(|(_, entry)| holds_something(entry)).map(|(name, _)| name.clone())
}

/// What differs, in words.
pub fn differences(before: &BTreeMap<PathBuf, Entry>, after: &BTreeMap<PathBuf, Entry>) -> Vec<String> {
    let mut out = Vec::new();
    for (name, was) in before {
        let name_text = name.display();
        let Some(is) = after.get(name) else {
            out.push(format!("{name_text} is missing"));
            continue;
        };
        if was.what != is.what {
            out.push(format!("{name_text} is {:?} and was {:?}", is.what, was.what));
        }
        // A link's own mode is always 0777.
        if was.mode != is.mode && !matches!(was.what, What::Link(_)) {
            out.push(format!("{name_text} has mode {:04o} and had {:04o}", is.mode, was.mode));
        }
        if was.modified != is.modified {
            out.push(format!("{name_text} has time {:?} and had {:?}", is.modified, was.modified));
        }
    }
    let new = after.keys().filter(|name| !before.contains_key(*name));
    out.extend(new.map(|name| format!("{} is new", name.display())));
    out
}

/// The finished sum in hex.
pub fn hex_md5(sum: Md5) -> String {
    hex::encode(sum.finalize())
}

fn file_md5(path: &Path) -> io::Result<String> {
    let mut file = File::open(path)?;
    let (mut sum, mut buffer) = (Md5::new(), vec![0u8; 1 << 20]);
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(hex_md5(sum)),
            len => sum.update(&buffer[..len]),
        }
    }
}

#[cfg(test)]
mod tests;
