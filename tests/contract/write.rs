//! Conditions, multipart uploads, copies, access and tags.

use super::{Target, all_keys, clean, noise, prefix, put, whole};
use bytes::Bytes;
use osirisfs::store::{
    Acl, Body, Condition, CopySource, ETag, ErrorKind, Grant, Grantee, ObjectHeaders, PartDone, Store, WriteHeaders,
};

const MIB: usize = 1 << 20;

fn plain() -> WriteHeaders {
    WriteHeaders::default()
}

fn wrong() -> ETag {
    ETag::new("00000000000000000000000000000000")
}

/// The probe answers, leaves nothing behind and is not repeated.
pub async fn quirks_are_probed_and_cleaned_up(target: &Target) {
    let mut config = target.config();
    config.probe_prefix = prefix("probe");
    let store = Store::new(config.clone()).unwrap();
    let quirks = store.quirks().await.unwrap();
    println!("{quirks:?}");
    let spent = store.requests().total();
    assert_eq!(store.quirks().await.unwrap(), quirks);
    assert_eq!(store.requests().total(), spent);
    assert!(all_keys(&store, &config.probe_prefix).await.is_empty());
    let uploads = store.list_uploads(&config.probe_prefix).await.unwrap();
    assert!(uploads.is_empty(), "{uploads:?}");
}

/// Conditions hold, whether the service honours them or the store compares.
pub async fn conditions_of_writing(target: &Target) {
    let (store, p) = (target.store(), prefix("conditions"));
    let key = format!("{p}file");
    let write = |text: &'static str, condition: Condition| {
        let (store, key) = (store.clone(), key.clone());
        async move { store.put(&key, Bytes::from_static(text.as_bytes()).into(), &plain(), &condition).await }
    };
    let refused = ErrorKind::PreconditionFailed;
    assert_eq!(write("x", Condition::Match(wrong())).await.unwrap_err().kind, refused);
    let one = write("one", Condition::Absent).await.unwrap().etag;
    assert_eq!(write("two", Condition::Absent).await.unwrap_err().kind, refused);
    assert_eq!(write("two", Condition::Match(wrong())).await.unwrap_err().kind, refused);
    assert_eq!(whole(&store, &key).await, b"one");
    let two = write("two", Condition::Match(one.clone())).await.unwrap().etag;
    assert_eq!(write("three", Condition::Match(one)).await.unwrap_err().kind, refused);
    // The same bytes again.
    assert_eq!(write("two", Condition::Match(two.clone())).await.unwrap().etag, two);
    assert_eq!(whole(&store, &key).await, b"two");
    clean(&store, &p).await;
}

/// Eight at once create a key, then eight replace it: one wins, and its bytes stand there.
pub async fn one_winner_of_many(target: &Target) {
    let (store, p) = (target.store(), prefix("winner"));
    let quirks = store.quirks().await.unwrap();
    if !quirks.exclusive_put || !quirks.match_put {
        eprintln!("not tested: the service honours no conditions ({quirks:?})");
        return;
    }
    for round in 0..5 {
        let key = format!("{p}{round}");
        let mut now = None;
        for _ in 0..2 {
            let condition = now.clone().map_or(Condition::Absent, Condition::Match);
            let writers = (0..8).map(|n| {
                let (store, key, condition) = (store.clone(), key.clone(), condition.clone());
                let text = format!("{round} {n} {condition:?}");
                tokio::spawn(async move {
                    let result = store.put(&key, Bytes::from(text.clone()).into(), &plain(), &condition).await;
                    (text, result)
                })
            });
            let mut winners = Vec::new();
            for writer in writers.collect::<Vec<_>>() {
                match writer.await.unwrap() {
                    (text, Ok(stored)) => winners.push((text, stored.etag)),
                    (_, Err(error)) => assert_eq!(error.kind, ErrorKind::PreconditionFailed, "{error}"),
                }
            }
            assert_eq!(winners.len(), 1, "{winners:?}");
            let (text, etag) = winners.remove(0);
            assert_eq!(whole(&store, &key).await, text.as_bytes());
            now = Some(etag);
        }
    }
    clean(&store, &p).await;
}

/// Parts, copied parts, completion with conditions, abort, the list of uploads.
pub async fn multipart_uploads(target: &Target) {
    let (store, p) = (target.store(), prefix("multipart"));
    let (key, source) = (format!("{p}a+b é%41"), format!("{p}sou rce+%"));
    let bytes = noise(6 * MIB);
    let source_etag = put(&store, &source, bytes.clone()).await.etag;
    let with = WriteHeaders {
        headers: ObjectHeaders {
            content_type: Some("text/x-test".into()),
            user: [("k".to_owned(), "v".to_owned())].into(),
            ..ObjectHeaders::default()
        },
        ..plain()
    };
    let upload = store.create_upload(&key, &with).await.unwrap();
    let pending = store.list_uploads(&p).await.unwrap();
    assert_eq!(pending.iter().map(|u| (&u.key, &u.id)).collect::<Vec<_>>(), [(&key, &upload)]);
    assert!(pending[0].started.is_some());
    let one = store.upload_part(&key, &upload, 1, Bytes::from(bytes.clone()).into()).await.unwrap();
    assert_eq!(one.etag, source_etag);
    let two = store
        .copy_part(
            &key,
            &upload,
            2,
            CopySource { store: &store, key: &source, etag: &source_etag },
            1..(5 * MIB + 1) as u64,
        )
        .await
        .unwrap();
    let three = store.upload_part(&key, &upload, 3, Bytes::from_static(b"end").into()).await.unwrap();
    let parts = [one, two, three];
    // Someone else's condition fails, the upload lives.
    for condition in [Condition::Match(wrong())] {
        let error = store.complete_upload(&key, &upload, &parts, &condition).await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::PreconditionFailed);
    }
    let etag = store.complete_upload(&key, &upload, &parts, &Condition::Absent).await.unwrap().etag;
    let info = store.head(&key).await.unwrap();
    assert_eq!((&info.etag, info.size as usize), (&etag, 11 * MIB + 3));
    assert!(etag.as_str().ends_with("-3"), "{etag:?}");
    assert_eq!(info.headers.content_type.as_deref(), Some("text/x-test"));
    assert_eq!(info.headers.user, with.headers.user);
    let expected = [&bytes[..], &bytes[1..5 * MIB + 1], b"end"].concat();
    assert!(whole(&store, &key).await == expected);

    // Replacing it: not when another etag is expected.
    let upload = store.create_upload(&key, &plain()).await.unwrap();
    let part = store.upload_part(&key, &upload, 1, Bytes::from_static(b"new").into()).await.unwrap();
    for condition in [Condition::Absent, Condition::Match(source_etag.clone())] {
        let error = store.complete_upload(&key, &upload, std::slice::from_ref(&part), &condition).await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::PreconditionFailed, "{condition:?}");
    }
    store.complete_upload(&key, &upload, &[part], &Condition::Match(etag)).await.unwrap();
    assert_eq!(whole(&store, &key).await, b"new");

    let upload = store.create_upload(&key, &plain()).await.unwrap();
    store.abort_upload(&key, &upload).await.unwrap();
    store.abort_upload(&key, &upload).await.unwrap();
    let late = store.upload_part(&key, &upload, 1, Body::new()).await.unwrap_err();
    assert_eq!(late.kind, ErrorKind::NoSuchUpload);
    let gone = [PartDone { number: 1, etag: source_etag.clone() }];
    let late = store.complete_upload(&key, &upload, &gone, &Condition::Always).await.unwrap_err();
    assert!(matches!(late.kind, ErrorKind::NoSuchUpload | ErrorKind::BadRequest), "{late}");
    assert!(store.list_uploads(&p).await.unwrap().is_empty());
    assert_eq!(whole(&store, &key).await, b"new");
    clean(&store, &p).await;
}

/// COPY keeps all, REPLACE nothing, and the source's etag counts.
pub async fn copies(target: &Target) {
    let (store, p) = (target.store(), prefix("copies"));
    let (a, b) = (format!("{p}a"), format!("{p}b"));
    let with = |kind: &str, name: &str| WriteHeaders {
        headers: ObjectHeaders {
            content_type: Some(kind.into()),
            user: [(name.to_owned(), "é 1".to_owned())].into(),
            ..ObjectHeaders::default()
        },
        ..plain()
    };
    let body = Bytes::from(noise(100_000));
    let etag = store.put(&a, body.clone().into(), &with("text/x-a", "a"), &Condition::Always).await.unwrap().etag;
    let copied = store.copy(&a, Some(&etag), &b, None, &[]).await.unwrap();
    assert_eq!(copied.etag, etag);
    let info = store.head(&b).await.unwrap();
    assert_eq!(info.headers.content_type.as_deref(), Some("text/x-a"));
    assert_eq!(info.headers.user.get("a").map(String::as_str), Some("é 1"));
    store.copy(&a, Some(&etag), &b, Some(&with("text/x-b", "b")), &[]).await.unwrap();
    let info = store.head(&b).await.unwrap();
    assert_eq!(info.headers.content_type.as_deref(), Some("text/x-b"));
    assert_eq!(info.headers.user.keys().collect::<Vec<_>>(), ["b"]);
    assert!(whole(&store, &b).await == body);
    // Onto itself: only the headers change.
    store.copy(&a, Some(&etag), &a, Some(&with("text/x-c", "c")), &[]).await.unwrap();
    assert_eq!(store.head(&a).await.unwrap().headers.content_type.as_deref(), Some("text/x-c"));
    assert!(whole(&store, &a).await == body);
    let error = store.copy(&a, Some(&wrong()), &b, None, &[]).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::PreconditionFailed);
    let error = store.copy(&format!("{p}none"), None, &b, None, &[]).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::NotFound);
    clean(&store, &p).await;
}

/// Lists are read and replaced, and grants travel with PUT, copy and multipart.
pub async fn access_control_lists(target: &Target) {
    let (store, p) = (target.store(), prefix("acl"));
    let key = format!("{p}file");
    put(&store, &key, "x").await;
    let private = store.get_acl(&key).await.unwrap();
    assert!(private.is_private(), "{private:?}");
    let owner = private.owner.clone();
    assert_eq!(store.get_bucket_acl().await.unwrap().owner, owner);
    let grant = |grantee, permission: &str| Grant { grantee, permission: permission.into() };
    let group = Grantee::Group("http://acs.amazonaws.com/groups/global/AuthenticatedUsers".into());
    let shared =
        vec![grant(Grantee::Id(owner.clone()), "FULL_CONTROL"), grant(group.clone(), "READ"), grant(group, "READ_ACP")];
    let same = |mut a: Vec<Grant>, mut b: Vec<Grant>| {
        a.sort();
        b.sort();
        assert_eq!(a, b);
    };
    let etag = store.head(&key).await.unwrap().etag;
    store.put_acl(&key, &Acl { owner: owner.clone(), grants: shared.clone() }).await.unwrap();
    same(store.get_acl(&key).await.unwrap().grants, shared.clone());
    assert_eq!(store.head(&key).await.unwrap().etag, etag);
    store.put_acl(&key, &private).await.unwrap();
    assert!(store.get_acl(&key).await.unwrap().is_private());

    let with = WriteHeaders { grants: shared.clone(), ..plain() };
    store.put(&key, Bytes::from_static(b"y").into(), &with, &Condition::Always).await.unwrap();
    same(store.get_acl(&key).await.unwrap().grants, shared.clone());
    let copy = format!("{p}copy");
    store.copy(&key, None, &copy, None, &shared).await.unwrap();
    same(store.get_acl(&copy).await.unwrap().grants, shared.clone());
    store.copy(&key, None, &copy, None, &[]).await.unwrap();
    assert!(store.get_acl(&copy).await.unwrap().is_private());
    let upload = store.create_upload(&copy, &with).await.unwrap();
    let part = store.upload_part(&copy, &upload, 1, Bytes::from_static(b"z").into()).await.unwrap();
    store.complete_upload(&copy, &upload, &[part], &Condition::Always).await.unwrap();
    same(store.get_acl(&copy).await.unwrap().grants, shared.clone());
    // A grantee whom the service does not know is not a missing key.
    let unknown = [&shared[..], &[grant(Grantee::Id("nobody_ever".into()), "READ")]].concat();
    let with = WriteHeaders { grants: unknown.clone(), ..plain() };
    for error in [
        store.put(&key, Bytes::new().into(), &with, &Condition::Always).await.err(),
        store.create_upload(&copy, &with).await.err(),
        store.copy(&key, None, &copy, None, &unknown).await.err(),
        store.put_acl(&key, &Acl { owner: owner.clone(), grants: unknown.clone() }).await.err(),
    ] {
        assert_eq!(error.map(|e| e.kind), Some(ErrorKind::UnknownGrantee));
    }
    let missing = store.copy(&format!("{p}none"), None, &copy, None, &shared).await.unwrap_err();
    assert_eq!(missing.kind, ErrorKind::NotFound);
    assert_eq!(store.get_acl(&format!("{p}none")).await.unwrap_err().kind, ErrorKind::NotFound);
    clean(&store, &p).await;
}

/// Tags travel with a PUT and are read and replaced.
pub async fn tags(target: &Target) {
    let (store, p) = (target.store(), prefix("tags"));
    let key = format!("{p}file");
    let tags = vec![("a b".to_owned(), "1+2=3".to_owned()), ("k".to_owned(), "v/é".to_owned())];
    let with = WriteHeaders { tags: tags.clone(), ..plain() };
    store.put(&key, Bytes::from_static(b"x").into(), &with, &Condition::Always).await.unwrap();
    let sorted = |mut tags: Vec<(String, String)>| {
        tags.sort();
        tags
    };
    assert_eq!(sorted(store.get_tags(&key).await.unwrap()), tags);
    assert_eq!(store.head(&key).await.unwrap().tag_count, 2);
    store.put_tags(&key, &tags[1..]).await.unwrap();
    assert_eq!(store.get_tags(&key).await.unwrap(), tags[1..]);
    put(&store, &key, "y").await;
    assert!(store.get_tags(&key).await.unwrap().is_empty());
    assert_eq!(store.get_tags(&format!("{p}none")).await.unwrap_err().kind, ErrorKind::NotFound);
    clean(&store, &p).await;
}

/// More keys than one request takes, among them odd and missing ones.
pub async fn deleting_many(target: &Target) {
    let (store, p) = (target.store(), prefix("many"));
    let mut keys: Vec<String> = super::ODD.iter().map(|name| format!("{p}{name}")).collect();
    for key in &keys {
        put(&store, key, "x").await;
    }
    keys.extend((0..1500).map(|n| format!("{p}missing/{n}")));
    let refused = store.delete_many(&keys).await.unwrap();
    assert!(refused.is_empty(), "{refused:?}");
    assert!(all_keys(&store, &p).await.is_empty());
    let requests = store.requests();
    assert_eq!(requests.of("DeleteObjects"), 2);
}
