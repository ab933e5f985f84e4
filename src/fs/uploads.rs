//! What a daemon that is killed would leave at the service: multipart uploads that nobody ends, and hidden objects that
//! nobody deletes. They are paid for and never seen, so they are noted on local disk while they are there, and the next
//! mount removes those of a daemon that is gone.

use super::Fs;
use crate::draft::lost;
use crate::store::{
    Completion, Condition, ETag, ErrorKind, ListRequest, PartDone, Result, Store, StoreError, Stored, WriteHeaders,
    completed_etag,
};
use crate::sync::{LEAF, Ranked};
use nix::fcntl::{Flock, FlockArg};
use serde::{Deserialize, Serialize};
use std::collections::{HashMap, HashSet};
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

/// One of them.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Note {
    endpoint: String,
    bucket: String,
    key: String,
    what: What,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
enum What {
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

impl Fs {
    /// Begins an upload.
    pub(super) async fn create_upload(&self, key: &str, with: &WriteHeaders) -> Result<String> {
        let beginning = format!("beginning-{:032x}", fastrand::u128(..));
        self.note_one(&beginning, key, What::Beginning { since: seconds() });
        let begun = self.store.create_upload(key, with).await;
        let upload = begun
            .as_ref()
            .ok()
            .map(|id| self.note_of(key, What::Upload { id: id.clone(), completing: None, etag: None }));
        // Without an answer it may have been begun.
        let answered = begun.as_ref().err().is_none_or(|error| error.status.is_some());
        self.note(|running| {
            if answered {
                running.remove(&beginning);
            }
            running.extend(begun.iter().cloned().zip(upload));
        });
        begun
    }

    /// Completes an upload. One that is refused with an answer is given up if `ours`: its bytes are elsewhere, too.
    pub(super) async fn complete_upload(
        &self,
        key: &str,
        id: &str,
        parts: &[PartDone],
        condition: &Condition,
        ours: bool,
    ) -> Result<Stored> {
        let asked_before = self.note_completion(id, Some((seconds(), completed_etag(parts))));
        let completed = self.store.complete(Completion { key, upload: id, parts, asked_before }, condition).await;
        match &completed {
            Ok(_) => self.note(|running| drop(running.remove(id))),
            Err(error) if refused(error) => {
                self.note_completion(id, None);
                if ours && error.kind != ErrorKind::NoSuchUpload {
                    self.abort_refused(key, id, parts).await;
                }
            }
            Err(_) => {}
        }
        completed
    }

    /// Gives up an upload whose completion was refused. An attempt before that one may have been carried out.
    async fn abort_refused(&self, key: &str, id: &str, parts: &[PartDone]) {
        let aborted = match completed_etag(parts) {
            Some(etag) => self.store.abort_unless_completed(key, id, &etag).await,
            None => self.store.abort_upload(key, id).await,
        };
        // What could not be aborted stays noted.
        if aborted.is_ok() {
            self.note(|running| drop(running.remove(id)));
        }
    }

    /// Notes when a completion was asked for, or that it was refused. Whether it may have been asked for before.
    fn note_completion(&self, id: &str, asked: Option<(u64, Option<ETag>)>) -> bool {
        let mut before = true;
        self.note(|running| {
            // One that is not noted was begun by a daemon before this one.
            if let Some(Note { what: What::Upload { completing, etag, .. }, .. }) = running.get_mut(id) {
                before = completing.is_some();
                *completing = asked.as_ref().map(|(at, _)| *at);
                *etag = asked.and_then(|(_, etag)| etag).map(|etag| etag.as_str().to_owned());
            }
        });
        before
    }

    /// Gives an upload up. One whose completion may be going on is left to a later mount.
    pub(super) async fn abort_upload(&self, key: &str, id: &str) -> Result<()> {
        if self.uploads.notes.lock().running.get(id).is_some_and(Note::is_completing) {
            tracing::info!(key, id, "a multipart upload is left to a later mount: its completion may be going on");
            return Ok(());
        }
        self.store.abort_upload(key, id).await?;
        self.note(|running| drop(running.remove(id)));
        Ok(())
    }

    /// What was done to fill an upload that this operation began. After an error it is given up: nothing was completed, and it
    /// holds the only copy of nothing.
    pub(super) async fn or_abort<T, E>(
        &self,
        key: &str,
        id: &str,
        done: std::result::Result<T, E>,
    ) -> std::result::Result<T, E> {
        if done.is_err()
            && let Err(error) = self.abort_upload(key, id).await
        {
            tracing::warn!(key, %error, "a multipart upload could not be aborted");
        }
        done
    }

    /// A key that no listing shows, for an object of our own: to be given to [`Fs::delete_hidden`] in the end.
    pub(super) fn hidden_key(&self, purpose: &str) -> String {
        let random = fastrand::u128(..);
        let key =
            format!("{}{}/{purpose}-{}-{random:032x}", self.options.prefix, crate::names::RESERVED, self.options.host);
        self.note_one(&key, &key, What::Hidden);
        key
    }

    /// Deletes what is under a hidden key, if there is anything. What cannot be deleted stays noted for the next mount.
    pub(super) async fn delete_hidden(&self, key: &str) {
        match self.store.delete(key).await {
            Ok(()) => self.note(|running| drop(running.remove(key))),
            Err(error) => tracing::warn!(key, %error, "a hidden object could not be removed"),
        }
    }

    /// Notes the probes of the store, while there are any.
    pub(super) fn note_probes(&self) {
        let me = self.me.clone();
        self.store.watch_probes(move |keys, begins| match me.upgrade() {
            Some(fs) if begins => fs.note_one(keys, keys, What::Probes),
            Some(fs) => fs.note(|running| drop(running.remove(keys))),
            None => {}
        });
    }

    fn note_of(&self, key: &str, what: What) -> Note {
        let (endpoint, bucket) = (self.store.endpoint().to_owned(), self.bucket.to_string());
        Note { endpoint, bucket, key: key.to_owned(), what }
    }

    fn note_one(&self, name: &str, key: &str, what: What) {
        let note = self.note_of(key, what);
        self.note(|running| drop(running.insert(name.to_owned(), note)));
    }

    /// Changes the notes, in memory and on disk.
    fn note(&self, change: impl FnOnce(&mut HashMap<String, Note>)) {
        let mut notes = self.uploads.notes.lock();
        change(&mut notes.running);
        if let Err(error) = notes.write(&self.options.scratch) {
            tracing::warn!(%error, "an upload or a hidden object could not be noted: if this daemon is killed, it stays");
        }
    }

    /// Removes what daemons that are gone have left, but no upload that holds bytes of what could not be stored.
    pub(super) async fn give_up_left(self: Arc<Self>) {
        self.tell_lost();
        for (path, file, notes) in left(&self.options.scratch) {
            let mut kept = Vec::new();
            // Read for each file anew: only a daemon that lives adds to them, and it holds its own notes.
            let needed = lost::uploads(&self.options.lost);
            for note in notes {
                if note.is_needed(&needed) || !gone(&self.store, &self.bucket, &note).await {
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

impl Note {
    /// Whether the completion of this upload was asked for.
    fn is_completing(&self) -> bool {
        matches!(self.what, What::Upload { completing: Some(_), .. })
    }

    /// Whether it is one of the uploads that hold bytes of what could not be stored.
    fn is_needed(&self, uploads: &HashSet<String>) -> bool {
        matches!(&self.what, What::Upload { id, .. } if uploads.contains(id))
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

/// Whether a completion that ended so was not carried out, or is of no use: another object stands there.
fn refused(error: &StoreError) -> bool {
    error.kind == ErrorKind::PreconditionFailed || error.status.is_some_and(|status| (400..500).contains(&status))
}

/// Whether this need not be noted any longer.
async fn gone(store: &Store, bucket: &str, note: &Note) -> bool {
    if note.bucket != bucket || note.endpoint != store.endpoint() {
        return false;
    }
    let (removed, what) = match &note.what {
        What::Upload { completing: Some(at), .. } if seconds().saturating_sub(*at) < COMPLETING.as_secs() => {
            return false;
        }
        What::Upload { id, etag: Some(etag), .. } => {
            (store.abort_unless_completed(&note.key, id, &ETag::new(etag)).await, "upload")
        }
        What::Upload { id, .. } => (store.abort_upload(&note.key, id).await, "upload"),
        What::Beginning { since } => {
            let at = UNIX_EPOCH + Duration::from_secs(*since);
            (store.abort_begun(&note.key, at).await, "upload that was being begun")
        }
        What::Hidden => (store.delete(&note.key).await, "hidden object"),
        What::Probes => match remove_probes(store, &note.key).await {
            Ok(0) => return true,
            removed => (removed.map(drop), "probe"),
        },
    };
    match removed {
        Ok(()) => {
            tracing::info!(key = note.key, what, "left by a daemon that was killed: removed");
            true
        }
        Err(error) if error.is_not_found() || error.kind == ErrorKind::NoSuchUpload => true,
        Err(error) => {
            tracing::warn!(key = note.key, what, %error, "left by a daemon that was killed, and could not be removed");
            false
        }
    }
}

/// How many there were.
async fn remove_probes(store: &Store, prefix: &str) -> Result<usize> {
    let (list, uploads) = tokio::join!(
        store.list(ListRequest { prefix: prefix.to_owned(), ..ListRequest::default() }),
        store.list_uploads(prefix)
    );
    let (objects, uploads) = (list?.objects, uploads?);
    for upload in &uploads {
        store.abort_upload(&upload.key, &upload.id).await?;
    }
    for object in &objects {
        store.delete(&object.key).await?;
    }
    Ok(objects.len() + uploads.len())
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
