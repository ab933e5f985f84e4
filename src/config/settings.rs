//! What a mount is to do, resolved once and never changed: every other room reads from here, none asks the environment.

use crate::store::{CredentialSource, Credentials, Network, SseKey, StoreConfig};
use std::path::PathBuf;
use std::time::Duration;

/// All that the daemon was told, with every default filled in and every path made absolute.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Bucket name; empty: all buckets of the user.
    pub bucket: String,
    /// Which part of the bucket is the root of the mount: empty for all of it, else it ends in `/`.
    pub prefix: String,
    /// Where to mount: absolute, symbolic links resolved.
    pub mountpoint: PathBuf,
    /// Base URL of the service, without a slash at the end.
    pub endpoint: String,
    /// Region to sign with.
    pub region: String,
    /// Extra certificate authorities (PEM).
    pub ca_file: Option<PathBuf>,
    /// The way there.
    pub network: Network,
    /// Who asks.
    pub credentials: Credentials,
    /// Where the credentials came from, in words for logs (`token file /home/alice_um/.osiris-token`). Never a secret.
    pub credentials_from: String,
    /// Where a renewed token is found.
    pub source: CredentialSource,
    /// How long a token that worked is believed though the service refuses it.
    pub token_grace: Duration,
    /// Connections to the service at the same time.
    pub max_connections: usize,
    /// How long reading and asking is tried before the caller gets an error.
    pub ask_for: Duration,
    /// How long storing is tried before the caller gets an error.
    pub retry_for: Duration,
    /// Nothing may be changed through this mount (also a flag of the kernel's mount).
    pub read_only: bool,
    /// Owner of what carries no owner of its own, and of the root.
    pub uid: u32,
    /// Group of what carries no group of its own.
    pub gid: u32,
    /// Permission bits (`0o7777`) of a file whose object carries none; the umask is already applied.
    pub file_mode: u16,
    /// Permission bits of a directory that carries none; the umask is already applied.
    pub dir_mode: u16,
    /// Users other than the one who mounts may use the mount, as far as permission bits let them.
    pub allow_other: bool,
    /// Flags for the kernel's mount.
    pub flags: MountFlags,
    /// Folder for cached and spilled data; `None`: memory only (spilled data goes to `TMPDIR`).
    pub cache_dir: Option<PathBuf>,
    /// Memory for clean blocks and for what waits to be stored, in bytes.
    pub cache_size: u64,
    /// How long a name or attribute may be believed without asking. The one number of the consistency promise: what
    /// another client changed is seen no later than this.
    pub max_age: Duration,
    /// Where attributes come from.
    pub metadata: Metadata,
    /// When `O_CREAT|O_EXCL` asks the service.
    pub exclusive_create: ExclusiveCreate,
    /// Bytes of the largest object that the service copies in one request.
    pub copy_limit: u64,
    /// What to do if the object was changed by another client while we changed it.
    pub conflict: Conflict,
    /// Of all buckets: names to show beside one's own.
    pub also: Vec<String>,
    /// The COU that names of new buckets must begin with.
    pub cou: Option<String>,
    /// Zone group and placement of new buckets, as `LocationConstraint` has them.
    pub placement: Option<String>,
    /// Local owners of objects that name none, by their S3 owner.
    pub owner_map: super::OwnerMap,
    /// The customer's key that the service encrypts objects with.
    pub sse_c: Option<SseKey>,
    /// New objects get the grants of the bucket's list.
    pub inherit_acl: bool,
    /// Filter for log lines, in the syntax of `tracing_subscriber::EnvFilter` (`info`, `osirisfs::store=debug`).
    pub log: String,
    /// Log each request.
    pub log_requests: bool,
    /// Where metrics are served.
    pub metrics: Option<std::net::SocketAddr>,
    /// Where log lines go; `None`: standard error in the foreground, else nowhere.
    pub log_file: Option<PathBuf>,
    /// Stay in the foreground.
    pub foreground: bool,
    /// Threads that read requests from the kernel.
    pub threads: usize,
}

/// Flags for mount(2), each as mount(8) names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MountFlags {
    /// Access times are not kept by the kernel (`noatime`).
    pub noatime: bool,
    /// Directory access times are not kept by the kernel (`nodiratime`).
    pub nodiratime: bool,
    /// Programs in the mount cannot be run (`noexec`).
    pub noexec: bool,
    /// Set-user-id bits have no effect (`nosuid`). On unless `suid` is asked for: objects come from other people.
    pub nosuid: bool,
    /// Device nodes cannot be used (`nodev`). On unless `dev` is asked for.
    pub nodev: bool,
    /// Writes are synchronous (`sync`).
    pub sync: bool,
    /// Changes of directories are synchronous (`dirsync`).
    pub dirsync: bool,
}

impl Default for MountFlags {
    fn default() -> MountFlags {
        MountFlags {
            noatime: false,
            nodiratime: false,
            noexec: false,
            nosuid: true,
            nodev: true,
            sync: false,
            dirsync: false,
        }
    }
}

/// Where attributes (mode, owner, times, links) come from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Metadata {
    /// From each object's own metadata: one HEAD for each object that is looked at.
    #[default]
    Full,
    /// From listings alone: size and time are true, mode and owner are the mount's, links look like files.
    Listing,
}

/// When an exclusive create (`O_CREAT|O_EXCL`) asks the service whether the name is free.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum ExclusiveCreate {
    /// At open if the service honours conditional writes, else at close.
    #[default]
    Auto,
    /// At open: an empty object is stored at once under the condition that there is none.
    Open,
    /// At close: the data is stored under the condition that there is no object.
    Close,
}

/// What to do if the object was changed by another client while it was being changed here.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Conflict {
    /// Keep theirs under the name, ours under a name beside it, and tell the program.
    #[default]
    KeepBoth,
    /// Keep theirs; the program gets an error.
    Fail,
    /// Ours wins.
    Overwrite,
}

impl Settings {
    /// What the store room needs.
    pub fn store_config(&self) -> StoreConfig {
        StoreConfig {
            region: self.region.clone(),
            ca_file: self.ca_file.clone(),
            network: self.network.clone(),
            max_connections: self.max_connections,
            ask_for: self.ask_for,
            store_for: self.retry_for,
            source: Some(self.source.clone()),
            token_grace: self.token_grace,
            // A user may have rights on the mounted folder only.
            probe_prefix: format!("{}.osirisfs/probe-", self.prefix),
            ..StoreConfig::new(&self.endpoint, &self.bucket, self.credentials.clone())
        }
    }

    /// What `mount` and `df` show as the source: `bucket` or `bucket/prefix`, without the slash at the end; `s3:` of all
    /// buckets.
    pub fn source(&self) -> String {
        if self.bucket.is_empty() {
            return super::parse::ALL.to_owned();
        }
        match self.prefix.strip_suffix('/') {
            Some(prefix) if !prefix.is_empty() => format!("{}/{prefix}", self.bucket),
            _ => self.bucket.clone(),
        }
    }
}

#[cfg(test)]
impl Settings {
    /// Settings of a mount with all defaults, for unit tests.
    pub fn sample(bucket: &str, mountpoint: &std::path::Path) -> Settings {
        use clap::{Args, FromArgMatches};
        let command = super::Options::augment_args(
            clap::Command::new("mount").no_binary_name(true).allow_missing_positional(true),
        );
        let words = [bucket.as_ref(), mountpoint.as_os_str()];
        let matches = command.try_get_matches_from(words).expect("two words");
        let options = super::Options::from_arg_matches(&matches).expect("they are options");
        let env = super::Env::made_up(&[("OSIRIS_TOKEN", "sample")], std::path::Path::new("/"));
        super::resolve(&options, MountFlags::default(), &env).expect("the defaults are right")
    }
}
