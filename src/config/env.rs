//! The surroundings of the command: environment variables, home folder, who and where we are. Taken once, so that
//! everything that depends on them can be tested without changing the process.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

/// What the process was given.
#[derive(Clone, Default)]
pub struct Env {
    vars: HashMap<String, String>,
    /// Home folder, if there is one.
    pub home: Option<PathBuf>,
    /// Current folder: relative paths start here.
    pub cwd: PathBuf,
    /// Effective user id.
    pub uid: u32,
    /// Effective group id.
    pub gid: u32,
    /// The machine's configuration file.
    pub system_config: PathBuf,
}

/// The machine's configuration file.
const SYSTEM_CONFIG: &str = "/etc/osirisfs.conf";

impl Env {
    /// The real surroundings. Without `HOME` (systemd's mount units have none) the home folder is that of the user
    /// database.
    pub fn of_process() -> Env {
        let uid = nix::unistd::geteuid();
        let vars: HashMap<String, String> =
            std::env::vars_os().filter_map(|(k, v)| Some((k.into_string().ok()?, v.into_string().ok()?))).collect();
        let home = match vars.get("HOME").filter(|home| home.starts_with('/')) {
            Some(home) => Some(PathBuf::from(home)),
            None => nix::unistd::User::from_uid(uid).ok().flatten().map(|user| user.dir),
        };
        let cwd = std::env::current_dir().unwrap_or_else(|_| PathBuf::from("/"));
        Env {
            vars,
            home,
            cwd,
            uid: uid.as_raw(),
            gid: nix::unistd::getegid().as_raw(),
            system_config: SYSTEM_CONFIG.into(),
        }
    }

    /// Made-up surroundings.
    pub fn made_up(vars: &[(&str, &str)], home: &Path) -> Env {
        Env {
            vars: vars.iter().map(|(k, v)| (k.to_string(), v.to_string())).collect(),
            home: Some(home.to_owned()),
            cwd: home.to_owned(),
            uid: nix::unistd::geteuid().as_raw(),
            gid: nix::unistd::getegid().as_raw(),
            system_config: home.join("osirisfs.conf"),
        }
    }

    /// A variable. One that is set to nothing counts as not set.
    pub fn var(&self, name: &str) -> Option<&str> {
        self.vars.get(name).map(|value| value.trim()).filter(|value| !value.is_empty())
    }

    /// Whether a variable is there at all, be it empty.
    pub fn is_set(&self, name: &str) -> bool {
        self.vars.contains_key(name)
    }

    /// Where the user's own files of this program are: `$XDG_CONFIG_HOME/osirisfs`, usually `~/.config/osirisfs`.
    pub fn config_folder(&self) -> Option<PathBuf> {
        let folder = match self.var("XDG_CONFIG_HOME").filter(|folder| folder.starts_with('/')) {
            Some(folder) => PathBuf::from(folder),
            None => self.home.as_ref()?.join(".config"),
        };
        Some(folder.join("osirisfs"))
    }

    /// The user's configuration file: `config.toml` there.
    pub fn user_config(&self) -> Option<PathBuf> {
        Some(self.config_folder()?.join("config.toml"))
    }

    /// A path as the user wrote it, made absolute; a leading `~/` is the home folder (no shell expands it in fstab).
    pub fn absolute(&self, path: &Path) -> PathBuf {
        match (path.strip_prefix("~"), &self.home) {
            (Ok(rest), Some(home)) => home.join(rest),
            _ => self.cwd.join(path),
        }
    }
}
