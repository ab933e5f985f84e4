//! Buckets, objects, their bytes and headers.

use super::{Target, clean, get, noise, prefix, put, whole};
use bytes::Bytes;
use osirisfs::store::{
    Body, Condition, ETag, ErrorKind, GetRequest, ListRequest, ObjectHeaders, Segment, Store, WriteHeaders,
};
use std::io::Write;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

/// What a mount asks first: does the bucket exist, am I known.
pub async fn buckets_and_users(target: &Target) {
    target.store().head_bucket().await.unwrap();
    let owner = target.store().get_bucket_acl().await.unwrap().owner;
    assert_eq!(target.store().who_am_i().await.unwrap(), owner, "the bucket of the tests is ours");
    let mut config = target.config();
    config.bucket = "no-such-bucket-7361".into();
    let missing = Store::new(config).unwrap();
    assert_eq!(missing.head_bucket().await.unwrap_err().kind, ErrorKind::NoSuchBucket);
    assert_eq!(missing.list(ListRequest::default()).await.unwrap_err().kind, ErrorKind::NoSuchBucket);

    let mut config = target.config();
    config.credentials.access_key = "ThisKeyIsNotKnown".into();
    let stranger = Store::new(config.clone()).unwrap();
    let error = stranger.head_bucket().await.unwrap_err();
    assert!(matches!(error.kind, ErrorKind::BadCredentials | ErrorKind::Denied), "{error}");
    assert!(!format!("{error} {error:?}").contains("ThisKeyIsNotKnown"), "{error:?}");
    // The same store with the right credentials.
    stranger.set_credentials(target.config().credentials);
    stranger.head_bucket().await.unwrap();

    let begun = std::time::Instant::now();
    config.endpoint = "http://127.0.0.1:9".into();
    let nobody = Store::new(config).unwrap().with_deadline(Duration::from_secs(1));
    assert_eq!(nobody.head_bucket().await.unwrap_err().kind, ErrorKind::Unreachable);
    assert!(begun.elapsed() < Duration::from_secs(3));
}

/// Over TLS only a certificate that is trusted and names the host is good enough.
pub async fn certificates(target: &Target) {
    if !target.endpoint.starts_with("https:") {
        eprintln!("not tested: {} is not TLS", target.endpoint);
        return;
    }
    target.store().head_bucket().await.unwrap();
    let mut other_name = target.config();
    other_name.endpoint = target.endpoint.replace("localhost", "127.0.0.1");
    let mut unverified = other_name.clone();
    unverified.network.no_tls_verify = true;
    Store::new(unverified).unwrap().head_bucket().await.unwrap();
    let mut untrusted = target.config();
    untrusted.ca_file = None;
    for config in [other_name, untrusted] {
        let error = Store::new(config).unwrap().with_deadline(Duration::from_secs(1)).head_bucket().await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::Tls, "{error}");
        assert!(error.message.contains("certificate"), "{error}");
    }
    let mut no_file = target.config();
    no_file.ca_file = Some("/nowhere/ca.pem".into());
    assert_eq!(Store::new(no_file).err().map(|e| e.kind), Some(ErrorKind::Tls));
}

/// All headers come back, also with letters beyond ASCII; etag, size and time are right.
pub async fn objects_keep_bytes_and_headers(target: &Target) {
    let (store, p) = (target.store(), prefix("headers"));
    let key = format!("{p}file");
    assert_eq!(store.head(&key).await.unwrap_err().kind, ErrorKind::NotFound);
    assert_eq!(get(&store, &key, GetRequest::default()).await.unwrap_err().kind, ErrorKind::NotFound);
    let headers = ObjectHeaders {
        content_type: Some("text/plain; charset=utf-8".into()),
        cache_control: Some("max-age=60".into()),
        content_disposition: Some("attachment; filename=\"a b.txt\"".into()),
        content_encoding: Some("identity".into()),
        content_language: Some("de".into()),
        expires: Some("Thu, 01 Dec 2033 16:00:00 GMT".into()),
        website_redirect: None,
        storage_class: None,
        user: [("mtime", "1234567890.123456789"), ("name", "Äpfel é 😀"), ("with-dash", "a  b")]
            .map(|(k, v)| (k.to_owned(), v.to_owned()))
            .into(),
    };
    let with = WriteHeaders { headers: headers.clone(), ..WriteHeaders::default() };
    let stored = store.put(&key, Bytes::from_static(b"hello").into(), &with, &Condition::Always).await.unwrap();
    assert_eq!(stored.etag.as_str(), "5d41402abc4b2a76b9719d911017c592");
    let info = store.head(&key).await.unwrap();
    assert_eq!((info.size, &info.etag), (5, &stored.etag));
    let mut seen = ObjectHeaders::clone(&info.headers);
    // Spaces within a value may be joined by the signature's rules on the way.
    assert_eq!(seen.user.get("with-dash").map(|v| v.replace("  ", " ")).as_deref(), Some("a b"));
    seen.user.insert("with-dash".into(), "a  b".into());
    assert_eq!(seen, headers);
    assert!(!info.appendable && info.tag_count == 0);
    let age = SystemTime::now().duration_since(info.modified).unwrap_or_default();
    assert!(age < Duration::from_secs(3600), "{age:?}");
    let body = store.get(&key, GetRequest::default()).await.unwrap();
    assert_eq!((body.range.clone(), &body.info.headers.user), (0..5, &info.headers.user));
    store.delete(&key).await.unwrap();
    store.delete(&key).await.unwrap();
    assert_eq!(store.head(&key).await.unwrap_err().kind, ErrorKind::NotFound);
}

/// Memory, files and zeros, nothing, and more than a piece of each.
pub async fn bodies_of_all_kinds(target: &Target) {
    let (store, p) = (target.store(), prefix("bodies"));
    let content = noise(3_000_000);
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(&content).unwrap();
    let mut body = Body::new();
    body.push(Segment::Bytes(Bytes::copy_from_slice(&content[..1000])));
    body.push(Segment::File { file: Arc::new(file), offset: 1000, len: 2_000_000 });
    body.push(Segment::Zeros(2_500_000));
    let mut plain = content[..2_001_000].to_vec();
    plain.resize(4_501_000, 0);
    let key = format!("{p}mixed");
    store.put(&key, body, &WriteHeaders::default(), &Condition::Always).await.unwrap();
    assert!(whole(&store, &key).await == plain);

    let key = format!("{p}empty");
    let stored = put(&store, &key, Bytes::new()).await;
    assert_eq!(stored.etag.as_str(), "d41d8cd98f00b204e9800998ecf8427e");
    assert!(whole(&store, &key).await.is_empty());
    assert_eq!(store.head(&key).await.unwrap().size, 0);
    let first = GetRequest { range: Some(0..1), ..GetRequest::default() };
    assert_eq!(get(&store, &key, first).await.unwrap_err().kind, ErrorKind::BadRange);
    clean(&store, &p).await;
}

/// Ranges up to and beyond the end; If-Match and If-None-Match.
pub async fn ranges_and_conditions_of_reading(target: &Target) {
    let (store, p) = (target.store(), prefix("ranges"));
    let key = format!("{p}file");
    let content = noise(300_000);
    let etag = put(&store, &key, content.clone()).await.etag;
    let other = ETag::new("00000000000000000000000000000000");
    for range in [0..1, 0..300_000, 299_999..300_000, 5..100_000, 299_000..400_000, 1..u64::MAX] {
        let request = GetRequest { range: Some(range.clone()), if_match: Some(etag.clone()), if_none_match: None };
        let end = range.end.min(300_000) as usize;
        assert!(get(&store, &key, request).await.unwrap() == content[range.start as usize..end], "{range:?}");
    }
    let ask = |range, if_match, if_none_match| GetRequest { range, if_match, if_none_match };
    for (request, kind) in [
        (ask(Some(300_000..300_001), None, None), ErrorKind::BadRange),
        (ask(Some(7..7), None, None), ErrorKind::BadRange),
        (ask(None, Some(other.clone()), None), ErrorKind::PreconditionFailed),
        (ask(Some(0..10), Some(other.clone()), None), ErrorKind::PreconditionFailed),
        (ask(None, None, Some(etag.clone())), ErrorKind::NotModified),
        (ask(Some(0..10), None, Some(etag.clone())), ErrorKind::NotModified),
    ] {
        assert_eq!(get(&store, &key, request.clone()).await.unwrap_err().kind, kind, "{request:?}");
    }
    assert_eq!(get(&store, &key, ask(Some(0..10), None, Some(other))).await.unwrap(), content[..10]);
    clean(&store, &p).await;
}

/// Each method is one request when nothing goes wrong.
pub async fn one_request_each(target: &Target) {
    let (store, p) = (target.store(), prefix("counts"));
    let key = format!("{p}file");
    put(&store, &key, noise(1000)).await;
    store.head(&key).await.unwrap();
    get(&store, &key, GetRequest { range: Some(0..10), ..GetRequest::default() }).await.unwrap();
    store.list(ListRequest { prefix: p.clone(), ..ListRequest::default() }).await.unwrap();
    store.copy(&key, None, &format!("{p}copy"), None, &[]).await.unwrap();
    store.delete(&key).await.unwrap();
    let counts = store.requests();
    for op in ["PutObject", "HeadObject", "GetObject", "ListObjectsV2", "CopyObject", "DeleteObject"] {
        assert_eq!(counts.of(op), 1, "{op}");
    }
    assert_eq!((counts.total(), counts.bytes_up, counts.bytes_down), (6, 1000, 10));
    clean(&store, &p).await;
}
