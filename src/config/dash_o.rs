//! `-o a,b=c`: the same options as mount(8) and fstab write them.
//!
//! Names of our own options are turned into flags (`cache_size=1G` into `--cache-size=1G`) for clap to read, so that both
//! ways of writing mean the same. What mount(8) itself defines becomes flags of the kernel's mount or is ignored. The
//! rest is refused by name.

use super::{ConfigError, MountFlags, names};

/// What `-o` said.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DashO {
    /// Flags for clap, to be read before those of the command line so that these win.
    pub flags: Vec<String>,
    /// `ro` or `rw`, whichever came last. `rw` takes back what a configuration file says.
    pub read_only: Option<bool>,
    /// Flags for the kernel.
    pub kernel: MountFlags,
    /// The flags of a mount that is there are to be changed.
    pub remount: bool,
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

/// Reads all `-o` values in order; `own` is the command whose long options may be named.
pub fn read(values: &[String], own: &clap::Command) -> Result<DashO, ConfigError> {
    let mut out = DashO::default();
    for item in values.iter().flat_map(|list| split(list)) {
        let (name, value) = match item.split_once('=') {
            Some((name, value)) => (name.trim(), Some(value)),
            None => (item.trim(), None),
        };
        if name.is_empty() || name.starts_with("x-") || name.starts_with("X-") || name == "comment" {
            continue;
        }
        match (name, value) {
            ("ro", None) => out.read_only = Some(true),
            ("rw", None) => out.read_only = Some(false),
            ("remount", None) => out.remount = true,
            _ if kernel_flag(&mut out.kernel, name) || IGNORED.contains(&name) => no_value(name, value)?,
            _ => out.flags.push(own_flag(name, value, own)?),
        }
    }
    if out.read_only == Some(true) {
        out.flags.push("--read-only".to_owned());
    }
    Ok(out)
}

/// Whether mount(8), systemd or the kernel knows the option, so that it means the same for every file system.
pub(super) fn is_generic(name: &str) -> bool {
    let prefixed = name.starts_with("x-") || name.starts_with("X-");
    prefixed
        || matches!(name, "ro" | "rw" | "comment")
        || IGNORED.contains(&name)
        || kernel_flag(&mut MountFlags::default(), name)
}

/// Splits at commas; `\,` is a comma within a value, `\\` a backslash (as libfuse has it).
pub(super) fn split(list: &str) -> Vec<String> {
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
        Some(_) => Err(names::takes_no_value(name)),
    }
}

fn own_flag(name: &str, value: Option<&str>, own: &clap::Command) -> Result<String, ConfigError> {
    let Some(arg) = names::find(name, own) else {
        let suggestion = names::suggestion(name, own, &["ro", "rw", "noatime", "noexec", "nosuid", "nodev"]);
        return Err(ConfigError::new(format!("unknown mount option \"{name}\""), suggestion));
    };
    let long = arg.get_long().unwrap_or_default();
    match (arg.get_action().takes_values(), value) {
        (true, Some(value)) => Ok(format!("--{long}={value}")),
        (true, None) => Err(ConfigError::new(
            format!("the mount option {name} needs a value"),
            format!("write -o {name}=VALUE (see osirisfs mount --help)"),
        )),
        (false, value) => no_value(name, value).map(|()| format!("--{long}")),
    }
}

#[cfg(test)]
mod tests;
