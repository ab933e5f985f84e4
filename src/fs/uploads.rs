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
use notes::{Note, Notes, What, left, save};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

mod notes;

/// An upload whose completion was asked for is left alone for so long: aborting while the service still joins the
/// parts breaks the object on some RGW releases (ceph/ceph#60771).
const COMPLETING: Duration = Duration::from_secs(900);

/// What this daemon has under way.
#[derive(Default)]
pub(super) struct Uploads {
    notes: Ranked<LEAF, Notes>,
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

fn seconds() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}
