//! What is noted on local disk of uploads and hidden objects: a file of each daemon, locked for as long as it lives.

use nix::fcntl::{Flock, FlockArg};
use serde::{Deserialize, Serialize};
use std::collections::{HashMap, HashSet};
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

const PREFIX: &str = "osirisfs-uploads-";

/// The notes of one daemon, in memory and on disk.
#[derive(Default)]
pub(super) struct Notes {
    file: Option<Flock<File>>,
    path: PathBuf,
    /// By upload id or, of what has none, key or name.
    pub(super) running: HashMap<String, Note>,
}

/// What is to be given up if the daemon dies.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Note {
    /// Of the service, as it is asked.
    pub(super) endpoint: String,
    pub(super) bucket: String,
    pub(super) key: String,
    pub(super) what: What,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) enum What {
    /// An upload with this id.
    Upload {
        id: String,
        /// When its completion was asked for, in seconds since 1970.
        completing: Option<u64>,
        /// The etag that the object has since then, if it was carried out.
        #[serde(default)]
        etag: Option<String>,
    },
    /// An upload that is being begun: its id is not known yet.
    Beginning {
        /// Since when, in seconds since 1970.
        since: u64,
    },
    /// An object under a hidden key.
    Hidden,
    /// Objects and uploads that find out what the service honours: their keys begin with this one.
    Probes,
}

impl Note {
    /// Whether the completion of this upload was asked for.
    pub(super) fn is_completing(&self) -> bool {
        matches!(self.what, What::Upload { completing: Some(_), .. })
    }

    /// Whether it is one of the uploads that hold bytes of what could not be stored.
    pub(super) fn is_needed(&self, uploads: &HashSet<String>) -> bool {
        matches!(&self.what, What::Upload { id, .. } if uploads.contains(id))
    }
}

impl Notes {
    /// Writes them to their file in `folder`, which is made with the first one.
    pub(super) fn write(&mut self, folder: &Path) -> io::Result<()> {
        if self.file.is_none() {
            if self.running.is_empty() {
                return Ok(());
            }
            let path = folder.join(format!("{PREFIX}{:016x}", fastrand::u64(..)));
            let file = OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(&path)?;
            self.file = Some(Flock::lock(file, FlockArg::LockExclusiveNonblock).map_err(|(_, errno)| errno)?);
            self.path = path;
        }
        let running: Vec<Note> = self.running.values().cloned().collect();
        match &self.file {
            Some(file) => save(file, &running),
            None => Ok(()),
        }
    }
}

impl Drop for Notes {
    fn drop(&mut self) {
        if self.file.is_some() && self.running.is_empty() {
            // Nothing is left to give up; a file that stays does no harm.
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

/// Notes of daemons that are gone: nobody holds their locks.
pub(super) fn left(folder: &Path) -> Vec<(PathBuf, Flock<File>, Vec<Note>)> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let paths = entries.flatten().filter(|entry| entry.file_name().to_string_lossy().starts_with(PREFIX));
    paths.filter_map(|entry| read(&entry.path()).map(|(file, notes)| (entry.path(), file, notes))).collect()
}

fn read(path: &Path) -> Option<(Flock<File>, Vec<Note>)> {
    let file = OpenOptions::new().read(true).write(true).custom_flags(libc::O_NOFOLLOW).open(path).ok()?;
    // The folder may be one that all users share: only our own notes are believed.
    let meta = file.metadata().ok()?;
    if meta.uid() != nix::unistd::geteuid().as_raw() || !meta.is_file() {
        return None;
    }
    let mut file = Flock::lock(file, FlockArg::LockExclusiveNonblock).ok()?;
    let mut text = String::new();
    file.read_to_string(&mut text).ok()?;
    let notes = text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    Some((file, notes))
}

/// Writes the notes anew. A line that is cut short by a kill is left out when it is read.
pub(super) fn save(file: &File, notes: &[Note]) -> io::Result<()> {
    let mut text = String::new();
    for note in notes {
        text += &serde_json::to_string(note).map_err(io::Error::other)?;
        text.push('\n');
    }
    let mut file = file;
    file.seek(SeekFrom::Start(0))?;
    file.write_all(text.as_bytes())?;
    file.set_len(text.len() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notes_are_read_back_only_when_their_daemon_is_gone() {
        let folder = tempfile::tempdir().unwrap();
        let note = |id: &str| Note {
            endpoint: "http://127.0.0.1:1".to_owned(),
            bucket: "um-lab".to_owned(),
            key: "a\nb".to_owned(),
            what: What::Upload { id: id.to_owned(), completing: None, etag: None },
        };
        let mut notes = Notes::default();
        for id in ["one", "two"] {
            notes.running.insert(id.to_owned(), note(id));
            notes.write(folder.path()).unwrap();
        }
        notes.running.remove("one");
        notes.write(folder.path()).unwrap();
        assert!(left(folder.path()).is_empty(), "the daemon lives");
        drop(notes);
        let left = left(folder.path());
        let left: Vec<_> = left.iter().flat_map(|(_, _, notes)| notes).collect();
        assert!(matches!(&left[..], [Note { what: What::Upload { id, .. }, .. }] if id == "two"), "{left:?}");
    }

    #[test]
    fn nothing_is_left_on_disk_when_all_uploads_have_ended() {
        let folder = tempfile::tempdir().unwrap();
        let mut notes = Notes::default();
        notes.write(folder.path()).unwrap();
        drop(notes);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
