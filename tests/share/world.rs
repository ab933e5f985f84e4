//! A service with several users, and a bucket of alice_um's that only this test uses.

#![allow(dead_code)] // not every test uses all of it

use crate::support::{Mount, PROGRAM, Ran, run};
use bytes::Bytes;
use osirisfs::server::{Limits, QuotaOf, Server, ServerConfig, Style, User};
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
/// Has a key pair.
pub const DAVE: &str = "dave_vai";
const DAVES_KEYS: (&str, &str) = ("DAVE", "made-up-for-tests");

pub struct World {
    runtime: Runtime,
    /// Token files, mount points, logs.
    dir: tempfile::TempDir,
    server: Option<Server>,
    endpoint: String,
    ca_file: Option<PathBuf>,
    /// A token, or both keys with a colon between.
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
            Some(server) => {
                let keys = format!("{}:{}", DAVES_KEYS.0, DAVES_KEYS.1);
                let people = [ALICE, BOB, CAROL].map(|id| (id, Server::token(id))).into_iter().chain([(DAVE, keys)]);
                (server.endpoint(), None, people.collect())
            }
            None => {
                let tokens = [(ALICE, "ALICE"), (BOB, "BOB"), (CAROL, "CAROL")]
                    .map(|(id, name)| (id, read(&format!("OSIRISFS_RGW_TOKEN_{name}"))));
                let keys = format!("{}:{}", read("OSIRISFS_RGW_KEY_ACCESS"), read("OSIRISFS_RGW_KEY_SECRET"));
                let people = tokens.into_iter().chain([(DAVE, keys)]);
                (read("OSIRISFS_RGW_TLS_ENDPOINT"), Some(read("OSIRISFS_RGW_CA_FILE").into()), people.collect())
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
                users: [ALICE, BOB, CAROL].map(user).into_iter().chain([dave()]).collect(),
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

    /// The same, if it can be mounted.
    pub fn try_mount(&self, user: &str, below: &str, flags: &[&str]) -> Option<Mount> {
        let source = format!("{}/{below}", self.bucket);
        let store = self.store(user);
        // What a mount asks first; if that is refused the command must fail, too.
        let prefix = if below.is_empty() { String::new() } else { format!("{below}/") };
        let listed = self.try_now(store.list(ListRequest { prefix, ..ListRequest::default() }));
        if listed.is_ok() {
            return Some(self.mount(user, below, flags));
        }
        fs::create_dir_all(self.folder(user).join("at")).unwrap();
        self.command(user, &["mount", source.trim_end_matches('/'), "at"]).fails();
        None
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

    /// Sets or takes away a quota.
    pub fn quota(&self, of: QuotaOf, bytes: Option<u64>) {
        if let Some(server) = &self.server {
            return server.set_quota(of, bytes);
        }
        let read = |name: &str| std::env::var(name).unwrap_or_else(|_| panic!("{name} is not set"));
        let (dir, release) = (read("OSIRISFS_RGW_DIR"), read("OSIRISFS_RGW_RELEASE"));
        let (kind, name) = match &of {
            QuotaOf::Bucket(name) => ("bucket", name),
            QuotaOf::User(name) => ("user", name),
        };
        let bytes = bytes.map_or("none".to_owned(), |bytes| bytes.to_string());
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/scripts/rgw");
        let words = ["quota", kind, name, &bytes, "--dir", &dir, "--release", &release];
        run(std::path::Path::new("/"), script, &words).ok();
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
        let (access_key, secret_key) = token.split_once(':').unwrap_or((&token, ""));
        let credentials = Credentials { access_key: access_key.to_owned(), secret_key: secret_key.to_owned() };
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

    /// s3cmd as somebody.
    pub fn s3cmd(&self, user: &str, words: &[&str]) -> Ran {
        let (scheme, host) = self.endpoint.split_once("://").unwrap();
        let token = fs::read_to_string(self.folder(user).join("token")).unwrap();
        let mut text = format!(
            "[default]\naccess_key = {token}\nsecret_key = unused\nhost_base = {host}\nhost_bucket = {host}\nuse_https = {}\n",
            if scheme == "https" { "True" } else { "False" }
        );
        if let Some(file) = &self.ca_file {
            text += &format!("ca_certs_file = {}\n", file.display());
        }
        let config = self.folder(user).join("s3cmd.ini");
        crate::support::write_secret(&config, &text);
        run(&self.folder(user), "s3cmd", &[&["-c", config.to_str().unwrap()], words].concat())
    }

    /// Python with boto3: `everybody` has a client for each person by id, `s3` is that of this one, `bucket` the bucket's
    /// name.
    pub fn boto3(&self, user: &str, script: &str) -> Ran {
        let verify =
            self.ca_file.as_ref().map_or("None".to_owned(), |file| format!("{:?}", file.display().to_string()));
        let people = self.dir.path();
        let head = format!(
            "import boto3, os\nfrom botocore.config import Config\nbucket = {:?}\n\
             def client(user):\n    token = open(os.path.join({people:?}, user, 'token')).read().strip()\n    \
             return boto3.client('s3', endpoint_url={:?}, aws_access_key_id=token, aws_secret_access_key='x', \
             region_name='us-east-1', verify={verify}, config=Config(s3={{'addressing_style': 'path'}}, \
             request_checksum_calculation='when_required', response_checksum_validation='when_required'))\n\
             everybody = {{user: client(user) for user in ['{ALICE}', '{BOB}', '{CAROL}']}}\ns3 = everybody[{user:?}]\n",
            self.bucket, self.endpoint
        );
        crate::support::run(&self.folder(user), &crate::support::venv_python(), &["-c", &format!("{head}{script}")])
    }
}

fn dave() -> User {
    User { id: DAVE.to_owned(), access_key: DAVES_KEYS.0.to_owned(), secret_key: Some(DAVES_KEYS.1.to_owned()) }
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
