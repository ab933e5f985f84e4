//! GET: no byte twice, none left out, none that is not the object's.

use super::fake::{Fake, Reply, Request, error_document};
use crate::store::{ETag, ErrorKind, GetRequest, Result, Store};
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

const SIZE: usize = 100_000;

fn content() -> Vec<u8> {
    (0..SIZE).map(|n| (n % 251) as u8).collect()
}

fn etag() -> String {
    use md5::Digest;
    hex::encode(md5::Md5::digest(content()))
}

fn asked(request: &Request) -> Option<Range<usize>> {
    let (first, last) = request.header("range")?.strip_prefix("bytes=")?.split_once('-')?;
    Some(first.parse().unwrap()..last.parse::<usize>().unwrap() + 1)
}

/// What a good server answers.
fn good(request: &Request) -> Reply {
    let tag = format!("ETag: \"{}\"\nLast-Modified: Tue, 24 Nov 2026 12:00:00 GMT", etag());
    match asked(request) {
        None => Reply::new(200, &tag, content()),
        Some(range) => {
            let range = range.start..range.end.min(SIZE);
            let header = format!("{tag}\nContent-Range: bytes {}-{}/{SIZE}", range.start, range.end - 1);
            Reply::new(206, &header, &content()[range])
        }
    }
}

async fn read(store: &Store, range: Option<Range<u64>>) -> Result<Vec<u8>> {
    let mut body = store.get("k", GetRequest { range, ..GetRequest::default() }).await?;
    let mut bytes = Vec::new();
    while let Some(frame) = body.next().await? {
        bytes.extend_from_slice(&frame);
    }
    Ok(bytes)
}

#[tokio::test]
async fn a_broken_body_is_resumed_where_it_broke() {
    let fake = Fake::start(|n, request| match n {
        0 => good(request).cut(60_000),
        1 => good(request).cut(10_000),
        2 => Reply::error(503, "SlowDown"),
        _ => good(request),
    })
    .await;
    let store = fake.store(10.0);
    assert!(read(&store, None).await.unwrap() == content());
    let requests = fake.requests();
    assert_eq!(requests.len(), 4);
    assert_eq!(requests[1].header("range"), Some("bytes=40000-99999"));
    assert_eq!(requests[3].header("range"), Some("bytes=90000-99999"));
    assert_eq!(requests[3].header("if-match"), Some(format!("\"{}\"", etag()).as_str()));
    assert_eq!(store.requests().bytes_down, SIZE as u64);
}

#[tokio::test]
async fn a_stalled_body_is_resumed() {
    let fake = Fake::start(|n, request| if n == 0 { good(request).stalled(50_000) } else { good(request) }).await;
    let mut store = fake.store(10.0);
    Arc::get_mut(&mut store.inner).unwrap().stall = Duration::from_millis(200);
    assert!(read(&store, Some(1000..90_000)).await.unwrap() == content()[1000..90_000]);
    assert_eq!(fake.requests().len(), 2);
}

#[tokio::test]
async fn the_right_slice_is_cut_out_of_a_whole_object() {
    let fake = Fake::start(|n, request| match n {
        0 => good(request).cut(30_000),
        _ => Reply::new(200, &format!("ETag: \"{}\"", etag()), content()),
    })
    .await;
    assert!(read(&fake.store(10.0), Some(20_000..95_000)).await.unwrap() == content()[20_000..95_000]);
    let whole = Fake::start(|_, _| Reply::new(200, "ETag: \"e-2\"", content())).await;
    let mut body = whole.store(5.0).get("k", GetRequest { range: Some(5..7), ..Default::default() }).await.unwrap();
    assert_eq!((body.range.clone(), body.info.size), (5..7, SIZE as u64));
    assert_eq!(&body.next().await.unwrap().unwrap()[..], &content()[5..7]);
    assert!(body.next().await.unwrap().is_none());
    let beyond = GetRequest { range: Some(200_000..200_001), ..Default::default() };
    assert_eq!(whole.store(5.0).get("k", beyond).await.err().unwrap().kind, ErrorKind::BadRange);
}

#[tokio::test]
async fn an_error_document_is_never_data() {
    let error = error_document("InternalError");
    let fake = Fake::start(move |n, request| match n {
        // Without an etag; with someone's etag; with the range's header but another length.
        0 => Reply::new(200, "Content-Type: application/xml", &error),
        1 => Reply::new(200, &format!("Content-Type: text/xml\nETag: \"{}\"", etag()), &error),
        2 => Reply::new(206, &format!("ETag: \"{}\"\nContent-Range: bytes 0-9/100000", etag()), &error),
        3 => Reply::new(206, &format!("ETag: \"{}\"", etag()), &error),
        4 => Reply::new(206, &format!("ETag: \"{}\"\nContent-Range: bytes 10-19/100000", etag()), &content()[10..20]),
        _ => good(request),
    })
    .await;
    assert_eq!(read(&fake.store(10.0), Some(0..10)).await.unwrap(), content()[..10]);
    assert_eq!(fake.requests().len(), 6);
    let for_ever = Fake::start(|_, _| Reply::new(200, "", error_document("InternalError"))).await;
    assert_eq!(read(&for_ever.store(1.5), None).await.unwrap_err().kind, ErrorKind::Server);
}

#[tokio::test]
async fn bytes_of_another_version_are_not_appended() {
    // Honours If-Match.
    let fake = Fake::start(|n, request| match n {
        0 => good(request).cut(60_000),
        _ => Reply::error(412, "PreconditionFailed"),
    })
    .await;
    assert_eq!(read(&fake.store(5.0), None).await.unwrap_err().kind, ErrorKind::PreconditionFailed);
    // Ignores it.
    let fake = Fake::start(|n, request| match n {
        0 => good(request).cut(60_000),
        _ => Reply::new(206, "ETag: \"other\"\nContent-Range: bytes 40000-99999/100000", &content()[40_000..]),
    })
    .await;
    assert_eq!(read(&fake.store(5.0), None).await.unwrap_err().kind, ErrorKind::PreconditionFailed);
    let request = GetRequest { if_match: Some(ETag::new("mine")), ..Default::default() };
    let fake = Fake::start(|_, request| good(request)).await;
    assert_eq!(fake.store(5.0).get("k", request).await.err().unwrap().kind, ErrorKind::PreconditionFailed);
}

#[tokio::test]
async fn a_body_that_never_comes_whole_is_an_error() {
    let fake = Fake::start(|_, request| good(request).cut(1)).await;
    let mut body = fake.store(0.5).get("k", GetRequest { range: Some(0..10), ..Default::default() }).await.unwrap();
    assert_eq!(&body.next().await.unwrap().unwrap()[..], &content()[..9]);
    assert_eq!(body.next().await.unwrap_err().kind, ErrorKind::Server);
}

#[tokio::test]
async fn headers_beyond_ascii_are_read() {
    let fake = Fake::start(|_, _| {
        Reply::head(1, "ETag: \"e\"\nx-amz-meta-name: Äpfel\nExpires: whenever\nx-amz-tagging-count: 2\nx-rgw-object-type: Appendable")
    })
    .await;
    let info = fake.store(2.0).head("k").await.unwrap();
    assert_eq!(info.headers.user.get("name").map(String::as_str), Some("Äpfel"));
    assert_eq!(info.headers.expires.as_deref(), Some("whenever"));
    assert_eq!((info.tag_count, info.appendable), (2, true));
}
