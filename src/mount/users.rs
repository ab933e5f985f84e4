//! Who uses a mount: for the message that says why it cannot be ended.

use super::table;
use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};

/// So many are named; the rest is counted.
const NAMED: usize = 5;

/// Processes that stand in the mount or have a file of it open, as far as we may see them: `bash (process 4711)`.
///
/// Only names of links in /proc are read, so that a mount which does not answer cannot hold us up.
pub fn of(mountpoint: &Path) -> Vec<String> {
    named(processes().filter(|process| uses(process, mountpoint)))
}

/// Processes for which a mount that was taken away is still mounted, as far as we may see them: a container that was started
/// while it was there has a mount table of its own, and may keep it. One process of each such table.
pub fn elsewhere(device: &str) -> Vec<String> {
    let mut seen = HashSet::new();
    named(processes().filter(move |process| {
        let new = fs::read_link(process.join("ns/mnt")).is_ok_and(|namespace| seen.insert(namespace));
        new && table::of(&process.join("mountinfo"))
            .is_ok_and(|mounts| mounts.iter().any(|mount| mount.is_ours() && mount.device == device))
    }))
}

/// The folders of all processes in /proc.
fn processes() -> impl Iterator<Item = PathBuf> {
    let all = fs::read_dir("/proc").into_iter().flatten().flatten();
    all.filter(|entry| entry.file_name().to_string_lossy().bytes().all(|b| b.is_ascii_digit()))
        .map(|entry| entry.path())
}

fn named(processes: impl Iterator<Item = PathBuf>) -> Vec<String> {
    let mut found: Vec<String> = processes
        .map(|process| {
            let name = fs::read_to_string(process.join("comm")).unwrap_or_default();
            let number = process.file_name().unwrap_or_default().to_string_lossy().into_owned();
            format!("{} (process {number})", name.trim())
        })
        .collect();
    if found.len() > NAMED {
        let more = found.len() - NAMED;
        found.truncate(NAMED);
        found.push(format!("{more} more"));
    }
    found
}

fn uses(process: &Path, mountpoint: &Path) -> bool {
    let inside = |link: PathBuf| fs::read_link(link).is_ok_and(|target| target.starts_with(mountpoint));
    if ["cwd", "root", "exe"].iter().any(|name| inside(process.join(name))) {
        return true;
    }
    fs::read_dir(process.join("fd")).is_ok_and(|fds| fds.flatten().any(|fd| inside(fd.path())))
}

#[cfg(test)]
mod tests;
