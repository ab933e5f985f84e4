use crate::client::{BUCKET, Client, config, object, start};
use osirisfs::server::{Limits, Server, ServerConfig, Style};

#[tokio::test]
async fn what_is_put_comes_back_with_its_headers() {
    let server = start().await;
    let alice = Client::of(&server, "alice_um");
    let headers = [
        ("content-type", "text/plain"),
        ("cache-control", "no-cache"),
        ("expires", "0"),
        ("x-amz-meta-user.a_b", "=?UTF-8?Q?=C3=A9?="),
        ("x-amz-meta-empty", ""),
        ("x-amz-storage-class", "COLD"),
        ("x-amz-tagging", "k=v&l=w"),
    ];
    let put = alice.send("PUT", &object("d/a.txt"), &headers, "hello").await;
    assert_eq!((put.status, put.etag().as_str()), (200, "\"5d41402abc4b2a76b9719d911017c592\""));
    for method in ["GET", "HEAD"] {
        let read = alice.send(method, &object("d/a.txt"), &[], "").await;
        assert_eq!(read.status, 200);
        for (name, value) in &headers[..6] {
            assert_eq!(read.header(name), Some(*value), "{name}");
        }
        assert_eq!(read.header("content-length"), Some("5"));
        assert_eq!(read.header("x-amz-tagging-count"), Some("2"));
        assert_eq!(read.header("x-rgw-object-type"), Some("Normal"));
        assert_eq!(read.text(), if method == "GET" { "hello" } else { "" });
    }
    let plain = alice.put("plain", "").await;
    assert_eq!(plain.etag(), "\"d41d8cd98f00b204e9800998ecf8427e\"");
    assert_eq!(alice.head(&object("plain")).await.header("content-type"), Some("binary/octet-stream"));
}

#[tokio::test]
async fn large_bodies_and_their_ranges() {
    let server = start().await;
    let alice = Client::of(&server, "alice_um");
    let data: Vec<u8> = (0..5_000_003u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    alice.put("big", data.clone()).await;
    assert_eq!(alice.get(&object("big")).await.body, data);
    for (from, to) in [(0, 0), (1_048_575, 1_048_577), (3, 4_999_999), (5_000_000, 5_000_002)] {
        let range = format!("bytes={from}-{to}");
        let part = alice.send("GET", &object("big"), &[("range", &range)], "").await;
        assert_eq!((part.status, &part.body[..]), (206, &data[from..=to]));
        assert_eq!(part.header("content-range"), Some(format!("bytes {from}-{to}/5000003").as_str()));
    }
    let past = alice.send("GET", &object("big"), &[("range", "bytes=5000003-")], "").await;
    assert_eq!(past.error(), (416, "InvalidRange"));
    let malformed = alice.send("GET", &object("big"), &[("range", "bytes=x")], "").await;
    assert_eq!(malformed.error(), (416, "InvalidRange"));
}

#[tokio::test]
async fn a_wrong_md5_stores_nothing() {
    let server = start().await;
    let alice = Client::of(&server, "alice_um");
    let wrong = [("content-md5", "XUFAKrxLKna5cZ2REBfFkg==")];
    assert_eq!(alice.send("PUT", &object("k"), &wrong, "hello").await.status, 200);
    assert_eq!(alice.send("PUT", &object("l"), &wrong, "jello").await.error(), (400, "BadDigest"));
    assert_eq!(alice.send("PUT", &object("l"), &[("content-md5", "zz")], "x").await.error(), (400, "InvalidDigest"));
    assert_eq!(alice.get(&object("l")).await.error(), (404, "NoSuchKey"));
}

#[tokio::test]
async fn odd_keys_are_kept_and_illegal_ones_refused() {
    let server = start().await;
    let alice = Client::of(&server, "alice_um");
    for key in ["..", "./x", "/lead", "d//x", "new%0Aline", "trail/", "%C3%A9", "%01", "a%2Bb%20c%3F%25"] {
        assert_eq!(alice.put(key, key.to_owned()).await.status, 200);
        assert_eq!(alice.get(&object(key)).await.text(), key);
    }
    for key in ["%FF", "a%00b", "a".repeat(1025).as_str()] {
        let refused = alice.send("PUT", &object(key), &[], "x").await;
        assert_eq!(refused.error(), (400, "InvalidObjectName"), "{key}");
    }
}

#[tokio::test]
async fn conditions_of_reads_and_writes() {
    let server = start().await;
    let alice = Client::of(&server, "alice_um");
    let etag = alice.put("k", "hello").await.etag();
    let bare = etag.trim_matches('"');
    let get = |name, value| {
        let (alice, path) = (&alice, object("k"));
        async move { alice.send("GET", &path, &[(name, value)], "").await.status }
    };
    assert_eq!(get("if-match", etag.as_str()).await, 200);
    assert_eq!(get("if-match", bare).await, 200);
    assert_eq!(get("if-match", "\"other\"").await, 412);
    assert_eq!(get("if-none-match", etag.as_str()).await, 304);
    assert_eq!(get("if-none-match", bare).await, 304);
    assert_eq!(get("if-none-match", "\"other\"").await, 200);
    assert_eq!(get("if-modified-since", "Fri, 01 Jan 2100 00:00:00 GMT").await, 304);
    assert_eq!(get("if-unmodified-since", "Thu, 01 Jan 1970 00:00:00 GMT").await, 412);
    let put = |key, name, value| {
        let (alice, path) = (&alice, object(key));
        async move { alice.send("PUT", &path, &[(name, value)], "hello").await.status }
    };
    assert_eq!(put("k", "if-match", etag.as_str()).await, 200);
    assert_eq!(put("k", "if-match", bare).await, 200);
    assert_eq!(put("k", "if-match", "\"other\"").await, 412);
    assert_eq!(put("k", "if-none-match", "*").await, 412);
    assert_eq!(put("new", "if-none-match", "*").await, 200);
    assert_eq!(put("missing", "if-match", etag.as_str()).await, 404);
}

#[tokio::test]
async fn one_of_many_creators_wins() {
    let server = start().await;
    let alice = Client::of(&server, "alice_um");
    let create = |n: usize| {
        let alice = &alice;
        async move { alice.send("PUT", &object("k"), &[("if-none-match", "*")], n.to_string()).await.status }
    };
    let statuses = futures::future::join_all((0..8).map(create)).await;
    assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 1, "{statuses:?}");
    let winner = statuses.iter().position(|status| *status == 200).expect("a winner");
    assert_eq!(alice.get(&object("k")).await.text(), winner.to_string());
}

#[tokio::test]
async fn copies_keep_or_replace() {
    let server = start().await;
    let alice = Client::of(&server, "alice_um");
    let headers =
        [("content-type", "a/b"), ("x-amz-meta-a", "1"), ("x-amz-tagging", "k=v"), ("x-amz-acl", "public-read")];
    let etag = alice.send("PUT", &object("s%2Bx"), &headers, "hello").await.etag();
    let source = ("x-amz-copy-source", "umdemo-data/s%2Bx");
    let copy = alice.send("PUT", &object("t"), &[source], "").await;
    assert_eq!(copy.elements("ETag"), [etag.as_str()]);
    let kept = alice.head(&object("t")).await;
    assert_eq!((kept.header("content-type"), kept.header("x-amz-meta-a")), (Some("a/b"), Some("1")));
    assert_eq!((kept.header("x-amz-tagging-count"), kept.etag()), (Some("1"), etag.clone()));
    assert_eq!(Client::of(&server, "bob_wsu").get(&object("t")).await.error(), (403, "AccessDenied"));

    let replace = [source, ("x-amz-metadata-directive", "REPLACE"), ("x-amz-meta-b", "2")];
    assert_eq!(alice.send("PUT", &object("s%2Bx"), &replace, "").await.status, 200);
    let replaced = alice.head(&object("s%2Bx")).await;
    assert_eq!((replaced.header("x-amz-meta-a"), replaced.header("x-amz-meta-b")), (None, Some("2")));
    assert_eq!((replaced.header("x-amz-tagging-count"), replaced.etag()), (None, etag));
    assert_eq!(alice.send("PUT", &object("s%2Bx"), &[source], "").await.error(), (400, "InvalidRequest"));
    let wrong = [source, ("x-amz-copy-source-if-match", "\"other\"")];
    assert_eq!(alice.send("PUT", &object("u"), &wrong, "").await.error(), (412, "PreconditionFailed"));
    let missing = [("x-amz-copy-source", "/umdemo-data/none")];
    assert_eq!(alice.send("PUT", &object("u"), &missing, "").await.error(), (404, "NoSuchKey"));
}

#[tokio::test]
async fn limits() {
    let limits = Limits { max_put: 10, max_copy: 5, quota_bytes: Some(12), ..Limits::default() };
    let server = Server::start(ServerConfig { limits, ..config(Style::Rgw20) }).await.expect("a server");
    let alice = Client::of(&server, "alice_um");
    assert_eq!(alice.send("PUT", &object("k"), &[], "12345678901").await.error(), (400, "EntityTooLarge"));
    alice.put("k", "1234567890").await;
    let copy = [("x-amz-copy-source", "umdemo-data/k")];
    assert_eq!(alice.send("PUT", &object("l"), &copy, "").await.error(), (400, "EntityTooLarge"));
    assert_eq!(alice.send("PUT", &object("l"), &[], "123").await.error(), (403, "QuotaExceeded"));
    alice.put("l", "12").await;
    // To write over an object needs room for both, as in RGW.
    assert_eq!(alice.send("PUT", &object("l"), &[], "12").await.error(), (403, "QuotaExceeded"));
    let stats = alice.head(&format!("/{BUCKET}?read-stats")).await;
    assert_eq!((stats.header("x-rgw-bytes-used"), stats.header("x-rgw-object-count")), (Some("12"), Some("2")));
    assert_eq!(stats.header("x-rgw-quota-bucket-size"), Some("12"));
    assert_eq!(alice.send("DELETE", &object("k"), &[], "").await.status, 204);
    alice.put("l", "12").await;
    let large = "x".repeat(9000);
    let refused = alice.send("PUT", &object("m"), &[("x-amz-meta-a", &large)], "").await;
    assert_eq!((refused.status, refused.text()), (400, ""));
    let long = format!("x-amz-meta-{}", "n".repeat(81));
    assert_eq!(alice.send("PUT", &object("m"), &[(&long, "1")], "").await.status, 500);
}

#[tokio::test]
async fn append() {
    let server = start().await;
    let alice = Client::of(&server, "alice_um");
    let append = |key: &str, position: u64| format!("{}?append&position={position}", object(key));
    let first = alice.send("PUT", &append("a", 0), &[("x-amz-meta-a", "1")], "hello").await;
    assert_eq!((first.status, first.header("x-rgw-next-append-position")), (200, Some("5")));
    let wrong = alice.send("PUT", &append("a", 3), &[], "x").await;
    assert_eq!(wrong.error(), (409, "PositionNotEqualToLength"));
    assert_eq!(wrong.header("x-rgw-next-append-position"), Some("5"));
    assert_eq!(alice.send("PUT", &append("a", 5), &[], "hello").await.status, 200);
    let read = alice.get(&object("a")).await;
    assert_eq!((read.text(), read.etag().as_str()), ("hellohello", "\"616b22817b80eed9f65c3aa38cd29054-2\""));
    assert_eq!(read.header("x-rgw-object-type"), Some("Appendable"));
    // An append keeps nothing but the bytes.
    assert_eq!(read.header("x-amz-meta-a"), None);
    alice.put("plain", "x").await;
    assert_eq!(alice.send("PUT", &append("plain", 1), &[], "x").await.error(), (409, "ObjectNotAppendable"));
    let replace = [("x-amz-copy-source", "umdemo-data/a"), ("x-amz-metadata-directive", "REPLACE")];
    assert_eq!(alice.send("PUT", &object("a"), &replace, "").await.status, 200);
    assert_eq!(alice.send("PUT", &append("a", 10), &[], "x").await.error(), (409, "ObjectNotAppendable"));
}

#[tokio::test]
async fn deletes() {
    let server = start().await;
    let alice = Client::of(&server, "alice_um");
    for key in ["a", "b", "c"] {
        alice.put(key, key).await;
    }
    let wrong = [("if-match", "\"other\"")];
    assert_eq!(alice.send("DELETE", &object("a"), &wrong, "").await.error(), (412, "PreconditionFailed"));
    assert_eq!(alice.send("DELETE", &object("none"), &wrong, "").await.status, 204);
    assert_eq!(alice.send("DELETE", &object("a"), &[("x-amz-if-match-size", "2")], "").await.status, 412);
    assert_eq!(alice.send("DELETE", &object("a"), &[("x-amz-if-match-size", "1")], "").await.status, 204);
    let list = "<Delete><Object><Key>b</Key></Object><Object><Key>none</Key></Object>\
        <Object><Key>c</Key><ETag>other</ETag></Object></Delete>";
    let deleted = alice.send("POST", &format!("/{BUCKET}?delete"), &[], list).await;
    assert_eq!(deleted.elements("Key"), ["b", "none", "c"]);
    assert_eq!(deleted.elements("Code"), ["PreconditionFailed"]);
    assert_eq!(alice.get(&object("b")).await.status, 404);
    assert_eq!(alice.get(&object("c")).await.status, 200);
}

#[tokio::test]
async fn tags() {
    let server = start().await;
    let alice = Client::of(&server, "alice_um");
    alice.put("k", "x").await;
    let path = format!("{}?tagging", object("k"));
    let tags = "<Tagging><TagSet><Tag><Key>a</Key><Value>1</Value></Tag></TagSet></Tagging>";
    assert_eq!(alice.send("PUT", &path, &[], tags).await.status, 200);
    let found = alice.get(&path).await;
    assert_eq!((found.elements("Key"), found.elements("Value")), (vec!["a"], vec!["1"]));
    assert_eq!(alice.head(&object("k")).await.header("x-amz-tagging-count"), Some("1"));
    assert_eq!(alice.send("DELETE", &path, &[], "").await.status, 204);
    assert!(alice.get(&path).await.elements("Key").is_empty());
}

#[tokio::test]
async fn checksums_are_checked_and_given_back() {
    let server = start().await;
    let alice = Client::of(&server, "alice_um");
    // Both are of "hello".
    let crc32 = ("x-amz-checksum-crc32", "NhCmhg==");
    let sha256 = ("x-amz-checksum-sha256", "LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ=");
    for checksum in [crc32, sha256] {
        assert_eq!(alice.send("PUT", &object("k"), &[checksum], "hello").await.status, 200);
        assert_eq!(alice.send("PUT", &object("l"), &[checksum], "jello").await.error(), (400, "BadDigest"));
        assert_eq!(alice.head(&object("k")).await.header(checksum.0), None);
        let asked = alice.send("HEAD", &object("k"), &[("x-amz-checksum-mode", "ENABLED")], "").await;
        assert_eq!(asked.header(checksum.0), Some(checksum.1));
    }
    assert_eq!(alice.get(&object("l")).await.status, 404);
}

#[tokio::test]
async fn customer_keys_need_tls() {
    let server = start().await;
    let alice = Client::of(&server, "alice_um");
    let key = [("x-amz-server-side-encryption-customer-algorithm", "AES256")];
    assert_eq!(alice.send("PUT", &object("k"), &key, "x").await.error(), (400, "InvalidRequest"));
    assert_eq!(alice.get(&object("k")).await.status, 404);
}
