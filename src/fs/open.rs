//! Open and release of files. Open asks the service, whatever memory says: close-to-open consistency.

use super::append::appends;
use super::handle::Access;
use super::{Change, Fs, FsError, Opened, Result, object};
use crate::cache::{Origin, SMALL};
use crate::inode::{Inode, State};
use crate::meta::Kind;
use crate::store::{ErrorKind, GetRequest, ObjectInfo};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A file up to this size comes whole with its open.
const WHOLE: u64 = 1 << 20;
/// After a LOOKUP that asked, the OPEN that follows it within this time need not ask again.
const REVALIDATED: Duration = Duration::from_secs(2);
/// The kernel sends the RELEASE of a file before its close(2) comes back, but an OPEN that it sends after that may overtake it on
/// another of our threads: by less than this.
const OVERTAKES: Duration = Duration::from_millis(200);

impl Fs {
    /// Opens a file with open(2) flags. `clear_suid`: truncating takes set-user-id and set-group-id away, because the
    /// caller may not keep them.
    pub async fn open(self: &Arc<Self>, ino: u64, flags: i32, clear_suid: bool) -> Result<Opened> {
        let (want, truncates) = (Access::of(flags), flags & libc::O_TRUNC != 0);
        if want.write || truncates {
            self.writable()?;
        }
        // The kernel refuses to write to a program that runs before it asks here, but for this one way: with
        // FUSE_ATOMIC_O_TRUNC it looks only after the answer, when the file would be empty.
        if truncates && !want.write && !overtaken(|| !self.handles.is_running(ino)).await {
            return Err(FsError::running());
        }
        let inode = self.inode(ino)?;
        // What was refused is dropped when it is closed.
        overtaken(|| !inode.state().refused).await;
        let (local, is_dir, looked_first) = {
            let mut state = inode.state();
            if std::mem::take(&mut state.reverted) {
                return Err(FsError::stale());
            }
            let local = state.unlinked || state.draft.is_some() || state.object.is_none();
            let looked_first = std::mem::take(&mut state.looked_first);
            (local, state.is_dir(), state.walked.map(|_| false).or(looked_first.then_some(true)))
        };
        if is_dir {
            return Err(FsError::is_dir());
        }
        self.note_opened(ino, looked_first);
        {
            // With the gate held, a rename over this file or its removal comes either before this open (then the kernel
            // looks the name up again) or after it (then its bytes are kept for this handle).
            let gate = if local { None } else { Some(inode.gate.read().await) };
            {
                let mut state = inode.state();
                // Of a file without a name only open handles keep the bytes. Where another client took the name, the open
                // means what stands there now.
                if state.superseded || state.unlinked && state.opens == 0 && !self.take_back(&mut state) {
                    return Err(FsError::stale());
                }
            }
            if gate.is_some() && !truncates {
                self.revalidate(&inode, want.read).await?;
            }
            let mut state = inode.state();
            state.opens += 1;
            state.writers += u32::from(want.write);
            if want.write {
                let goes_on = state.opens > 1 || flags & libc::O_APPEND != 0;
                state.appends = appends(flags, state.appends.filter(|_| goes_on));
            }
        }
        if truncates {
            if let Err(error) = self.truncate(&inode, 0).await {
                self.closed(&inode, want.write);
                return Err(error);
            }
            if clear_suid {
                self.change_attrs(&inode, &Change { clear_suid, ..Change::default() });
            }
        }
        let keep_cache = {
            let mut state = inode.state();
            let id = state.object.as_ref().map(|object| object.id.clone());
            let keep = state.pages.is_some() && state.pages == id || state.draft.is_some() && state.opens > 1;
            if !keep {
                state.pages = id;
            }
            keep
        };
        Ok(Opened { fh: self.handles.add(inode, want), keep_cache })
    }

    /// The directory learns that what is looked up in it is also opened.
    fn note_opened(&self, ino: u64, looked_first: Option<bool>) {
        if let Some((parent, _)) = self.table.place(ino)
            && let Some(dir) = self.table.get(parent)
            && let Some(known) = dir.state().dir.as_mut()
        {
            known.walks.reading.opened(looked_first);
        }
    }

    /// Makes sure that the inode is what the service has now. The question carries the first bytes back, so that open
    /// and first read are one round trip, unless the bytes are here already.
    async fn revalidate(self: &Arc<Self>, inode: &Arc<Inode>, read: bool) -> Result<()> {
        let (known, size, pages, cold, walked) = {
            let mut state = inode.state();
            let walked = state.walked.take().is_some_and(|at| at.elapsed() < REVALIDATED);
            if state.revalidated.take().is_some_and(|at| at.elapsed() < REVALIDATED) {
                return Ok(());
            }
            let Some(object) = state.object.clone() else { return Ok(()) };
            let pages = state.pages.as_ref() == Some(&object.id);
            (object.clone(), object.size, pages, object.cold, walked)
        };
        if cold && read {
            tracing::warn!(
                path = self.table.path(inode.ino),
                "in a cold storage class and not restored: it cannot be read"
            );
            return Err(FsError::Errno(libc::EACCES, "in a cold storage class and not restored"));
        }
        let key = match self.key(inode.ino, false) {
            Ok(key) => key,
            // The name went away meanwhile; the kernel looks again.
            Err(_) => return Err(FsError::stale()),
        };
        let asked = Instant::now();
        let here = pages || self.fetch.cache().has(&known.id, 0);
        // Its lookup has just asked. Bytes that are to be read are fetched all the same: they are this version's for as long
        // as the file is open.
        if walked && (!read || here || size == 0) {
            return Ok(());
        }
        let info = if !read || here || size == 0 || inode.state().attrs.kind != Kind::File {
            self.store.head(&key).await
        } else {
            let range = Some(0..if size <= WHOLE { WHOLE } else { SMALL });
            match self.store.get(&key, GetRequest { range, ..GetRequest::default() }).await {
                Ok(body) => {
                    let info = body.info.clone();
                    let id = if info.etag == known.etag { known.id.clone() } else { self.identity(&key, &info.etag) };
                    let origin = Origin { id, key: key.clone(), etag: info.etag.clone(), size: info.size };
                    self.fetch.adopt(&origin, body);
                    Ok(info)
                }
                // An empty object has no range.
                Err(error) if error.kind == ErrorKind::BadRange => self.store.head(&key).await,
                Err(error) => Err(error),
            }
        };
        let info = match info {
            Ok(info) => info,
            // Gone: the kernel's dentry is old. ESTALE makes it look the name up again and find ENOENT itself.
            Err(error) if error.is_not_found() => {
                let mut state = inode.state();
                if !state.is_dirty() {
                    state.asked = None;
                }
                return Err(FsError::stale());
            }
            Err(error) => return Err(error.into()),
        };
        let mut state = inode.state();
        if state.draft.is_some() || state.asked.is_some_and(|at| at > asked) {
            return Ok(());
        }
        let same = state.object.as_ref().is_some_and(|o| o.etag == info.etag && o.size == info.size);
        if same {
            self.refresh(&mut state, &key, &info, asked);
            return Ok(());
        }
        if state.opens > 0 {
            // Other handles keep the old version; the name is to be looked up anew and gets a new number.
            state.asked = None;
        } else {
            self.refresh(&mut state, &key, &info, asked);
            state.size = info.size;
            state.target = None;
            state.revalidated = Some(Instant::now());
        }
        // The kernel's size is the old one; it would read and append by it. ESTALE sends it back to LOOKUP.
        Err(FsError::stale())
    }

    fn refresh(&self, state: &mut State, key: &str, info: &ObjectInfo, asked: Instant) {
        let (mut attrs, xattrs) = self.decode(info, false);
        if self.wants_owner(info) {
            // Not told here, and known from before.
            (attrs.uid, attrs.gid) = (state.attrs.uid, state.attrs.gid);
        }
        if attrs.kind == state.attrs.kind && !state.meta_dirty() {
            state.attrs = attrs;
            state.xattrs = Arc::new(xattrs);
        }
        let mut now = object(&self.bucket, key, info);
        if let Some(was) = &state.object
            && was.etag == now.etag
        {
            now.id = was.id.clone();
            if was.modified == now.modified || whole(was.modified) == whole(now.modified) {
                now.acl = was.acl.clone();
                now.listed = was.listed;
            }
        }
        state.object = Some(Arc::new(now));
        state.knowledge = crate::inode::Knowledge::Full;
        state.asked = Some(asked);
    }

    /// Closes a handle. What a failed or missing flush left is stored in the background.
    pub fn release(self: &Arc<Self>, fh: u64) {
        if let Some(handle) = self.handles.remove(fh) {
            self.closed(&handle.inode, handle.access.write);
        }
    }

    fn closed(self: &Arc<Self>, inode: &Arc<Inode>, write: bool) {
        let (last, written, refused, unlinked) = {
            let mut state = inode.state();
            state.opens = state.opens.saturating_sub(1);
            state.writers = state.writers.saturating_sub(u32::from(write));
            let last = state.opens == 0;
            // Without an object the draft holds the only copy: the file is just losing its name.
            if last && !state.is_dirty() && state.object.is_some() {
                state.draft = None;
            }
            (last, state.is_dirty() && state.writers == 0, state.refused, state.unlinked)
        };
        if last && unlinked {
            self.bury(inode);
        } else if written && refused && !unlinked {
            self.discard(inode);
        } else if written {
            self.store_later(inode);
        }
    }
}

/// Waits for what a RELEASE does that this OPEN may have overtaken. Whether it is done.
async fn overtaken(done: impl Fn() -> bool) -> bool {
    let begun = Instant::now();
    while !done() {
        if begun.elapsed() > OVERTAKES {
            return false;
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    true
}

fn whole(time: std::time::SystemTime) -> u64 {
    time.duration_since(std::time::UNIX_EPOCH).map_or(0, |since| since.as_secs())
}
