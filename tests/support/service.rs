//! Where the tests store: the embedded server, a real RGW, or, to check a test itself, a plain folder.

use super::{Mount, S3};
use osirisfs::server::{Limits, RequestLog, Server, ServerConfig, Style, User};
use osirisfs::store::{Credentials, Store, StoreConfig};
use std::future::Future;
use std::path::Path;
use std::time::Duration;
use tokio::runtime::Runtime;

/// A place to mount from, for one test alone.
pub struct Service {
    runtime: Runtime,
    place: Place,
    /// Token files and mount points.
    dir: tempfile::TempDir,
}

enum Place {
    Embedded(Server),
    /// A folder of a bucket of a gateway that runs already.
    Rgw {
        endpoint: String,
        bucket: String,
        token: String,
        prefix: String,
    },
    Plain,
}

const USER: &str = "alice_um";
const BUCKET: &str = "cou-data";

impl Service {
    fn new(place: impl FnOnce(&Runtime) -> Place) -> Service {
        assert!(nix::unistd::geteuid().is_root(), "these tests mount: run them as root");
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let service = Service { place: place(&runtime), runtime, dir: tempfile::tempdir().unwrap() };
        let token = match &service.place {
            Place::Rgw { token, .. } => token.clone(),
            _ => Server::token(USER),
        };
        super::mount::write_secret(&service.dir.path().join("token"), &token);
        service
    }

    /// A server of its own in this process.
    pub fn embedded() -> Service {
        Service::embedded_as(Style::default(), Limits::default())
    }

    /// The same, as RGW 16 behaves.
    pub fn embedded16() -> Service {
        Service::embedded_as(Style::Rgw16, Limits::default())
    }

    /// The same with other rules.
    pub fn embedded_as(style: Style, limits: Limits) -> Service {
        Service::new(|runtime| {
            let config = ServerConfig {
                listen: ([127, 0, 0, 1], 0).into(),
                data_dir: None,
                users: vec![User { id: USER.to_owned(), access_key: Server::token(USER), secret_key: None }],
                buckets: vec![(BUCKET.to_owned(), USER.to_owned())],
                style,
                limits,
            };
            Place::Embedded(runtime.block_on(Server::start(config)).unwrap())
        })
    }

    /// The gateway that `scripts/rgw env` tells of; a folder of its own there.
    pub fn rgw() -> Service {
        let read = |name: &str| {
            std::env::var(name).unwrap_or_else(|_| {
                panic!("{name} is not set: run scripts/rgw up, then eval \"$(scripts/rgw env)\", then this test again")
            })
        };
        let random: String = std::iter::repeat_with(fastrand::alphanumeric).take(12).collect();
        Service::new(|_| Place::Rgw {
            endpoint: read("OSIRISFS_RGW_ENDPOINT"),
            bucket: read("OSIRISFS_RGW_BUCKET"),
            token: read("OSIRISFS_RGW_TOKEN_ALICE"),
            prefix: format!("mount-tests/{random}/"),
        })
    }

    /// A plain folder: what a test of POSIX says there is what it may say of a mount.
    pub fn plain() -> Service {
        Service::new(|_| Place::Plain)
    }

    /// Whether this is a plain folder, without S3 below.
    pub fn is_plain(&self) -> bool {
        matches!(self.place, Place::Plain)
    }

    /// Whether this is the server of this process.
    pub fn is_embedded(&self) -> bool {
        matches!(self.place, Place::Embedded(_))
    }

    /// Mounts with the defaults.
    pub fn mount(&self) -> Mount {
        self.mount_with(&[])
    }

    /// Mounts with more flags. Several mounts may live at the same time; a plain folder is always the same one.
    pub fn mount_with(&self, flags: &[&str]) -> Mount {
        if self.is_plain() {
            let folder = self.dir.path().join("plain");
            std::fs::create_dir_all(&folder).unwrap();
            return Mount::plain(folder);
        }
        let (_, prefix) = self.bucket();
        Mount::new(self.dir.path(), &self.endpoint(), &format!("{}/{prefix}", self.bucket().0), flags)
    }

    /// Mounts by another address, or by flags alone if it is empty.
    pub fn mount_at(&self, endpoint: &str, flags: &[&str]) -> Mount {
        let (bucket, prefix) = self.bucket();
        Mount::new(self.dir.path(), endpoint, &format!("{bucket}/{prefix}"), flags)
    }

    /// Waits for something of the server.
    pub fn block_on<T>(&self, work: impl Future<Output = T>) -> T {
        self.runtime.block_on(work)
    }

    /// Mounts by way of a proxy.
    pub fn mount_through(&self, proxy: &super::Proxy, flags: &[&str]) -> Mount {
        let (bucket, prefix) = self.bucket();
        Mount::new(self.dir.path(), &proxy.endpoint(), &format!("{bucket}/{prefix}"), flags)
    }

    /// A proxy before this service.
    pub fn proxy(&self) -> super::Proxy {
        super::Proxy::new(&self.endpoint())
    }

    /// The server's address.
    pub fn endpoint(&self) -> String {
        match &self.place {
            Place::Embedded(server) => server.endpoint(),
            Place::Rgw { endpoint, .. } => endpoint.clone(),
            Place::Plain => panic!("a plain folder has no endpoint"),
        }
    }

    /// The bucket and the mounted part of it: `""`, or a prefix that ends in `/`.
    pub fn bucket(&self) -> (&str, &str) {
        match &self.place {
            Place::Rgw { bucket, prefix, .. } => (bucket, prefix),
            _ => (BUCKET, ""),
        }
    }

    /// The access key, which is the token.
    pub fn access_key(&self) -> String {
        match &self.place {
            Place::Rgw { token, .. } => token.clone(),
            _ => Server::token(USER),
        }
    }

    /// Folder of this test for files that are not in the bucket.
    pub fn folder(&self) -> &Path {
        self.dir.path()
    }

    /// The bucket, without a mount.
    pub fn s3(&self) -> S3 {
        let credentials = Credentials { access_key: self.access_key(), secret_key: String::new() };
        let config = StoreConfig {
            max_connections: 16,
            ask_for: Duration::from_secs(20),
            ..StoreConfig::new(self.endpoint(), self.bucket().0, credentials)
        };
        let _inside = self.runtime.enter();
        S3::new(Store::new(config).unwrap(), self.runtime.handle().clone(), self.bucket().1.to_owned())
    }

    /// The embedded server, for its log and its faults.
    pub fn server(&self) -> &Server {
        match &self.place {
            Place::Embedded(server) => server,
            _ => panic!("only the embedded server can be looked into"),
        }
    }

    /// What the embedded server was asked.
    pub fn log(&self) -> RequestLog {
        self.server().log()
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        if matches!(self.place, Place::Rgw { .. }) {
            self.s3().delete_all();
        }
    }
}
