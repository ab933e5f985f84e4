//! What nobody waits for: attributes a moment after they changed, data that a failed flush left, what was unlinked
//! while open; and storing all of it when the mount ends.

use super::{Fs, FsError, WIDE};
use crate::cache::BlockCache;
use crate::draft::Lost;
use crate::inode::{Inode, Table};
use futures::stream::StreamExt;
use std::path::PathBuf;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

/// Attributes wait this long for a write, a further change or a rename to carry them.
const SETTLE: Duration = Duration::from_secs(1);
/// First and longest pause before storing is tried again.
const AGAIN: (Duration, Duration) = (Duration::from_secs(2), Duration::from_secs(60));
/// How often the list is looked through.
const TICK: Duration = Duration::from_millis(200);

/// An inode with something to store.
#[derive(Debug)]
pub(super) struct Waiting {
    inode: Arc<Inode>,
    due: Instant,
    pause: Duration,
    busy: bool,
}

/// Something that could not be stored.
#[derive(Clone, Debug)]
pub struct Unstored {
    /// Path below the mount point.
    pub path: String,
    /// Why.
    pub error: String,
    /// The entry of `lost+found` that has it.
    pub kept: Option<PathBuf>,
}

/// Starts the background work; it ends with the file system.
pub(super) fn start(fs: &Arc<Fs>) {
    let weak = Arc::downgrade(fs);
    tokio::spawn(async move {
        let mut tick = tokio::time::interval(TICK);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tick.tick().await;
            let Some(fs) = Weak::upgrade(&weak) else { return };
            fs.store_due();
            fs.review_rights();
        }
    });
}

/// Starts the sweeping of the table, which all buckets of a mount share; it ends with the table.
pub(super) fn start_sweeping(table: &Arc<Table>, cache: &Arc<BlockCache>) {
    let (weak, cache) = (Arc::downgrade(table), cache.clone());
    tokio::spawn(async move {
        let mut tick = tokio::time::interval(TICK);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut told = 1;
        loop {
            tick.tick().await;
            let Some(table) = Weak::upgrade(&weak) else { return };
            table.sweep();
            let inodes = table.len();
            if inodes > told * 2 || inodes < told / 2 {
                tracing::debug!(inodes, cached = cache.bytes(), "inodes known");
                told = inodes;
            }
        }
    });
}

impl Fs {
    /// Has the inode's attributes stored soon, if nothing else carries them.
    pub(super) fn store_soon(&self, inode: &Arc<Inode>) {
        self.wait(inode, SETTLE);
    }

    /// Has what is left of the inode stored now, and tried again.
    pub(super) fn store_later(&self, inode: &Arc<Inode>) {
        self.wait(inode, Duration::ZERO);
    }

    fn wait(&self, inode: &Arc<Inode>, pause: Duration) {
        let due = Instant::now() + pause;
        let mut dirty = self.dirty.lock();
        let entry = dirty.entry(inode.ino).or_insert_with(|| Waiting {
            inode: inode.clone(),
            due,
            pause: AGAIN.0,
            busy: false,
        });
        entry.due = due;
    }

    /// Gives up what the service refused for good: the inode shows again what is stored. What was refused stays in
    /// `lost+found`, where others may store it from now on.
    pub(super) fn discard(self: &Arc<Self>, inode: &Arc<Inode>) {
        // Who holds the gate may be storing the bytes, who holds the other may be writing them down.
        let (Ok(_gate), Ok(_keeping)) = (inode.gate.try_write(), self.keeping.try_lock()) else {
            return self.store_later(inode);
        };
        let (stream, lost, never_stored) = {
            let mut state = inode.state();
            if state.writers > 0 || state.unlinked || !state.is_dirty() {
                return;
            }
            let stream = state.draft.take().and_then(|draft| draft.stream);
            let lost = state.lost.take();
            state.refused = false;
            state.reverted = true;
            // The kernel's pages hold what was dropped.
            state.pages = None;
            state.meta_stored = state.meta_changes;
            state.asked = None;
            // What was never stored keeps its size: programs that are reading it must not find an end.
            state.size = state.object.as_ref().map_or(state.size, |object| object.size);
            (stream, lost, state.object.is_none() && !state.is_dir())
        };
        // Parts that an entry needs stay at the service.
        if lost.as_ref().and_then(Lost::record).is_none_or(|record| record.upload.is_none()) {
            self.abandon(stream);
        }
        self.forget_dirty(inode.ino);
        let path = self.table.path(inode.ino);
        match &lost {
            Some(lost) => tracing::error!(
                path,
                entry = %lost.folder().display(),
                "given up: the service refuses it for good; osirisfs recover lists it"
            ),
            None => tracing::error!(path, "dropped: the service refuses it for good"),
        }
        if never_stored {
            if let Some((parent, name)) = self.table.place(inode.ino) {
                self.name_changed(parent, &name, false, true);
            }
            self.unname(inode);
        }
    }

    /// Nothing is left to store of this inode.
    pub(super) fn forget_dirty(&self, ino: u64) {
        let gone = self.dirty.lock().remove(&ino);
        drop(gone);
    }

    /// Takes the inode off the list unless it has changed again: a change comes under the state's lock first, then onto
    /// the list.
    pub(super) fn forget_if_stored(&self, inode: &Inode) {
        let state = inode.state();
        if state.unlinked || !state.is_dirty() {
            let gone = self.dirty.lock().remove(&inode.ino);
            drop(state);
            drop(gone);
        }
    }

    fn store_due(self: &Arc<Self>) {
        let now = Instant::now();
        let due: Vec<Arc<Inode>> = {
            let mut dirty = self.dirty.lock();
            let busy = dirty.values().filter(|waiting| waiting.busy).count();
            let ready = dirty.values_mut().filter(|waiting| !waiting.busy && waiting.due <= now);
            ready
                .take(WIDE.saturating_sub(busy))
                .map(|waiting| {
                    waiting.busy = true;
                    waiting.inode.clone()
                })
                .collect()
        };
        for inode in due {
            let fs = self.clone();
            tokio::spawn(async move {
                let result = fs.commit(&inode).await;
                fs.stored_or_again(&inode, result);
            });
        }
    }

    fn stored_or_again(self: &Arc<Self>, inode: &Arc<Inode>, result: super::Result<()>) {
        let Err(error) = result else {
            if let Some(waiting) = self.dirty.lock().get_mut(&inode.ino) {
                waiting.busy = false;
            }
            return self.forget_if_stored(inode);
        };
        let still_dirty = inode.state().is_dirty() && !inode.state().unlinked;
        let mut dirty = self.dirty.lock();
        let Some(waiting) = dirty.get_mut(&inode.ino) else { return };
        waiting.busy = false;
        let refused = error.is_final();
        if !still_dirty || refused || matches!(error, FsError::Conflict(_)) {
            dirty.remove(&inode.ino);
            drop(dirty);
            tracing::error!(path = self.table.path(inode.ino), %error, "not stored");
            if refused && inode.state().writers == 0 {
                self.discard(inode);
            }
            return;
        }
        waiting.due = Instant::now() + waiting.pause;
        let pause = waiting.pause;
        waiting.pause = (pause * 2).min(AGAIN.1);
        drop(dirty);
        tracing::error!(path = self.table.path(inode.ino), %error, again_in = ?pause, "not stored yet");
    }

    /// Inodes with something to store.
    pub(super) fn all_dirty(&self) -> Vec<Arc<Inode>> {
        let mut found: Vec<_> = self.dirty.lock().values().map(|waiting| waiting.inode.clone()).collect();
        found.extend(self.handles.inodes());
        found.sort_by_key(|inode| inode.ino);
        found.dedup_by_key(|inode| inode.ino);
        found.retain(|inode| {
            let state = inode.state();
            state.is_dirty() && !state.unlinked
        });
        found
    }

    /// Paths of the files and directories that are not stored yet.
    pub fn pending(&self) -> Vec<String> {
        self.all_dirty().iter().map(|inode| self.table.path(inode.ino)).collect()
    }

    /// Stores everything; gives what could not be stored.
    pub async fn sync_all(&self) -> Vec<Unstored> {
        let Some(fs) = self.me.upgrade() else { return Vec::new() };
        futures::stream::iter(self.all_dirty())
            .map(|inode| {
                let fs = fs.clone();
                async move {
                    let error = fs.commit(&inode).await.err()?;
                    Some(fs.unstored(&inode, error.to_string()))
                }
            })
            .buffer_unordered(WIDE)
            .filter_map(|unstored| async move { unstored })
            .collect()
            .await
    }
}
