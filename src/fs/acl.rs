//! `user.osiris.*`: what the service says of an object and of its bucket, read by name.

use super::acl_text::{granted, list_text, parse_grantee};
use super::{Fs, FsError, Result};
use crate::inode::{Inode, Object, ROOT};
use crate::store::{Acl, ErrorKind};
use std::sync::Arc;
use std::time::Instant;

/// Names that a bucket's root lists, of those that can be read.
const LISTED: [&str; 4] = ["acl", "bucket", "owner", "policy"];

/// What was asked of the bucket itself, and when.
#[derive(Default)]
pub(super) struct BucketFacts {
    /// `None`: it may not be read.
    acl: Option<(Instant, Option<Arc<Acl>>)>,
    /// Outer `None`: it may not be read; empty: there is none.
    policy: Option<(Instant, Option<Arc<str>>)>,
}

impl Fs {
    /// Whether this inode stands for the bucket itself.
    pub(super) fn is_bucket(&self, inode: &Inode) -> bool {
        inode.ino == ROOT && self.options.prefix.is_empty()
    }

    /// One fact by the name after `user.osiris.`. ENODATA if there is none.
    pub(super) async fn fact(self: &Arc<Self>, inode: &Arc<Inode>, fact: &str) -> Result<Vec<u8>> {
        let object = inode.state().object.clone();
        let bucket = self.is_bucket(inode);
        let text = match fact {
            "bucket" => Some(self.bucket.to_string()),
            "key" if bucket => Some(String::new()),
            "key" => Some(self.key_of(inode)?),
            "etag" => object.map(|object| object.etag.as_str().to_string()),
            "content-type" | "storage-class" => {
                let headers = self.known_object(inode).await?.and_then(|object| object.headers.clone());
                headers.and_then(|headers| match fact {
                    "content-type" => headers.content_type.clone(),
                    _ => headers.storage_class.clone(),
                })
            }
            "owner" => Some(self.acl_of(inode).await?.owner.clone()),
            "acl" => Some(list_text(&*self.acl_of(inode).await?)),
            "policy" if bucket => Some(self.bucket_policy().await?.ok_or(denied())?.to_string()),
            _ => match fact.strip_prefix("acl.") {
                Some(grantee) if grantee != "canned" => {
                    let grantee = parse_grantee(grantee).map_err(|_| FsError::no_xattr())?;
                    granted(&*self.acl_of(inode).await?, &grantee)
                }
                _ => None,
            },
        };
        text.map(String::into_bytes).ok_or(FsError::no_xattr())
    }

    /// Names to list: on a bucket's root those that can be read, elsewhere none.
    pub(super) async fn listed_facts(self: &Arc<Self>, inode: &Inode) -> Vec<String> {
        if !self.is_bucket(inode) {
            return Vec::new();
        }
        let (acl, policy) = futures::join!(self.bucket_acl(), self.bucket_policy());
        let readable = |fact: &&&str| match **fact {
            "acl" | "owner" => matches!(acl, Ok(Some(_))),
            "policy" => matches!(&policy, Ok(Some(policy)) if !policy.is_empty()),
            _ => true,
        };
        LISTED.iter().filter(readable).map(|fact| format!("{}{fact}", super::xattr::VIRTUAL)).collect()
    }

    /// The key of the inode's object.
    pub(super) fn key_of(&self, inode: &Inode) -> Result<String> {
        let is_dir = inode.state().is_dir();
        self.key(inode.ino, is_dir)
    }

    /// The list of the bucket, if this is its root, else of the object. ENODATA for what has no object.
    pub(super) async fn acl_of(self: &Arc<Self>, inode: &Arc<Inode>) -> Result<Arc<Acl>> {
        if self.is_bucket(inode) {
            return self.bucket_acl().await?.ok_or(denied());
        }
        if inode.state().object.is_none() {
            return Err(FsError::no_xattr());
        }
        let acl = Arc::new(self.store.get_acl(&self.key_of(inode)?).await?);
        self.note_acl(inode, &acl);
        Ok(acl)
    }

    /// The next write over the object carries this list.
    pub(super) fn note_acl(&self, inode: &Inode, acl: &Arc<Acl>) {
        let mut state = inode.state();
        if let Some(object) = &state.object {
            let mut object = Object::clone(object);
            object.acl = Some(Some(acl.clone()));
            state.object = Some(Arc::new(object));
        }
    }

    /// The bucket's own list, as old as names may be; `None`: it may not be read.
    pub(super) async fn bucket_acl(&self) -> Result<Option<Arc<Acl>>> {
        let known = self.facts.lock().acl.clone();
        if let Some((asked, acl)) = known
            && !self.ttl(Some(asked)).is_zero()
        {
            return Ok(acl);
        }
        let asked = Instant::now();
        let acl = match self.store.get_bucket_acl().await {
            Ok(acl) => Some(Arc::new(acl)),
            Err(error) if error.kind == ErrorKind::Denied => None,
            Err(error) => return Err(error.into()),
        };
        self.facts.lock().acl = Some((asked, acl.clone()));
        Ok(acl)
    }

    /// The bucket's policy, empty if there is none; `None`: it may not be read.
    async fn bucket_policy(&self) -> Result<Option<Arc<str>>> {
        let known = self.facts.lock().policy.clone();
        if let Some((asked, policy)) = known
            && !self.ttl(Some(asked)).is_zero()
        {
            return Ok(policy);
        }
        let asked = Instant::now();
        let policy = match self.store.get_policy().await {
            Ok(policy) => Some(policy.unwrap_or_default().into()),
            Err(error) if error.kind == ErrorKind::Denied => None,
            Err(error) => return Err(error.into()),
        };
        self.facts.lock().policy = Some((asked, policy.clone()));
        Ok(policy)
    }

    /// What was known of the bucket has changed.
    pub(super) fn forget_facts(&self) {
        *self.facts.lock() = BucketFacts::default();
    }
}

pub(super) fn denied() -> FsError {
    FsError::Errno(libc::EACCES, "the service does not let this user see it")
}
