//! Appending, where the service knows it.

use super::{Target, clean, get, noise, prefix, put, whole};
use bytes::Bytes;
use osirisfs::store::{Acl, Body, ErrorKind, Grant, Grantee, ObjectHeaders, Store, Stored, Tail, WriteHeaders, pieces};

fn body(bytes: impl Into<Bytes>) -> Body {
    Body::from(bytes.into())
}

/// Begins an object of `first`, as whoever appends does.
async fn begin(store: &Store, key: &str, first: &[u8], with: &WriteHeaders) -> Tail {
    let begun = store.append(key, None, body(first.to_vec()), with, false).await.unwrap();
    Tail { etag: begun.etag, size: first.len() as u64 }
}

/// The etag is computed: it must be what the service says.
async fn check(store: &Store, key: &str, stored: &Stored, size: u64) -> Tail {
    let now = store.head(key).await.unwrap();
    assert_eq!((&now.etag, now.size, now.appendable), (&stored.etag, size, true));
    Tail { etag: now.etag, size }
}

pub async fn appends(target: &Target) {
    let (store, p) = (target.store(), prefix("append"));
    let plain = WriteHeaders::default();
    let log = format!("{p}a log+1");
    let mut want = noise(100);
    let mut tail = begin(&store, &log, &want, &plain).await;
    assert_eq!(store.head(&log).await.unwrap().etag, tail.etag);
    for len in [1, 4096, 5 << 20, 10] {
        let more = noise(len);
        let stored = store.append(&log, Some(&tail), body(more.clone()), &plain, len == 10).await.unwrap();
        want.extend(more);
        tail = check(&store, &log, &stored, want.len() as u64).await;
    }
    assert_eq!(pieces(&tail.etag), 5);
    assert!(whole(&store, &log).await == want);
    assert!(store.may_append());

    // Another one was here first, or has replaced it.
    let refused = ErrorKind::PreconditionFailed;
    let old = Tail { etag: tail.etag.clone(), size: tail.size - 10 };
    let late = store.append(&log, Some(&old), body("late"), &plain, false).await.unwrap_err();
    assert_eq!(late.kind, refused, "{late}");
    let gone = store.append(&format!("{p}none"), Some(&tail), body("late"), &plain, false).await.unwrap_err();
    assert_eq!(gone.kind, refused, "{gone}");
    assert!(whole(&store, &log).await == want);
    // One of the same size: release 20 hears the condition, older ones need the look.
    let other = format!("{p}other");
    begin(&store, &other, b"theirs", &plain).await;
    let ours = Tail { etag: tail.etag.clone(), size: 6 };
    let error = store.append(&other, Some(&ours), body("late"), &plain, true).await.unwrap_err();
    assert_eq!(error.kind, refused, "{error}");
    // A plain object.
    let normal = Tail { etag: put(&store, &other, "normal").await.etag, size: 6 };
    let error = store.append(&other, Some(&normal), body("late"), &plain, false).await.unwrap_err();
    assert!([ErrorKind::NotAppendable, refused].contains(&error.kind), "{error}");
    assert_eq!(whole(&store, &other).await, b"normal");
    assert!(store.may_append());
    clean(&store, &p).await;
}

/// What goes with an append is all that the object has afterwards; a plain copy keeps that it can be appended to.
pub async fn what_appends_keep(target: &Target) {
    let (store, p) = (target.store(), prefix("append-headers"));
    let key = format!("{p}log");
    put(&store, &key, "x").await;
    let owner = store.get_acl(&key).await.unwrap().owner;
    store.delete(&key).await.unwrap();
    let full = Grant { grantee: Grantee::Id(owner.clone()), permission: "FULL_CONTROL".into() };
    let everybody = Grantee::Group("http://acs.amazonaws.com/groups/global/AllUsers".into());
    let grants = vec![full, Grant { grantee: everybody, permission: "READ".into() }];
    let user = [("mode".to_owned(), "33188".to_owned())].into();
    let headers = ObjectHeaders { content_type: Some("text/x-log".into()), user, ..ObjectHeaders::default() };
    let tags = vec![("team".to_owned(), "climate".to_owned())];
    let with = WriteHeaders { headers: headers.clone(), grants: grants.clone(), tags: tags.clone() };
    let sorted = |acl: Acl| {
        let mut grants = acl.grants;
        grants.sort();
        grants
    };
    let mut wanted = grants.clone();
    wanted.sort();

    let tail = begin(&store, &key, b"one", &with).await;
    let stored = store.append(&key, Some(&tail), body("two"), &with, false).await.unwrap();
    let tail = check(&store, &key, &stored, 6).await;
    let now = store.head(&key).await.unwrap();
    assert_eq!((&*now.headers, now.tag_count), (&headers, 1));
    assert_eq!(store.get_tags(&key).await.unwrap(), tags);
    assert_eq!(sorted(store.get_acl(&key).await.unwrap()), wanted);

    let copy = format!("{p}copy");
    let copied = store.copy(&key, Some(&tail.etag), &copy, None, &grants).await.unwrap();
    store.delete(&key).await.unwrap();
    let tail = check(&store, &copy, &copied, 6).await;
    let now = store.head(&copy).await.unwrap();
    assert_eq!((&*now.headers, now.tag_count), (&headers, 1));
    assert_eq!(sorted(store.get_acl(&copy).await.unwrap()), wanted);
    let stored = store.append(&copy, Some(&tail), body("three"), &with, false).await.unwrap();
    check(&store, &copy, &stored, 11).await;
    assert_eq!(get(&store, &copy, Default::default()).await.unwrap(), b"onetwothree");
    // One that replaces the headers makes it a plain object.
    store.copy(&copy, None, &copy, Some(&with), &grants).await.unwrap();
    assert!(!store.head(&copy).await.unwrap().appendable);
    clean(&store, &p).await;
}

/// Of several who append at the same place one is taken, and the others are told.
pub async fn one_of_many_appends(target: &Target) {
    let (store, p) = (target.store(), prefix("append-race"));
    let key = format!("{p}log");
    let plain = WriteHeaders::default();
    let mut tail = begin(&store, &key, b"start", &plain).await;
    for _ in 0..5 {
        let texts: Vec<String> = (0..6).map(|n| format!("writer {n};")).collect();
        let all = texts.iter().map(|text| store.append(&key, Some(&tail), body(text.clone()), &plain, false));
        let results = futures::future::join_all(all).await;
        let (mut won, mut etag) = (Vec::new(), None);
        for (text, result) in texts.iter().zip(results) {
            match result {
                Ok(stored) => {
                    won.push(text);
                    etag = Some(stored.etag);
                }
                Err(error) => assert_eq!(error.kind, ErrorKind::PreconditionFailed, "{error}"),
            }
        }
        let now = whole(&store, &key).await;
        assert_eq!(won.len(), 1, "{won:?}");
        assert_eq!(&now[tail.size as usize..], won[0].as_bytes());
        tail = Tail { etag: etag.unwrap(), size: now.len() as u64 };
        assert_eq!(store.head(&key).await.unwrap().etag, tail.etag);
    }
    clean(&store, &p).await;
}
