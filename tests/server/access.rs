use crate::client::{BUCKET, Client, object, start};

fn policy(owner: &str, grants: &[(&str, &str)]) -> String {
    let grant = |(id, permission): &(&str, &str)| {
        format!(
            "<Grant><Grantee xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" xsi:type=\"CanonicalUser\">\
             <ID>{id}</ID></Grantee><Permission>{permission}</Permission></Grant>"
        )
    };
    let grants: String = grants.iter().map(grant).collect();
    format!(
        "<AccessControlPolicy><Owner><ID>{owner}</ID></Owner><AccessControlList>{grants}</AccessControlList>\
         </AccessControlPolicy>"
    )
}

#[tokio::test]
async fn nobody_but_the_owner_at_first() {
    let server = start().await;
    let (alice, bob) = (Client::of(&server, "alice_um"), Client::of(&server, "bob_wsu"));
    alice.put("k", "x").await;
    let list = format!("/{BUCKET}?list-type=2");
    for client in [bob, Client::anonymous(&server)] {
        assert_eq!(client.get(&object("k")).await.error(), (403, "AccessDenied"));
        assert_eq!(client.get(&object("none")).await.error(), (403, "AccessDenied"));
        assert_eq!(client.get(&list).await.error(), (403, "AccessDenied"));
        assert_eq!(client.head(&format!("/{BUCKET}")).await.status, 403);
        assert_eq!(client.send("PUT", &object("k"), &[], "y").await.error(), (403, "AccessDenied"));
        assert_eq!(client.send("DELETE", &object("k"), &[], "").await.error(), (403, "AccessDenied"));
    }
    assert_eq!(alice.get(&object("none")).await.error(), (404, "NoSuchKey"));
}

#[tokio::test]
async fn a_bucket_grant_does_not_open_the_objects() {
    let server = start().await;
    let (alice, bob) = (Client::of(&server, "alice_um"), Client::of(&server, "bob_wsu"));
    alice.put("k", "x").await;
    let path = format!("/{BUCKET}?acl");
    let read = policy("alice_um", &[("alice_um", "FULL_CONTROL"), ("bob_wsu", "READ")]);
    assert_eq!(alice.send("PUT", &path, &[], read).await.status, 200);
    assert_eq!(bob.get(&format!("/{BUCKET}?list-type=2")).await.elements("Key"), ["k"]);
    assert_eq!(bob.get(&object("k")).await.error(), (403, "AccessDenied"));
    assert_eq!(bob.get(&object("none")).await.error(), (404, "NoSuchKey"));
    assert_eq!(bob.send("PUT", &object("k"), &[], "y").await.error(), (403, "AccessDenied"));

    let write = policy("alice_um", &[("alice_um", "FULL_CONTROL"), ("bob_wsu", "WRITE")]);
    assert_eq!(alice.send("PUT", &path, &[], write).await.status, 200);
    // What bob writes is bob's, and closed to the bucket's owner unless he says otherwise.
    assert_eq!(bob.send("PUT", &object("k"), &[], "y").await.status, 200);
    assert_eq!(alice.get(&object("k")).await.error(), (403, "AccessDenied"));
    let open = [("x-amz-acl", "bucket-owner-full-control")];
    assert_eq!(bob.send("PUT", &object("k"), &open, "z").await.status, 200);
    assert_eq!(alice.get(&object("k")).await.text(), "z");
}

#[tokio::test]
async fn grant_headers_are_exactly_the_list() {
    let server = start().await;
    let (alice, bob) = (Client::of(&server, "alice_um"), Client::of(&server, "bob_wsu"));
    let grant = [("x-amz-grant-read", "id=\"bob_wsu\"")];
    assert_eq!(alice.send("PUT", &object("k"), &grant, "x").await.status, 200);
    assert_eq!(alice.get(&object("k")).await.error(), (403, "AccessDenied"));
    assert_eq!(bob.get(&object("k")).await.text(), "x");
    let acl = format!("{}?acl", object("k"));
    assert_eq!(bob.get(&acl).await.error(), (403, "AccessDenied"));
    let list = alice.get(&acl).await;
    assert_eq!((list.elements("Permission"), list.elements("ID")), (vec!["READ"], vec!["bob_wsu", "alice_um"]));
    assert_eq!(alice.send("PUT", &object("k"), &[], "y").await.status, 200);
    assert_eq!(bob.get(&object("k")).await.error(), (403, "AccessDenied"));
}

#[tokio::test]
async fn lists_that_are_refused() {
    let server = start().await;
    let alice = Client::of(&server, "alice_um");
    alice.put("k", "x").await;
    let acl = format!("{}?acl", object("k"));
    let put = |header: (&'static str, &'static str)| {
        let alice = &alice;
        async move {
            let answer = alice.send("PUT", &object("l"), &[header], "x").await;
            (answer.status, answer.error().1.to_owned())
        }
    };
    assert_eq!(put(("x-amz-grant-read", "id=zed_um")).await, (404, "NoSuchKey".into()));
    assert_eq!(put(("x-amz-grant-read", "emailAddress=a@example.org")).await, (404, "NoSuchKey".into()));
    assert_eq!(put(("x-amz-grant-read", "uri=\"http://nowhere\"")).await, (400, "InvalidArgument".into()));
    assert_eq!(put(("x-amz-acl", "nonsense")).await, (400, "InvalidArgument".into()));
    let both = [("x-amz-acl", "private"), ("x-amz-grant-read", "id=bob_wsu")];
    assert_eq!(alice.send("PUT", &object("l"), &both, "x").await.error(), (400, "InvalidRequest"));
    let unknown = policy("alice_um", &[("zed_um", "READ")]);
    assert_eq!(alice.send("PUT", &acl, &[], unknown).await.error(), (400, "InvalidArgument"));
    let stolen = policy("bob_wsu", &[("bob_wsu", "READ")]);
    assert_eq!(alice.send("PUT", &acl, &[], stolen).await.error(), (403, "AccessDenied"));
    let long = policy("alice_um", &[("bob_wsu", "READ"); 120]);
    assert_eq!(alice.send("PUT", &acl, &[], long).await.error(), (400, "LimitExceeded"));
    let etag = alice.head(&object("k")).await.etag();
    assert_eq!(alice.send("PUT", &acl, &[], policy("alice_um", &[])).await.status, 200);
    assert_eq!(alice.head(&object("k")).await.status, 403);
    assert_eq!(alice.send("PUT", &acl, &[("x-amz-acl", "private")], "").await.status, 200);
    assert_eq!(alice.head(&object("k")).await.etag(), etag);
}

/// Changes to one object at the same time are all made, none is refused.
#[tokio::test]
async fn changes_at_the_same_time() {
    let server = start().await;
    let alice = Client::of(&server, "alice_um");
    alice.put("k", "x").await;
    let (acl, tagging) = (format!("{}?acl", object("k")), format!("{}?tagging", object("k")));
    let tags = "<Tagging><TagSet><Tag><Key>a</Key><Value>1</Value></Tag></TagSet></Tagging>";
    let change = |n: usize| {
        let (alice, acl, tagging) = (&alice, &acl, &tagging);
        async move {
            let canned = [("x-amz-acl", "public-read")];
            let answer = if n.is_multiple_of(2) {
                alice.send("PUT", acl, &canned, "").await
            } else {
                alice.send("PUT", tagging, &[], tags).await
            };
            answer.status
        }
    };
    let statuses = futures::future::join_all((0..40).map(change)).await;
    assert!(statuses.iter().all(|status| *status == 200), "{statuses:?}");
    let read = Client::anonymous(&server).get(&object("k")).await;
    assert_eq!((read.text(), read.header("x-amz-tagging-count")), ("x", Some("1")));
}
