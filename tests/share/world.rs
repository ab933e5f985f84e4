//! A service with several users, and a bucket of alice_um's that only this test uses.

#![allow(dead_code)] // not every test uses all of it

use crate::support::{Mount, PROGRAM, Ran, run};
use bytes::Bytes;
use osirisfs::server::{Limits, Server, ServerConfig, Style, User};
use osirisfs::store::{
    Body, Condition, Credentials, GetRequest, ListRequest, Store, StoreConfig, StoreError, WriteHeaders,
};
use std::fs;
use std::future::Future;
use std::path::PathBuf;
use std::time::Duration;
use tokio::runtime::Runtime;

pub const ALICE: &str = "alice_um";
pub const BOB: &str = "bob_wsu";
pub const CAROL: &str = "carol_msu";

pub struct World {
    runtime: Runtime,
    /// Token files, mount points, logs.
    dir: tempfile::TempDir,
    server: Option<Server>,
    endpoint: String,
    ca_file: Option<PathBuf>,
    tokens: Vec<(&'static str, String)>,
    bucket: String,
}

impl World {
    fn new(server: impl FnOnce(&Runtime) -> Option<Server>) -> World {
        assert!(nix::unistd::geteuid().is_root(), "these tests mount: run them as root");
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let server = server(&runtime);
        let read =
            |name: &str| std::env::var(name).unwrap_or_else(|_| panic!("{name} is not set: see scripts/rgw env"));
        let (endpoint, ca_file, tokens) = match &server {
            Some(server) => (server.endpoint(), None, [ALICE, BOB, CAROL].map(|id| (id, Server::token(id))).to_vec()),
            None => {
                let token = |id: &str, name| {
                    (
                        if id == ALICE {
                            ALICE
                        } else if id == BOB {
                            BOB
                        } else {
                            CAROL
                        },
                        read(name),
                    )
                };
                let tokens = vec![
                    token(ALICE, "OSIRISFS_RGW_TOKEN_ALICE"),
                    token(BOB, "OSIRISFS_RGW_TOKEN_BOB"),
                    token(CAROL, "OSIRISFS_RGW_TOKEN_CAROL"),
                ];
                (read("OSIRISFS_RGW_TLS_ENDPOINT"), Some(read("OSIRISFS_RGW_CA_FILE").into()), tokens)
            }
        };
        let random: String = std::iter::repeat_with(fastrand::lowercase).take(10).collect();
        let dir = tempfile::tempdir().unwrap();
        let world = World { runtime, dir, server, endpoint, ca_file, tokens, bucket: format!("um-share-{random}") };
        for (id, token) in &world.tokens {
            fs::create_dir(world.dir.path().join(id)).unwrap();
            crate::support::write_secret(&world.dir.path().join(id).join("token"), token);
        }
        world.now(world.store(ALICE).create_bucket(None));
        world
    }

    fn with_server(style: Style) -> World {
        World::with_limits(style, Limits::default())
    }

    pub fn with_limits(style: Style, limits: Limits) -> World {
        World::new(|runtime| {
            let user = |id: &str| User { id: id.to_owned(), access_key: Server::token(id), secret_key: None };
            let config = ServerConfig {
                listen: ([127, 0, 0, 1], 0).into(),
                data_dir: None,
                users: [ALICE, BOB, CAROL].map(user).to_vec(),
                buckets: Vec::new(),
                style,
                limits,
            };
            Some(runtime.block_on(Server::start(config)).unwrap())
        })
    }

    /// The embedded server, as RGW 20 behaves.
    pub fn embedded() -> World {
        World::with_server(Style::Rgw20)
    }

    /// The same, as RGW 16 behaves.
    pub fn embedded16() -> World {
        World::with_server(Style::Rgw16)
    }

    /// The gateway that `scripts/rgw env` tells of, over TLS.
    pub fn rgw() -> World {
        World::new(|_| None)
    }

    pub fn bucket(&self) -> &str {
        &self.bucket
    }

    /// A path in the folder of a user: token, log, mount points.
    pub fn folder(&self, user: &str) -> PathBuf {
        self.dir.path().join(user)
    }

    fn common(&self) -> Vec<String> {
        let mut words = vec!["--endpoint".to_owned(), self.endpoint.clone()];
        if let Some(file) = &self.ca_file {
            words.extend(["--ca-file".to_owned(), file.display().to_string()]);
        }
        words
    }

    /// Mounts alice's bucket, or a folder of it, as somebody.
    pub fn mount(&self, user: &str, below: &str, flags: &[&str]) -> Mount {
        self.mount_source(user, format!("{}/{below}", self.bucket).trim_end_matches('/'), flags)
    }

    pub fn mount_source(&self, user: &str, source: &str, flags: &[&str]) -> Mount {
        let common = self.common();
        let all: Vec<&str> = common[2..].iter().map(String::as_str).chain(flags.iter().copied()).collect();
        Mount::new(&self.folder(user), &self.endpoint, source, &all)
    }

    /// Runs a command of ours as somebody.
    pub fn command(&self, user: &str, words: &[&str]) -> Ran {
        let (command, rest) = words.split_first().unwrap();
        let common = self.common();
        let mut all = vec![*command, "--token-file", "token"];
        all.extend(common.iter().map(String::as_str));
        all.extend(rest);
        run(&self.folder(user), PROGRAM, &all)
    }

    /// A bucket of somebody's own; the test removes it.
    pub fn another(&self, user: &str) -> String {
        let name = format!("{}-{}", self.bucket, user.replace('_', "-"));
        self.now(self.store(user).for_bucket(&name, "p").create_bucket(None));
        name
    }

    /// Removes a bucket with all that is in it.
    pub fn remove(&self, user: &str, bucket: &str) {
        let store = self.store(user).for_bucket(bucket, "p");
        self.now(async {
            let page = store.list(ListRequest::default()).await?;
            store.delete_many(&page.objects.into_iter().map(|object| object.key).collect::<Vec<_>>()).await?;
            store.delete_bucket().await
        });
    }

    /// Why somebody cannot mount the whole bucket.
    #[track_caller]
    pub fn mount_fails(&self, user: &str) -> String {
        fs::create_dir_all(self.folder(user).join("at")).unwrap();
        self.command(user, &["mount", &self.bucket, "at"]).fails()
    }

    /// What somebody sees without a mount.
    pub fn store(&self, user: &str) -> Store {
        let token = self.tokens.iter().find(|(id, _)| *id == user).unwrap().1.clone();
        let credentials = Credentials { access_key: token, secret_key: String::new() };
        let config = StoreConfig {
            ca_file: self.ca_file.clone(),
            max_connections: 16,
            ask_for: Duration::from_secs(20),
            store_for: Duration::from_secs(60),
            ..StoreConfig::new(&self.endpoint, &self.bucket, credentials)
        };
        let _inside = self.runtime.enter();
        Store::new(config).unwrap()
    }

    #[track_caller]
    pub fn now<T>(&self, work: impl Future<Output = Result<T, StoreError>>) -> T {
        self.runtime.block_on(work).unwrap()
    }

    pub fn try_now<T>(&self, work: impl Future<Output = Result<T, StoreError>>) -> Result<T, StoreError> {
        self.runtime.block_on(work)
    }

    #[track_caller]
    pub fn put(&self, user: &str, key: &str, text: &str) {
        let body = Body::from(Bytes::from(text.to_owned()));
        self.now(self.store(user).put(key, body, &WriteHeaders::default(), &Condition::Always));
    }

    /// An object's text as somebody reads it without a mount.
    pub fn get(&self, user: &str, key: &str) -> Result<String, StoreError> {
        let store = self.store(user);
        self.try_now(async {
            let mut body = store.get(key, GetRequest::default()).await?;
            let mut bytes = Vec::new();
            while let Some(frame) = body.next().await? {
                bytes.extend_from_slice(&frame);
            }
            Ok(String::from_utf8(bytes).unwrap())
        })
    }

    /// Python with boto3, `s3` a client as somebody, `bucket` the bucket's name.
    pub fn boto3(&self, user: &str, script: &str) -> Ran {
        let token = self.folder(user).join("token");
        let verify =
            self.ca_file.as_ref().map_or("None".to_owned(), |file| format!("{:?}", file.display().to_string()));
        let head = format!(
            "import boto3\nfrom botocore.config import Config\ntoken = open({token:?}).read().strip()\nbucket = {:?}\n\
             s3 = boto3.client('s3', endpoint_url={:?}, aws_access_key_id=token, aws_secret_access_key='x', \
             region_name='us-east-1', verify={verify}, config=Config(s3={{'addressing_style': 'path'}}, \
             request_checksum_calculation='when_required', response_checksum_validation='when_required'))\n",
            self.bucket, self.endpoint
        );
        crate::support::run(&self.folder(user), &crate::support::venv_python(), &["-c", &format!("{head}{script}")])
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if self.server.is_some() {
            return;
        }
        let store = self.store(ALICE);
        // Whatever happened to the bucket, its owner can take it back.
        let cleared = self.try_now(async {
            store.delete_policy().await?;
            store.put_canned_bucket_acl("private").await?;
            for upload in store.list_uploads("").await? {
                store.abort_upload(&upload.key, &upload.id).await?;
            }
            loop {
                let page = store.list(ListRequest::default()).await?;
                let keys: Vec<String> = page.objects.into_iter().map(|object| object.key).collect();
                if keys.is_empty() {
                    return store.delete_bucket().await;
                }
                store.delete_many(&keys).await?;
            }
        });
        if let Err(error) = cleared
            && !std::thread::panicking()
        {
            panic!("the bucket of the test could not be removed: {error}");
        }
    }
}
