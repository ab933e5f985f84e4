//! Creating over a name that is believed to be absent.
//!
//! Another client may have made the file since the directory was listed, and an open that truncates must then replace
//! that file, with its attributes, and not come into conflict with it. The answer is needed only if the service refuses the
//! PUT because something is there, and a file that is closed at once is stored by then: its PUT is the question. So the
//! HEAD goes out only for a file that stays open for longer than [`SOON`], and a new file costs one request.

use super::{Fs, Result, base_of, object};
use crate::inode::{Inode, Look};
use crate::meta::Kind;
use crate::names::Name;
use crate::store::Condition;
use futures::future::FutureExt;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A file that its program closes within this time is stored, or refused, without a HEAD. Two clients that make the same
/// file within it come too close for either to know who was first.
const SOON: Duration = Duration::from_millis(5);

/// A lookup whose answer came so long ago belongs to the same open(2).
const JUST_ASKED: Duration = Duration::from_millis(50);
/// An answer that took longer is too old.
const LONGEST_WAY: Duration = Duration::from_millis(500);

impl Fs {
    /// Notes that a lookup has asked for a name and found nothing, unless the answer is old: it `took` too long to come.
    pub(super) fn note_absent(&self, parent: u64, name: &Name, took: Duration) {
        if let Some(dir) = self.table.get(parent)
            && let Some(known) = dir.state().dir.as_mut()
        {
            known.found_absent.retain(|(absent, at)| absent != name && at.elapsed() < JUST_ASKED);
            if took <= LONGEST_WAY {
                known.found_absent.push((name.clone(), Instant::now()));
            }
        }
    }

    /// The inode of a name that is about to be made. What the lookup of the same system call has found absent is not asked for
    /// once more.
    pub(super) async fn resolve_new(self: &Arc<Self>, parent: u64, name: &Name) -> Result<Option<Arc<Inode>>> {
        if self.just_absent(parent, name) { Ok(None) } else { self.resolve(parent, name).await }
    }

    fn just_absent(&self, parent: u64, name: &Name) -> bool {
        if self.table.child(parent, name).is_some() {
            return false;
        }
        let Some(dir) = self.table.get(parent) else { return false };
        let state = dir.state();
        let Some(known) = state.dir.as_ref().filter(|known| !known.local.contains_key(name)) else { return false };
        known.found_absent.iter().any(|(absent, at)| absent == name && at.elapsed() < JUST_ASKED)
    }

    /// Asks what stands under a name that memory believes absent; `None` if the lookup of this very open has asked.
    pub(super) fn look_again(self: &Arc<Self>, parent: u64, name: &Name) -> Result<Option<Look>> {
        if self.just_absent(parent, name) {
            return Ok(None);
        }
        let (fs, key) = (self.clone(), self.file_key(parent, name)?);
        // Sent when first waited for.
        Ok(Some(async move { fs.start_look(&key, false, None).await }.boxed().shared()))
    }

    /// Sends the question about a new file if it is not being stored soon.
    pub(super) fn look_soon(self: &Arc<Self>, inode: &Arc<Inode>) {
        if inode.state().unseen.is_none() {
            return;
        }
        let inode = inode.clone();
        tokio::spawn(async move {
            tokio::time::sleep(SOON).await;
            // A commit holds the gate, and asks by its PUT or by itself.
            let Ok(_gate) = inode.gate.try_read() else { return };
            let look = inode.state().unseen.clone();
            if let Some(look) = look {
                tokio::spawn(look);
            }
        });
    }

    /// Whether a commit under this condition may go ahead of the answer: the service refuses it if something is there.
    pub(super) async fn may_precede_answer(&self, inode: &Inode, condition: &Condition, one_put: bool) -> Result<bool> {
        if inode.state().unseen.is_none() {
            return Ok(true);
        }
        Ok(one_put && *condition == Condition::Absent && self.store.quirks().await?.exclusive_put)
    }

    /// Takes the answer in. True: a file was there when this one was created; it is what the draft replaces.
    pub(super) async fn settle_unseen(self: &Arc<Self>, inode: &Inode) -> Result<bool> {
        let Some(look) = inode.state().unseen.clone() else { return Ok(false) };
        let answer = look.await;
        let key = self.key(inode.ino, false)?;
        let mut state = inode.state();
        if state.unseen.is_none() {
            return Ok(state.object.is_some());
        }
        let seen = match answer {
            Ok(seen) => seen,
            Err(error) if error.is_not_found() => {
                state.unseen = None;
                return Ok(false);
            }
            Err(error) => {
                state.unseen = Some(self.start_look(&key, false, None));
                return Err(error.into());
            }
        };
        state.unseen = None;
        if seen.attrs.kind != Kind::File || state.object.is_some() {
            return Ok(false);
        }
        let found = object(&self.bucket, &key, &seen.info);
        if !state.meta_dirty() {
            state.attrs.mode = seen.attrs.mode;
            (state.attrs.uid, state.attrs.gid) = (seen.attrs.uid, seen.attrs.gid);
            state.xattrs = Arc::new(seen.xattrs.clone());
        }
        if let Some(draft) = state.draft.as_mut() {
            draft.base = Some(base_of(&found));
        }
        state.object = Some(Arc::new(found));
        Ok(true)
    }
}
