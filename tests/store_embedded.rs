//! The contract of the store room against the embedded server, in both of its styles.

mod contract;

use contract::Target;
use osirisfs::server::{Limits, Server, ServerConfig, Style, User};

const BUCKET: &str = "contract";

async fn start(style: Style) -> (Server, Target) {
    let token = Server::token("alice_um");
    let config = ServerConfig {
        listen: ([127, 0, 0, 1], 0).into(),
        data_dir: None,
        users: [("alice_um", token.clone()), ("bob_wsu", Server::token("bob_wsu"))]
            .map(|(id, access_key)| User { id: id.into(), access_key, secret_key: None })
            .to_vec(),
        buckets: vec![(BUCKET.into(), "alice_um".into())],
        style,
        limits: Limits::default(),
    };
    let server = Server::start(config).await.expect("a server");
    let target = Target {
        endpoint: server.endpoint(),
        bucket: BUCKET.into(),
        access_key: token,
        secret_key: String::new(),
        ca_file: None,
        bob: Server::token("bob_wsu"),
    };
    (server, target)
}

macro_rules! rgw16 {
    ($($name:ident),* $(,)?) => {
        mod rgw16 {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                let (server, target) = super::start(super::Style::Rgw16).await;
                super::contract::$name(&target).await;
                server.stop().await;
            })*
        }
    };
}

macro_rules! rgw20 {
    ($($name:ident),* $(,)?) => {
        mod rgw20 {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                let (server, target) = super::start(super::Style::Rgw20).await;
                super::contract::$name(&target).await;
                server.stop().await;
            })*
        }
    };
}

contract::each_case!(rgw16);
contract::each_case!(rgw20);
