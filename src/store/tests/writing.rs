//! Writes whose answers are lost, late or lies.

use super::fake::{Fake, Reply, error_document};
use crate::store::{Body, Condition, ETag, ErrorKind, WriteHeaders};
use bytes::Bytes;

/// MD5 of "hello".
const HELLO: &str = "5d41402abc4b2a76b9719d911017c592";

fn hello() -> Body {
    Bytes::from_static(b"hello").into()
}

fn stands(etag: &str) -> Reply {
    Reply::head(5, &format!("ETag: \"{etag}\""))
}

fn stored(etag: &str) -> Reply {
    Reply::new(200, &format!("ETag: \"{etag}\""), "")
}

#[tokio::test]
async fn a_put_is_plain_and_guarded() {
    let fake = Fake::start(|_, _| stored(HELLO)).await;
    let store = fake.store(5.0);
    store.put("a b", hello(), &WriteHeaders::default(), &Condition::Always).await.unwrap();
    let request = &fake.requests()[0];
    assert!(request.target.starts_with("/b1/a%20b"), "{}", request.target);
    assert_eq!(request.body, b"hello");
    assert_eq!(request.header("content-length"), Some("5"));
    assert_eq!(request.header("content-md5"), Some("XUFAKrxLKna5cZ2REBfFkg=="));
    assert_eq!(request.header("x-amz-content-sha256"), Some("UNSIGNED-PAYLOAD"));
    for name in ["transfer-encoding", "trailer", "x-amz-trailer", "x-amz-checksum-crc32", "content-encoding", "expect"]
    {
        assert_eq!(request.header(name), None, "{name}");
    }
    assert_eq!(store.requests().bytes_up, 5);
}

#[tokio::test]
async fn a_lost_answer_of_an_exclusive_put_is_found_out() {
    for (etag, won) in [(HELLO, true), ("00000000000000000000000000000000", false)] {
        let fake = Fake::start(move |n, request| match (n, request.method.as_str()) {
            (0, _) => Reply::lost(),
            (_, "HEAD") => stands(etag),
            _ => Reply::error(412, "PreconditionFailed"),
        })
        .await;
        let store = fake.conditional_store(5.0).await;
        let result = store.put("k", hello(), &WriteHeaders::default(), &Condition::Absent).await;
        match result {
            Ok(stored) => assert!(won && stored.etag.as_str() == HELLO),
            Err(error) => assert!(!won && error.kind == ErrorKind::PreconditionFailed, "{error}"),
        }
        assert_eq!(fake.requests()[0].header("if-none-match"), Some("*"));
    }
}

/// Several clients may make the same empty file: after a lost answer its metadata tells whose it is.
#[tokio::test]
async fn equal_bytes_with_other_metadata_are_not_ours() {
    for (mtime, won) in [("1234567890.000000001", true), ("1234567890.000000002", false)] {
        let fake = Fake::start(move |n, request| match (n, request.method.as_str()) {
            (0, _) => Reply::lost(),
            (_, "HEAD") => Reply::head(5, &format!("ETag: \"{HELLO}\"\r\nx-amz-meta-mtime: {mtime}")),
            _ => Reply::error(412, "PreconditionFailed"),
        })
        .await;
        let store = fake.conditional_store(5.0).await;
        let mut with = WriteHeaders::default();
        with.headers.user.insert("mtime".into(), "1234567890.000000001".into());
        let result = store.put("k", hello(), &with, &Condition::Absent).await;
        assert_eq!(result.is_ok(), won, "{result:?}");
    }
}

#[tokio::test]
async fn a_clean_refusal_needs_no_second_look() {
    let fake = Fake::start(|_, _| Reply::error(412, "PreconditionFailed")).await;
    let store = fake.conditional_store(5.0).await;
    let condition = Condition::Match(ETag::new("e1"));
    let error = store.put("k", hello(), &WriteHeaders::default(), &condition).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::PreconditionFailed);
    assert_eq!(fake.methods(), ["PUT"]);
    assert_eq!(fake.requests()[0].header("if-match"), Some("\"e1\""));
}

#[tokio::test]
async fn a_race_answered_with_500_or_409_is_decided_by_head() {
    for (status, code) in [(500, "UnknownError"), (409, "ConcurrentModification")] {
        // Lost: someone else's bytes stand there.
        let fake = Fake::start(move |_, request| match request.method.as_str() {
            "HEAD" => stands("other"),
            _ => Reply::error(status, code),
        })
        .await;
        let store = fake.conditional_store(5.0).await;
        let condition = Condition::Match(ETag::new("e1"));
        let error = store.put("k", hello(), &WriteHeaders::default(), &condition).await.unwrap_err();
        assert_eq!((error.kind, fake.methods().len()), (ErrorKind::PreconditionFailed, 2));
        // Not decided: the old bytes still stand there, so it is tried again.
        let fake = Fake::start(move |n, request| match (n, request.method.as_str()) {
            (_, "HEAD") => stands("e1"),
            (0, _) => Reply::error(status, code),
            _ => stored(HELLO),
        })
        .await;
        let store = fake.conditional_store(5.0).await;
        store.put("k", hello(), &WriteHeaders::default(), &condition).await.unwrap();
        assert_eq!(fake.methods(), ["PUT", "HEAD", "PUT"]);
    }
}

#[tokio::test]
async fn without_conditions_the_store_looks_first() {
    let fake = Fake::start(|_, request| match request.method.as_str() {
        "HEAD" => stands("e1"),
        _ => stored(HELLO),
    })
    .await;
    let store = fake.store(5.0);
    *store.place.quirks.lock().await = Some(Default::default());
    let refused = store.put("k", hello(), &WriteHeaders::default(), &Condition::Absent).await.unwrap_err();
    assert_eq!((refused.kind, fake.methods()), (ErrorKind::PreconditionFailed, vec!["HEAD".to_owned()]));
    let right = Condition::Match(ETag::new("e1"));
    store.put("k", hello(), &WriteHeaders::default(), &right).await.unwrap();
    assert_eq!(fake.methods(), ["HEAD", "HEAD", "PUT"]);
    assert_eq!(fake.requests()[2].header("if-match"), None);
}

#[tokio::test]
async fn without_conditions_a_late_arrival_is_ours() {
    // The answer is lost, at first nothing stands there, then the bytes that were sent.
    let fake = Fake::start(|n, request| match (n, request.method.as_str()) {
        (0 | 2, "HEAD") => Reply::new(404, "", ""),
        (1, _) => Reply::lost(),
        _ => stands(HELLO),
    })
    .await;
    let store = fake.store(5.0);
    *store.place.quirks.lock().await = Some(Default::default());
    let stored = store.put("k", hello(), &WriteHeaders::default(), &Condition::Absent).await.unwrap();
    assert_eq!(
        (stored.etag.as_str(), fake.methods()),
        (HELLO, ["HEAD", "PUT", "HEAD", "HEAD"].map(str::to_owned).into())
    );
}

#[tokio::test]
async fn an_outage_longer_than_asking_does_not_end_a_conditional_write() {
    let begun = std::time::Instant::now();
    let fake = Fake::start(move |_, request| match request.method.as_str() {
        _ if begun.elapsed().as_secs_f64() < 1.5 => Reply::error(503, "SlowDown"),
        "HEAD" => Reply::new(404, "", ""),
        _ => stored(HELLO),
    })
    .await;
    let mut store = fake.conditional_store(20.0).await;
    store.ask_for = std::time::Duration::from_millis(500);
    store.put("k", hello(), &WriteHeaders::default(), &Condition::Absent).await.unwrap();
    assert!(begun.elapsed().as_secs_f64() > 1.5);
}

#[tokio::test]
async fn too_many_headers_and_unknown_grantees_are_named() {
    use crate::store::{Grant, Grantee};
    let fake = Fake::start(|_, _| Reply::new(400, "", "")).await;
    let mut with = WriteHeaders::default();
    with.headers.user.insert("a".into(), "x".repeat(9000));
    let error = fake.store(5.0).put("k", hello(), &with, &Condition::Always).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::MetadataTooLarge);
    let fake = Fake::start(|_, _| Reply::error(404, "NoSuchKey")).await;
    let grants = vec![Grant { grantee: Grantee::Id("nobody".into()), permission: "READ".into() }];
    let with = WriteHeaders { grants, ..WriteHeaders::default() };
    let error = fake.store(5.0).create_upload("k", &with).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::UnknownGrantee);
}

#[tokio::test]
async fn other_bytes_than_those_sent_are_corrupt() {
    let fake = Fake::start(|n, _| if n == 0 { stored(&"0".repeat(32)) } else { stored(HELLO) }).await;
    fake.store(5.0).put("k", hello(), &WriteHeaders::default(), &Condition::Always).await.unwrap();
    let fake = Fake::start(|_, _| stored(&"0".repeat(32))).await;
    let result = fake.store(30.0).upload_part("k", "u", 1, hello()).await;
    assert_eq!((result.unwrap_err().kind, fake.requests().len()), (ErrorKind::Corrupt, 4));
    // An encrypted object's etag says nothing about its bytes.
    let fake = Fake::start(|_, _| {
        Reply::new(200, &format!("ETag: {}\nx-amz-server-side-encryption: aws:kms", "0".repeat(32)), "")
    })
    .await;
    fake.store(5.0).put("k", hello(), &WriteHeaders::default(), &Condition::Always).await.unwrap();
    assert_eq!(fake.requests().len(), 1);
}

#[tokio::test]
async fn a_copy_that_says_200_and_error_is_repeated() {
    const GOOD: &str = "<CopyObjectResult><ETag>&quot;e1&quot;</ETag></CopyObjectResult>";
    for bad in [error_document("InternalError"), String::new(), "<Copy".into()] {
        let first = bad.clone();
        let once =
            Fake::start(move |n, _| if n == 0 { Reply::new(200, "", &first) } else { Reply::new(200, "", GOOD) }).await;
        let copied = once.store(5.0).copy("a", Some(&ETag::new("e1")), "b", None, &[]).await.unwrap();
        assert_eq!((copied.etag.as_str(), once.requests().len()), ("e1", 2), "{bad:?}");
        let always = Fake::start(move |_, _| Reply::new(200, "", &bad)).await;
        let error = always.store(1.5).copy("a", None, "b", None, &[]).await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::Server, "{error}");
        assert!(always.requests().len() > 1);
    }
    // Another source than was meant.
    let fake = Fake::start(|_, _| Reply::new(200, "", GOOD)).await;
    let error = fake.store(5.0).copy("a", Some(&ETag::new("e0")), "b", None, &[]).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::PreconditionFailed);
}

#[tokio::test]
async fn a_key_that_xml_cannot_hold_is_no_obstacle() {
    const CREATED: &str =
        "<InitiateMultipartUploadResult><Key>a\u{13}b</Key><UploadId>u1</UploadId></InitiateMultipartUploadResult>";
    let fake = Fake::start(|_, _| Reply::new(200, "", CREATED)).await;
    let upload = fake.store(2.0).create_upload("a\u{13}b", &WriteHeaders::default()).await.unwrap();
    assert_eq!(upload, "u1");
}

#[tokio::test]
async fn refused_keys_of_a_bulk_delete_are_named() {
    const RESULT: &str = "<DeleteResult><Error><Key>b</Key><Code>AccessDenied</Code><Message>no</Message></Error>\
        <Error><Key>c</Key><Code>InternalError</Code><Message>later</Message></Error></DeleteResult>";
    let fake = Fake::start(|n, _| Reply::new(200, "", if n == 0 { RESULT } else { "<DeleteResult/>" })).await;
    let keys = ["a", "b", "c"].map(str::to_owned);
    let refused = fake.store(5.0).delete_many(&keys).await.unwrap();
    assert_eq!(refused.len(), 1);
    assert_eq!((refused[0].0.as_str(), refused[0].1.kind), ("b", ErrorKind::Denied));
    let again = String::from_utf8(fake.requests()[1].body.clone()).unwrap();
    assert!(again.contains("<Key>c</Key>") && !again.contains("<Key>a</Key>"), "{again}");
    let headers = &fake.requests()[0].head;
    assert!(!headers.to_lowercase().contains("trailer"), "{headers}");
}
