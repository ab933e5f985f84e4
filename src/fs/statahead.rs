//! HEADs that are shared and HEADs that are sent early.
//!
//! A listing carries no modes and no link types, so `ls -l` of objects not seen before needs a HEAD for each. A program
//! that looks names up in the order of the listing gets them fetched ahead, many at a time; plain `ls` sends none.

use super::{Fs, Result, WIDE};
use crate::inode::{DirState, Listed, Listing, Seen};
use crate::store::StoreError;
use crate::sync::{LEAF, Ranked};
use futures::future::{BoxFuture, FutureExt, Shared};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

type Head = Shared<BoxFuture<'static, std::result::Result<Arc<Seen>, StoreError>>>;

/// HEADs in flight, by key.
#[derive(Default)]
pub(super) struct Heads {
    flying: Ranked<LEAF, HashMap<String, Head>>,
}

/// Largest number of HEADs in flight ahead of one program.
const WINDOW: usize = 4 * WIDE;

impl Fs {
    /// HEAD of a file's or a marker's key. Callers at the same time share one request.
    pub(super) async fn head(self: &Arc<Self>, key: &str) -> Result<Arc<Seen>> {
        Ok(self.start_head(key).await?)
    }

    fn start_head(self: &Arc<Self>, key: &str) -> Head {
        let mut flying = self.heads.flying.lock();
        if let Some(head) = flying.get(key) {
            return head.clone();
        }
        let (fs, owned) = (self.clone(), key.to_string());
        let head = async move {
            let asked = Instant::now();
            let answer = fs.store.head(&owned).await;
            fs.heads.flying.lock().remove(&owned);
            let mut info = answer?;
            if fs.wants_owner(&info) {
                info.owner = fs.store.owner_of(&owned).await?;
            }
            let (attrs, xattrs) = fs.decode(&info, owned.ends_with('/'));
            Ok(Arc::new(Seen { asked, info, attrs, xattrs }))
        }
        .boxed()
        .shared();
        flying.insert(key.to_string(), head.clone());
        drop(flying);
        // Driven to its end even if the caller is interrupted.
        tokio::spawn(head.clone());
        head
    }

    /// Notes that entry `index` was looked up, and sends HEADs for those that a program walking the listing will look
    /// up next.
    pub(super) fn stat_ahead(
        self: &Arc<Self>,
        dir_key: &str,
        dir: &mut DirState,
        listing: &Arc<Listing>,
        index: usize,
    ) {
        let ahead = &mut dir.ahead;
        let in_step = index >= ahead.next && index <= ahead.next + 8;
        ahead.window = if in_step { (ahead.window * 2).clamp(4, WINDOW) } else { 0 };
        ahead.next = index + 1;
        let from = ahead.fetched.clamp(index + 1, index + 1 + ahead.window);
        // Refill when half of the window is used up, so that requests go out in batches.
        if ahead.window == 0 || from > index + 1 + ahead.window / 2 {
            return;
        }
        let to = (index + 1 + ahead.window).min(listing.entries.len());
        ahead.fetched = to.max(ahead.fetched);
        for at in from..to {
            let entry = &listing.entries[at];
            if entry.seen.get().is_some() {
                continue;
            }
            let slash = if matches!(entry.what, Listed::Dir) { "/" } else { "" };
            let head = self.start_head(&format!("{dir_key}{}{slash}", entry.name));
            let listing = listing.clone();
            tokio::spawn(async move {
                let seen = match head.await {
                    Ok(seen) => Some(seen),
                    Err(error) if error.is_not_found() && slash == "/" => None,
                    Err(_) => return,
                };
                let _ = listing.entries[at].seen.set(seen);
            });
        }
    }
}
