//! The contract of the store room against a service that is already running:
//!
//! ```text
//! OSIRISFS_TEST_ENDPOINT=http://127.0.0.1:8000 OSIRISFS_TEST_BUCKET=contract \
//! OSIRISFS_TEST_ACCESS_KEY=... OSIRISFS_TEST_SECRET_KEY= OSIRISFS_TEST_TOKEN_BOB=... cargo test --test store_contract
//! ```
//!
//! Not part of a plain `cargo test` (see `Cargo.toml`): it needs a service. The cases themselves are in
//! `tests/contract`, so that other tests can run them against services that they start.

mod contract;

use contract::Target;

fn target() -> Target {
    let read = |name: &str| {
        std::env::var(name).unwrap_or_else(|_| {
            panic!(
                "{name} is not set. Set OSIRISFS_TEST_ENDPOINT, OSIRISFS_TEST_BUCKET (an existing bucket), \
                 OSIRISFS_TEST_ACCESS_KEY, OSIRISFS_TEST_SECRET_KEY (may be empty) and OSIRISFS_TEST_TOKEN_BOB (the token \
                 of bob_wsu, who owns nothing there) to a service to test against."
            )
        })
    };
    Target {
        endpoint: read("OSIRISFS_TEST_ENDPOINT"),
        bucket: read("OSIRISFS_TEST_BUCKET"),
        access_key: read("OSIRISFS_TEST_ACCESS_KEY"),
        secret_key: read("OSIRISFS_TEST_SECRET_KEY"),
        ca_file: std::env::var_os("OSIRISFS_TEST_CA_FILE").map(Into::into),
        bob: read("OSIRISFS_TEST_TOKEN_BOB"),
    }
}

macro_rules! cases {
    ($($name:ident),* $(,)?) => {$(
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $name() {
            contract::$name(&target()).await;
        }
    )*};
}

contract::each_case!(cases);
