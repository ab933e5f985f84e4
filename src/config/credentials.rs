//! Who asks: finds the token or key pair, in a fixed order.
//!
//! 1. `--token-file`
//! 2. `--profile`: one that `osirisfs login` made, else one of the AWS files
//! 3. the environment: `OSIRIS_TOKEN`, then `AWS_ACCESS_KEY_ID` with `AWS_SECRET_ACCESS_KEY`
//! 4. `AWS_PROFILE` as if it were given by `--profile`
//! 5. the one profile that `osirisfs login` made
//! 6. the AWS profile `default`
//! 7. what s3cmd and s3fs use: `~/.s3cfg`, `~/.passwd-s3fs`, `/etc/passwd-s3fs`
//!
//! A source that was named and has nothing is an error; the others are passed over. An OSiRIS token is an access key with
//! an empty secret.

use super::aws_files::{AwsFiles, Profile};
use super::private::{For, refuse_if_others_can_read};
use super::profiles::Profiles;
use super::{ConfigError, Env, key_files, process};
use crate::store::Credentials;
use std::path::Path;

/// Where s3fs looks for all users of a machine.
const PASSWD_S3FS: &str = "/etc/passwd-s3fs";

/// What the user said about the credentials.
#[derive(Clone, Debug, Default)]
pub struct Wanted<'a> {
    /// `--token-file`
    pub token_file: Option<&'a Path>,
    /// `--profile`
    pub profile: Option<&'a str>,
    /// The bucket that they are for: s3fs keeps keys by bucket.
    pub bucket: &'a str,
}

/// Credentials, and what else their source said.
pub struct Found {
    /// Who asks.
    pub credentials: Credentials,
    /// The source in words.
    pub from: String,
    /// The profile's address, region and authorities.
    pub profile: Profile,
    /// A program was run to get them.
    pub by_program: bool,
}

/// Finds the credentials.
pub fn find(wanted: &Wanted<'_>, env: &Env) -> Result<Found, ConfigError> {
    let files = AwsFiles::of(env);
    let own = Profiles::of(env);
    if let Some(path) = wanted.token_file {
        let path = env.absolute(path);
        let credentials = read_token_file(&path)?;
        // A profile that was named beside the token file still says where to go.
        let profile = wanted.profile.map(|name| named(own.as_ref(), &files, name)).transpose()?.unwrap_or_default();
        return Ok(Found { credentials, from: format!("token file {}", path.display()), profile, by_program: false });
    }
    if let Some(name) = wanted.profile {
        return by_name(own.as_ref(), &files, name);
    }
    if let Some((credentials, from)) = from_environment(env)? {
        return Ok(Found { credentials, from, profile: Profile::default(), by_program: false });
    }
    if let Some(name) = env.var("AWS_PROFILE") {
        return by_name(own.as_ref(), &files, name);
    }
    if let Some(own) = &own
        && let Some(found) = the_only_one(own)?
    {
        return Ok(found);
    }
    let profile = files.profile("default")?;
    if let Some(found) = from_profile(&profile, "default")? {
        return Ok(found);
    }
    if profile.other_way.is_some() {
        return Err(without_keys(&profile, "default"));
    }
    if let Some(found) = of_other_programs(wanted.bucket, env)? {
        return Ok(found);
    }
    let mut looked: Vec<String> =
        ["--token-file (not given)", "--profile (not given)", "OSIRIS_TOKEN (not set)", "AWS_ACCESS_KEY_ID (not set)"]
            .map(str::to_owned)
            .into();
    looked.extend(own.map(|own| format!("{} (no profile there)", own.path().display())));
    looked.extend(files.described("default"));
    looked.push(format!("~/.s3cfg, ~/.passwd-s3fs and {PASSWD_S3FS} (no keys there)"));
    Err(ConfigError::new(
        format!("no token or key was found; looked at: {}", looked.join(", ")),
        "run osirisfs login, or save your token in a file, chmod 600 it, and give --token-file FILE",
    ))
}

fn by_name(own: Option<&Profiles>, files: &AwsFiles, name: &str) -> Result<Found, ConfigError> {
    let profile = named(own, files, name)?;
    from_profile(&profile, name)?.ok_or_else(|| without_keys(&profile, name))
}

fn named(own: Option<&Profiles>, files: &AwsFiles, name: &str) -> Result<Profile, ConfigError> {
    if let Some(own) = own {
        let profile = own.profile(name)?;
        if profile.found {
            return Ok(profile);
        }
    }
    let profile = files.profile(name)?;
    if profile.found {
        return Ok(profile);
    }
    let mut looked: Vec<String> = own.map(|own| own.path().display().to_string()).into_iter().collect();
    looked.extend(files.described(name));
    Err(ConfigError::new(
        format!("there is no profile \"{name}\"; looked at: {}", looked.join(", ")),
        "run osirisfs login, which makes one, or give another --profile (osirisfs whoami --all lists them)",
    ))
}

/// What `osirisfs login` made, if it was used once. Whose bucket it is cannot be told from its name for sure, so several
/// tokens are not guessed at.
fn the_only_one(own: &Profiles) -> Result<Option<Found>, ConfigError> {
    match own.names()?.as_slice() {
        [] => Ok(None),
        [name] => from_profile(&own.profile(name)?, name),
        several => Err(ConfigError::new(
            format!("you are logged in as {}", several.join(" and as ")),
            format!("say which it is with --profile, such as --profile {}", several[0]),
        )),
    }
}

fn of_other_programs(bucket: &str, env: &Env) -> Result<Option<Found>, ConfigError> {
    let mut places = vec![Path::new(PASSWD_S3FS).to_owned()];
    if let Some(home) = &env.home {
        let path = home.join(".s3cfg");
        if let Some(profile) = key_files::s3cfg(&path)? {
            return from_profile(&profile, "default");
        }
        places.insert(0, home.join(".passwd-s3fs"));
    }
    for path in places {
        if let Some(profile) = key_files::passwd_s3fs(&path, bucket)? {
            return from_profile(&profile, "");
        }
    }
    Ok(None)
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
    let (Some(access_key), Some(path)) = (&profile.access_key, &profile.keys_from) else {
        let Some(line) = &profile.process else { return Ok(None) };
        let credentials = process::run(line, name)?;
        let from = format!("the program that the profile {name} names");
        return Ok(Some(Found { credentials, from, profile: profile.clone(), by_program: true }));
    };
    let from = match name {
        "" => path.display().to_string(),
        _ => format!("profile {name} in {}", path.display()),
    };
    if matches!(profile.other_way, Some("aws_session_token" | "access_token")) {
        return Err(temporary(&from));
    }
    refuse_if_others_can_read(path, For::OwnerOrGroupOfRoot)?;
    let secret_key = profile.secret_key.clone().unwrap_or_default();
    let credentials = checked(access_key, &secret_key, &from)?;
    Ok(Some(Found { credentials, from, profile: profile.clone(), by_program: false }))
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

pub(super) fn temporary(place: &str) -> ConfigError {
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
    refuse_if_others_can_read(path, For::OwnerOrGroupOfRoot)?;
    let line = text.lines().map(str::trim).find(|line| !line.is_empty() && !line.starts_with('#'));
    let Some(line) = line else {
        return Err(ConfigError::new(
            format!("the token file {} is empty", path.display()),
            "save your token in it: one line and nothing else",
        ));
    };
    token_or_pair(line, &path.display().to_string())
}

/// A token, which has no colon (it is base64); or `ACCESS:SECRET` is what s3fs keeps in `~/.passwd-s3fs`.
pub fn token_or_pair(text: &str, place: &str) -> Result<Credentials, ConfigError> {
    let (access_key, secret_key) = text.split_once(':').unwrap_or((text, ""));
    checked(access_key, secret_key, place)
}

/// Whether these can be a key and its secret.
pub fn checked(access_key: &str, secret_key: &str, place: &str) -> Result<Credentials, ConfigError> {
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

#[cfg(test)]
mod tests;
