//! `user.osiris.*`, set and removed: access control lists, the policy of a bucket, the type of an object.

use super::acl_text::{parse_grantee, parse_list, parse_permissions, with_grantee, with_owner};
use super::{Fs, FsError, Result};
use crate::inode::Inode;
use crate::store::{Acl, ErrorKind, Grant, Grantee, StoreError};
use std::sync::Arc;

/// Lists that have a name, which the service makes itself.
const CANNED: [&str; 6] = [
    "private",
    "public-read",
    "public-read-write",
    "authenticated-read",
    "bucket-owner-read",
    "bucket-owner-full-control",
];
/// Longest Content-Type.
const TYPE_MAX: usize = 255;

impl Fs {
    /// Sets one fact by the name after `user.osiris.`. What cannot be set may be set to the value that it has, so that
    /// restoring attributes works.
    pub(super) async fn set_fact(self: &Arc<Self>, inode: &Arc<Inode>, fact: &str, value: &[u8]) -> Result<()> {
        match fact {
            "acl" => {
                let grants = parse_list(value)?;
                self.change_acl(inode, |acl| Acl { owner: acl.owner.clone(), grants: grants.clone() }).await
            }
            "acl.canned" => self.set_canned(inode, value).await,
            "content-type" => self.set_type(inode, value).await,
            "policy" if self.is_bucket(inode) => self.set_policy(value).await,
            _ => match fact.strip_prefix("acl.") {
                Some(grantee) => {
                    let (grantee, permissions) = (parse_grantee(grantee)?, parse_permissions(value)?);
                    self.change_acl(inode, |acl| with_grantee(acl, &grantee, &permissions)).await
                }
                None => {
                    let same = self.fact(inode, fact).await.is_ok_and(|now| now == value);
                    if same { Ok(()) } else { Err(FsError::not_permitted()) }
                }
            },
        }
    }

    /// Takes a grantee off the list. Nothing else can be removed; a policy goes when it is set to nothing.
    pub(super) async fn remove_fact(self: &Arc<Self>, inode: &Arc<Inode>, fact: &str) -> Result<()> {
        let grantee = match fact.strip_prefix("acl.") {
            Some(grantee) if grantee != "canned" => parse_grantee(grantee).map_err(|_| FsError::no_xattr())?,
            _ => return Err(FsError::not_permitted()),
        };
        let acl = self.acl_of(inode).await?;
        if grantee == Grantee::Id(acl.owner.clone()) {
            return Err(FsError::not_permitted());
        }
        if !acl.grants.iter().any(|grant| grant.grantee == grantee) {
            return Err(FsError::no_xattr());
        }
        self.change_acl(inode, |acl| with_grantee(acl, &grantee, &[])).await
    }

    /// Changes the list that is there now.
    async fn change_acl(self: &Arc<Self>, inode: &Arc<Inode>, change: impl Fn(&Acl) -> Acl) -> Result<()> {
        if self.is_bucket(inode) {
            self.forget_facts();
            let acl = with_owner(change(&*self.acl_of(inode).await?));
            let stored = self.store.put_bucket_acl(&acl).await;
            self.forget_facts();
            return stored.map_err(|error| self.refused(inode, &acl.grants, error));
        }
        let _tree = self.tree.read().await;
        let _gate = inode.gate.write().await;
        self.make_object(inode).await?;
        let acl = Arc::new(with_owner(change(&*self.acl_of(inode).await?)));
        let stored = self.store.put_acl(&self.key_of(inode)?, &acl).await;
        stored.map_err(|error| self.refused(inode, &acl.grants, error))?;
        self.moved_in_time(inode, Some(acl));
        Ok(())
    }

    async fn set_canned(self: &Arc<Self>, inode: &Arc<Inode>, value: &[u8]) -> Result<()> {
        let name = std::str::from_utf8(value).map_err(|_| FsError::invalid())?.trim_end_matches(['\n', '\0']);
        let bucket = self.is_bucket(inode);
        // Of a bucket RGW makes a grant to a user with an empty id of them.
        if !CANNED.contains(&name) || bucket && name.starts_with("bucket-owner-") {
            return Err(FsError::invalid());
        }
        if bucket {
            self.forget_facts();
            let stored = self.store.put_canned_bucket_acl(name).await;
            self.forget_facts();
            return Ok(stored?);
        }
        let _tree = self.tree.read().await;
        let _gate = inode.gate.write().await;
        self.make_object(inode).await?;
        self.store.put_canned_acl(&self.key_of(inode)?, name).await?;
        self.moved_in_time(inode, None);
        Ok(())
    }

    async fn set_policy(&self, value: &[u8]) -> Result<()> {
        let text = std::str::from_utf8(value).map_err(|_| FsError::invalid())?.trim_end_matches('\0');
        let stored =
            if text.trim().is_empty() { self.store.delete_policy().await } else { self.store.put_policy(text).await };
        self.forget_facts();
        stored.map_err(|error| match error.kind {
            ErrorKind::BadRequest => {
                tracing::warn!(bucket = &*self.bucket, %error, "the service does not take this policy");
                FsError::invalid()
            }
            _ => error.into(),
        })
    }

    /// Content-Type, stored at once.
    async fn set_type(self: &Arc<Self>, inode: &Arc<Inode>, value: &[u8]) -> Result<()> {
        let text = std::str::from_utf8(value).map_err(|_| FsError::invalid())?.trim_end_matches(['\n', '\0']);
        let plain = text.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic());
        if text.trim().is_empty() || !plain || text.len() > TYPE_MAX {
            return Err(FsError::invalid());
        }
        let _tree = self.tree.read().await;
        let _gate = inode.gate.write().await;
        self.make_object(inode).await?;
        let before = {
            let mut state = inode.state();
            state.new_type = Some(text.trim().into());
            let before = state.meta_stored;
            state.touch_meta();
            before
        };
        let stored = self.commit_meta(inode).await;
        let mut state = inode.state();
        state.new_type = None;
        if stored.is_err() && before == state.meta_stored && state.meta_changes == before + 1 {
            // Nothing else waits to be stored.
            state.meta_stored = state.meta_changes;
        }
        stored
    }

    /// Has an object stored for an inode that has none yet. The caller holds the tree and the gate.
    async fn make_object(self: &Arc<Self>, inode: &Arc<Inode>) -> Result<()> {
        {
            let mut state = inode.state();
            if state.unlinked {
                return Err(FsError::stale());
            }
            if state.is_dir() && state.object.is_none() {
                // A directory without marker has nothing that a list could belong to.
                state.touch_meta();
            }
        }
        self.commit_gated(inode).await
    }

    /// A change of the list moves Last-Modified: what a listing said before proves nothing any more.
    fn moved_in_time(&self, inode: &Inode, acl: Option<Arc<Acl>>) {
        let mut state = inode.state();
        if let Some(object) = &state.object {
            let mut object = crate::inode::Object::clone(object);
            object.listed = None;
            object.acl = acl.map(Some);
            state.object = Some(Arc::new(object));
        }
    }

    /// A list that the service did not take.
    fn refused(&self, inode: &Inode, grants: &[Grant], error: StoreError) -> FsError {
        match error.kind {
            ErrorKind::UnknownGrantee => {
                let ids: Vec<&str> = grants
                    .iter()
                    .filter_map(|grant| if let Grantee::Id(id) = &grant.grantee { Some(id.as_str()) } else { None })
                    .collect();
                tracing::warn!(
                    path = self.table.path(inode.ino),
                    ?ids,
                    "the service does not know one of these users; \
                    it knows a user from the first login on"
                );
                error.into()
            }
            ErrorKind::BadRequest if error.code == "LimitExceeded" => {
                FsError::Errno(libc::E2BIG, "more grants than the service takes")
            }
            ErrorKind::BadRequest => {
                tracing::warn!(path = self.table.path(inode.ino), %error, "the service does not take this list");
                FsError::invalid()
            }
            _ => error.into(),
        }
    }
}
