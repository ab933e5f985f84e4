//! Completions: of no answer is known whether the parts were joined, and it must not be done twice.

use super::fake::{Fake, Reply, Request, error_document};
use crate::store::{Completion, Condition, ETag, ErrorKind, PartDone};
use std::sync::Mutex;
use std::time::{Duration, SystemTime};

/// What RGW 16 answers: the ETag is missing.
const CREATED: &str = "<CompleteMultipartUploadResult><Key>k</Key><ETag></ETag></CompleteMultipartUploadResult>";

/// MD5 of "hello".
const HELLO: &str = "5d41402abc4b2a76b9719d911017c592";

fn parts() -> Vec<PartDone> {
    vec![PartDone { number: 1, etag: ETag::new(HELLO) }]
}

fn whole() -> String {
    use md5::Digest;
    format!("{}-1", hex::encode(md5::Md5::digest(hex::decode(HELLO).unwrap())))
}

#[tokio::test]
async fn a_lost_answer_of_a_completion_is_found_out() {
    for (etag, kind) in [(whole(), None), ("other-1".into(), Some(ErrorKind::NoSuchUpload))] {
        let fake = Fake::start(move |n, request| match (n, request.method.as_str()) {
            (0, _) => Reply::lost(),
            (_, "HEAD") => Reply::head(5, &format!("ETag: \"{etag}\"")),
            _ => Reply::error(404, "NoSuchUpload"),
        })
        .await;
        let result = fake.store(5.0).complete_upload("k", "u", &parts(), &Condition::Always).await;
        assert_eq!(result.err().map(|e| e.kind), kind);
        assert!(!fake.methods().contains(&"DELETE".to_owned()), "an abort would break the object");
    }
    // Never sent before: no reason to look.
    let fake = Fake::start(|_, _| Reply::error(404, "NoSuchUpload")).await;
    let result = fake.store(5.0).complete_upload("k", "u", &parts(), &Condition::Always).await;
    assert_eq!(result.unwrap_err().kind, ErrorKind::NoSuchUpload);
}

#[tokio::test]
async fn a_completion_answers_in_many_ways() {
    let fake = Fake::start(|n, _| match n {
        0 => Reply::new(200, "", ""),
        2 => Reply::new(200, "", error_document("InternalError")),
        4 => Reply::new(200, "", CREATED),
        _ => Reply::new(404, "", ""),
    })
    .await;
    let done = fake.store(5.0).complete_upload("k", "u", &parts(), &Condition::Always).await.unwrap();
    assert_eq!(
        (done.etag.as_str(), fake.methods()),
        (whole().as_str(), ["POST", "HEAD", "POST", "HEAD", "POST"].map(String::from).to_vec())
    );
    let body = String::from_utf8(fake.requests()[4].body.clone()).unwrap();
    assert!(body.contains("<PartNumber>1</PartNumber>") && body.contains(HELLO), "{body}");
    let fake = Fake::start(|_, request| match request.method.as_str() {
        "HEAD" => Reply::new(404, "", ""),
        _ => Reply::new(200, "", error_document("InvalidPart")),
    })
    .await;
    let error = fake.store(1.5).complete_upload("k", "u", &parts(), &Condition::Always).await.unwrap_err();
    assert_eq!((error.kind, error.code.as_str()), (ErrorKind::Server, "InvalidPart"));
}

/// An object as it is after the completion, stored so long ago.
fn completed(ago: Duration) -> Reply {
    let modified = httpdate::fmt_http_date(SystemTime::now() - ago);
    Reply::head(5, &format!("ETag: \"{}\"\r\nLast-Modified: {modified}", whole()))
}

/// What RGW answers while a gateway that was killed holds the upload's lock.
fn locked() -> Reply {
    Reply::error(500, "InternalError")
}

fn uploads(request: &Request) -> Option<Reply> {
    let list =
        "<ListMultipartUploadsResult><Upload><Key>k</Key><UploadId>u</UploadId></Upload></ListMultipartUploadsResult>";
    (request.method == "GET").then(|| Reply::new(200, "", list))
}

fn posts(fake: &Fake) -> usize {
    fake.methods().iter().filter(|method| *method == "POST").count()
}

#[tokio::test]
async fn what_was_completed_is_not_completed_again() {
    // What is written may be what was there.
    for condition in [Condition::Always, Condition::Absent, Condition::Match(ETag::new(&whole()))] {
        let fake = Fake::start(|n, request| match request.method.as_str() {
            "HEAD" => completed(Duration::ZERO),
            "POST" if n == 0 => Reply::lost(),
            _ => uploads(request).unwrap_or_else(locked),
        })
        .await;
        let store = fake.conditional_store(5.0).await;
        let done = store.complete_upload("k", "u", &parts(), &condition).await.unwrap();
        assert_eq!((done.etag.as_str(), posts(&fake)), (whole().as_str(), 1), "{condition:?}");
    }
    // Nor is it after an error, of whatever condition.
    for condition in [Condition::Always, Condition::Absent, Condition::Match(ETag::new("e1"))] {
        let fake =
            Fake::start(|_, request| uploads(request).unwrap_or_else(|| completed(Duration::from_secs(500)))).await;
        let store = fake.conditional_store(5.0).await;
        let done = store
            .complete(Completion { key: "k", upload: "u", parts: &parts(), asked_before: true }, &condition)
            .await
            .unwrap();
        assert_eq!((done.etag.as_str(), posts(&fake)), (whole().as_str(), 0));
        assert_eq!(fake.methods()[0], "HEAD");
    }
}

#[tokio::test]
async fn equal_bytes_from_before_are_no_completion() {
    let lost = Mutex::new(false);
    let fake = Fake::start(move |_, request| match request.method.as_str() {
        "HEAD" => completed(Duration::from_secs(60)),
        _ if !std::mem::replace(&mut *lost.lock().unwrap(), true) => Reply::lost(),
        _ => Reply::new(200, "", CREATED),
    })
    .await;
    fake.store(5.0).complete_upload("k", "u", &parts(), &Condition::Always).await.unwrap();
    assert_eq!(posts(&fake), 2);
}

#[tokio::test]
async fn a_lock_is_waited_for() {
    let asked = Mutex::new(0);
    let fake = Fake::start(move |_, request| {
        if let Some(list) = uploads(request) {
            return list;
        }
        if request.method == "HEAD" {
            return Reply::new(404, "", "");
        }
        *asked.lock().unwrap() += 1;
        match *asked.lock().unwrap() {
            1..4 => locked(),
            _ => Reply::new(200, "", CREATED),
        }
    })
    .await;
    let store = fake.conditional_store(5.0).await;
    let done = store.complete_upload("k", "u", &parts(), &Condition::Absent).await.unwrap();
    assert_eq!((done.etag.as_str(), posts(&fake)), (whole().as_str(), 4));
}

#[tokio::test]
async fn an_upload_is_not_aborted_when_it_was_completed() {
    for (there, methods) in [(true, ["HEAD", "GET"]), (false, ["HEAD", "DELETE"])] {
        let fake = Fake::start(move |_, request| match request.method.as_str() {
            "HEAD" if there => completed(Duration::from_secs(5000)),
            "HEAD" => Reply::head(5, "ETag: \"other\""),
            "DELETE" => Reply::new(204, "", ""),
            _ => uploads(request).unwrap(),
        })
        .await;
        fake.store(5.0).abort_unless_completed("k", "u", &ETag::new(&whole())).await.unwrap();
        assert_eq!(fake.methods(), methods);
    }
}
