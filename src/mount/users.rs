//! Who uses a mount: for the message that says why it cannot be ended.

use std::fs;
use std::path::{Path, PathBuf};

/// So many are named; the rest is counted.
const NAMED: usize = 5;

/// Processes that stand in the mount or have a file of it open, as far as we may see them: `bash (process 4711)`.
///
/// Only names of links in /proc are read, so that a mount which does not answer cannot hold us up.
pub fn of(mountpoint: &Path) -> Vec<String> {
    let Ok(processes) = fs::read_dir("/proc") else { return Vec::new() };
    let mut found: Vec<String> = processes
        .flatten()
        .filter(|entry| entry.file_name().to_string_lossy().bytes().all(|b| b.is_ascii_digit()))
        .filter(|entry| uses(&entry.path(), mountpoint))
        .map(|entry| {
            let name = fs::read_to_string(entry.path().join("comm")).unwrap_or_default();
            format!("{} (process {})", name.trim(), entry.file_name().to_string_lossy())
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
