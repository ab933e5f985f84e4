use crate::client::{BUCKET, Client, object, start_on};

fn blobs(folder: &std::path::Path) -> usize {
    std::fs::read_dir(folder.join("blobs")).expect("a folder").count()
}

#[tokio::test]
async fn objects_outlive_the_server() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = start_on(folder.path().to_owned()).await;
    let alice = Client::of(&server, "alice_um");
    let data: Vec<u8> = (0..2_500_000u32).map(|i| (i / 7) as u8).collect();
    let headers = [("x-amz-meta-a", "1"), ("x-amz-tagging", "k=v"), ("x-amz-acl", "public-read")];
    let etag = alice.send("PUT", &object("d/k"), &headers, data.clone()).await.etag();
    let copy = [("x-amz-copy-source", "umdemo-data/d/k")];
    alice.send("PUT", &object("copy"), &copy, "").await;
    alice.put("gone", "x").await;
    assert_eq!(blobs(folder.path()), 2, "a copy shares its bytes");
    alice.send("DELETE", &object("gone"), &[], "").await;
    alice.send("DELETE", &object("d/none"), &[], "").await;
    alice.put("empty", "").await;
    alice.send("PUT", &format!("{}?append&position=0", object("log")), &[], "one").await;
    alice.send("PUT", &format!("{}?append&position=3", object("log")), &[], "two").await;
    alice.send("PUT", "/umdemo-two", &[], "").await;
    assert_eq!(blobs(folder.path()), 3);
    server.stop().await;
    std::fs::write(folder.path().join("blobs/00000000000000ff"), "of a write that did not end").expect("written");

    let server = start_on(folder.path().to_owned()).await;
    let (alice, anonymous) = (Client::of(&server, "alice_um"), Client::anonymous(&server));
    assert_eq!(alice.get("/").await.elements("Name"), [BUCKET, "umdemo-two"]);
    let list = alice.get(&format!("/{BUCKET}?list-type=2")).await;
    assert_eq!(list.elements("Key"), ["copy", "d/k", "empty", "log"]);
    let read = anonymous.get(&object("d/k")).await;
    assert_eq!((read.etag(), read.header("x-amz-meta-a")), (etag, Some("1")));
    assert_eq!(read.header("x-amz-tagging-count"), Some("1"));
    assert_eq!(read.body, data);
    assert_eq!(anonymous.get(&object("copy")).await.status, 403);
    let range = alice.send("GET", &object("copy"), &[("range", "bytes=1048570-1048590")], "").await;
    assert_eq!(range.body, data[1_048_570..=1_048_590]);
    assert_eq!(alice.get(&object("log")).await.text(), "onetwo");
    assert_eq!(alice.get(&object("empty")).await.text(), "");
    let stats = alice.head(&format!("/{BUCKET}?read-stats")).await;
    assert_eq!(stats.header("x-rgw-bytes-used"), Some("5000006"));
    let next = alice.send("PUT", &format!("{}?append&position=6", object("log")), &[], "three").await;
    assert_eq!(next.status, 200);
    // The stray file is gone, and so are bodies that nothing uses any more.
    assert_eq!(blobs(folder.path()), 4);
    for key in ["copy", "d/k", "log"] {
        alice.send("DELETE", &object(key), &[], "").await;
    }
    assert_eq!(blobs(folder.path()), 0);
}
