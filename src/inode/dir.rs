//! What is known of a directory: its marker, its last listing, and what this mount changed since.

use super::walk::Walks;
use crate::meta::{Attrs, Xattrs};
use crate::names::Name;
use crate::store::{ListEntry, ObjectInfo, StoreError};
use futures::future::{BoxFuture, Shared};
use std::collections::HashMap;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

/// Local changes kept before old ones are looked for.
const MANY: usize = 1024;
/// A page of a listing that is asked for ahead of its time is to save a part of so many lookups.
const WALKED_A_PAGE: u32 = 8;
/// No question to the service is older than this when its answer comes.
const LONGEST_QUESTION: Duration = Duration::from_secs(300);

/// Whether the directory has a marker object (`dir/`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Marker {
    /// Not asked yet.
    #[default]
    Unknown,
    /// None: the directory lives only by its content.
    Absent,
    /// There is one.
    Present,
}

/// The part of an inode's state that only directories have.
#[derive(Debug, Default)]
pub struct DirState {
    /// Its marker object.
    pub marker: Marker,
    /// The last complete listing, fresh or not: an old one still proves attributes.
    pub listing: Option<Arc<Listing>>,
    /// Names that this mount made or removed; each counts against a listing that was asked for before.
    pub local: HashMap<Name, LocalChange>,
    /// Lookups since the last listing that had to ask the service.
    pub asked_lookups: u32,
    /// Pages that the directory is thought to have, 0 for unknown.
    pub pages: u32,
    /// How programs go through the directory.
    pub walks: Walks,
    /// Lookups since the last listing that memory answered to programs on their way through the directory.
    pub walked: u32,
    /// The listing is being asked for anew, ahead of its time.
    pub renewing: bool,
    /// Names that the service was asked for just now and did not have, and when its answers came.
    pub found_absent: Vec<(Name, Instant)>,
}

/// A name that this mount made or removed.
#[derive(Clone, Copy, Debug)]
pub struct LocalChange {
    /// When the service had confirmed it; `None`: not stored yet.
    pub at: Option<Instant>,
    /// Made (or replaced), not removed.
    pub present: bool,
}

/// A whole directory as the service listed it.
#[derive(Debug)]
pub struct Listing {
    /// When the first page was asked for.
    pub asked: Instant,
    /// Sorted by name.
    pub entries: Vec<DirEntry>,
    /// Keys that no path can name.
    pub hidden: usize,
}

/// A name in a listing.
#[derive(Debug)]
pub struct DirEntry {
    /// The name.
    pub name: Name,
    /// What it is.
    pub what: Listed,
    /// The headers of the object (of a directory: of its marker), if they were asked for since; `None`: no marker.
    /// Shared with the next listing, for answers that are on their way when it comes.
    pub seen: Arc<OnceLock<Option<Arc<Seen>>>>,
}

/// What a listing says of a name.
#[derive(Clone, Debug)]
pub enum Listed {
    /// A common prefix.
    Dir,
    /// An object.
    File(ListEntry),
}

/// A question for an object's headers that is under way, shared by all who wait for it.
pub type Look = Shared<BoxFuture<'static, Result<Arc<Seen>, StoreError>>>;

/// The answer to a HEAD, decoded.
#[derive(Debug)]
pub struct Seen {
    /// When it was asked for.
    pub asked: Instant,
    /// As the service said it.
    pub info: ObjectInfo,
    /// Kind, mode, owner, times.
    pub attrs: Attrs,
    /// `user.*`.
    pub xattrs: Xattrs,
}

impl Listing {
    /// The index of a name.
    pub fn find(&self, name: &Name) -> Option<usize> {
        self.entries.binary_search_by(|entry| entry.name.cmp(name)).ok()
    }
}

impl DirState {
    /// Installs a new listing, unless one that was asked for later is here already; gives back the one that stands. Local
    /// changes that the service had confirmed before it was asked for are in it; what was learnt of entries that did not
    /// change is taken over.
    pub fn install(&mut self, mut listing: Listing) -> Arc<Listing> {
        self.renewing = false;
        if let Some(old) = &self.listing {
            if old.asked > listing.asked {
                return old.clone();
            }
            for entry in &mut listing.entries {
                let Listed::File(new) = &entry.what else { continue };
                let Some(at) = old.find(&entry.name) else { continue };
                if let Listed::File(was) = &old.entries[at].what
                    && was.etag == new.etag
                    && was.size == new.size
                    && was.modified == new.modified
                {
                    entry.seen = old.entries[at].seen.clone();
                }
            }
        }
        self.local.retain(|_, change| change.at.is_none_or(|at| at >= listing.asked));
        self.asked_lookups = 0;
        self.walked = 0;
        self.pages = (listing.entries.len() / 1000) as u32 + 1;
        self.walks.listed_anew();
        let listing = Arc::new(listing);
        self.listing = Some(listing.clone());
        listing
    }

    /// Notes a lookup that memory answered to a program on its way. Whether to ask for the listing anew now, since `old` says
    /// that it soon will not do any more: only once, and not if it costs much beside the lookups.
    pub fn walked_on(&mut self, old: bool) -> bool {
        self.walked += 1;
        let renew = old && !self.renewing && self.walked >= WALKED_A_PAGE * self.pages.max(1);
        self.renewing |= renew;
        renew
    }

    /// Notes that this mount made (`present`) or removed a name; `stored`: the service has confirmed it.
    pub fn changed(&mut self, name: &Name, present: bool, stored: bool) {
        let at = stored.then(Instant::now);
        if self.local.len() > MANY {
            self.local.retain(|_, change| change.at.is_none_or(|at| at.elapsed() < LONGEST_QUESTION));
        }
        self.local.insert(name.clone(), LocalChange { at, present });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listing(asked: Instant) -> Listing {
        Listing { asked, entries: Vec::new(), hidden: 0 }
    }

    #[test]
    fn a_listing_that_was_asked_for_earlier_does_not_replace_a_later_one() {
        let now = Instant::now();
        let mut dir = DirState::default();
        let later = dir.install(listing(now + Duration::from_secs(1)));
        assert!(Arc::ptr_eq(&dir.install(listing(now)), &later));
        let latest = dir.install(listing(now + Duration::from_secs(2)));
        assert!(dir.listing.is_some_and(|stands| Arc::ptr_eq(&stands, &latest)));
    }

    #[test]
    fn an_answer_that_comes_after_the_next_listing_is_known_there() {
        let modified = std::time::SystemTime::now();
        let file = |etag: &str| {
            let entry = ListEntry {
                key: "f".into(),
                etag: crate::store::ETag::new(etag),
                size: 1,
                modified,
                storage_class: None,
            };
            let name = Name::new(std::ffi::OsStr::new("f")).unwrap();
            DirEntry { name, what: Listed::File(entry), seen: Arc::default() }
        };
        let mut dir = DirState::default();
        let mut next = |etag| dir.install(Listing { entries: vec![file(etag)], ..listing(Instant::now()) });
        let (first, same, other) = (next("one"), next("one"), next("two"));
        first.entries[0].seen.set(None).unwrap();
        assert!(same.entries[0].seen.get().is_some());
        assert!(other.entries[0].seen.get().is_none());
    }

    #[test]
    fn a_listing_is_renewed_once_and_for_many_lookups_only() {
        let mut dir = DirState { pages: 2, ..DirState::default() };
        let renewed: Vec<u32> = (1..100).filter(|_| dir.walked_on(true)).collect();
        assert_eq!(renewed, [2 * WALKED_A_PAGE]);
        dir.install(listing(Instant::now()));
        assert!((1..100).all(|_| !dir.walked_on(false)));
        assert!(dir.walked_on(true));
    }
}
