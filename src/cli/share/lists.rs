//! Sharing by access control lists: the bucket's, and that of each object.

use crate::cli::progress::Progress;
use crate::store::{Acl, ErrorKind, Grant, Grantee, ListRequest, Result, Store, StoreError};
use futures::stream::StreamExt;

/// Objects that are worked on at the same time.
const ABREAST: usize = 32;

/// How the walk over all objects ended.
#[derive(Debug, Default)]
pub struct Walked {
    pub objects: usize,
    pub changed: usize,
    /// Objects of others, whose lists the owner of the bucket may not change.
    pub refused: Vec<(String, StoreError)>,
}

/// The list with exactly these permissions for the user, and the owner's own; `None`: it is so already.
pub fn changed(acl: &Acl, user: &str, permissions: &[&str]) -> Option<Acl> {
    let grant = |who: &str, permission: &str| Grant { grantee: Grantee::Id(who.into()), permission: permission.into() };
    let mut grants = acl.grants.clone();
    // Full control, say of his own object, is not made less.
    let all = grants.contains(&grant(user, "FULL_CONTROL")) && !permissions.is_empty();
    if !all {
        grants.retain(|one| {
            one.grantee != Grantee::Id(user.to_owned()) || permissions.contains(&one.permission.as_str())
        });
        for permission in permissions {
            if !grants.contains(&grant(user, permission)) {
                grants.push(grant(user, permission));
            }
        }
    }
    if !grants.contains(&grant(&acl.owner, "FULL_CONTROL")) {
        grants.push(grant(&acl.owner, "FULL_CONTROL"));
    }
    (grants != acl.grants).then(|| Acl { owner: acl.owner.clone(), grants })
}

/// Whether the list gives the user these permissions, or full control.
pub fn gives(acl: &Acl, user: &str, permissions: &[&str]) -> bool {
    let has = |permission: &str| {
        acl.grants.iter().any(|grant| grant.grantee == Grantee::Id(user.to_owned()) && grant.permission == permission)
    };
    has("FULL_CONTROL") || permissions.iter().all(|permission| has(permission))
}

/// Gives the user these permissions, and no others, on every object below a prefix. What is so already costs one
/// question: the command can be broken off and repeated.
pub async fn walk(store: &Store, prefix: &str, user: &str, permissions: &[&str]) -> Result<Walked> {
    let mut walked = Walked::default();
    let mut progress = Progress::default();
    // Of a folder it is not known.
    let all = if prefix.is_empty() { store.head_bucket().await.ok().and_then(|info| info.objects) } else { None };
    let mut from = None;
    loop {
        let page = store.list(ListRequest { prefix: prefix.to_owned(), from, ..ListRequest::default() }).await?;
        let keys = page.objects.into_iter().map(|object| object.key);
        let mut each = futures::stream::iter(keys)
            .map(|key| async move { (one(store, &key, user, permissions).await, key) })
            .buffer_unordered(ABREAST);
        while let Some((result, key)) = each.next().await {
            walked.objects += 1;
            progress.done("objects", walked.objects as u64, all);
            match result {
                Ok(changed) => walked.changed += usize::from(changed),
                Err(error) if error.kind == ErrorKind::Denied => walked.refused.push((key, error)),
                // Removed meanwhile.
                Err(error) if error.is_not_found() => {}
                Err(error) => return Err(error),
            }
        }
        from = page.next;
        if from.is_none() {
            return Ok(walked);
        }
    }
}

async fn one(store: &Store, key: &str, user: &str, permissions: &[&str]) -> Result<bool> {
    let acl = store.get_acl(key).await?;
    // The user's own objects stay his.
    if acl.owner == user {
        return Ok(false);
    }
    match changed(&acl, user, permissions) {
        Some(acl) => store.put_acl(key, &acl).await.map(|()| true),
        None => Ok(false),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn acl(grants: &[(&str, &str)]) -> Acl {
        let grant =
            |(who, what): &(&str, &str)| Grant { grantee: Grantee::Id((*who).into()), permission: (*what).into() };
        Acl { owner: "alice_um".into(), grants: grants.iter().map(grant).collect() }
    }

    #[test]
    fn a_grant_is_added_once_and_removed_whole() {
        let private = acl(&[("alice_um", "FULL_CONTROL")]);
        let shared = changed(&private, "bob_wsu", &["READ"]).unwrap();
        assert_eq!(shared, acl(&[("alice_um", "FULL_CONTROL"), ("bob_wsu", "READ")]));
        assert_eq!(changed(&shared, "bob_wsu", &["READ"]), None);
        let more = changed(&shared, "bob_wsu", &["READ", "READ_ACP"]).unwrap();
        assert_eq!(more.grants.len(), 3);
        assert_eq!(changed(&more, "bob_wsu", &["READ"]), Some(shared.clone()));
        assert_eq!(changed(&more, "bob_wsu", &[]), Some(private.clone()));
        assert_eq!(changed(&private, "bob_wsu", &[]), None);
        let full = acl(&[("alice_um", "FULL_CONTROL"), ("bob_wsu", "FULL_CONTROL")]);
        assert_eq!(changed(&full, "bob_wsu", &["READ"]), None);
        assert_eq!(changed(&full, "bob_wsu", &[]), Some(private));
    }

    #[test]
    fn what_a_list_gives() {
        let list = acl(&[("alice_um", "FULL_CONTROL"), ("bob_wsu", "READ")]);
        assert!(gives(&list, "bob_wsu", &["READ"]) && gives(&list, "alice_um", &["READ", "WRITE"]));
        assert!(!gives(&list, "bob_wsu", &["READ", "WRITE"]) && !gives(&list, "carol_msu", &["READ"]));
    }

    #[test]
    fn the_owner_gets_back_in() {
        let locked = acl(&[("bob_wsu", "READ")]);
        assert_eq!(changed(&locked, "bob_wsu", &["READ"]).unwrap().grants.len(), 2);
    }
}
