use aws_sdk_s3::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_s3::presigning::PresigningConfig;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use osirisfs::server::{Server, Style};
use std::time::Duration;

use crate::client::{Client, config, object, start};

fn token(user: &str, password: &str) -> String {
    let text = format!(r#"{{"RGW_TOKEN":{{"version":1,"type":"ldap","id":"{user}","key":"{password}"}}}}"#);
    BASE64.encode(text)
}

#[tokio::test]
async fn tokens() {
    let server = start().await;
    assert_eq!(Server::token("alice_um"), token("alice_um", "pw-alice_um"));
    let get = |key: String| {
        let client = Client::with_key(&server, &key);
        async move {
            let answer = client.get("/").await;
            (answer.status, answer.error().1.to_owned())
        }
    };
    assert_eq!(get(token("alice_um", "pw-alice_um")).await.0, 200);
    assert_eq!(get(token("alice_um", "wrong")).await, (403, "InvalidAccessKeyId".into()));
    assert_eq!(get(token("zed_um", "pw-zed_um")).await, (403, "InvalidAccessKeyId".into()));
    assert_eq!(get(token("alice_um", "")).await, (403, "AccessDenied".into()));
    assert_eq!(get("garbage".into()).await, (403, "AccessDenied".into()));
}

#[tokio::test]
async fn signatures_of_version_2() {
    let server = start().await;
    let authorization = format!("AWS {}:anything", Server::token("alice_um"));
    let client = Client::anonymous(&server);
    let put = client.send("PUT", &object("k"), &[("authorization", &authorization)], "x").await;
    assert_eq!(put.status, 200);
    assert_eq!(client.send("GET", &object("k"), &[("authorization", &authorization)], "").await.text(), "x");
}

#[tokio::test]
async fn chunks_that_cannot_be_verified_are_refused() {
    for (style, trailer) in [(Style::Rgw16, (411, "MissingContentLength")), (Style::Rgw20, (501, "NotImplemented"))] {
        let server = Server::start(config(style)).await.expect("a server");
        let alice = Client::of(&server, "alice_um");
        let put = |payload: &'static str| {
            let alice = &alice;
            async move { alice.send("PUT", &object("k"), &[("x-amz-content-sha256", payload)], "x").await }
        };
        assert_eq!(put("UNSIGNED-PAYLOAD").await.status, 200);
        assert_eq!(put("STREAMING-UNSIGNED-PAYLOAD-TRAILER").await.error(), trailer);
        assert_eq!(put("STREAMING-AWS4-HMAC-SHA256-PAYLOAD").await.error(), (501, "NotImplemented"));
    }
}

/// URLs signed by the SDK: with the right secret, with a wrong one, and by a token user, whose signature means nothing.
#[tokio::test]
async fn signatures_are_verified_where_there_is_a_secret() {
    let server = start().await;
    let token = Server::token("alice_um");
    let cases = [("CAROL", "carol's secret", 404), ("CAROL", "wrong", 403), (token.as_str(), "anything", 404)];
    for (access_key, secret, status) in cases {
        let config = aws_sdk_s3::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("us-east-1"))
            .endpoint_url(server.endpoint())
            .force_path_style(true)
            .credentials_provider(Credentials::new(access_key, secret, None, None, "test"))
            .build();
        let presigning = PresigningConfig::expires_in(Duration::from_secs(60)).expect("a minute");
        let client = aws_sdk_s3::Client::from_conf(config);
        let request = client.get_object().bucket("umdemo-none").key("d/é +%").presigned(presigning);
        let request = request.await.expect("signed");
        let path = request.uri().strip_prefix(&server.endpoint()).expect("our server").to_owned();
        // The bucket is not there, but only who has logged in learns that.
        let code = if status == 404 { "NoSuchBucket" } else { "SignatureDoesNotMatch" };
        assert_eq!(Client::anonymous(&server).get(&path).await.error(), (status, code));
    }
}
