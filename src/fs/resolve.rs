//! Asking the service what a name is, and taking its answer into the table.
//!
//! Every answer carries the time at which it was asked for. It never overrides what was learnt or done after that.

use super::lookup::Memory;
use super::{Fs, FsError, Result};
use crate::cache::SMALL;
use crate::inode::{Inode, Listed, Listing, Marker};
use crate::names::{self, Name};
use crate::store::{ListEntry, ListRequest};
use std::sync::Arc;
use std::time::Instant;

/// After so many lookups that had to ask, for each page of the directory, a listing answers the next ones: in the long
/// run it costs a fraction of what they would.
const LOOKUPS_BEFORE_LISTING: u32 = 4;

impl Fs {
    /// The inode of a name as the service has it now (or as memory may still say); `None`: there is none.
    pub(super) async fn resolve(self: &Arc<Self>, parent: u64, name: &Name) -> Result<Option<Arc<Inode>>> {
        match self.remember(parent, name)? {
            Memory::Known(inode) => return Ok(Some(inode)),
            Memory::Absent(_) => return Ok(None),
            Memory::Unknown => {}
        }
        if self.worth_listing(parent)? {
            self.list_small(parent).await?;
            match self.remember(parent, name)? {
                Memory::Known(inode) => return Ok(Some(inode)),
                Memory::Absent(_) => return Ok(None),
                Memory::Unknown => {}
            }
        }
        self.ask(parent, name).await
    }

    /// The inode of a name as the service has it now, memory put aside unless it holds what is not stored yet.
    pub(super) async fn resolve_anew(self: &Arc<Self>, parent: u64, name: &Name) -> Result<Option<Arc<Inode>>> {
        if let Some(child) = self.table.child(parent, name)
            && (child.state().is_dirty() || child.state().object.is_none() && !child.state().is_dir())
        {
            return Ok(Some(child));
        }
        self.ask(parent, name).await
    }

    async fn ask(self: &Arc<Self>, parent: u64, name: &Name) -> Result<Option<Arc<Inode>>> {
        let dir_key = self.table.dir_key(parent).ok_or(FsError::stale())?;
        let file_key = names::file_key(&dir_key, name)?;
        let marker_key = names::dir_key(&dir_key, name);
        let asked = Instant::now();
        match self.hint(&dir_key, parent, name)? {
            Hint::File { small, listed } => {
                match self.start_look(&file_key, small, listed.as_ref().map(|(listing, at)| (listing, *at))).await {
                    Ok(seen) => return Ok(self.apply_seen(parent, name, &seen, None, seen.asked)),
                    Err(error) if error.is_not_found() => {}
                    Err(error) => return self.closed_file(parent, name, error.into()).await,
                }
            }
            Hint::Dir => match self.head(&marker_key?).await {
                Ok(seen) => return Ok(self.apply_dir(parent, name, Some(&seen.info), seen.asked)),
                Err(error) if error.is_not_found() => return Ok(self.apply_dir(parent, name, None, asked)),
                Err(error) => return Err(error),
            },
            Hint::None => {}
        }
        let asked = Instant::now();
        let Ok(marker_key) = marker_key else {
            // The name fits as a file but not, with its slash, as a directory.
            return match self.head(&file_key).await {
                Ok(seen) => Ok(self.apply_seen(parent, name, &seen, None, asked)),
                Err(error) if error.is_not_found() => Ok(self.apply_absent(parent, name, asked)),
                Err(error) => Err(error),
            };
        };
        let below = ListRequest { prefix: marker_key.clone(), max_keys: 1, ..ListRequest::default() };
        // All that the name can be, in one round trip. A directory wins over a file of the same name.
        let (file, marker, below) =
            futures::join!(self.head(&file_key), self.store.head(&marker_key), self.store.list(below));
        match (&marker, &below) {
            (Ok(marker), _) => return Ok(self.apply_dir(parent, name, Some(marker), asked)),
            (_, Ok(page)) if !page.objects.is_empty() => return Ok(self.apply_dir(parent, name, None, asked)),
            _ => {}
        }
        match file {
            Ok(seen) => Ok(self.apply_seen(parent, name, &seen, None, seen.asked)),
            Err(error) if error.is_not_found() => {
                // Absent only if nobody said anything else: a refused or failed question proves nothing.
                match (marker, below) {
                    (Err(error), _) if !error.is_not_found() => Err(error.into()),
                    (_, Err(error)) => Err(error.into()),
                    _ => Ok(self.apply_absent(parent, name, asked)),
                }
            }
            Err(error) => self.closed_file(parent, name, error).await,
        }
    }

    /// A file that may not be looked at, in a directory that may be listed: it is there, without permissions.
    async fn closed_file(self: &Arc<Self>, parent: u64, name: &Name, error: FsError) -> Result<Option<Arc<Inode>>> {
        if !error.is_denied() {
            return Err(error);
        }
        let key = self.file_key(parent, name)?;
        let asked = Instant::now();
        let one = ListRequest { prefix: key.clone(), max_keys: 1, ..ListRequest::default() };
        match self.store.list(one).await {
            Ok(page) => match page.objects.into_iter().next().filter(|entry| entry.key == key) {
                Some(entry) => Ok(self.apply_closed(parent, name, &entry, asked)),
                None => Err(error),
            },
            Err(_) => Err(error),
        }
    }

    /// What a fresh listing, or what the name was last time, lets expect.
    fn hint(self: &Arc<Self>, dir_key: &str, parent: u64, name: &Name) -> Result<Hint> {
        let dir = self.inode(parent)?;
        let known_file = self.table.child(parent, name).is_some_and(|child| !child.state().is_dir());
        let mut state = dir.state();
        let Some(known) = state.dir.as_mut() else { return Err(FsError::not_dir()) };
        let mut expected = Hint::None;
        if let Some(listing) = known.listing.clone()
            && !known.local.contains_key(name)
            && let Some(index) = listing.find(name)
        {
            let fresh = !self.ttl(Some(listing.asked)).is_zero();
            match &listing.entries[index].what {
                Listed::Dir if fresh => {
                    self.stat_ahead(dir_key, parent, known, &listing, index);
                    return Ok(Hint::Dir);
                }
                Listed::Dir => {}
                Listed::File(entry) => {
                    // A program that reads small files gets each with its lookup; one that looks first gets the headers of many.
                    let whole = known.walks.reading.looked();
                    let small = whole && (1..=SMALL).contains(&entry.size);
                    if fresh {
                        if !whole {
                            self.stat_ahead(dir_key, parent, known, &listing, index);
                        }
                        return Ok(Hint::File { small, listed: Some((listing.clone(), index)) });
                    }
                    // An old listing proves nothing; if the file is not there any more, the answer says so.
                    expected = Hint::File { small, listed: None };
                }
            }
        }
        known.asked_lookups += 1;
        Ok(match expected {
            Hint::None if known_file => Hint::File { small: false, listed: None },
            expected => expected,
        })
    }

    fn worth_listing(&self, parent: u64) -> Result<bool> {
        let dir = self.inode(parent)?;
        let state = dir.state();
        let Some(known) = &state.dir else { return Err(FsError::not_dir()) };
        let stale = known.listing.as_ref().is_none_or(|listing| self.ttl(Some(listing.asked)).is_zero());
        // A program that goes through it waits for one listing rather than for each name.
        let lookups = if known.walks.under_way() { 1 } else { LOOKUPS_BEFORE_LISTING };
        Ok(stale && known.asked_lookups >= lookups * known.pages.max(1))
    }

    /// Lists a directory if it has no more pages than is thought.
    pub(super) async fn list_small(self: &Arc<Self>, parent: u64) -> Result<()> {
        let dir = self.inode(parent)?;
        let prefix = self.table.dir_key(parent).ok_or(FsError::stale())?;
        let pages = dir.state().dir.as_ref().map_or(1, |known| known.pages.max(1));
        let asked = Instant::now();
        match self.list_pages(&prefix, pages).await? {
            Some((objects, prefixes)) => drop(self.install_listing(&dir, &prefix, objects, prefixes, asked)),
            None => {
                // Larger: it takes more lookups before it is worth trying again.
                if let Some(known) = dir.state().dir.as_mut() {
                    known.pages = pages * 4;
                    known.asked_lookups = 0;
                }
            }
        }
        Ok(())
    }

    /// A directory's objects and prefixes; `None` if there are more pages.
    pub(super) async fn list_pages(&self, prefix: &str, pages: u32) -> Result<Option<(Vec<ListEntry>, Vec<String>)>> {
        let (mut objects, mut prefixes) = (Vec::new(), Vec::new());
        let mut from = None;
        for _ in 0..pages {
            let request = ListRequest { prefix: prefix.to_string(), by_directory: true, from, ..Default::default() };
            let page = self.store.list(request).await?;
            objects.extend(page.objects);
            prefixes.extend(page.prefixes);
            from = page.next;
            if from.is_none() {
                return Ok(Some((objects, prefixes)));
            }
        }
        Ok(None)
    }

    /// Makes a listing of all pages' content and installs it in the directory's state.
    pub(super) fn install_listing(
        &self,
        dir: &Inode,
        prefix: &str,
        objects: Vec<ListEntry>,
        prefixes: Vec<String>,
        asked: Instant,
    ) -> Option<Arc<Listing>> {
        let content = names::merge(prefix, objects, prefixes);
        let files = content.files.into_iter().map(|(name, entry)| (name, Listed::File(entry)));
        let dirs = content.dirs.into_iter().map(|name| (name, Listed::Dir));
        let mut entries: Vec<_> = files
            .chain(dirs)
            .map(|(name, what)| crate::inode::DirEntry { name, what, seen: Default::default() })
            .collect();
        entries.sort_by(|a, b| a.name.cmp(&b.name));
        if !content.hidden.is_empty() {
            self.report_hidden(prefix, &content.hidden);
        }
        let marker = content.marker.is_some();
        let mut state = dir.state();
        // The directory was renamed while it was listed.
        if self.table.dir_key(dir.ino).is_none_or(|key| key != prefix) {
            return None;
        }
        let known = state.dir.as_mut()?;
        // Only a listing proves that there is no marker; one that was put meanwhile is not forgotten.
        if marker {
            known.marker = Marker::Present;
        } else if !self.is_root(dir.ino) && known.marker == Marker::Unknown {
            known.marker = Marker::Absent;
        }
        Some(known.install(Listing { asked, entries, hidden: content.hidden.len() }))
    }

    fn report_hidden(&self, prefix: &str, hidden: &[String]) {
        use std::sync::atomic::Ordering::Relaxed;
        let told = self.hidden.fetch_add(hidden.len(), Relaxed);
        if told < 100 {
            let some: Vec<_> = hidden.iter().take(5).collect();
            tracing::warn!(directory = prefix, count = hidden.len(), keys = ?some,
                "keys that no path can name are not shown; other S3 clients reach them");
        }
    }

    /// Keys seen so far that no path can name.
    pub fn hidden_keys(&self) -> usize {
        self.hidden.load(std::sync::atomic::Ordering::Relaxed)
    }
}

enum Hint {
    /// `small`: a GET brings its bytes along with its headers.
    File {
        small: bool,
        /// Where a listing shows it.
        listed: Option<(Arc<Listing>, usize)>,
    },
    Dir,
    None,
}
