//! The options of `osirisfs mount`: each flag beside its documentation. `--help` and `-o` are made from this one list.

use super::reach::SERVICE;
use super::{Conflict, ExclusiveCreate, Metadata, Origins, Reach, Sites, parse};
use std::path::PathBuf;
use std::time::Duration;

const BUCKETS: &str = "All buckets";
const LOOKS: &str = "Owners and permissions";
const CACHING: &str = "Caching and consistency";
const STORING: &str = "Storing";
const RUNNING: &str = "Running";

/// What the user asked for, not yet combined with environment and files.
#[derive(Clone, Debug, clap::Args)]
#[command(allow_missing_positional = true)]
pub struct Options {
    /// What to mount: a bucket, or a folder of it [default: all your buckets, each a folder]
    #[arg(value_name = "BUCKET[/PREFIX]")]
    pub source: Option<String>,

    /// Where to mount it: an empty folder
    #[arg(value_name = "MOUNTPOINT", required = true)]
    pub mountpoint: PathBuf,

    /// How to reach the service, and as whom
    #[command(flatten)]
    pub reach: Reach,

    /// In a mount of all buckets, show this bucket too, which belongs to somebody else (may be given several times)
    #[arg(long, value_name = "BUCKET", help_heading = BUCKETS)]
    pub also: Vec<String>,

    /// Your COU: names of new buckets must begin with it [default: the profile's]
    #[arg(long, value_name = "NAME", help_heading = BUCKETS)]
    pub cou: Option<String>,

    /// Where the service keeps new buckets: a placement, or ZONEGROUP:PLACEMENT [default: the service's choice]
    #[arg(long, value_name = "NAME", help_heading = BUCKETS)]
    pub placement: Option<String>,

    /// How long a token that worked is believed though the service refuses it: its user directory may be away
    #[arg(long, value_name = "DURATION", default_value = "30s", value_parser = parse::duration, help_heading = SERVICE)]
    pub token_grace: Duration,

    /// Connections to the service at the same time
    #[arg(long, value_name = "N", default_value_t = crate::store::CONNECTIONS, value_parser = clap::value_parser!(u16).range(1..=1024),
          help_heading = SERVICE)]
    pub connections: u16,

    /// Nothing can be changed through the mount
    #[arg(long, help_heading = LOOKS)]
    pub read_only: bool,

    /// Owner of files whose object names none [default: who mounts]
    #[arg(long, value_name = "UID", help_heading = LOOKS)]
    pub uid: Option<u32>,

    /// Group of files whose object names none [default: group of who mounts]
    #[arg(long, value_name = "GID", help_heading = LOOKS)]
    pub gid: Option<u32>,

    /// File of lines such as "bob_wsu = bob": files that name no owner show the local user of their object's S3 owner,
    /// which costs one more request for each of them
    #[arg(long, value_name = "PATH", help_heading = LOOKS)]
    pub owner_map: Option<PathBuf>,

    /// Mode of files whose object names none, whatever the umask [default: 0666 without the umask]
    #[arg(long, value_name = "OCTAL", value_parser = parse::mode, help_heading = LOOKS)]
    pub file_mode: Option<u16>,

    /// Mode of directories whose object names none, whatever the umask [default: 0777 without the umask]
    #[arg(long, value_name = "OCTAL", value_parser = parse::mode, help_heading = LOOKS)]
    pub dir_mode: Option<u16>,

    /// Bits that the default modes do not have
    #[arg(long, value_name = "OCTAL", default_value = "0022", value_parser = parse::mode, help_heading = LOOKS)]
    pub umask: u16,

    /// Let other users in, as far as owner and mode let them
    #[arg(long, help_heading = LOOKS)]
    pub allow_other: bool,

    /// Folder for data that does not fit in memory [default: TMPDIR or /var/tmp]
    #[arg(long, value_name = "PATH", help_heading = CACHING)]
    pub cache_dir: Option<PathBuf>,

    /// Memory for data that was read; up to half of it for data that waits to be stored
    #[arg(long, value_name = "SIZE", default_value = "256M", value_parser = parse::size, help_heading = CACHING)]
    pub cache_size: u64,

    /// How long names and attributes are believed without asking: a change by others is seen no later than this
    #[arg(long, value_name = "SECONDS", default_value = "3", value_parser = parse::duration, help_heading = CACHING)]
    pub max_age: Duration,

    /// Where modes, owners and exact times come from
    #[arg(long, value_enum, default_value_t, value_name = "FROM", help_heading = CACHING)]
    pub metadata: Metadata,

    /// Largest object that the service copies in one request; larger ones are copied by parts
    #[arg(long, value_name = "SIZE", default_value = "5G", value_parser = parse::size, help_heading = STORING, hide_short_help = true)]
    pub copy_limit: u64,

    /// When a file that must be new is claimed at the service
    #[arg(long, value_enum, default_value_t, value_name = "WHEN", help_heading = STORING)]
    pub exclusive_create: ExclusiveCreate,

    /// What happens to a file that another client changed while it was changed here
    #[arg(long, value_enum, default_value_t, value_name = "HOW", help_heading = STORING)]
    pub conflict: Conflict,

    /// Have the service encrypt with your own key (SSE-C): a file of 32 bytes, or of their base64 form, that only you can
    /// read. Over https only. What is encrypted is sent again where it would be copied (mv, chmod)
    #[arg(long, value_name = "PATH", help_heading = STORING)]
    pub sse_c_key_file: Option<PathBuf>,

    /// New files can be read by whom the bucket's access control list names, as with a default ACL
    #[arg(long, help_heading = STORING)]
    pub inherit_acl: bool,

    /// How long to go on asking a service that does not answer, before programs get an error
    #[arg(long, value_name = "DURATION", default_value = "60s", value_parser = parse::duration, help_heading = STORING)]
    pub ask_for: Duration,

    /// How long to go on trying to store data, before programs get an error
    #[arg(long, value_name = "DURATION", default_value = "600s", value_parser = parse::duration, help_heading = STORING)]
    pub retry_for: Duration,

    /// Stay in the foreground
    #[arg(long, help_heading = RUNNING)]
    pub foreground: bool,

    /// What to log: error, warn, info, debug, trace or off
    #[arg(long, value_name = "LEVEL", default_value = "info", help_heading = RUNNING)]
    pub log: String,

    /// Log each request to the service, with its time and size
    #[arg(long, help_heading = RUNNING)]
    pub log_requests: bool,

    /// Serve metrics for Prometheus here: a port of this machine, or ADDRESS:PORT
    #[arg(long, value_name = "ADDRESS", value_parser = parse::listen, help_heading = RUNNING)]
    pub metrics: Option<std::net::SocketAddr>,

    /// Where to log [default: standard error in the foreground, else the system log]
    #[arg(long, value_name = "PATH", help_heading = RUNNING)]
    pub log_file: Option<PathBuf>,

    /// Threads that take requests from the kernel
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u16).range(1..=64),
          help_heading = RUNNING)]
    pub threads: u16,

    /// Mount over a folder that is not empty
    #[arg(long, help_heading = RUNNING)]
    pub nonempty: bool,

    /// Do nothing, and say nothing, if the same bucket is mounted there already
    #[arg(long, help_heading = RUNNING)]
    pub if_not_mounted: bool,

    /// Configuration file [default: /etc/osirisfs.conf, and over it ~/.config/osirisfs/config.toml]
    #[arg(long, value_name = "PATH", help_heading = RUNNING)]
    pub config: Option<PathBuf>,

    /// Any option above as mount(8) and fstab write it: NAME[=VALUE][,NAME...], and ro, noatime, noexec, _netdev, ...
    #[arg(short = 'o', value_name = "OPTIONS", help_heading = RUNNING)]
    pub dash_o: Vec<String>,

    /// Where each of these came from.
    #[arg(skip)]
    pub origins: Origins,

    /// Sites of the configuration files, for `--site`
    #[arg(skip)]
    pub sites: Sites,
}
