use crate::client::{Answer, BUCKET, Client, object, start};
use md5::{Digest, Md5};
use osirisfs::server::{Limits, Server, ServerConfig, Style};

async fn create(client: &Client, key: &str, headers: &[(&str, &str)]) -> String {
    let answer = client.send("POST", &format!("{}?uploads", object(key)), headers, "").await;
    answer.elements("UploadId")[0].to_owned()
}

async fn part(client: &Client, key: &str, id: &str, number: u32, body: Vec<u8>) -> Answer {
    let path = format!("{}?partNumber={number}&uploadId={id}", object(key));
    client.send("PUT", &path, &[], body).await
}

fn list(parts: &[(u32, &str)]) -> String {
    let part =
        |(number, etag): &(u32, &str)| format!("<Part><PartNumber>{number}</PartNumber><ETag>{etag}</ETag></Part>");
    let parts: String = parts.iter().map(part).collect();
    format!("<CompleteMultipartUpload>{parts}</CompleteMultipartUpload>")
}

async fn complete(client: &Client, key: &str, id: &str, parts: &[(u32, &str)], headers: &[(&str, &str)]) -> Answer {
    client.send("POST", &format!("{}?uploadId={id}", object(key)), headers, list(parts)).await
}

#[tokio::test]
async fn parts_become_an_object() {
    let server = start().await;
    let alice = Client::of(&server, "alice_um");
    let id = create(&alice, "k", &[("x-amz-meta-a", "1"), ("content-type", "a/b")]).await;
    let (first, second) = (vec![7; 5 << 20], b"tail".to_vec());
    let one = part(&alice, "k", &id, 1, first.clone()).await.etag();
    let two = part(&alice, "k", &id, 2, b"lost".to_vec()).await.etag();
    assert_ne!(part(&alice, "k", &id, 2, second.clone()).await.etag(), two);
    let two = part(&alice, "k", &id, 2, second.clone()).await.etag();
    let parts = alice.get(&format!("{}?uploadId={id}", object("k"))).await;
    assert_eq!((parts.elements("PartNumber"), parts.elements("Size")), (vec!["1", "2"], vec!["5242880", "4"]));
    let uploads = alice.get(&format!("/{BUCKET}?uploads")).await;
    assert_eq!((uploads.elements("Key"), uploads.elements("UploadId")), (vec!["k"], vec![id.as_str()]));

    assert_eq!(complete(&alice, "k", &id, &[(1, &one)], &[]).await.error(), (400, "InvalidPart"));
    assert_eq!(complete(&alice, "k", &id, &[(1, &one), (2, &one)], &[]).await.error(), (400, "InvalidPart"));
    assert_eq!(complete(&alice, "k", &id, &[], &[]).await.error(), (400, "MalformedXML"));
    let md5s: Vec<u8> = [&first, &second].into_iter().flat_map(Md5::digest).collect();
    let etag = format!("\"{}-2\"", hex::encode(Md5::digest(md5s)));
    for _ in 0..2 {
        let done = complete(&alice, "k", &id, &[(1, &one), (2, &two)], &[]).await;
        assert_eq!((done.status, done.elements("ETag")), (200, vec![etag.as_str()]));
    }
    let read = alice.get(&object("k")).await;
    assert_eq!(read.body, [first, second].concat());
    assert_eq!((read.etag(), read.header("x-amz-meta-a"), read.header("content-type")), (etag, Some("1"), Some("a/b")));
    let second = alice.get(&format!("{}?partNumber=2", object("k"))).await;
    assert_eq!((second.status, second.text(), second.header("x-amz-mp-parts-count")), (206, "tail", Some("2")));
    assert!(alice.get(&format!("/{BUCKET}?uploads")).await.elements("Key").is_empty());
}

#[tokio::test]
async fn small_parts_and_missing_uploads_are_refused() {
    let server = start().await;
    let alice = Client::of(&server, "alice_um");
    let id = create(&alice, "k", &[]).await;
    let one = part(&alice, "k", &id, 1, b"a".to_vec()).await.etag();
    let two = part(&alice, "k", &id, 2, b"b".to_vec()).await.etag();
    assert_eq!(complete(&alice, "k", &id, &[(1, &one), (2, &two)], &[]).await.error(), (400, "EntityTooSmall"));
    assert_eq!(part(&alice, "k", &id, 10_001, Vec::new()).await.error(), (400, "InvalidArgument"));
    assert_eq!(part(&alice, "other", &id, 1, Vec::new()).await.error(), (404, "NoSuchUpload"));
    let path = format!("{}?uploadId={id}", object("k"));
    assert_eq!(alice.send("DELETE", &path, &[], "").await.status, 204);
    assert_eq!(alice.send("DELETE", &path, &[], "").await.error(), (404, "NoSuchUpload"));
    assert_eq!(part(&alice, "k", &id, 1, Vec::new()).await.error(), (404, "NoSuchUpload"));
    assert_eq!(complete(&alice, "k", &id, &[(1, &one)], &[]).await.error(), (404, "NoSuchUpload"));
    let stats = alice.head(&format!("/{BUCKET}?read-stats")).await;
    assert_eq!(stats.header("x-rgw-bytes-used"), Some("0"));
}

#[tokio::test]
async fn copied_parts() {
    let server = start().await;
    let alice = Client::of(&server, "alice_um");
    alice.put("source", "0123456789").await;
    let id = create(&alice, "k", &[]).await;
    let path = format!("{}?partNumber=1&uploadId={id}", object("k"));
    let source = ("x-amz-copy-source", "/umdemo-data/source");
    let copied = alice.send("PUT", &path, &[source, ("x-amz-copy-source-range", "bytes=2-5")], "").await;
    let etag = copied.elements("ETag")[0].to_owned();
    assert_eq!(etag, format!("\"{}\"", hex::encode(Md5::digest("2345"))));
    let past = alice.send("PUT", &path, &[source, ("x-amz-copy-source-range", "bytes=2-10")], "").await;
    assert_eq!(past.error(), (416, "InvalidRange"));
    assert_eq!(complete(&alice, "k", &id, &[(1, &etag)], &[]).await.status, 200);
    assert_eq!(alice.get(&object("k")).await.text(), "2345");
}

#[tokio::test]
async fn complete_is_conditional() {
    let server = start().await;
    let alice = Client::of(&server, "alice_um");
    let etag = alice.put("k", "old").await.etag();
    let id = create(&alice, "k", &[("x-amz-acl", "public-read")]).await;
    let one = part(&alice, "k", &id, 1, b"new".to_vec()).await.etag();
    let parts = [(1, one.as_str())];
    for condition in [("if-none-match", "*"), ("if-match", "\"other\"")] {
        let refused = complete(&alice, "k", &id, &parts, &[condition]).await;
        assert_eq!(refused.error(), (412, "PreconditionFailed"));
    }
    assert_eq!(complete(&alice, "k", &id, &parts, &[("if-match", &etag)]).await.status, 200);
    // The access control list that was asked for at the start is in force.
    assert_eq!(Client::anonymous(&server).get(&object("k")).await.text(), "new");
}

#[tokio::test]
async fn parts_count_against_the_quota() {
    let limits = Limits { quota_bytes: Some(10), min_part: 1, ..Limits::default() };
    let config = ServerConfig { limits, ..crate::client::config(Style::Rgw20) };
    let server = Server::start(config).await.expect("a server");
    let alice = Client::of(&server, "alice_um");
    let id = create(&alice, "k", &[]).await;
    let one = part(&alice, "k", &id, 1, b"123456".to_vec()).await.etag();
    assert_eq!(part(&alice, "k", &id, 2, b"12345".to_vec()).await.error(), (403, "QuotaExceeded"));
    let two = part(&alice, "k", &id, 2, b"1234".to_vec()).await.etag();
    assert_eq!(complete(&alice, "k", &id, &[(1, &one), (2, &two)], &[]).await.status, 200);
    let stats = alice.head(&format!("/{BUCKET}?read-stats")).await;
    assert_eq!(stats.header("x-rgw-bytes-used"), Some("10"));
}
