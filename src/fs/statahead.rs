//! HEADs that are shared and HEADs that are sent early.
//!
//! A listing carries no modes and no link types, so `ls -l` of objects not seen before needs a HEAD for each. A program
//! that looks names up in the order of the listing, or of their numbers, gets them fetched ahead, many at a time; plain
//! `ls` sends none.

use super::{Fs, Result, WIDE};
use crate::cache::{Origin, SMALL};
use crate::inode::{DirState, Inode, Listed, Listing, Look, Seen, likely_number};
use crate::names::Name;
use crate::store::{ErrorKind, GetRequest, ObjectInfo, StoreError};
use crate::sync::{LEAF, Ranked};
use futures::future::{FutureExt, join_all, ready};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

/// HEADs in flight, by key.
#[derive(Default)]
pub(super) struct Heads {
    flying: Ranked<LEAF, HashMap<String, Look>>,
}

/// Largest number of HEADs in flight ahead of one program.
const WINDOW: usize = 4 * WIDE;
/// In this last part of its time a listing is asked for anew, and so are the directories that lead to it.
const RENEWED: u32 = 3;

impl Fs {
    /// HEAD of a file's or a marker's key. Callers at the same time share one request.
    pub(super) async fn head(self: &Arc<Self>, key: &str) -> Result<Arc<Seen>> {
        Ok(self.start_look(key, false, None).await?)
    }

    /// HEAD, or (`small`) a GET that brings the bytes of a small object into the cache as well. `listed`: where the
    /// answer is noted.
    pub(super) fn start_look(self: &Arc<Self>, key: &str, small: bool, listed: Option<(&Arc<Listing>, usize)>) -> Look {
        let mut flying = self.heads.flying.lock();
        if let Some(head) = flying.get(key) {
            return head.clone();
        }
        // Under the lock: an answer is noted before it stops flying.
        if let Some((listing, at)) = listed
            && let Some(Some(seen)) = listing.entries[at].seen.get()
        {
            return ready(Ok(seen.clone())).boxed().shared();
        }
        let listed = listed.map(|(listing, at)| (listing.clone(), at));
        let (fs, owned) = (self.clone(), key.to_string());
        let head = async move {
            let asked = Instant::now();
            let answer = if small { fs.get_small(&owned).await } else { fs.store.head(&owned).await };
            let is_dir = owned.ends_with('/');
            let answer = match answer {
                Ok(mut info) if fs.wants_owner(&info) => fs.store.owner_of(&owned).await.map(|owner| {
                    info.owner = owner;
                    info
                }),
                other => other,
            };
            let answer = answer.map(|info| {
                let (attrs, xattrs) = fs.decode(&info, is_dir);
                Arc::new(Seen { asked, info, attrs, xattrs })
            });
            if let Some((listing, at)) = listed {
                match &answer {
                    Ok(seen) => drop(listing.entries[at].seen.set(Some(seen.clone()))),
                    // A directory without marker.
                    Err(error) if error.is_not_found() && is_dir => drop(listing.entries[at].seen.set(None)),
                    Err(_) => {}
                }
            }
            fs.heads.flying.lock().remove(&owned);
            answer
        }
        .boxed()
        .shared();
        flying.insert(key.to_string(), head.clone());
        drop(flying);
        // Driven to its end even if the caller is interrupted.
        tokio::spawn(head.clone());
        head
    }

    async fn get_small(&self, key: &str) -> std::result::Result<ObjectInfo, StoreError> {
        let request = GetRequest { range: Some(0..SMALL), ..GetRequest::default() };
        match self.store.get(key, request).await {
            Ok(body) => {
                let info = body.info.clone();
                let id = self.identity(key, &info.etag);
                self.fetch.adopt(&Origin { id, key: key.to_string(), etag: info.etag.clone(), size: info.size }, body);
                Ok(info)
            }
            // Empty now, or of a kind that cannot be read: its headers can.
            Err(error) if matches!(error.kind, ErrorKind::BadRange | ErrorKind::Denied) => self.store.head(key).await,
            Err(error) => Err(error),
        }
    }

    /// Notes that entry `index` was looked up, and sends HEADs for those that a program walking the listing will look
    /// up next.
    pub(super) fn stat_ahead(
        self: &Arc<Self>,
        dir_key: &str,
        parent: u64,
        dir: &mut DirState,
        listing: &Arc<Listing>,
        index: usize,
    ) {
        for at in walk(parent, dir, listing, index) {
            self.look_ahead(dir_key, listing, at);
        }
    }

    /// The same for a name that was known: a program that walks finds most names in memory, and is not to wait for the next
    /// ones at the end of what was asked for, nor for a new listing when this one is too old.
    pub(super) fn walk_on(self: &Arc<Self>, dir: &Inode, name: &Name) {
        let (listing, ahead, renew) = {
            let mut state = dir.state();
            let Some(known) = state.dir.as_mut().filter(|known| known.walks.under_way()) else { return };
            let Some(listing) = known.listing.clone() else { return };
            let left = self.ttl(Some(listing.asked));
            if left.is_zero() {
                return;
            }
            let Some(index) = listing.find(name) else { return };
            let ahead = walk(dir.ino, known, &listing, index);
            (listing, ahead, known.walked_on(left < self.options.max_age / RENEWED))
        };
        if renew {
            let (fs, ino) = (self.clone(), dir.ino);
            tokio::spawn(async move {
                let (listed, ()) = futures::join!(fs.list_small(ino), fs.look_up_path(ino));
                if let Err(error) = listed {
                    tracing::debug!(ino, %error, "not listed ahead of its time");
                }
            });
        }
        if ahead.is_empty() {
            return;
        }
        let Some(dir_key) = self.table.dir_key(dir.ino) else { return };
        for at in ahead {
            self.look_ahead(&dir_key, &listing, at);
        }
    }

    /// Asks anew for a directory and those above it, all at once, but for those that were asked for just now: the kernel looks
    /// up one after the other when their time is over.
    async fn look_up_path(self: &Arc<Self>, mut ino: u64) {
        // While a directory is being renamed, nothing stands under its keys for a moment.
        let Ok(_tree) = self.tree.try_read() else { return };
        let mut path = Vec::new();
        while !self.is_root(ino)
            && let Some((parent, name)) = self.table.place(ino)
            && let Some(dir) = self.table.get(ino)
        {
            let age = self.options.max_age - self.ttl(dir.state().asked);
            if age >= self.options.max_age / RENEWED {
                path.push(async move {
                    if let Err(error) = self.resolve_anew(parent, &name).await {
                        tracing::debug!(parent, ?name, %error, "not looked up ahead of its time");
                    }
                });
            }
            ino = parent;
        }
        join_all(path).await;
    }

    fn look_ahead(self: &Arc<Self>, dir_key: &str, listing: &Arc<Listing>, at: usize) {
        let entry = &listing.entries[at];
        let slash = if matches!(entry.what, Listed::Dir) { "/" } else { "" };
        drop(self.start_look(&format!("{dir_key}{}{slash}", entry.name), false, Some((listing, at))));
    }
}

/// Entries to ask for ahead of a program that has looked at entry `index`.
fn walk(parent: u64, dir: &mut DirState, listing: &Listing, index: usize) -> Vec<usize> {
    let mut ahead = dir.walks.looked(listing, index, WINDOW, |name| likely_number(parent, name));
    ahead.retain(|at| listing.entries[*at].seen.get().is_none());
    ahead
}
