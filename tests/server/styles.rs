use crate::client::{BUCKET, Client, config, object};
use osirisfs::server::{Server, Style};

#[tokio::test]
async fn release_16_hears_fewer_conditions() {
    let server = Server::start(config(Style::Rgw16)).await.expect("a server");
    let alice = Client::of(&server, "alice_um");
    let headers = [("x-amz-meta-a_b", "1")];
    let put = alice.send("PUT", &object("k"), &headers, "hello").await;
    let etag = put.etag();
    assert_eq!(put.header("server"), None);
    let head = alice.head(&object("k")).await;
    assert_eq!((head.header("x-amz-meta-a-b"), head.header("x-amz-meta-a_b")), (Some("1"), None));
    assert_eq!(alice.send("PUT", &object("k"), &[("if-match", &etag)], "hello").await.status, 412);
    assert_eq!(alice.send("PUT", &object("k"), &[("if-match", etag.trim_matches('"'))], "hello").await.status, 200);
    assert_eq!(alice.send("PUT", &object("n"), &[("if-match", etag.trim_matches('"'))], "hello").await.status, 412);
    let copy = [("x-amz-copy-source", "umdemo-data/k"), ("x-amz-copy-source-if-match", "\"other\"")];
    let copied = alice.send("PUT", &object("l"), &copy, "").await;
    assert_eq!((copied.status, copied.elements("ETag")), (200, vec![etag.trim_matches('"')]));
    assert_eq!(alice.send("DELETE", &object("l"), &[("if-match", "\"other\"")], "").await.status, 204);
    let stats = alice.head(&format!("/{BUCKET}")).await;
    assert_eq!(stats.header("x-rgw-object-count"), Some("1"));

    let created = alice.send("POST", &format!("{}?uploads", object("m")), &[], "").await;
    let id = created.elements("UploadId")[0];
    let part = alice.send("PUT", &format!("{}?partNumber=1&uploadId={id}", object("m")), &[], "x").await.etag();
    let path = format!("{}?uploadId={id}", object("m"));
    let list = format!(
        "<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>{part}</ETag></Part></CompleteMultipartUpload>"
    );
    let done = alice.send("POST", &path, &[("if-match", "\"other\"")], list.clone()).await;
    assert_eq!((done.status, done.elements("ETag")), (200, vec![""]));
    assert_eq!(alice.send("POST", &path, &[], list.clone()).await.elements("ETag").len(), 1);
    assert_eq!(alice.send("DELETE", &object("m"), &[], "").await.status, 204);
    assert_eq!(alice.send("POST", &path, &[], list).await.error(), (500, "InternalError"));
}

#[tokio::test]
async fn release_20_names_itself() {
    let server = Server::start(config(Style::Rgw20)).await.expect("a server");
    let answer = Client::of(&server, "alice_um").head(&format!("/{BUCKET}")).await;
    assert_eq!(answer.header("server"), Some("osirisfs"));
    assert_eq!(answer.header("x-rgw-object-count"), None);
    assert_eq!(answer.header("x-rgw-quota-bucket-size"), None, "there is none");
}
