//! Lines of fstab for s3fs, said in our words.

use super::{ConfigError, dash_o};

/// The address that s3fs takes when it is told none.
const S3FS_DEFAULT: &str = "https://s3.amazonaws.com";

/// A line of fstab in our words, and what it could not say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Translated {
    /// The line.
    pub line: String,
    /// What changes for whoever used the old line.
    pub notes: Vec<String>,
}

/// Options that say here what they say there.
const SAME: &[&str] =
    &["uid", "gid", "umask", "allow_other", "nonempty", "profile", "use_cache", "logfile", "url", "host"];

/// Our names for options that have another one there.
const RENAMED: &[(&str, &str)] = &[
    ("url", "endpoint"),
    ("host", "endpoint"),
    ("endpoint", "region"),
    ("passwd_file", "token_file"),
    ("use_cache", "cache_dir"),
    ("logfile", "log_file"),
    ("stat_cache_expire", "max_age"),
    ("stat_cache_interval_expire", "max_age"),
];

/// What is always so here, or does not exist here, and needs no word.
const NEEDLESS: &[&str] = &[
    "use_path_request_style",
    "sigv2",
    "sigv4",
    "compat_dir",
    "complement_stat",
    "enable_noobj_cache",
    "disable_noobj_cache",
    "use_xattr",
    "notsup_compat_dir",
    "max_stat_cache_size",
    "multipart_size",
    "multipart_copy_size",
    "multireq_max",
    "parallel_count",
    "max_dirty_data",
    "ensure_diskfree",
    "list_object_max_keys",
    "singlepart_copy_limit",
    "nomultipart",
    "nocopyapi",
    "norenameapi",
    "streamupload",
    "enable_content_md5",
    "del_cache",
    "big_writes",
    "kernel_cache",
    "auto_cache",
    "direct_io",
    "attr_timeout",
    "entry_timeout",
    "default_permissions",
    "retries",
    "dev",
    "suid",
];

/// Translates a line; `None` if it is not one of s3fs.
pub fn line(text: &str) -> Option<Result<Translated, ConfigError>> {
    let fields: Vec<&str> = text.split_whitespace().collect();
    let [source, mountpoint, fstype, rest @ ..] = fields.as_slice() else { return None };
    if source.starts_with('#') {
        return None;
    }
    let bucket = match *fstype {
        "fuse.s3fs" | "s3fs" => source.strip_prefix("s3fs#").unwrap_or(source),
        "fuse" => source.strip_prefix("s3fs#")?,
        _ => return None,
    };
    Some(translated(bucket, mountpoint, rest))
}

fn translated(bucket: &str, mountpoint: &str, rest: &[&str]) -> Result<Translated, ConfigError> {
    let mut out = Translated::default();
    let (bucket, folder) = bucket.split_once(':').unwrap_or((bucket, ""));
    let mut folder = folder.trim_matches('/').to_owned();
    let mut bucket = bucket.to_owned();
    let mut options: Vec<String> = Vec::new();
    let mut endpoint = None;
    for item in dash_o::split(rest.first().unwrap_or(&"defaults")) {
        let (name, value) = match item.split_once('=') {
            Some((name, value)) => (name, value),
            None => (item.as_str(), ""),
        };
        let value = value.trim_matches('"');
        match name {
            "url" | "host" => endpoint = Some(value.trim_end_matches('/').to_owned()),
            "bucket" => {
                let (name, path) = value.split_once(':').unwrap_or((value, ""));
                (bucket, folder) = (name.to_owned(), path.trim_matches('/').to_owned());
            }
            "mp_umask" => out.notes.push("mp_umask: the root of the bucket has the mode of --dir-mode here".to_owned()),
            "dbglevel" | "f2" => options.push(format!("log={}", log_level(value))),
            "connect_timeout" | "readwrite_timeout" => {
                out.notes.push(format!("{name}: see ask_for and retry_for, the time until programs get an error"));
            }
            "no_check_certificate" => {
                out.notes.push("no_check_certificate: give ca_file=FILE with the authority of the service".to_owned());
            }
            "ssl_verify_hostname" => {
                out.notes.push("ssl_verify_hostname: the name of the certificate is always checked".to_owned());
            }
            "passwd_file" => {
                options.push(format!("token_file={}", escaped(value)));
                out.notes.push(format!("token_file={value}: ACCESS:SECRET or a token, readable by its owner only"));
            }
            "public_bucket" | "iam_role" | "ecs" | "ibm_iam_auth" => {
                out.notes.push(format!("{name}: osirisfs always needs a token or a key pair"));
            }
            "storage_class" | "use_sse" | "use_rrs" | "default_acl" => {
                out.notes
                    .push(format!("{name}: new objects get what the service gives by itself; this is not translated"));
            }
            _ if NEEDLESS.contains(&name) => {}
            _ if RENAMED.iter().any(|(theirs, _)| *theirs == name) => {
                let (_, ours) = RENAMED.iter().find(|(theirs, _)| *theirs == name).unwrap_or(&("", ""));
                options.push(format!("{ours}={}", escaped(value)));
            }
            _ if SAME.contains(&name) || dash_o::is_generic(name) => options.push(item.clone()),
            _ => out.notes.push(format!("{name}: osirisfs has no such option; it is left out")),
        }
    }
    if endpoint.is_none() {
        out.notes.push(format!("no url: s3fs then means {S3FS_DEFAULT}; leave endpoint out to mean OSiRIS"));
    }
    options.push(format!("endpoint={}", endpoint.as_deref().unwrap_or(S3FS_DEFAULT)));
    if !options.iter().any(|option| option == "_netdev") {
        options.push("_netdev".to_owned());
    }
    let source = if folder.is_empty() { bucket } else { format!("{bucket}/{folder}") };
    super::parse::source(&source)?;
    options.retain(|option| option != "defaults");
    out.line = format!("{source} {mountpoint} osirisfs {} 0 0", options.join(","));
    Ok(out)
}

fn log_level(theirs: &str) -> &'static str {
    match theirs {
        "info" | "inf" => "info",
        "warn" | "wan" | "warning" => "warn",
        "dbg" | "debug" => "debug",
        _ => "error",
    }
}

fn escaped(value: &str) -> String {
    value.replace('\\', r"\\").replace(',', r"\,")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn translated(text: &str) -> Translated {
        line(text).expect("a line of s3fs").unwrap()
    }

    #[test]
    fn lines_of_s3fs_in_our_words() {
        let got = translated(
            "s3fs#um-data:/run7 /mnt/data fuse _netdev,allow_other,use_path_request_style,url=https://rgw.osris.org/,\
             passwd_file=/etc/passwd-s3fs,umask=0027,use_cache=/var/cache/s3,endpoint=us-east-1,dbglevel=warn 0 0",
        );
        assert_eq!(
            got.line,
            "um-data/run7 /mnt/data osirisfs _netdev,allow_other,token_file=/etc/passwd-s3fs,umask=0027,\
             cache_dir=/var/cache/s3,region=us-east-1,log=warn,endpoint=https://rgw.osris.org 0 0"
        );
        assert_eq!(got.notes.len(), 1, "{:?}", got.notes);
        let got = translated("um-data\t/mnt/x\tfuse.s3fs\tdefaults,ro,nofail,x-systemd.automount,uid=5 0 0");
        let expected =
            "um-data /mnt/x osirisfs ro,nofail,x-systemd.automount,uid=5,endpoint=https://s3.amazonaws.com,_netdev 0 0";
        assert_eq!(got.line, expected);
        assert!(got.notes[0].contains("no url"), "{:?}", got.notes);
    }

    #[test]
    fn what_cannot_be_said_is_told() {
        let got = translated("b /m fuse.s3fs url=http://h,no_check_certificate,storage_class=x,surprise 0 0");
        assert_eq!(got.notes.len(), 3, "{:?}", got.notes);
        assert!(got.notes[0].contains("ca_file") && got.notes[2].contains("surprise"), "{:?}", got.notes);
    }

    #[test]
    fn other_lines_are_not_ours() {
        for text in ["", "# s3fs#b /m fuse x 0 0", "/dev/sda1 / ext4 defaults 0 1", "sshfs#h:/ /m fuse x 0 0", "b /m"] {
            assert!(line(text).is_none(), "{text}");
        }
        assert!(line("s3fs#b%d /m fuse x 0 0").unwrap().is_err());
    }
}
