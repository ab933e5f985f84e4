//! Reading directories, and symbolic links.

use super::attr::Entry;
use super::handle::{Access, Walk, WalkEntry};
use super::lookup::Memory;
use super::{Fs, FsError, Result};
use crate::inode::{Inode, Knowledge, Listed, Listing, State};
use crate::meta::{self, Kind};
use crate::names::Name;
use crate::store::{GetRequest, ObjectHeaders};
use std::sync::Arc;
use std::time::{Instant, SystemTime};

/// One entry of a directory.
#[derive(Clone, Debug)]
pub struct Row {
    /// Inode number; for a name that is not known yet the one that it would get.
    pub ino: u64,
    /// Pass it to the next call to go on after this entry.
    pub next: u64,
    /// File, directory, ... An object that was never looked at shows as a file.
    pub kind: Kind,
    /// The name.
    pub name: String,
    /// With attributes: the kernel now holds a mention of the number.
    pub entry: Option<Entry>,
}

/// `.` and `..` come first.
const DOTS: u64 = 2;

impl Fs {
    /// Opens a directory.
    pub fn opendir(&self, ino: u64) -> Result<u64> {
        let inode = self.inode(ino)?;
        if !inode.state().is_dir() {
            return Err(FsError::not_dir());
        }
        Ok(self.handles.add(inode, Access::DIR))
    }

    /// Closes a directory.
    pub fn releasedir(&self, fh: u64) {
        self.handles.remove(fh);
    }

    /// Whether [`Fs::fill_dir`] can go on at `offset` without asking the service.
    pub fn dir_ready(&self, fh: u64, offset: u64) -> Result<bool> {
        let handle = self.handles.get(fh)?;
        Ok(offset > 0 && handle.rows.lock().is_some())
    }

    /// Takes the directory's content for this handle. At offset 0 anew: rewinddir(3) shows what is there now.
    pub async fn prepare_dir(self: &Arc<Self>, fh: u64, offset: u64) -> Result<()> {
        let handle = self.handles.get(fh)?;
        if offset > 0 && handle.rows.lock().is_some() {
            return Ok(());
        }
        let mut listing = self.listing(&handle.inode, true).await?;
        let walk = loop {
            match self.walk(&handle.inode, listing) {
                Some(walk) => break walk,
                None => listing = self.listing(&handle.inode, false).await?,
            }
        };
        *handle.rows.lock() = Some(Arc::new(walk));
        Ok(())
    }

    /// Gives entries from `offset` on until `add` says that it is full. `plus`: with attributes.
    pub fn fill_dir(&self, fh: u64, offset: u64, plus: bool, add: &mut dyn FnMut(&Row) -> bool) -> Result<()> {
        let handle = self.handles.get(fh)?;
        let dir = handle.inode.ino;
        let walk = handle.rows.lock().clone().ok_or(FsError::bad_handle())?;
        for at in offset..DOTS {
            let ino = if at == 0 { dir } else { self.table.parent(dir) };
            let entry = if plus { self.dot(ino, &handle.inode) } else { None };
            let name = if at == 0 { "." } else { ".." }.to_string();
            if add(&Row { ino, next: at + 1, kind: Kind::Dir, name, entry }) {
                return Ok(());
            }
        }
        for at in offset.max(DOTS)..walk.names.len() as u64 + DOTS {
            let (name, inode) = match &walk.names[(at - DOTS) as usize] {
                WalkEntry::Local(name, inode) if inode.state().unlinked => {
                    let _ = name;
                    continue;
                }
                WalkEntry::Local(name, inode) => (name.clone(), Some(inode.clone())),
                WalkEntry::Listed(index) => {
                    let listed = &walk.listing.entries[*index as usize];
                    (listed.name.clone(), None)
                }
            };
            let row = match (inode, &walk.names[(at - DOTS) as usize]) {
                (Some(inode), _) => self.row(&inode, &name, at + 1, plus),
                (None, WalkEntry::Listed(index)) => {
                    match self.listed_row(dir, &walk.listing, *index as usize, at + 1, plus) {
                        Some(row) => row,
                        None => continue,
                    }
                }
                _ => continue,
            };
            if add(&row) {
                if row.entry.is_some() {
                    self.table.forget(row.ino, 1);
                }
                return Ok(());
            }
        }
        Ok(())
    }

    fn dot(&self, ino: u64, dir: &Arc<Inode>) -> Option<Entry> {
        // The kernel does not count `.` and `..`.
        let inode = if ino == dir.ino { dir.clone() } else { self.table.get(ino)? };
        let state = inode.state();
        Some(self.entry(&inode, &state))
    }

    fn row(&self, inode: &Arc<Inode>, name: &Name, next: u64, plus: bool) -> Row {
        if plus {
            self.table.count(inode.ino, 1);
        }
        let state = inode.state();
        let entry = plus.then(|| self.entry(inode, &state));
        Row { ino: inode.ino, next, kind: state.attrs.kind, name: name.as_str().to_string(), entry }
    }

    /// A row for a name of the listing; `None` if this mount has removed it since.
    fn listed_row(&self, dir: u64, listing: &Listing, index: usize, next: u64, plus: bool) -> Option<Row> {
        let listed = &listing.entries[index];
        let known = match self.remember(dir, &listed.name) {
            Ok(Memory::Known(inode)) => Some(inode),
            Ok(Memory::Absent(_)) => return None,
            _ => self.table.child(dir, &listed.name),
        };
        if let Some(inode) = known {
            return Some(self.row(&inode, &listed.name, next, plus));
        }
        if plus {
            let inode = match &listed.what {
                Listed::File(entry) => self.apply_listed(dir, &listed.name, entry, listing.asked),
                Listed::Dir => self.add_listed_dir(dir, &listed.name),
            };
            return inode.map(|inode| self.row(&inode, &listed.name, next, true));
        }
        let kind = if matches!(listed.what, Listed::Dir) { Kind::Dir } else { Kind::File };
        let ino = self.table.number(dir, &listed.name);
        Some(Row { ino, next, kind, name: listed.name.as_str().to_string(), entry: None })
    }

    /// A directory of which only a listing is known.
    fn add_listed_dir(&self, parent: u64, name: &Name) -> Option<Arc<Inode>> {
        let none = ObjectHeaders::default();
        let (attrs, xattrs) = meta::decode(&none, true, 0, SystemTime::now(), &self.options.defaults);
        let made = self.table.child_or_add(parent, name, || {
            let mut state = State::new(attrs, xattrs);
            state.knowledge = Knowledge::Listing;
            state
        });
        made.map(|(inode, _)| inode)
    }

    /// The directory's listing: the last one while it is fresh and will do, else all pages anew.
    async fn listing(self: &Arc<Self>, dir: &Arc<Inode>, last_will_do: bool) -> Result<Arc<Listing>> {
        {
            let state = dir.state();
            if state.unlinked && !self.is_root(dir.ino) {
                return Ok(Arc::new(Listing { asked: Instant::now(), entries: Vec::new(), hidden: 0 }));
            }
            if let Some(listing) = state.dir.as_ref().and_then(|known| known.listing.as_ref())
                && last_will_do
                && !self.ttl(Some(listing.asked)).is_zero()
            {
                return Ok(listing.clone());
            }
        }
        let prefix = self.table.dir_key(dir.ino).ok_or(FsError::stale())?;
        let asked = Instant::now();
        let (objects, prefixes) = self.list_pages(&prefix, u32::MAX).await?.ok_or(FsError::internal())?;
        self.install_listing(dir, &prefix, objects, prefixes, asked).ok_or(FsError::not_dir())
    }

    /// The listing, corrected by what this mount made and removed since it was asked for. `None`: something that this
    /// mount made since was forgotten meanwhile, and only a new listing can tell of it.
    fn walk(&self, dir: &Arc<Inode>, listing: Arc<Listing>) -> Option<Walk> {
        let local: Vec<_> = {
            let state = dir.state();
            let local = state.dir.as_ref().map(|known| known.local.clone()).unwrap_or_default();
            local.into_iter().filter(|(_, change)| change.at.is_none_or(|at| at >= listing.asked)).collect()
        };
        let mut gone = std::collections::HashSet::new();
        let mut added = Vec::new();
        for (name, change) in local {
            if let Some(index) = listing.find(&name) {
                // Removed, or another thing by now.
                gone.insert(index);
            }
            if change.present {
                match self.table.child(dir.ino, &name) {
                    Some(inode) => added.push((name, inode)),
                    None if change.at.is_some() => return None,
                    None => {}
                }
            }
        }
        added.sort_by(|a, b| a.0.cmp(&b.0));
        let mut added = added.into_iter().peekable();
        let mut names = Vec::with_capacity(listing.entries.len());
        for (index, entry) in listing.entries.iter().enumerate() {
            while let Some((name, inode)) = added.next_if(|(name, _)| *name < entry.name) {
                names.push(WalkEntry::Local(name, inode));
            }
            if !gone.contains(&index) {
                names.push(WalkEntry::Listed(index as u32));
            }
        }
        names.extend(added.map(|(name, inode)| WalkEntry::Local(name, inode)));
        Some(Walk { listing, names })
    }

    /// The target of a symbolic link.
    pub async fn readlink(self: &Arc<Self>, ino: u64) -> Result<Arc<str>> {
        let inode = self.inode(ino)?;
        let in_header = {
            let state = inode.state();
            if state.attrs.kind != Kind::Symlink {
                return Err(FsError::invalid());
            }
            if let Some(target) = &state.target {
                return Ok(target.clone());
            }
            let headers = state.object.as_ref().and_then(|object| object.headers.clone());
            headers.and_then(|headers| meta::symlink_target(&headers))
        };
        let bytes = match in_header {
            Some(target) => target,
            None => {
                let key = self.key(ino, false)?;
                let mut body = self.store.get(&key, GetRequest::default()).await?;
                let mut bytes = Vec::new();
                while let Some(frame) = body.next().await? {
                    bytes.extend_from_slice(&frame);
                    if bytes.len() > libc::PATH_MAX as usize {
                        return Err(FsError::too_long());
                    }
                }
                bytes
            }
        };
        // s3fs of some versions ends the target with a newline or a NUL.
        let text = String::from_utf8(bytes).map_err(|_| FsError::invalid())?;
        let target: Arc<str> = text.trim_end_matches(['\0', '\n']).into();
        inode.state().target = Some(target.clone());
        Ok(target)
    }
}
