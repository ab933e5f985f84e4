//! Taking the service's answers into the table.
//!
//! Every answer carries the time at which it was asked for. It never overrides what was learnt or done after that.

use super::{Fs, object};
use crate::inode::{Inode, Knowledge, Marker, Object, Seen, State};
use crate::meta::{self, Attrs, Kind, Xattrs};
use crate::names::{self, Name};
use crate::store::{ListEntry, ObjectHeaders, ObjectInfo};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

impl Fs {
    /// Takes in the answer to a HEAD of a file. `listed`: the listing entry that proves it is still so.
    pub(super) fn apply_seen(
        &self,
        parent: u64,
        name: &Name,
        seen: &Seen,
        listed: Option<&ListEntry>,
        asked: Instant,
    ) -> Option<Arc<Inode>> {
        if let Some(ruled) = self.overruled(parent, name, asked) {
            return ruled;
        }
        let dir_key = self.table.dir_key(parent)?;
        let mut found = object(&self.bucket, &names::file_key(&dir_key, name).ok()?, &seen.info);
        found.listed = listed.map(|entry| entry.modified);
        self.apply(parent, name, found, &seen.attrs, &seen.xattrs, Knowledge::Full, asked)
    }

    /// Takes in a file of which only a listing is known.
    pub(super) fn apply_listed(
        &self,
        parent: u64,
        name: &Name,
        entry: &ListEntry,
        asked: Instant,
    ) -> Option<Arc<Inode>> {
        self.apply_entry(parent, name, entry, asked, false)
    }

    /// Takes in a listed file that may not be looked at: nobody has a permission, until it is asked for again.
    pub(super) fn apply_closed(
        &self,
        parent: u64,
        name: &Name,
        entry: &ListEntry,
        asked: Instant,
    ) -> Option<Arc<Inode>> {
        self.apply_entry(parent, name, entry, asked, true)
    }

    fn apply_entry(
        &self,
        parent: u64,
        name: &Name,
        entry: &ListEntry,
        asked: Instant,
        closed: bool,
    ) -> Option<Arc<Inode>> {
        if let Some(ruled) = self.overruled(parent, name, asked) {
            return ruled;
        }
        let found = Object {
            id: self.identity(&entry.key, &entry.etag),
            etag: entry.etag.clone(),
            size: entry.size,
            modified: entry.modified,
            listed: Some(entry.modified),
            headers: None,
            tag_count: 0,
            acl: None,
            cold: entry.storage_class.as_deref().is_some_and(super::is_cold),
            appendable: None,
        };
        let none = ObjectHeaders::default();
        let (mut attrs, xattrs) = meta::decode(&none, false, entry.size, entry.modified, &self.options.defaults);
        if closed {
            attrs.mode = 0;
        }
        let knowledge = if closed { Knowledge::Full } else { Knowledge::Listing };
        self.apply(parent, name, found, &attrs, &xattrs, knowledge, asked)
    }

    #[allow(clippy::too_many_arguments)]
    fn apply(
        &self,
        parent: u64,
        name: &Name,
        found: Object,
        attrs: &Attrs,
        xattrs: &Xattrs,
        knowledge: Knowledge,
        asked: Instant,
    ) -> Option<Arc<Inode>> {
        let fresh_state = || {
            let mut state = State::new(attrs.clone(), xattrs.clone());
            state.size = found.size;
            state.object = Some(Arc::new(found.clone()));
            state.knowledge = knowledge;
            state.asked = Some(asked);
            state
        };
        let (inode, new) = self.table.child_or_add(parent, name, fresh_state)?;
        if new {
            return Some(inode);
        }
        let mut state = inode.state();
        if state.is_dirty() || state.draft.is_some() || state.asked.is_some_and(|known| known > asked) {
            drop(state);
            return Some(inode);
        }
        let same_bytes = state.object.as_ref().is_some_and(|o| o.etag == found.etag && o.size == found.size);
        if knowledge == Knowledge::Listing && same_bytes && state.knowledge == Knowledge::Full {
            // A listing adds nothing to what the headers said, unless it proves them.
            drop(state);
            return Some(inode);
        }
        let other_kind = state.attrs.kind != attrs.kind;
        if other_kind || (!same_bytes && state.opens > 0) {
            // Another thing stands under the name: open handles keep the old one, the name gets a new number.
            state.supersede();
            drop(state);
            return self.table.add(parent, name, fresh_state());
        }
        state.attrs = attrs.clone();
        state.xattrs = Arc::new(xattrs.clone());
        state.size = found.size;
        state.knowledge = knowledge;
        state.asked = Some(asked);
        if !same_bytes {
            state.target = None;
        }
        // Keep the identity that the cache knows these bytes by (it survives renames).
        let id = state.object.as_ref().filter(|_| same_bytes).map(|o| o.id.clone());
        let acl = state.object.as_ref().filter(|o| o.modified == found.modified).and_then(|o| o.acl.clone());
        let mut found = found;
        found.id = id.unwrap_or(found.id);
        found.acl = acl;
        state.object = Some(Arc::new(found));
        drop(state);
        Some(inode)
    }

    /// Takes in that the name is a directory. `marker`: its marker object, if there is one.
    pub(super) fn apply_dir(
        &self,
        parent: u64,
        name: &Name,
        marker: Option<&ObjectInfo>,
        asked: Instant,
    ) -> Option<Arc<Inode>> {
        if let Some(ruled) = self.overruled(parent, name, asked) {
            return ruled;
        }
        let marker_key = names::dir_key(&self.table.dir_key(parent)?, name).ok()?;
        let none = ObjectHeaders::default();
        let (attrs, xattrs) = match marker {
            Some(info) => self.decode(info, true),
            None => meta::decode(&none, true, 0, SystemTime::now(), &self.options.defaults),
        };
        let attrs = Attrs { kind: Kind::Dir, ..attrs };
        let fill = |state: &mut State| {
            state.object = marker.map(|info| Arc::new(object(&self.bucket, &marker_key, info)));
            state.asked = Some(asked);
            state.knowledge = Knowledge::Full;
            if let Some(dir) = state.dir.as_mut() {
                dir.marker = if marker.is_some() { Marker::Present } else { Marker::Absent };
            }
        };
        let fresh_state = || {
            let mut state = State::new(attrs.clone(), xattrs.clone());
            fill(&mut state);
            state
        };
        let (inode, new) = self.table.child_or_add(parent, name, fresh_state)?;
        if new {
            return Some(inode);
        }
        let mut state = inode.state();
        if state.is_dirty() || state.draft.is_some() || state.asked.is_some_and(|known| known > asked) {
            drop(state);
            return Some(inode);
        }
        if !state.is_dir() {
            state.supersede();
            drop(state);
            return self.table.add(parent, name, fresh_state());
        }
        if marker.is_some() {
            state.attrs = attrs.clone();
            state.xattrs = Arc::new(xattrs.clone());
        }
        fill(&mut state);
        drop(state);
        Some(inode)
    }

    /// Takes in that there is no such name. Gives the inode that is there all the same because it was made here since.
    pub(super) fn apply_absent(&self, parent: u64, name: &Name, asked: Instant) -> Option<Arc<Inode>> {
        if let Some(ruled) = self.overruled(parent, name, asked) {
            return ruled;
        }
        let child = self.table.child(parent, name)?;
        let mut state = child.state();
        let newer = state.asked.is_some_and(|known| known > asked);
        if state.is_dirty() || state.draft.is_some() || newer {
            drop(state);
            return Some(child);
        }
        state.supersede();
        drop(state);
        self.table.unlink(child.ino);
        None
    }

    /// What this mount did to the name after the question was sent: that counts, not the answer.
    fn overruled(&self, parent: u64, name: &Name, asked: Instant) -> Option<Option<Arc<Inode>>> {
        let dir = self.table.get(parent)?;
        let change = dir.state().dir.as_ref()?.local.get(name).copied()?;
        if change.at.is_some_and(|at| at < asked) {
            return None;
        }
        if !change.present {
            return Some(None);
        }
        self.table.child(parent, name).map(Some)
    }

    /// Whether a fresh listing proves that what is known of a file is still so. Every change of an object, of its
    /// metadata too, moves its Last-Modified.
    pub(super) fn prove(&self, inode: &Inode, entry: &ListEntry, listing_asked: Instant) -> bool {
        let mut state = inode.state();
        if state.knowledge != Knowledge::Full || state.unlinked {
            return false;
        }
        let Some(object) = &state.object else { return false };
        if object.etag != entry.etag || object.size != entry.size {
            return false;
        }
        let proved = match object.listed {
            Some(listed) => listed == entry.modified,
            // HEAD tells whole seconds. If the object was already some seconds old when it was asked for, a later
            // change cannot fall into the same second.
            None => whole_seconds(entry.modified) == whole_seconds(object.modified) && settled(object, state.asked),
        };
        if proved {
            let mut object = Object::clone(object);
            object.listed = Some(entry.modified);
            state.object = Some(Arc::new(object));
            if state.asked.is_none_or(|asked| asked < listing_asked) {
                state.asked = Some(listing_asked);
            }
        }
        proved
    }
}

fn whole_seconds(time: SystemTime) -> Option<u64> {
    time.duration_since(SystemTime::UNIX_EPOCH).ok().map(|since| since.as_secs())
}

/// Whether the object had not changed for some seconds when it was asked for.
fn settled(object: &Object, asked: Option<Instant>) -> bool {
    let Some(asked) = asked else { return false };
    let then = SystemTime::now().checked_sub(asked.elapsed());
    then.and_then(|then| then.duration_since(object.modified).ok()).is_some_and(|age| age > Duration::from_secs(5))
}
