//! What could not be stored goes to `lost+found` of the cache folder, and is there when the program hears of the error:
//! a daemon that is killed right afterwards loses nothing. It goes again when the file is stored after all, or when its
//! user removes or empties it. Nothing of this happens while storing works.

use super::{Fs, FsError, Result, Unstored};
use crate::draft::{About, Lost, Record, lost};
use crate::inode::{Inode, State};
use crate::meta;
use crate::store::{ObjectHeaders, Segment, StoreError};
use futures::stream::StreamExt;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{SystemTime, UNIX_EPOCH};

/// While a file is written down without its gate, parts of it may arrive at the service: then it is written down anew, so
/// often at most.
const ANEW: usize = 8;

/// A draft at one moment.
struct Snapshot {
    record: Record,
    changes: u64,
    /// The bytes, with their offsets, unless they are on disk already.
    bytes: Option<Vec<(u64, Segment)>>,
    /// The entry says all of this.
    same: bool,
}

impl Fs {
    /// After a try to store the bytes of a file: what could not be stored is written down, what was stored needs it no longer.
    pub(super) async fn settle_lost(&self, inode: &Arc<Inode>, done: &Result<()>) {
        match done {
            Ok(()) | Err(FsError::Conflict(Some(_))) => self.drop_lost(inode),
            Err(error) => self.keep_lost(inode, &reason(error)).await,
        }
    }

    /// The entry of a file that is stored, or whose bytes nobody wants any more.
    pub(super) fn drop_lost(&self, inode: &Inode) {
        let Some(lost) = inode.state().lost.take() else { return };
        if let Err(error) = lost.strike() {
            tracing::warn!(entry = %lost.folder().display(), %error, "stored, but its entry could not be removed");
        }
        tracing::info!(entry = %lost.folder().display(), "stored after all, or not wanted any more: the entry is removed");
        // The bytes of a large file take a moment.
        tokio::task::spawn_blocking(move || drop(lost.remove()));
    }

    /// Writes down what is not stored of a file. Best called with its gate held; without, it is looked again afterwards
    /// whether the file is still the same.
    pub(super) async fn keep_lost(&self, inode: &Arc<Inode>, why: &str) {
        // The disk is one, and two that write down the same file would be one too many.
        let _one = self.keeping.lock().await;
        for _ in 0..ANEW {
            let snapshot = match self.snapshot(inode, why) {
                Ok(Some(snapshot)) if snapshot.same => return,
                Ok(Some(snapshot)) => snapshot,
                Ok(None) => return self.drop_lost(inode),
                Err(error) => return self.not_kept(inode, &error),
            };
            let (was, folder) = (inode.state().lost.take(), self.options.lost.clone());
            let writing = tokio::task::spawn_blocking(move || write(was, folder, snapshot));
            let (lost, written) = match writing.await {
                Ok((lost, written)) => (lost, written),
                Err(_) => (None, Err(io::Error::other("an internal task ended early"))),
            };
            let entry = lost.as_ref().map(|lost| lost.folder().display().to_string()).unwrap_or_default();
            inode.state().lost = lost;
            match written {
                Err(error) => return self.not_kept(inode, &error),
                Ok(false) => tracing::debug!(entry, "kept anew"),
                Ok(true) => tracing::error!(
                    path = self.table.path(inode.ino),
                    entry,
                    "kept until it is stored; after the end of the mount, osirisfs recover stores it"
                ),
            }
            self.lost_trouble.store(false, Relaxed);
        }
    }

    /// What earlier mounts of this bucket could not store is told once more.
    pub(super) fn tell_lost(&self) {
        lost::tidy(&self.options.lost);
        let Ok(found) = lost::list(&self.options.lost) else { return };
        let ours = |one: &&lost::Found| {
            let of_bucket = one.record.as_ref().is_ok_and(|record| record.about.bucket == *self.bucket);
            of_bucket && !one.held
        };
        let count = found.iter().filter(ours).count();
        if count > 0 {
            let folder = self.options.lost.display();
            tracing::warn!(
                count,
                "files of earlier mounts could not be stored and are kept in {folder}: osirisfs recover lists them"
            );
        }
    }

    fn not_kept(&self, inode: &Inode, error: &io::Error) {
        let path = self.table.path(inode.ino);
        let folder = self.options.lost.display();
        // Once: a full disk is tried again with every file.
        if !self.lost_trouble.swap(true, Relaxed) {
            tracing::error!(
                path,
                "what could not be stored could not be kept in {folder} either: {error}; it is lost when the mount ends, \
                 make room there or copy it elsewhere"
            );
        }
    }

    /// The file as it is now; `None`: there is nothing to keep.
    fn snapshot(&self, inode: &Inode, why: &str) -> io::Result<Option<Snapshot>> {
        let state = inode.state();
        let Some(draft) = state.draft.as_ref().filter(|draft| draft.dirty) else { return Ok(None) };
        if state.unlinked || draft.extents.size() == 0 {
            return Ok(None);
        }
        let key = self.key(inode.ino, false).map_err(|error| io::Error::other(error.to_string()))?;
        let behind = draft.stream.as_ref().is_some_and(|stream| stream.meta_changes != state.meta_changes);
        let about = About {
            endpoint: self.store.endpoint().to_owned(),
            bucket: self.bucket.to_string(),
            prefix: self.options.prefix.clone(),
            key,
            path: self.table.path(inode.ino),
            uid: nix::unistd::geteuid().as_raw(),
            user: self.user.clone(),
            when: SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs()),
            why: why.to_owned(),
            mtime_set: state.mtime_set,
            headers: self.headers_to_keep(inode, &state),
        };
        let (record, changes) = (Record::of(draft, about, behind), draft.changes);
        let known = state.lost.as_ref().filter(|lost| lost.has_bytes(changes));
        let same = known.and_then(Lost::record).is_some_and(|known| known.says(&record));
        let bytes = match known {
            Some(_) => None,
            None => {
                let mut bytes = Vec::new();
                for range in record.here() {
                    let mut at = range.start;
                    for segment in draft.scratch.segments(range)? {
                        let len = segment.len();
                        bytes.push((at, segment));
                        at += len;
                    }
                }
                Some(bytes)
            }
        };
        Ok(Some(Snapshot { record, changes, bytes, same }))
    }

    /// What a write would send of headers, as far as that is known without asking.
    fn headers_to_keep(&self, inode: &Inode, state: &State) -> ObjectHeaders {
        let known = state.object.as_ref().and_then(|object| object.headers.as_deref().cloned());
        let mut headers = known.unwrap_or_else(|| self.first_headers(inode, state.attrs.kind));
        meta::content_changed(&mut headers);
        if let Some(new) = &state.new_type {
            headers.content_type = Some(new.to_string());
        }
        // What does not fit is not sent either.
        let _ = meta::encode(&state.attrs, &state.xattrs, &mut headers);
        headers
    }

    /// Writes down everything that is not stored, because the mount ends. Gives what that is.
    pub async fn keep_all(&self, why: &str) -> Vec<Unstored> {
        let Some(fs) = self.me.upgrade() else { return Vec::new() };
        futures::stream::iter(self.all_dirty())
            .then(|inode| {
                let fs = fs.clone();
                async move {
                    fs.keep_lost(&inode, why).await;
                    fs.unstored(&inode, why.to_owned())
                }
            })
            .collect()
            .await
    }

    /// A file that could not be stored, with where it is kept.
    pub(super) fn unstored(&self, inode: &Inode, error: String) -> Unstored {
        let kept = inode.state().lost.as_ref().map(|lost| lost.folder().to_owned());
        Unstored { path: self.table.path(inode.ino), error, kept }
    }
}

/// Writes on a thread that may wait. Gives the entry, and whether it is new.
fn write(was: Option<Lost>, folder: PathBuf, snapshot: Snapshot) -> (Option<Lost>, io::Result<bool>) {
    let new = was.is_none();
    let mut lost = match was.map_or_else(|| Lost::make(&folder), Ok) {
        Ok(lost) => lost,
        Err(error) => return (None, Err(error)),
    };
    match lost.write(snapshot.record, snapshot.bytes, snapshot.changes) {
        Ok(()) => (Some(lost), Ok(new)),
        Err(error) if new => {
            let _ = lost.remove();
            (None, Err(error))
        }
        Err(error) => (Some(lost), Err(error)),
    }
}

/// Why, without what differs each time.
fn reason(error: &FsError) -> String {
    match error {
        FsError::Store(error) => StoreError { request_id: None, ..error.clone() }.to_string(),
        other => other.to_string(),
    }
}
