//! Buckets of one's own, and what a policy opens to somebody else.

use super::{Target, prefix, put, whole};
use osirisfs::store::{Acl, Condition, ErrorKind, Grant, Grantee, ListRequest, Store, WriteHeaders};
use std::future::Future;

fn statement(actions: &str, resource: &str, condition: &str) -> String {
    format!(
        r#"{{"Effect":"Allow","Principal":{{"AWS":["arn:aws:iam::bob_wsu:user/bob_wsu"]}},"Action":[{actions}],"Resource":["arn:aws:s3:::{resource}"]{condition}}}"#
    )
}

async fn denied<T>(what: &str, work: impl Future<Output = osirisfs::store::Result<T>>) {
    match work.await {
        Ok(_) => panic!("{what} was allowed"),
        Err(error) => assert_eq!(error.kind, ErrorKind::Denied, "{what}: {error}"),
    }
}

async fn share(store: &Store, statements: &[String]) {
    let policy = format!(r#"{{"Version":"2012-10-17","Statement":[{}]}}"#, statements.join(","));
    store.put_policy(&policy).await.unwrap();
    assert_eq!(store.get_policy().await.unwrap(), Some(policy), "it comes back as it was sent");
}

/// Makes and removes buckets; a policy lets somebody else read, write, and see one prefix alone.
pub async fn buckets_and_policies(target: &Target) {
    let name = prefix("b").replace(['/', '-'], "").to_lowercase();
    let (alice, bob) = (target.store().for_bucket(&name, "p-"), target.other().for_bucket(&name, "p-"));
    let plain = WriteHeaders::default();
    assert_eq!(alice.head_bucket().await.unwrap_err().kind, ErrorKind::NoSuchBucket);
    alice.create_bucket(None).await.unwrap();
    assert!(alice.list_buckets().await.unwrap().contains(&name) && !bob.list_buckets().await.unwrap().contains(&name));
    assert_eq!(bob.create_bucket(None).await.unwrap_err().kind, ErrorKind::Exists);
    let nowhere = target.store().for_bucket(&format!("{name}x"), "p-");
    assert_eq!(nowhere.create_bucket(Some(":no-such-place")).await.unwrap_err().kind, ErrorKind::BadRequest);
    assert_eq!(nowhere.delete_bucket().await.unwrap_err().kind, ErrorKind::NoSuchBucket);
    assert!(alice.head_bucket().await.unwrap().own);
    assert!(alice.may_write().await.unwrap());
    denied("HEAD bucket", bob.head_bucket()).await;
    assert!(!bob.may_write().await.unwrap());
    for key in ["k", "d/k"] {
        put(&alice, key, "text").await;
    }
    assert_eq!(alice.delete_bucket().await.unwrap_err().kind, ErrorKind::NotEmpty);
    denied("to read the policy", bob.get_policy()).await;
    denied("to set the policy", bob.put_policy("{}")).await;
    assert_eq!(alice.get_policy().await.unwrap(), None);
    assert_eq!(alice.put_policy("junk").await.unwrap_err().kind, ErrorKind::BadRequest);

    share(
        &alice,
        &[statement(r#""s3:ListBucket""#, &name, ""), statement(r#""s3:GetObject""#, &format!("{name}/*"), "")],
    )
    .await;
    assert!(!bob.head_bucket().await.unwrap().own && !bob.may_write().await.unwrap());
    assert_eq!(whole(&bob, "k").await, b"text");
    assert_eq!(bob.head("none").await.unwrap_err().kind, ErrorKind::NotFound);
    denied("PUT", bob.put("new", bytes::Bytes::from_static(b"x").into(), &plain, &Condition::Always)).await;
    denied("DELETE", bob.delete("k")).await;
    denied("to read the list", bob.get_acl("k")).await;

    let rights = r#""s3:GetObject","s3:PutObject","s3:DeleteObject""#;
    share(&alice, &[statement(r#""s3:ListBucket""#, &name, ""), statement(rights, &format!("{name}/*"), "")]).await;
    assert!(bob.may_write().await.unwrap());
    // What bob writes is bob's; the owner of the bucket can read it if the same request says so.
    let all = Grant { grantee: Grantee::BucketOwner, permission: "FULL_CONTROL".into() };
    let open = WriteHeaders { grants: vec![all.clone()], ..plain.clone() };
    bob.put("new", bytes::Bytes::from_static(b"by bob").into(), &open, &Condition::Always).await.unwrap();
    bob.copy("new", None, "copy", None, &[all]).await.unwrap();
    put(&bob, "closed", "secret").await;
    assert_eq!((whole(&alice, "new").await, whole(&alice, "copy").await), (b"by bob".to_vec(), b"by bob".to_vec()));
    assert_eq!(alice.get_acl("new").await.unwrap().owner, "bob_wsu");
    assert_eq!(alice.head("closed").await.unwrap_err().kind, ErrorKind::Denied);
    let refused = bob.delete_many(&["new".into(), "copy".into(), "closed".into()]).await.unwrap();
    assert!(refused.is_empty(), "{refused:?}");

    let only = r#","Condition":{"StringLike":{"s3:prefix":["d/*"]}}"#;
    share(&alice, &[statement(r#""s3:ListBucket""#, &name, only), statement(rights, &format!("{name}/d/*"), "")]).await;
    let below = target.other().for_bucket(&name, "d/.osirisfs/probe-");
    below.head_bucket().await.unwrap();
    assert!(below.may_write().await.unwrap() && !bob.may_write().await.unwrap());
    let list = |prefix: &str| ListRequest { prefix: prefix.into(), ..ListRequest::default() };
    assert_eq!(below.list(list("d/")).await.unwrap().objects.len(), 1);
    denied("to list all", below.list(list(""))).await;
    assert_eq!(below.head("d/none").await.unwrap_err().kind, ErrorKind::NotFound);
    denied("HEAD outside", below.head("none")).await;

    alice.delete_policy().await.unwrap();
    alice.delete_policy().await.unwrap();
    denied("HEAD bucket", bob.head_bucket()).await;
    // Lists of the bucket.
    let owner = alice.get_bucket_acl().await.unwrap().owner;
    let full = Grant { grantee: Grantee::Id(owner.clone()), permission: "FULL_CONTROL".into() };
    let read = Grant { grantee: Grantee::Id("bob_wsu".into()), permission: "READ".into() };
    alice.put_bucket_acl(&Acl { owner: owner.clone(), grants: vec![full.clone(), read] }).await.unwrap();
    bob.head_bucket().await.unwrap();
    denied("GET", bob.get("k", Default::default())).await;
    let stranger = Grant { grantee: Grantee::Id("nobody_ever".into()), permission: "READ".into() };
    let error = alice.put_bucket_acl(&Acl { owner, grants: vec![full, stranger] }).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::UnknownGrantee);
    alice.put_canned_bucket_acl("private").await.unwrap();
    denied("HEAD bucket", bob.head_bucket()).await;
    alice.delete_many(&["k".into(), "d/k".into()]).await.unwrap();
    alice.delete_bucket().await.unwrap();
}

/// What all buckets of a user come to is counted when it is asked.
pub async fn all_buckets_together(target: &Target) {
    let name = prefix("u").replace(['/', '-'], "").to_lowercase();
    let (alice, bob) = (target.store().for_bucket(&name, "p-"), target.other());
    alice.create_bucket(None).await.unwrap();
    for (key, size) in [("a", 5000), ("b", 3000)] {
        put(&alice, key, vec![7; size]).await;
    }
    let (usage, here) = (alice.usage().await.unwrap(), alice.head_bucket().await.unwrap());
    assert_eq!((usage.buckets.get(&name), here.bytes, here.objects), (Some(&8000), Some(8000), Some(2)));
    assert!(usage.bytes >= 8000 && usage.objects >= Some(2), "{usage:?}");
    assert_eq!((usage.quota_bytes, usage.quota_objects), (None, None));
    assert!(!bob.usage().await.unwrap().buckets.contains_key(&name));
    alice.delete_many(&["a".into(), "b".into()]).await.unwrap();
    assert_eq!(alice.usage().await.unwrap().buckets.get(&name), Some(&0));
    alice.delete_bucket().await.unwrap();
    assert_eq!(alice.usage().await.unwrap().buckets.get(&name), None);
}
