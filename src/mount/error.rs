//! Why a mount could not be made or ended: one variant for each cause, each with what to do about it.

use crate::store::{ErrorKind, StoreError};
use std::fmt;
use std::path::PathBuf;

/// A cause.
#[derive(Clone, Debug)]
pub enum MountError {
    /// The mount point is not there.
    Missing(PathBuf),
    /// The mount point is no directory.
    NotADirectory(PathBuf),
    /// The mount point has files in it.
    NotEmpty(PathBuf),
    /// The mount point or a folder above it may not be used.
    NoAccess(PathBuf),
    /// One of our mounts is there already.
    AlreadyMounted {
        /// Where.
        mountpoint: PathBuf,
        /// Of what.
        source: String,
    },
    /// A dead mount is there and could not be cleared.
    Stale {
        /// Where.
        mountpoint: PathBuf,
        /// Why it could not be cleared.
        why: String,
    },
    /// The kernel has no FUSE.
    NoFuse,
    /// /dev/fuse may not be opened.
    FuseDenied,
    /// Ordinary users mount with this helper, and it is not there.
    NoFusermount,
    /// `--allow-other` by an ordinary user needs the administrator's consent.
    AllowOtherForbidden,
    /// The kernel or fusermount3 refused for another reason.
    Refused(String),
    /// The mount was made but did not answer.
    Silent(PathBuf),
    /// The service could not be used.
    Service {
        /// What happened.
        error: Box<StoreError>,
        /// Address of the service.
        endpoint: String,
        /// Bucket.
        bucket: String,
        /// Where the credentials came from.
        credentials_from: String,
    },
    /// The service took longer than a mount may wait.
    ServiceSlow {
        /// Address of the service.
        endpoint: String,
        /// Seconds waited.
        seconds: u64,
    },
    /// There is no mount at this path.
    NotMounted(PathBuf),
    /// The path lies in a mount, but is not its root.
    InsideMount {
        /// What was asked for.
        path: PathBuf,
        /// Where the mount is.
        mountpoint: PathBuf,
    },
    /// Another program's mount.
    Foreign {
        /// Where.
        mountpoint: PathBuf,
        /// Its type.
        fstype: String,
    },
    /// Somebody uses the mount.
    Busy {
        /// Where.
        mountpoint: PathBuf,
        /// Who: `bash (process 4711)`.
        users: Vec<String>,
    },
    /// The mount belongs to somebody else.
    NotYours(PathBuf),
    /// Files that could not be stored.
    NotStored(Vec<(String, String)>),
    /// It ended before it was ready, or without a word.
    Died(String),
    /// A signal came while mounting.
    Interrupted,
    /// Anything of the operating system that has no name above.
    System(String),
}

impl MountError {
    /// What is wrong, in one line.
    pub fn message(&self) -> String {
        match self {
            Self::Missing(path) => format!("the mount point {} does not exist", path.display()),
            Self::NotADirectory(path) => format!("the mount point {} is not a directory", path.display()),
            Self::NotEmpty(path) => format!("the mount point {} is not empty", path.display()),
            Self::NoAccess(path) => format!("you may not use {} as a mount point", path.display()),
            Self::AlreadyMounted { mountpoint, source } => {
                format!("{source} is already mounted on {}", mountpoint.display())
            }
            Self::Stale { mountpoint, why } => {
                format!("a dead mount is on {} and could not be cleared: {why}", mountpoint.display())
            }
            Self::NoFuse => "the kernel has no FUSE: there is no /dev/fuse".to_owned(),
            Self::FuseDenied => "you may not open /dev/fuse".to_owned(),
            Self::NoFusermount => "the program fusermount3, by which ordinary users mount, is not installed".to_owned(),
            Self::AllowOtherForbidden => {
                "allow_other is not allowed for ordinary users: /etc/fuse.conf does not say user_allow_other".to_owned()
            }
            Self::Refused(why) => format!("the mount was refused: {why}"),
            Self::Silent(path) => format!("the mount on {} was made but does not answer", path.display()),
            Self::Service { error, endpoint, bucket, .. } => service_message(error, endpoint, bucket),
            Self::ServiceSlow { endpoint, seconds } => format!("{endpoint} did not answer within {seconds} s"),
            Self::NotMounted(path) => format!("nothing is mounted on {}", path.display()),
            Self::InsideMount { path, mountpoint } => {
                format!("{} is a folder of the mount on {}", path.display(), mountpoint.display())
            }
            Self::Foreign { mountpoint, fstype } => {
                format!("what is mounted on {} is not osirisfs but {fstype}", mountpoint.display())
            }
            Self::Busy { mountpoint, users } if users.is_empty() => format!("{} is in use", mountpoint.display()),
            Self::Busy { mountpoint, users } => format!("{} is in use by {}", mountpoint.display(), users.join(", ")),
            Self::NotYours(path) => format!("the mount on {} belongs to another user", path.display()),
            Self::NotStored(files) => {
                let list: Vec<String> = files.iter().map(|(path, error)| format!("{path} ({error})")).collect();
                format!("could not be stored: {}", list.join(", "))
            }
            Self::Died(why) => format!("the daemon ended before the mount was ready: {why}"),
            Self::Interrupted => "interrupted before the mount was ready".to_owned(),
            Self::System(why) => why.clone(),
        }
    }

    /// What to do about it.
    pub fn remedy(&self) -> String {
        match self {
            Self::Missing(path) => format!("make it: mkdir -p {}", path.display()),
            Self::NotADirectory(_) => "give a directory".to_owned(),
            Self::NotEmpty(_) => "give an empty directory, or --nonempty to hide what is in it".to_owned(),
            Self::NoAccess(_) => "give a directory that belongs to you and that you may write to".to_owned(),
            Self::AlreadyMounted { mountpoint, .. } => {
                format!("use it as it is, or unmount it first: osirisfs umount {}", mountpoint.display())
            }
            Self::Stale { mountpoint, .. } => {
                format!("its owner or root can clear it: fusermount3 -uz {0} or umount -l {0}", mountpoint.display())
            }
            Self::NoFuse => "load it (as root: modprobe fuse); a container needs --device /dev/fuse".to_owned(),
            Self::FuseDenied => "ask the administrator to give /dev/fuse mode 0666".to_owned(),
            Self::NoFusermount => "install the package fuse3, or mount as root".to_owned(),
            Self::AllowOtherForbidden => {
                "ask the administrator to add the line user_allow_other to /etc/fuse.conf, or mount without it".to_owned()
            }
            Self::Refused(_) => {
                "FUSE mounts must be allowed for you on this machine; a container needs the capability SYS_ADMIN".to_owned()
            }
            Self::Silent(_) => "start it with --foreground --log debug to see why".to_owned(),
            Self::Service { error, endpoint, bucket, credentials_from } => {
                service_remedy(error, endpoint, bucket, credentials_from)
            }
            Self::ServiceSlow { .. } => "check the network and --endpoint, or try again later".to_owned(),
            Self::NotMounted(_) => "findmnt -t fuse.osirisfs lists the mounts".to_owned(),
            Self::InsideMount { mountpoint, .. } => format!("osirisfs umount {}", mountpoint.display()),
            Self::Foreign { .. } => "unmount it with umount or with the program that made it".to_owned(),
            Self::Busy { .. } => {
                "close the programs that use it (a shell may stand in it), or give --lazy: it then ends at their last close"
                    .to_owned()
            }
            Self::NotYours(_) => "only its owner and root can unmount it".to_owned(),
            Self::NotStored(_) => "the files are still there in the mount: copy them elsewhere, or try again; \
                                   --force unmounts, and osirisfs recover stores what is kept in lost+found"
                .to_owned(),
            Self::Died(_) => "start it with --foreground --log debug to see why".to_owned(),
            Self::Interrupted => "nothing was left mounted".to_owned(),
            Self::System(_) => "start it with --foreground --log debug to learn more".to_owned(),
        }
    }
}

fn service_message(error: &StoreError, endpoint: &str, bucket: &str) -> String {
    let words = if error.message.is_empty() { String::new() } else { format!(": {}", error.message) };
    match error.kind {
        ErrorKind::NoSuchBucket | ErrorKind::NotFound => format!("there is no bucket \"{bucket}\" at {endpoint}"),
        ErrorKind::BadName => format!("{endpoint} says that \"{bucket}\" cannot be the name of a bucket"),
        ErrorKind::Denied => format!("{endpoint} does not let you use the bucket \"{bucket}\""),
        ErrorKind::BadCredentials => format!("{endpoint} does not accept the token or key"),
        ErrorKind::ClockSkew => format!("the clock of this machine differs too much from that of {endpoint}"),
        ErrorKind::Timeout => format!("{endpoint} does not answer{words}"),
        ErrorKind::Unreachable => format!("{endpoint} cannot be reached{words}"),
        ErrorKind::Dns => format!("the name in {endpoint} cannot be resolved{words}"),
        ErrorKind::Tls => format!("the TLS certificate of {endpoint} is not trusted{words}"),
        _ => format!("{endpoint} answered with an error: {error}"),
    }
}

fn service_remedy(error: &StoreError, endpoint: &str, bucket: &str, credentials_from: &str) -> String {
    match error.kind {
        ErrorKind::NoSuchBucket | ErrorKind::NotFound | ErrorKind::BadName => {
            "check its spelling and --endpoint; osirisfs does not make buckets".to_owned()
        }
        // RGW says AccessDenied also to a token that it cannot decode.
        ErrorKind::Denied => format!(
            "ask the owner of \"{bucket}\" for access, or check that the credentials (from {credentials_from}) are complete \
             and yours"
        ),
        ErrorKind::BadCredentials => {
            format!("check the credentials (from {credentials_from}); make a new token if it has expired")
        }
        ErrorKind::ClockSkew => "set the clock (timedatectl set-ntp true)".to_owned(),
        ErrorKind::Timeout | ErrorKind::Unreachable => {
            "check the network, a firewall or proxy on the way, and --endpoint".to_owned()
        }
        ErrorKind::Dns => "check the spelling of --endpoint, and the name server (/etc/resolv.conf)".to_owned(),
        ErrorKind::Tls => {
            "check that --endpoint has the name of the certificate; for an authority of your own give --ca-file"
                .to_owned()
        }
        _ => format!("check that {endpoint} is an S3 service; --foreground --log debug shows more"),
    }
}

impl fmt::Display for MountError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}; {}", self.message(), self.remedy())
    }
}

impl std::error::Error for MountError {}

#[cfg(test)]
mod tests;
