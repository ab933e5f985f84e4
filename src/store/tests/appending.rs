//! Appends whose answers are lost, late or lies.

use super::fake::{Fake, Reply};
use crate::store::{Body, ETag, ErrorKind, Tail, WriteHeaders};
use bytes::Bytes;

/// MD5 of "hello", and the etags of `hello` appended to itself once and twice.
const HELLO: &str = "5d41402abc4b2a76b9719d911017c592";
const TWO: &str = "616b22817b80eed9f65c3aa38cd29054-2";
const THREE: &str = "78091db0c9a5d23c31f31d8e5ffaa6f9-3";
const OTHER: &str = "00000000000000000000000000000000-3";

fn hello() -> Body {
    Bytes::from_static(b"hello").into()
}

/// Of the object that has five bytes more than [`TWO`].
fn tail() -> Tail {
    Tail { etag: ETag::new(TWO), size: 10 }
}

fn stands(etag: &str, size: u64) -> Reply {
    Reply::head(size, &format!("ETag: \"{etag}\"\r\nx-rgw-object-type: Appendable"))
}

fn appended(next: u64) -> Reply {
    Reply::new(200, &format!("ETag: \"{HELLO}\"\r\nx-rgw-next-append-position: {next}"), "")
}

fn with_mtime() -> WriteHeaders {
    let mut with = WriteHeaders::default();
    with.headers.user.insert("mtime".into(), "1".into());
    with
}

#[tokio::test]
async fn an_append_says_where_and_over_what() {
    let fake = Fake::start(|_, _| appended(15)).await;
    let store = fake.conditional_store(5.0).await;
    let stored = store.append("a b", Some(&tail()), hello(), &with_mtime(), false).await.unwrap();
    assert_eq!(stored.etag.as_str(), THREE);
    assert_eq!(fake.methods(), ["PUT"]);
    let request = &fake.requests()[0];
    assert!(request.target.starts_with("/b1/a%20b?"), "{}", request.target);
    assert!(request.target.contains("append&position=10"), "{}", request.target);
    assert_eq!(request.body, b"hello");
    assert_eq!(request.header("content-md5"), Some("XUFAKrxLKna5cZ2REBfFkg=="));
    assert_eq!(request.header("if-match"), Some(&*format!("\"{TWO}\"")));
    assert_eq!(request.header("x-amz-meta-mtime"), Some("1"));
}

/// An answer that was lost after the work, as the next attempt and the look after it show: whose bytes stand there?
#[tokio::test]
async fn a_lost_answer_is_found_out() {
    for (etag, mtime, won) in [(THREE, "1", true), (THREE, "2", false), (OTHER, "1", false)] {
        let fake = Fake::start(move |n, request| match (n, request.method.as_str()) {
            (0, _) => Reply::lost(),
            (_, "HEAD") => Reply::head(15, &format!("ETag: \"{etag}\"\r\nx-amz-meta-mtime: {mtime}")),
            _ => Reply::error(409, "PositionNotEqualToLength"),
        })
        .await;
        let store = fake.conditional_store(5.0).await;
        match store.append("k", Some(&tail()), hello(), &with_mtime(), false).await {
            Ok(stored) => assert!(won && stored.etag.as_str() == THREE, "{etag} {mtime}"),
            Err(error) => assert!(!won && error.kind == ErrorKind::PreconditionFailed, "{error}"),
        }
    }
}

/// Not done after all: once more, and only once.
#[tokio::test]
async fn a_lost_request_is_sent_again() {
    let fake = Fake::start(|n, request| match (n, request.method.as_str()) {
        (0, _) => Reply::lost(),
        (_, "HEAD") => stands(TWO, 10),
        _ => appended(15),
    })
    .await;
    let store = fake.conditional_store(5.0).await;
    let stored = store.append("k", Some(&tail()), hello(), &with_mtime(), false).await.unwrap();
    assert_eq!(stored.etag.as_str(), THREE);
    assert_eq!(fake.methods(), ["PUT", "HEAD", "PUT"]);
}

/// Somebody appended more before the look: our bytes stand before his, or they do not.
#[tokio::test]
async fn what_came_after_is_no_loss() {
    for (there, won) in [("hello", true), ("other", false)] {
        let fake = Fake::start(move |n, request| match (n, request.method.as_str()) {
            (0, _) => Reply::lost(),
            (_, "HEAD") => stands(OTHER, 20),
            (_, "GET") => {
                assert_eq!(request.header("range"), Some("bytes=10-14"));
                Reply::new(206, &format!("ETag: \"{OTHER}\"\r\nContent-Range: bytes 10-14/20"), there)
            }
            _ => Reply::error(409, "PositionNotEqualToLength"),
        })
        .await;
        let store = fake.conditional_store(5.0).await;
        let result = store.append("k", Some(&tail()), hello(), &with_mtime(), false).await;
        assert_eq!(result.is_ok(), won, "{result:?}");
    }
}

#[tokio::test]
async fn a_clean_refusal_needs_no_look() {
    use ErrorKind::{NotAppendable, PreconditionFailed};
    for (code, kind) in [("PositionNotEqualToLength", PreconditionFailed), ("ObjectNotAppendable", NotAppendable)] {
        let fake = Fake::start(move |_, _| Reply::error(409, code)).await;
        let store = fake.conditional_store(5.0).await;
        let error = store.append("k", Some(&tail()), hello(), &with_mtime(), false).await.unwrap_err();
        assert_eq!((error.kind, fake.methods().len()), (kind, 1), "{error}");
        assert!(store.may_append(), "only this object");
    }
}

/// Release 16 says BucketAlreadyExists to who comes second. A gateway that died may have left such a piece for ever.
#[tokio::test]
async fn a_piece_that_is_there_already() {
    let left = Fake::start(|_, request| match request.method.as_str() {
        "HEAD" => stands(TWO, 10),
        _ => Reply::error(409, "BucketAlreadyExists"),
    })
    .await;
    let store = left.conditional_store(5.0).await;
    let error = store.append("k", Some(&tail()), hello(), &with_mtime(), false).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::NotAppendable, "{error}");
    assert!(store.may_append());
    let second = Fake::start(|_, request| match request.method.as_str() {
        "HEAD" => stands(OTHER, 15),
        _ => Reply::error(409, "BucketAlreadyExists"),
    })
    .await;
    let store = second.conditional_store(5.0).await;
    let error = store.append("k", Some(&tail()), hello(), &with_mtime(), false).await.unwrap_err();
    assert_eq!((error.kind, second.methods().len()), (ErrorKind::PreconditionFailed, 2), "{error}");
}

/// What was taken for a PUT, a versioned bucket, a service that refuses: asked once.
#[tokio::test]
async fn services_and_buckets_without_append() {
    for case in 0..3 {
        let fake = Fake::start(move |_, _| match case {
            0 => Reply::new(200, &format!("ETag: \"{HELLO}\""), ""),
            1 => Reply::error(409, "InvalidBucketState"),
            _ => Reply::error(501, "NotImplemented"),
        })
        .await;
        let store = fake.conditional_store(5.0).await;
        for _ in 0..2 {
            let error = store.append("k", None, hello(), &with_mtime(), false).await.unwrap_err();
            assert_eq!(error.kind, ErrorKind::NotAppendable, "{case}: {error}");
            assert!(!store.may_append());
        }
        assert_eq!(fake.methods(), ["PUT"], "{case}");
    }
}

/// Release 16 takes an append over another object of the same size, and loses one that meets a PUT.
#[tokio::test]
async fn the_look_afterwards() {
    for (etag, good) in [(THREE, true), (TWO, false), (OTHER, false)] {
        let fake = Fake::start(move |_, request| match request.method.as_str() {
            "HEAD" => stands(etag, 15),
            _ => appended(15),
        })
        .await;
        let store = fake.conditional_store(5.0).await;
        let result = store.append("k", Some(&tail()), hello(), &WriteHeaders::default(), true).await;
        assert_eq!(result.is_ok(), good, "{etag}: {result:?}");
        assert_eq!(fake.methods(), ["PUT", "HEAD"]);
    }
}
