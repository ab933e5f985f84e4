use crate::client::{BUCKET, Client, start};

#[tokio::test]
async fn pages_of_keys_and_prefixes() {
    let server = start().await;
    let alice = Client::of(&server, "alice_um");
    for key in ["a", "d/1", "d/2", "%C3%A9", "z%20%2B"] {
        alice.put(key, "x").await;
    }
    let path = format!("/{BUCKET}?list-type=2&delimiter=/&max-keys=2&encoding-type=url");
    let first = alice.get(&path).await;
    assert_eq!(first.elements("Key"), ["a"]);
    assert_eq!(first.elements("CommonPrefixes"), ["<Prefix>d/</Prefix>"]);
    assert_eq!((first.elements("IsTruncated"), first.elements("KeyCount")), (vec!["true"], vec!["2"]));
    let token = first.elements("NextContinuationToken")[0];
    let second = alice.get(&format!("{path}&continuation-token={token}")).await;
    assert_eq!(second.elements("Key"), ["z%20%2B", "%C3%A9"]);
    assert_eq!(second.elements("IsTruncated"), ["false"]);
    assert!(second.elements("Owner").is_empty());

    let old = alice.get(&format!("/{BUCKET}?prefix=d/&marker=d/1")).await;
    assert_eq!((old.elements("Key"), old.elements("Size")), (vec!["d/2"], vec!["1"]));
    assert_eq!(old.elements("Owner").len(), 1);
    let within = alice.get(&format!("/{BUCKET}?list-type=2&delimiter=/&start-after=d/1")).await;
    assert!(within.elements("CommonPrefixes").is_empty());
    assert_eq!(within.elements("Key").len(), 2);
}

#[tokio::test]
async fn no_page_has_more_than_a_thousand_entries() {
    let server = start().await;
    let alice = Client::of(&server, "alice_um");
    for n in 0..1001 {
        alice.put(&format!("k{n:04}"), "").await;
    }
    let page = alice.get(&format!("/{BUCKET}?list-type=2&max-keys=5000")).await;
    assert_eq!((page.elements("Key").len(), page.elements("IsTruncated")), (1000, vec!["true"]));
    let none = alice.get(&format!("/{BUCKET}?list-type=2&max-keys=0")).await;
    assert_eq!((none.elements("Key").len(), none.elements("IsTruncated")), (0, vec!["false"]));
}

#[tokio::test]
async fn buckets() {
    let server = start().await;
    let alice = Client::of(&server, "alice_um");
    let bob = Client::of(&server, "bob_wsu");
    let create = |name: &'static str| {
        let alice = &alice;
        async move { alice.send("PUT", name, &[], "").await }
    };
    assert_eq!(create("/umdemo-two").await.status, 200);
    assert_eq!(create("/umdemo-two").await.status, 200);
    assert_eq!(create("/UPPER").await.error(), (400, "InvalidBucketName"));
    assert_eq!(bob.send("PUT", "/umdemo-two", &[], "").await.error(), (409, "BucketAlreadyExists"));
    assert_eq!(alice.get("/").await.elements("Name"), [BUCKET, "umdemo-two"]);
    assert!(bob.get("/").await.elements("Name").is_empty());
    assert_eq!(Client::anonymous(&server).get("/").await.status, 200);
    alice.put("k", "x").await;
    assert_eq!(alice.send("DELETE", "/umdemo-data", &[], "").await.error(), (409, "BucketNotEmpty"));
    assert_eq!(alice.send("DELETE", "/umdemo-two", &[], "").await.status, 204);
    assert_eq!(alice.get("/umdemo-two?list-type=2").await.error(), (404, "NoSuchBucket"));
    assert_eq!(alice.get("/umdemo-data?policy").await.error(), (404, "NoSuchBucketPolicy"));
}
