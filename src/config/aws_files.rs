//! `~/.aws/credentials` and `~/.aws/config`: what a profile says. Only the keys that a mount needs are read.

use super::{ConfigError, Env};
use std::path::{Path, PathBuf};

/// Where the two files are.
#[derive(Clone, Debug)]
pub struct AwsFiles {
    /// `AWS_SHARED_CREDENTIALS_FILE` or `~/.aws/credentials`.
    pub credentials: Option<PathBuf>,
    /// `AWS_CONFIG_FILE` or `~/.aws/config`.
    pub config: Option<PathBuf>,
}

/// What the files say about one profile. `None`: not said.
#[derive(Clone, Default)]
pub struct Profile {
    /// `aws_access_key_id`
    pub access_key: Option<String>,
    /// `aws_secret_access_key`
    pub secret_key: Option<String>,
    /// The file that the access key came from.
    pub keys_from: Option<PathBuf>,
    /// `endpoint_url`
    pub endpoint: Option<String>,
    /// `site`, which osirisfs login writes.
    pub site: Option<String>,
    /// `cou`, which osirisfs login writes.
    pub cou: Option<String>,
    /// `region`
    pub region: Option<String>,
    /// `ca_bundle`
    pub ca_file: Option<PathBuf>,
    /// `credential_process`: a command that prints the keys.
    pub process: Option<String>,
    /// A way to get credentials that this program does not know, by its key (`role_arn`).
    pub other_way: Option<&'static str>,
    /// Whether either file has the profile at all.
    pub found: bool,
    /// `osirisfs login` has made it, so its keys are for the service that it names and for no other.
    pub kept: bool,
}

/// Ways to get credentials that are not understood here: named, so that the user is not left to wonder.
const OTHER_WAYS: &[&str] =
    &["role_arn", "sso_session", "sso_start_url", "web_identity_token_file", "aws_session_token"];

impl AwsFiles {
    /// Where the environment says that the files are.
    pub fn of(env: &Env) -> AwsFiles {
        let file = |var: &str, name: &str| match env.var(var) {
            Some(path) => Some(env.absolute(Path::new(path))),
            None => env.home.as_ref().map(|home| home.join(".aws").join(name)),
        };
        AwsFiles {
            credentials: file("AWS_SHARED_CREDENTIALS_FILE", "credentials"),
            config: file("AWS_CONFIG_FILE", "config"),
        }
    }

    /// Reads one profile. A file that is not there says nothing; one that cannot be read is an error.
    pub fn profile(&self, name: &str) -> Result<Profile, ConfigError> {
        let mut profile = Profile::default();
        if let Some(path) = &self.credentials {
            profile.add(path, name)?;
        }
        if let Some(path) = &self.config {
            // The config file writes `[profile alice_um]`, but plain `[default]`.
            let section = if name == "default" { name.to_owned() } else { format!("profile {name}") };
            profile.add(path, &section)?;
        }
        Ok(profile)
    }

    /// The two places in words, for an error that says where was looked.
    pub fn described(&self, name: &str) -> Vec<String> {
        [&self.credentials, &self.config]
            .into_iter()
            .flatten()
            .map(|path| {
                let state = if path.exists() { "no keys there" } else { "no such file" };
                format!("profile \"{name}\" in {} ({state})", path.display())
            })
            .collect()
    }
}

/// The parts of a file, values as they are written.
pub fn ini(text: &str, path: &Path) -> Result<ini::Ini, ConfigError> {
    let as_written = ini::ParseOption { enabled_quote: false, enabled_escape: false, ..Default::default() };
    // The parser's own message may repeat a part of the line, and the line may hold a key: give its number only.
    ini::Ini::load_from_str_opt(text, as_written).map_err(|e| {
        ConfigError::new(
            format!("{} line {} is neither [section] nor name = value", path.display(), e.line + 1),
            "correct that line",
        )
    })
}

impl Profile {
    /// Adds what a section of a file says; what an earlier file said stays.
    pub(super) fn add(&mut self, path: &Path, section: &str) -> Result<(), ConfigError> {
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(e) if matches!(e.kind(), std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory) => {
                return Ok(());
            }
            Err(e) => {
                return Err(ConfigError::new(
                    format!("{} cannot be read: {e}", path.display()),
                    "make it readable for you (chmod 600) or name another with AWS_SHARED_CREDENTIALS_FILE",
                ));
            }
        };
        let ini = ini(&text, path)?;
        let Some(found) = ini.iter().find(|(name, _)| name.is_some_and(|n| n.trim() == section)).map(|(_, p)| p) else {
            return Ok(());
        };
        let get = |key: &str| found.get(key).map(str::trim).filter(|value| !value.is_empty()).map(str::to_owned);
        self.found = true;
        if self.access_key.is_none()
            && let Some(key) = get("aws_access_key_id")
        {
            self.access_key = Some(key);
            self.secret_key = get("aws_secret_access_key");
            self.keys_from = Some(path.to_owned());
        }
        self.endpoint = self.endpoint.take().or_else(|| get("endpoint_url"));
        self.site = self.site.take().or_else(|| get("site"));
        self.cou = self.cou.take().or_else(|| get("cou"));
        self.region = self.region.take().or_else(|| get("region"));
        self.ca_file = self.ca_file.take().or_else(|| get("ca_bundle").map(PathBuf::from));
        self.process = self.process.take().or_else(|| get("credential_process"));
        self.other_way = self.other_way.or_else(|| OTHER_WAYS.iter().copied().find(|key| get(key).is_some()));
        Ok(())
    }
}

#[cfg(test)]
mod tests;
