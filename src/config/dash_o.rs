//! `-o a,b=c`: the same options as mount(8) and fstab write them.
//!
//! Names of our own options are turned into flags (`cache_size=1G` into `--cache-size=1G`) for clap to read, so that both
//! ways of writing mean the same. What mount(8) itself defines becomes flags of the kernel's mount or is ignored. The
//! rest is refused by name.

use super::{ConfigError, MountFlags};

/// What `-o` said.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DashO {
    /// Flags for clap, to be read before those of the command line so that these win.
    pub flags: Vec<String>,
    /// Flags for the kernel.
    pub kernel: MountFlags,
}

/// Generic options that are for mount(8), systemd or nobody, and say nothing to us. `default_permissions` is always on.
const IGNORED: &[&str] = &[
    "defaults",
    "auto",
    "noauto",
    "nofail",
    "_netdev",
    "user",
    "nouser",
    "users",
    "nousers",
    "owner",
    "noowner",
    "group",
    "nogroup",
    "relatime",
    "norelatime",
    "strictatime",
    "nostrictatime",
    "lazytime",
    "nolazytime",
    "mand",
    "nomand",
    "silent",
    "loud",
    "iversion",
    "noiversion",
    "default_permissions",
];

/// What s3fs, goofys and others call things, and what they are called here.
const ELSEWHERE: &[(&str, &str)] = &[
    ("url", "endpoint"),
    ("host", "endpoint"),
    ("passwd_file", "token_file"),
    ("token", "token_file (a token in the options could be read by everyone)"),
    ("use_cache", "cache_dir"),
    ("cache", "cache_dir"),
    ("mp_umask", "umask"),
    ("stat_cache_expire", "max_age"),
    ("stat-cache-ttl", "max_age"),
    ("dbglevel", "log"),
    ("logfile", "log_file"),
    ("use_path_request_style", "nothing: path style is what osirisfs always uses; leave it out"),
];

/// Reads all `-o` values in order; `own` is the command whose long options may be named.
pub fn read(values: &[String], own: &clap::Command) -> Result<DashO, ConfigError> {
    let mut out = DashO::default();
    let mut read_only = false;
    for item in values.iter().flat_map(|list| split(list)) {
        let (name, value) = match item.split_once('=') {
            Some((name, value)) => (name.trim(), Some(value)),
            None => (item.trim(), None),
        };
        if name.is_empty() || name.starts_with("x-") || name.starts_with("X-") || name == "comment" {
            continue;
        }
        match (name, value) {
            ("ro", None) => read_only = true,
            ("rw", None) => read_only = false,
            ("remount", None) => {
                return Err(ConfigError::new(
                    "remount is not supported: a mount's options cannot be changed",
                    "unmount it with osirisfs umount and mount it again",
                ));
            }
            _ if kernel_flag(&mut out.kernel, name) || IGNORED.contains(&name) => no_value(name, value)?,
            _ => out.flags.push(own_flag(name, value, own)?),
        }
    }
    if read_only {
        out.flags.push("--read-only".to_owned());
    }
    Ok(out)
}

/// Splits at commas; `\,` is a comma within a value, `\\` a backslash (as libfuse has it).
fn split(list: &str) -> Vec<String> {
    let mut items = vec![String::new()];
    let mut chars = list.chars();
    while let Some(c) = chars.next() {
        match c {
            ',' => items.push(String::new()),
            '\\' => items.last_mut().into_iter().for_each(|item| item.extend(chars.next())),
            c => items.last_mut().into_iter().for_each(|item| item.push(c)),
        }
    }
    items
}

fn kernel_flag(flags: &mut MountFlags, name: &str) -> bool {
    match name {
        "noatime" => flags.noatime = true,
        "atime" => flags.noatime = false,
        "nodiratime" => flags.nodiratime = true,
        "diratime" => flags.nodiratime = false,
        "noexec" => flags.noexec = true,
        "exec" => flags.noexec = false,
        "nosuid" => flags.nosuid = true,
        "suid" => flags.nosuid = false,
        "nodev" => flags.nodev = true,
        "dev" => flags.nodev = false,
        "sync" => flags.sync = true,
        "async" => flags.sync = false,
        "dirsync" => flags.dirsync = true,
        _ => return false,
    }
    true
}

fn no_value(name: &str, value: Option<&str>) -> Result<(), ConfigError> {
    match value {
        None => Ok(()),
        Some(_) => Err(ConfigError::new(format!("the option {name} takes no value"), format!("write -o {name}"))),
    }
}

fn own_flag(name: &str, value: Option<&str>, own: &clap::Command) -> Result<String, ConfigError> {
    let long = name.replace('_', "-");
    let known = |arg: &&clap::Arg| arg.get_long() == Some(&long) && !matches!(long.as_str(), "help" | "version");
    let Some(arg) = own.get_arguments().find(known) else {
        return Err(ConfigError::new(format!("unknown mount option \"{name}\""), suggestion(name, own)));
    };
    match (arg.get_action().takes_values(), value) {
        (true, Some(value)) => Ok(format!("--{long}={value}")),
        (true, None) => Err(ConfigError::new(
            format!("the mount option {name} needs a value"),
            format!("write -o {name}=VALUE (see osirisfs mount --help)"),
        )),
        (false, value) => no_value(name, value).map(|()| format!("--{long}")),
    }
}

fn suggestion(name: &str, own: &clap::Command) -> String {
    if let Some((_, ours)) = ELSEWHERE.iter().find(|(theirs, _)| *theirs == name) {
        return format!("what other programs call {name} is here: {ours}");
    }
    let mut names: Vec<String> =
        own.get_arguments().filter_map(|arg| arg.get_long()).map(|long| long.replace('-', "_")).collect();
    names.extend(["ro", "rw", "noatime", "noexec", "nosuid", "nodev"].map(str::to_owned));
    let name = name.replace('-', "_");
    let near = names
        .iter()
        .map(|candidate| (strsim::jaro_winkler(&name, candidate), candidate))
        .filter(|(likeness, _)| *likeness > 0.8)
        .max_by(|a, b| a.0.total_cmp(&b.0));
    match near {
        Some((_, candidate)) => format!("did you mean \"{candidate}\"? (osirisfs mount --help lists them all)"),
        None => "osirisfs mount --help lists the options".to_owned(),
    }
}

#[cfg(test)]
mod tests;
