//! Multipart uploads, noted on local disk while they run, so that the next mount can give up those of a daemon that
//! was killed. Parts of an upload that nobody ends are paid for and never seen.

use super::Fs;
use crate::draft::lost;
use crate::store::{Condition, ErrorKind, PartDone, Result, Store, Stored, WriteHeaders};
use crate::sync::{LEAF, Ranked};
use nix::fcntl::{Flock, FlockArg};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

const PREFIX: &str = "osirisfs-uploads-";
/// An upload whose completion was asked for is left alone for so long: aborting while the service still joins the
/// parts breaks the object on some RGW releases (ceph/ceph#60771).
const COMPLETING: Duration = Duration::from_secs(900);

/// The notes of one daemon: a file that it keeps locked for as long as it lives.
#[derive(Default)]
pub(super) struct Uploads {
    notes: Ranked<LEAF, Notes>,
}

#[derive(Default)]
struct Notes {
    file: Option<Flock<File>>,
    path: PathBuf,
    running: HashMap<String, Note>,
}

/// One upload.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Note {
    endpoint: String,
    bucket: String,
    key: String,
    id: String,
    /// When its completion was asked for, in seconds since 1970.
    completing: Option<u64>,
}

impl Fs {
    /// Begins an upload.
    pub(super) async fn create_upload(&self, key: &str, with: &WriteHeaders) -> Result<String> {
        let id = self.store.create_upload(key, with).await?;
        let note = Note {
            endpoint: self.store.endpoint().to_owned(),
            bucket: self.bucket.to_string(),
            key: key.to_owned(),
            id: id.clone(),
            completing: None,
        };
        self.note(|running| drop(running.insert(id.clone(), note)));
        Ok(id)
    }

    /// Completes an upload.
    pub(super) async fn complete_upload(
        &self,
        key: &str,
        id: &str,
        parts: &[PartDone],
        condition: &Condition,
    ) -> Result<Stored> {
        self.note(|running| {
            if let Some(note) = running.get_mut(id) {
                note.completing = Some(seconds());
            }
        });
        let stored = self.store.complete_upload(key, id, parts, condition).await?;
        self.note(|running| drop(running.remove(id)));
        Ok(stored)
    }

    /// Gives an upload up.
    pub(super) async fn abort_upload(&self, key: &str, id: &str) -> Result<()> {
        self.store.abort_upload(key, id).await?;
        self.note(|running| drop(running.remove(id)));
        Ok(())
    }

    /// Changes the notes, in memory and on disk.
    fn note(&self, change: impl FnOnce(&mut HashMap<String, Note>)) {
        let mut notes = self.uploads.notes.lock();
        change(&mut notes.running);
        if let Err(error) = notes.write(&self.options.scratch) {
            tracing::warn!(%error, "an upload could not be noted: if this daemon is killed, it stays");
        }
    }

    /// Gives up the uploads of daemons that are gone, but none that holds bytes of what could not be stored.
    pub(super) async fn give_up_left(self: Arc<Self>) {
        self.tell_lost();
        for (path, file, notes) in left(&self.options.scratch) {
            let mut kept = Vec::new();
            // Read for each file anew: only a daemon that lives adds to them, and it holds its own notes.
            let needed = lost::uploads(&self.options.lost);
            for note in notes {
                if needed.contains(&note.id) || !gone(&self.store, &self.bucket, &note).await {
                    kept.push(note);
                }
            }
            // What could not be given up now is for a later mount.
            let done = if kept.is_empty() { std::fs::remove_file(&path) } else { save(&file, &kept) };
            if let Err(error) = done {
                tracing::warn!(path = %path.display(), %error, "notes of uploads could not be changed");
            }
        }
    }
}

impl Notes {
    fn write(&mut self, folder: &Path) -> io::Result<()> {
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

/// Whether an upload need not be noted any longer.
async fn gone(store: &Store, bucket: &str, note: &Note) -> bool {
    if note.bucket != bucket || note.endpoint != store.endpoint() {
        return false;
    }
    let asked = note.completing.map(|at| seconds().saturating_sub(at));
    if asked.is_some_and(|ago| ago < COMPLETING.as_secs()) {
        return false;
    }
    match store.abort_upload(&note.key, &note.id).await {
        Ok(()) => {
            tracing::info!(key = note.key, "the upload of a daemon that was killed is given up");
            true
        }
        Err(error) if error.is_not_found() || error.kind == ErrorKind::NoSuchUpload => true,
        Err(error) => {
            tracing::warn!(key = note.key, %error, "the upload of a daemon that was killed could not be given up");
            false
        }
    }
}

/// Notes of daemons that are gone: nobody holds their locks.
fn left(folder: &Path) -> Vec<(PathBuf, Flock<File>, Vec<Note>)> {
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
fn save(file: &File, notes: &[Note]) -> io::Result<()> {
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

fn seconds() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
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
            id: id.to_owned(),
            completing: None,
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
        let ids: Vec<_> = left.iter().flat_map(|(_, _, notes)| notes.iter().map(|note| note.id.as_str())).collect();
        assert_eq!(ids, ["two"]);
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
