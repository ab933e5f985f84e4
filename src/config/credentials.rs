//! Who asks: finds the token or key pair, in a fixed order.
//!
//! 1. `--token-file`
//! 2. `--profile`
//! 3. the environment: `OSIRIS_TOKEN`, then `AWS_ACCESS_KEY_ID` with `AWS_SECRET_ACCESS_KEY`
//! 4. the default profile: `AWS_PROFILE`, else `default`
//!
//! A source that was named and has nothing is an error; the others are passed over. An OSiRIS token is an access key with
//! an empty secret.

use super::aws_files::{AwsFiles, Profile};
use super::{ConfigError, Env};
use crate::store::Credentials;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// Credentials, and what else their source said.
pub struct Found {
    /// Who asks.
    pub credentials: Credentials,
    /// The source in words.
    pub from: String,
    /// The profile's address, region and authorities.
    pub profile: Profile,
}

/// Finds the credentials.
pub fn find(token_file: Option<&Path>, profile: Option<&str>, env: &Env) -> Result<Found, ConfigError> {
    let files = AwsFiles::of(env);
    let default = env.var("AWS_PROFILE").unwrap_or("default");
    if let Some(path) = token_file {
        let path = env.absolute(path);
        let credentials = read_token_file(&path)?;
        // A profile that was named beside the token file still says where to go.
        let profile = profile.map(|name| named(&files, name)).transpose()?.unwrap_or_default();
        return Ok(Found { credentials, from: format!("token file {}", path.display()), profile });
    }
    if let Some(name) = profile {
        let profile = named(&files, name)?;
        return match from_profile(&profile, name)? {
            Some(found) => Ok(found),
            None => Err(without_keys(&profile, name)),
        };
    }
    if let Some((credentials, from)) = from_environment(env)? {
        return Ok(Found { credentials, from, profile: Profile::default() });
    }
    let profile = files.profile(default)?;
    if let Some(found) = from_profile(&profile, default)? {
        return Ok(found);
    }
    if profile.other_way.is_some() {
        return Err(without_keys(&profile, default));
    }
    let mut looked = vec![
        "--token-file (not given)".to_owned(),
        "--profile (not given)".to_owned(),
        "OSIRIS_TOKEN (not set)".to_owned(),
        "AWS_ACCESS_KEY_ID (not set)".to_owned(),
    ];
    looked.extend(files.described(default));
    Err(ConfigError::new(
        format!("no token or key was found; looked at: {}", looked.join(", ")),
        "save your token in a file, chmod 600 it, and give --token-file FILE",
    ))
}

fn named(files: &AwsFiles, name: &str) -> Result<Profile, ConfigError> {
    let profile = files.profile(name)?;
    if profile.found {
        return Ok(profile);
    }
    let looked = files.described(name).join(", ");
    Err(ConfigError::new(
        format!("there is no profile \"{name}\"; looked at: {looked}"),
        format!("add a section [{name}] with aws_access_key_id to ~/.aws/credentials, or give another --profile"),
    ))
}

fn without_keys(profile: &Profile, name: &str) -> ConfigError {
    match profile.other_way {
        Some(way) => ConfigError::new(
            format!("the profile \"{name}\" gets its keys by {way}, which osirisfs does not know"),
            "put aws_access_key_id (and aws_secret_access_key) into the profile, or give --token-file FILE",
        ),
        None => ConfigError::new(
            format!("the profile \"{name}\" has no aws_access_key_id"),
            "add it to the profile, or give --token-file FILE",
        ),
    }
}

fn from_profile(profile: &Profile, name: &str) -> Result<Option<Found>, ConfigError> {
    let (Some(access_key), Some(path)) = (&profile.access_key, &profile.keys_from) else { return Ok(None) };
    if profile.other_way == Some("aws_session_token") {
        return Err(temporary(&format!("the profile \"{name}\" in {}", path.display())));
    }
    refuse_if_others_can_read(path)?;
    let secret_key = profile.secret_key.clone().unwrap_or_default();
    let from = format!("profile {name} in {}", path.display());
    let credentials = checked(access_key, &secret_key, &from)?;
    Ok(Some(Found { credentials, from, profile: profile.clone() }))
}

fn from_environment(env: &Env) -> Result<Option<(Credentials, String)>, ConfigError> {
    if let Some(token) = env.var("OSIRIS_TOKEN") {
        let from = "OSIRIS_TOKEN in the environment".to_owned();
        return Ok(Some((token_or_pair(token, &from)?, from)));
    }
    let Some(access_key) = env.var("AWS_ACCESS_KEY_ID") else { return Ok(None) };
    if env.var("AWS_SESSION_TOKEN").is_some() {
        return Err(temporary("the environment (AWS_SESSION_TOKEN)"));
    }
    let from = "AWS_ACCESS_KEY_ID in the environment".to_owned();
    let credentials = checked(access_key, env.var("AWS_SECRET_ACCESS_KEY").unwrap_or_default(), &from)?;
    Ok(Some((credentials, from)))
}

fn temporary(place: &str) -> ConfigError {
    ConfigError::new(
        format!("{place} holds temporary credentials with a session token, which osirisfs does not know"),
        "use a token or a lasting key pair",
    )
}

fn read_token_file(path: &Path) -> Result<Credentials, ConfigError> {
    let text = std::fs::read_to_string(path).map_err(|e| match e.kind() {
        std::io::ErrorKind::NotFound => ConfigError::new(
            format!("the token file {} does not exist", path.display()),
            "save your token there and chmod 600 it, or correct --token-file",
        ),
        std::io::ErrorKind::InvalidData => not_a_token(&path.display().to_string()),
        _ => ConfigError::new(
            format!("the token file {} cannot be read: {e}", path.display()),
            "it must be a file that belongs to you and has mode 0600",
        ),
    })?;
    refuse_if_others_can_read(path)?;
    let line = text.lines().map(str::trim).find(|line| !line.is_empty() && !line.starts_with('#'));
    let Some(line) = line else {
        return Err(ConfigError::new(
            format!("the token file {} is empty", path.display()),
            "save your token in it: one line and nothing else",
        ));
    };
    token_or_pair(line, &path.display().to_string())
}

/// A token has no colon (it is base64); `ACCESS:SECRET` is what s3fs keeps in `~/.passwd-s3fs`.
fn token_or_pair(text: &str, place: &str) -> Result<Credentials, ConfigError> {
    let (access_key, secret_key) = text.split_once(':').unwrap_or((text, ""));
    checked(access_key, secret_key, place)
}

fn checked(access_key: &str, secret_key: &str, place: &str) -> Result<Credentials, ConfigError> {
    let plain = |text: &str| text.bytes().all(|b| b.is_ascii_graphic());
    if access_key.is_empty() || access_key.len() > 4096 || !plain(access_key) || !plain(secret_key) {
        return Err(not_a_token(place));
    }
    Ok(Credentials { access_key: access_key.to_owned(), secret_key: secret_key.to_owned() })
}

fn not_a_token(place: &str) -> ConfigError {
    ConfigError::new(
        format!(
            "what is in {place} is neither a token nor a key: it has spaces or other characters that these never have"
        ),
        "copy the token again, all of it and in one line",
    )
}

/// A token is a password, so a file that others can read (or write) is refused, as ssh does with its keys. A file of
/// root's that a group may read is root's decision (systemd hands credentials over like that).
fn refuse_if_others_can_read(path: &Path) -> Result<(), ConfigError> {
    let meta = std::fs::metadata(path)
        .map_err(|e| ConfigError::new(format!("{} cannot be looked at: {e}", path.display()), "check the path"))?;
    if !meta.is_file() {
        // A pipe (`--token-file <(pass osiris)`) is nobody else's.
        return Ok(());
    }
    let mode = meta.permissions().mode() & 0o7777;
    let by_root_for_us = meta.uid() == 0 && !nix::unistd::geteuid().is_root();
    let forbidden = if by_root_for_us { 0o027 } else { 0o077 };
    if mode & forbidden == 0 {
        return Ok(());
    }
    Err(ConfigError::new(
        format!("{} can be read or changed by other users (mode {mode:04o})", path.display()),
        format!("run: chmod 600 {}", quoted(path)),
    ))
}

fn quoted(path: &Path) -> String {
    let text = PathBuf::from(path).display().to_string();
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+@%".contains(c);
    if text.chars().all(plain) { text } else { format!("'{}'", text.replace('\'', r"'\''")) }
}

#[cfg(test)]
mod tests;
