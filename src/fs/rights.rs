//! What this user may do in the bucket, and what the bucket's owner gets of what he writes.

use super::acl_text::FULL_CONTROL;
use super::{Fs, FsError, Result};
use crate::store::{Acl, Grant, Grantee};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A bucket that may not be written is asked again after this time, if somebody looks at it.
const AGAIN: Duration = Duration::from_secs(3);
/// The name of the attribute of a bucket's root that has new objects inherit the bucket's list.
pub(super) const INHERIT: &str = "user.osiris.inherit-acl";

/// What is known of the rights in a bucket.
#[derive(Debug)]
pub(super) struct Rights {
    /// Objects may be written.
    pub(super) write: bool,
    pub(super) asked: Instant,
    /// Somebody has seen that nothing may be written, or was refused a write.
    doubted: bool,
}

impl Rights {
    pub(super) fn new(write: bool) -> Rights {
        Rights { write, asked: Instant::now(), doubted: false }
    }
}

impl Fs {
    /// The mode as the user's rights make it: a bucket that may only be read has no write bits.
    pub(super) fn honest(&self, mode: u32) -> u32 {
        if self.own {
            return mode;
        }
        let mut rights = self.rights.lock();
        if rights.write {
            return mode;
        }
        rights.doubted = true;
        mode & !0o222
    }

    /// EROFS in a mount that is read-only, EACCES in a bucket that is.
    pub(super) fn writable(&self) -> Result<()> {
        if self.options.read_only {
            return Err(FsError::read_only());
        }
        let mut rights = self.rights.lock();
        if rights.write {
            return Ok(());
        }
        rights.doubted = true;
        Err(FsError::Errno(libc::EACCES, "this user may only read the bucket"))
    }

    /// A write was refused: the right to write may have been taken away.
    pub(super) fn doubt_rights(&self) {
        if !self.own {
            self.rights.lock().doubted = true;
        }
    }

    /// Asks again what the user may do, if there is a reason to. Called now and then.
    pub(super) fn review_rights(self: &Arc<Self>) {
        if self.own || self.options.read_only {
            return;
        }
        {
            let mut rights = self.rights.lock();
            if !rights.doubted || rights.asked.elapsed() < AGAIN {
                return;
            }
            rights.asked = Instant::now();
            rights.doubted = false;
        }
        let fs = self.clone();
        tokio::spawn(async move {
            let Ok(write) = fs.store.may_write().await else { return };
            let was = std::mem::replace(&mut fs.rights.lock().write, write);
            if was != write {
                tracing::info!(bucket = &*fs.bucket, write, "what this user may do in the bucket has changed");
            }
        });
    }

    /// The grants of a new object: in a bucket of one's own none (the object is private); in somebody else's its owner
    /// gets full control, or he could not even read it; with `inherit-acl` also whom the bucket's list names.
    pub(super) async fn new_grants(&self) -> Result<Vec<Grant>> {
        if self.inherits()
            && let Some(me) = &self.user
        {
            match self.bucket_acl().await? {
                Some(acl) => return Ok(inherited(&acl, me)),
                None => self.warn_once_of_list(),
            }
        }
        Ok(self.default_grants())
    }

    /// The grants of an object that has no list worth keeping.
    pub(super) fn default_grants(&self) -> Vec<Grant> {
        if self.own {
            return Vec::new();
        }
        vec![Grant { grantee: Grantee::BucketOwner, permission: FULL_CONTROL.to_owned() }]
    }

    fn inherits(&self) -> bool {
        self.options.inherit_acl || self.root.state().xattrs.get(INHERIT).is_some_and(|value| value == b"1")
    }

    fn warn_once_of_list(&self) {
        if !self.warned.swap(true, std::sync::atomic::Ordering::Relaxed) {
            tracing::warn!(
                bucket = &*self.bucket,
                "the bucket's list may not be read, so new objects cannot inherit it"
            );
        }
    }

    /// An ACL as grants to send with a write over its object. The writer and the object's owner are always among them:
    /// RGW takes the list as it is, and who has no grant cannot read, be it the owner.
    pub(super) fn grants_of(&self, acl: &Acl) -> Vec<Grant> {
        let writer = self.user.as_deref();
        // Private, and the same user's afterwards.
        if acl.is_private() && writer.map_or(self.own, |me| me == acl.owner) {
            return Vec::new();
        }
        let Some(me) = writer else {
            // A key pair does not tell whose it is, and a list without the writer would lock him out.
            return if self.own { with_full(acl.grants.clone(), [acl.owner.as_str()]) } else { self.default_grants() };
        };
        with_full(acl.grants.clone(), [acl.owner.as_str(), me])
    }
}

fn with_full<'a>(mut grants: Vec<Grant>, users: impl IntoIterator<Item = &'a str>) -> Vec<Grant> {
    for user in users {
        let full = Grant { grantee: Grantee::Id(user.to_owned()), permission: FULL_CONTROL.to_owned() };
        if !grants.contains(&full) {
            grants.push(full);
        }
    }
    grants
}

/// What a new object takes from its bucket's list. WRITE means nothing on an object.
fn inherited(bucket: &Acl, me: &str) -> Vec<Grant> {
    let grants = bucket.grants.iter().filter(|grant| grant.permission != "WRITE").cloned().collect();
    let grants = with_full(grants, [bucket.owner.as_str(), me]);
    // The owner alone is what a write without grants makes.
    if grants.len() == 1 { Vec::new() } else { grants }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grant(who: &str, what: &str) -> Grant {
        Grant { grantee: Grantee::Id(who.into()), permission: what.into() }
    }

    #[test]
    fn objects_inherit_what_means_something_on_them() {
        let owner = grant("alice_um", FULL_CONTROL);
        let acl = |grants: &[Grant]| Acl { owner: "alice_um".into(), grants: grants.to_vec() };
        assert_eq!(inherited(&acl(std::slice::from_ref(&owner)), "alice_um"), []);
        let shared = acl(&[owner.clone(), grant("bob_wsu", "READ"), grant("bob_wsu", "WRITE")]);
        assert_eq!(inherited(&shared, "alice_um"), [owner.clone(), grant("bob_wsu", "READ")]);
        let his = inherited(&shared, "bob_wsu");
        assert_eq!(his, [owner, grant("bob_wsu", "READ"), grant("bob_wsu", FULL_CONTROL)]);
    }
}
