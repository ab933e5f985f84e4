//! Lookup of a name: from memory where that may be believed, else one round trip.

use super::{Entry, Fs, FsError, Result};
use crate::inode::{Inode, Listed};
use crate::meta::Kind;
use crate::names::{Name, NameError};
use std::ffi::OsStr;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The answer to a lookup.
#[derive(Clone, Debug)]
pub enum Found {
    /// The name is there. The kernel now holds one more mention of its number.
    Entry(Entry),
    /// The name is not there, which may be believed for this long.
    Absent(Duration),
}

/// What memory says of a name.
pub(super) enum Memory {
    /// This inode, and it is fresh.
    Known(Arc<Inode>),
    /// Not there.
    Absent(Duration),
    /// Ask.
    Unknown,
}

impl Fs {
    /// Looks a name up in memory.
    pub fn try_lookup(self: &Arc<Self>, parent: u64, name: &OsStr) -> Option<Result<Found>> {
        let name = match self.name(name) {
            Ok(Some(name)) => name,
            Ok(None) => return Some(Ok(Found::Absent(self.options.max_age))),
            Err(error) => return Some(Err(error)),
        };
        match self.remember(parent, &name) {
            Ok(Memory::Known(inode)) => {
                if let Ok(dir) = self.inode(parent) {
                    self.walk_on(&dir, &name);
                }
                Some(Ok(Found::Entry(self.mention(&inode))))
            }
            // As on any file system, a name that is too long is an error and not just absent.
            Ok(Memory::Absent(ttl)) => match self.file_key(parent, &name) {
                Err(error @ FsError::Name(NameError::TooLong)) => Some(Err(error)),
                _ => Some(Ok(Found::Absent(ttl))),
            },
            Ok(Memory::Unknown) => None,
            Err(error) => Some(Err(error)),
        }
    }

    /// Looks a name up.
    pub async fn lookup(self: &Arc<Self>, parent: u64, name: &OsStr) -> Result<Found> {
        if let Some(known) = self.try_lookup(parent, name) {
            return known;
        }
        let Some(name) = self.name(name)? else { return Ok(Found::Absent(self.options.max_age)) };
        let began = Instant::now();
        match self.resolve(parent, &name).await? {
            Some(inode) => {
                let mut entry = self.mention(&inode);
                let mut state = inode.state();
                if state.attrs.kind == Kind::File && state.asked.is_some_and(|asked| asked >= began) {
                    (state.walked, state.looked_first) = (Some(Instant::now()), false);
                    entry.name_ttl = Duration::ZERO;
                }
                drop(state);
                Ok(Found::Entry(entry))
            }
            None => {
                self.note_absent(parent, &name, began.elapsed());
                match self.remember(parent, &name)? {
                    Memory::Absent(ttl) => Ok(Found::Absent(ttl)),
                    _ => Ok(Found::Absent(Duration::ZERO)),
                }
            }
        }
    }

    /// The kernel gives back `n` mentions of a number.
    pub fn forget(&self, ino: u64, n: u64) {
        self.table.forget(ino, n);
    }

    /// A checked name; `None` for one that cannot exist here.
    pub(super) fn name(&self, name: &OsStr) -> Result<Option<Name>> {
        match Name::new(name) {
            Ok(name) => Ok(Some(name)),
            Err(NameError::Reserved) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Counts one more mention of the number by the kernel, before the reply is sent.
    pub(super) fn mention(&self, inode: &Arc<Inode>) -> Entry {
        self.table.count(inode.ino, 1);
        let mut state = inode.state();
        state.looked_first |= state.walked.take().is_some();
        self.entry(inode, &state)
    }

    /// What memory says of a name, without asking the service.
    pub(super) fn remember(&self, parent: u64, name: &Name) -> Result<Memory> {
        let dir = self.inode(parent)?;
        let child = self.table.child(parent, name);
        if let Some(child) = &child {
            let state = child.state();
            if self.is_fresh(child, &state) {
                drop(state);
                return Ok(Memory::Known(child.clone()));
            }
        }
        let (listing, index) = {
            let state = dir.state();
            let Some(known) = &state.dir else { return Err(FsError::not_dir()) };
            if state.unlinked && !self.is_root(dir.ino) {
                return Ok(Memory::Absent(Duration::ZERO));
            }
            if let Some(change) = known.local.get(name) {
                let ttl = change.at.map_or(self.options.max_age, |at| self.ttl(Some(at)));
                if !change.present && !ttl.is_zero() {
                    return Ok(Memory::Absent(ttl));
                }
                return Ok(Memory::Unknown);
            }
            let Some(listing) = &known.listing else { return Ok(Memory::Unknown) };
            let ttl = self.ttl(Some(listing.asked));
            if ttl.is_zero() {
                return Ok(Memory::Unknown);
            }
            match listing.find(name) {
                None => return Ok(Memory::Absent(ttl)),
                Some(index) => (listing.clone(), index),
            }
        };
        // Listed: known if the object's headers were read for this very version, or if listings are to be enough.
        match &listing.entries[index].what {
            Listed::File(entry) => {
                if let Some(Some(seen)) = listing.entries[index].seen.get() {
                    let inode = self.apply_seen(parent, name, seen, Some(entry), listing.asked);
                    return Ok(inode.map_or(Memory::Unknown, Memory::Known));
                }
                if self.options.listing_only {
                    let inode = self.apply_listed(parent, name, entry, listing.asked);
                    return Ok(inode.map_or(Memory::Unknown, Memory::Known));
                }
                match child {
                    Some(child) if self.prove(&child, entry, listing.asked) => Ok(Memory::Known(child)),
                    _ => Ok(Memory::Unknown),
                }
            }
            Listed::Dir => {
                if let Some(seen) = listing.entries[index].seen.get() {
                    let marker = seen.as_ref().map(|seen| &seen.info);
                    let inode = self.apply_dir(parent, name, marker, listing.asked);
                    return Ok(inode.map_or(Memory::Unknown, Memory::Known));
                }
                // A directory that is listed and whose marker was read before is still there.
                if let Some(child) = child {
                    let mut state = child.state();
                    if state.is_dir() && !state.unlinked && state.asked.is_some_and(|asked| asked < listing.asked) {
                        let marker_known =
                            state.dir.as_ref().is_some_and(|d| d.marker != crate::inode::Marker::Unknown);
                        if marker_known {
                            state.asked = Some(listing.asked);
                            drop(state);
                            return Ok(Memory::Known(child));
                        }
                    }
                }
                Ok(Memory::Unknown)
            }
        }
    }
}
