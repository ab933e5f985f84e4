//! The store against servers that cut, lie and lose answers.

mod appending;
mod completing;
mod fake;
mod reading;
mod writing;

use super::{ErrorKind, ListRequest, ListToken, Quirks};
use fake::{Fake, Reply, error_document, store};
use std::time::{Duration, Instant, SystemTime};

#[tokio::test]
async fn a_busy_service_is_asked_again_and_retry_after_is_kept() {
    let fake = Fake::start(|n, _| match n {
        0 => Reply::error(503, "SlowDown"),
        1 => Reply::new(503, "Retry-After: 1", ""),
        2 => Reply::lost(),
        _ => Reply::head(3, "ETag: \"e\""),
    })
    .await;
    let begun = Instant::now();
    let store = fake.store(10.0);
    assert_eq!(store.head("k").await.unwrap().size, 3);
    assert!(begun.elapsed() >= Duration::from_secs(1), "{:?}", begun.elapsed());
    assert_eq!(store.requests().of("HeadObject"), 4);
}

#[tokio::test]
async fn the_deadline_ends_it_with_the_last_reason() {
    let fake = Fake::start(|_, _| Reply::error(503, "SlowDown")).await;
    let begun = Instant::now();
    let error = fake.store(1.0).list(ListRequest::default()).await.unwrap_err();
    assert_eq!((error.kind, error.status, error.code.as_str()), (ErrorKind::Server, Some(503), "SlowDown"));
    assert_eq!(error.request_id.as_deref(), Some("tx1"));
    assert!(begun.elapsed() < Duration::from_secs(2));
    let tries = fake.requests().len();
    assert!((3..12).contains(&tries), "{tries}");
}

#[tokio::test]
async fn no_answer_is_a_timeout() {
    let fake = Fake::start(|_, _| Reply::head(1, "ETag: e").stalled(20)).await;
    assert_eq!(fake.store(0.5).head("k").await.unwrap_err().kind, ErrorKind::Timeout);
}

#[tokio::test]
async fn a_refusal_is_final() {
    for (code, kind) in [("AccessDenied", ErrorKind::Denied), ("InvalidAccessKeyId", ErrorKind::BadCredentials)] {
        let fake = Fake::start(move |_, _| Reply::error(403, code)).await;
        let error = fake.store(5.0).get("k", Default::default()).await.err().unwrap();
        assert_eq!((error.kind, error.code.as_str()), (kind, code));
        // A key that may not be read may also be one that is not there: a listing tells, or is refused too.
        let requests = if kind == ErrorKind::Denied { 2 } else { 1 };
        assert_eq!(fake.requests().len(), requests);
    }
}

#[tokio::test]
async fn only_s3_can_say_that_a_key_is_missing() {
    let named = Fake::start(|_, _| Reply::error(404, "NoSuchKey")).await;
    assert!(named.store(5.0).get("k", Default::default()).await.err().unwrap().is_not_found());
    let page = Fake::start(|_, _| Reply::new(404, "Content-Type: text/html", "<html>not here</html>")).await;
    assert_eq!(page.store(1.5).get("k", Default::default()).await.err().unwrap().kind, ErrorKind::Server);
}

#[tokio::test]
async fn a_wrong_clock_is_corrected_by_the_service() {
    for hours in [-2_i64, 2] {
        let theirs = move || {
            let shift = Duration::from_secs(hours.unsigned_abs() * 3600);
            if hours > 0 { SystemTime::now() + shift } else { SystemTime::now() - shift }
        };
        let fake = Fake::start(move |n, request| {
            let date = format!("Date: {}", httpdate::fmt_http_date(theirs()));
            match (n, request.method.as_str()) {
                (0, "HEAD") => Reply::new(403, &date, ""),
                (0, _) => Reply::new(403, &date, error_document("RequestTimeTooSkewed")),
                _ => Reply::head(0, "ETag: \"e\""),
            }
        })
        .await;
        let hour = |at: SystemTime| httpdate::fmt_http_date(at)[17..19].to_owned();
        let begun = hour(theirs());
        let store = fake.store(5.0);
        store.head("k").await.unwrap();
        store.head("k").await.unwrap();
        let requests = fake.requests();
        assert_eq!(requests.len(), 3);
        for corrected in &requests[1..] {
            let signed = corrected.header("x-amz-date").unwrap();
            assert!([begun.clone(), hour(theirs())].contains(&signed[9..11].to_owned()), "{signed}");
        }
    }
}

#[tokio::test]
async fn a_clock_that_stays_wrong_is_an_error() {
    let date = format!("Date: {}", httpdate::fmt_http_date(SystemTime::now()));
    let fake = Fake::start(move |_, _| Reply::new(403, &date, error_document("RequestTimeTooSkewed"))).await;
    assert_eq!(fake.store(5.0).delete("k").await.unwrap_err().kind, ErrorKind::ClockSkew);
    assert_eq!(fake.requests().len(), 3);
}

#[tokio::test]
async fn what_cannot_be_reached_is_named() {
    for (endpoint, kind) in
        [("http://127.0.0.1:9", ErrorKind::Unreachable), ("http://no-such-host.invalid", ErrorKind::Dns)]
    {
        let error = store(endpoint, 0.3).head_bucket().await.unwrap_err();
        assert_eq!(error.kind, kind, "{error}");
    }
    let plain = Fake::start(|_, _| Reply::lost()).await;
    let endpoint = plain.store(1.0).endpoint().replace("http:", "https:");
    // A server that answers a TLS hello with something else.
    let error = store(&endpoint, 0.3).head_bucket().await.unwrap_err();
    assert!(matches!(error.kind, ErrorKind::Tls | ErrorKind::Unreachable | ErrorKind::Timeout), "{error}");
}

#[tokio::test]
async fn a_bucket_that_refuses_head_is_asked_why() {
    let fake = Fake::start(|_, request| match request.method.as_str() {
        "HEAD" => Reply::new(403, "", ""),
        _ => Reply::error(403, "InvalidAccessKeyId"),
    })
    .await;
    let error = fake.store(5.0).head_bucket().await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::BadCredentials);
    assert!(!format!("{error} {error:?}").contains("TOKEN-OF-ALICE"));
    assert_eq!(fake.methods(), ["HEAD", "GET"]);
}

#[tokio::test]
async fn the_bucket_tells_how_full_it_is() {
    let fake = Fake::start(|_, _| {
        Reply::new(
            200,
            "x-rgw-object-count: 7\nx-rgw-bytes-used: 4096\nx-rgw-quota-user-size: 9000\nx-rgw-quota-bucket-size: 1000\n\
             x-rgw-quota-user-objects: -1\nx-rgw-quota-bucket-objects: -1\nServer: Ceph Object Gateway (tentacle)",
            "",
        )
    })
    .await;
    let info = fake.store(5.0).head_bucket().await.unwrap();
    assert_eq!(
        (info.objects, info.bytes, info.quota_bytes, info.quota_objects),
        (Some(7), Some(4096), Some(1000), None)
    );
    assert_eq!((info.user_quota_bytes, info.user_quota_objects), (Some(9000), None));
    assert_eq!(info.server.as_deref(), Some("Ceph Object Gateway (tentacle)"));
    assert!(fake.requests()[0].target.ends_with("?read-stats"), "{}", fake.requests()[0].target);
}

/// As radosgw 16.2.15 writes it; Amazon answers with the list of buckets.
#[tokio::test]
async fn a_user_is_told_what_all_buckets_come_to() {
    const USAGE: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?><Usage><Entries></Entries><Summary>\
        <QuotaMaxBytes>10000384</QuotaMaxBytes><QuotaMaxBuckets>1000</QuotaMaxBuckets><QuotaMaxObjCount>-1</QuotaMaxObjCount>\
        <TotalBytes>8000000</TotalBytes><TotalBytesRounded>8011776</TotalBytesRounded><TotalEntries>4</TotalEntries></Summary>\
        <CapacityUsed><User><Buckets><Entry><Bucket>vai-test</Bucket><Bytes>3000000</Bytes>\
        <Bytes_Rounded>3002368</Bytes_Rounded></Entry><Entry><Bucket>vai-two</Bucket><Bytes>5000000</Bytes>\
        <Bytes_Rounded>5009408</Bytes_Rounded></Entry></Buckets></User></CapacityUsed></Usage>";
    let fake = Fake::start(|n, _| Reply::new(200, "", if n == 0 { USAGE } else { "<ListAllMyBucketsResult/>" })).await;
    let usage = fake.store(5.0).usage().await.unwrap();
    assert_eq!((usage.bytes, usage.objects, usage.quota_bytes), (8_000_000, Some(4), Some(10_000_384)));
    assert_eq!(usage.buckets, [("vai-test".into(), 3_000_000), ("vai-two".into(), 5_000_000)].into());
    assert_eq!(usage.quota_objects, None);
    assert!(fake.requests()[0].target.ends_with("/?usage"), "{}", fake.requests()[0].target);
    assert_eq!(fake.store(5.0).usage().await.unwrap_err().kind, ErrorKind::Unsupported);
}

#[tokio::test]
async fn a_token_that_the_service_repeats_is_hidden() {
    let fake = Fake::start(|_, _| {
        let document = error_document("InvalidAccessKeyId").replace("words", "no such key: TOKEN-OF-ALICE");
        Reply::new(403, "", document)
    })
    .await;
    let error = fake.store(5.0).list(ListRequest::default()).await.unwrap_err();
    assert_eq!(error.message, "no such key: (hidden)");
}

#[tokio::test]
async fn who_may_not_write_gets_no_promises() {
    let fake = Fake::start(|_, _| Reply::error(403, "AccessDenied")).await;
    let store = fake.store(5.0);
    assert_eq!(store.quirks().await.unwrap(), Quirks::default());
    let spent = fake.requests().len();
    assert_eq!(store.quirks().await.unwrap(), Quirks::default());
    assert_eq!(fake.requests().len(), spent);
    // An outage is no answer: the next call asks again.
    let fake = Fake::start(|_, _| Reply::error(503, "SlowDown")).await;
    let store = fake.store(0.3);
    assert_eq!(store.quirks().await.unwrap_err().kind, ErrorKind::Server);
    assert_eq!(store.quirks().await.unwrap_err().kind, ErrorKind::Server);
}

/// The last attempt has little time, and it is no news that nothing comes in it.
#[tokio::test]
async fn an_outage_is_named_to_its_end() {
    let fake = Fake::start(|n, _| if n == 0 { Reply::error(503, "SlowDown") } else { Reply::lost().held() }).await;
    let error = fake.store(2.0).list(ListRequest::default()).await.unwrap_err();
    assert_eq!((error.kind, error.code.as_str()), (ErrorKind::Server, "SlowDown"), "{error}");
    assert_eq!(fake.requests().len(), 2);
    // Who is silent from the beginning is called so.
    let fake = Fake::start(|_, _| Reply::lost().held()).await;
    let error = fake.store(0.5).list(ListRequest::default()).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Timeout, "{error}");
}

#[tokio::test]
async fn a_listing_that_cannot_be_read_is_fetched_again() {
    const PAGE: &str = "<ListBucketResult><EncodingType>url</EncodingType><Name>b1</Name><IsTruncated>true</IsTruncated>\
        <NextContinuationToken>t2</NextContinuationToken><Contents><Key>a%0Ab%2B</Key><ETag>&quot;e&quot;</ETag>\
        <Size>3</Size><LastModified>2026-11-24T12:00:00.123Z</LastModified></Contents></ListBucketResult>";
    let fake = Fake::start(|n, _| match n {
        0 => Reply::new(200, "", &PAGE[..PAGE.len() / 2]),
        1 => Reply::new(200, "", PAGE).cut(30),
        2 => Reply::new(200, "", ""),
        3 => Reply::new(200, "", error_document("InternalError")),
        _ => Reply::new(200, "", PAGE),
    })
    .await;
    let page = fake.store(10.0).list(ListRequest { prefix: "a b+".into(), ..ListRequest::default() }).await.unwrap();
    assert_eq!((page.objects[0].key.as_str(), page.objects[0].size), ("a\nb+", 3));
    assert_eq!(page.next, Some(ListToken::Token("t2".into())));
    assert_eq!(fake.requests().len(), 5);
    let target = &fake.requests()[0].target;
    for part in ["list-type=2", "encoding-type=url", "max-keys=1000", "prefix=a%20b%2B"] {
        assert!(target.contains(part), "{target}");
    }
}
