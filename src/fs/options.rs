//! What the core needs to know of the settings.

use crate::config::{Conflict, ExclusiveCreate, Folders, Metadata, OwnerMap, Settings};
use crate::meta::Defaults;
use base64::Engine;
use std::path::PathBuf;
use std::time::Duration;

/// An object that is encrypted with the user's key is copied by parts from this size on: RGW before 20 copies no such
/// object whole, but parts of it, so that only smaller ones are fetched and sent again.
const WHOLE_WITH_KEY: u64 = 16 << 20;

/// Options of a mounted bucket, fixed for its life.
#[derive(Clone, Debug)]
pub struct Options {
    /// Key prefix that the mount shows: empty or ending in `/`.
    pub prefix: String,
    /// Refuse every change with EROFS.
    pub read_only: bool,
    /// What objects without attributes of their own show.
    pub defaults: Defaults,
    /// How long names and attributes may be used without asking again.
    pub max_age: Duration,
    /// Read no object headers for attributes: kind, mode and owner are then guesses.
    pub listing_only: bool,
    /// Bytes of clean blocks in memory.
    pub cache_size: u64,
    /// Folder for scratch files of drafts.
    pub scratch: PathBuf,
    /// Folder for what could not be stored.
    pub lost: PathBuf,
    /// Bytes of the largest object that the service copies in one request; larger ones are copied by parts.
    pub copy_limit: u64,
    /// When O_EXCL takes effect.
    pub exclusive_create: ExclusiveCreate,
    /// What happens to a commit over an object that another client changed.
    pub conflict: Conflict,
    /// Our S3 user id, if it is known (an OSiRIS token tells it).
    pub me: Option<String>,
    /// Local owners of objects that name none, by their S3 owner.
    pub owner_map: OwnerMap,
    /// New objects get the grants of the bucket's list.
    pub inherit_acl: bool,
    /// Of a mount of all buckets: names to show beside one's own.
    pub also: Vec<String>,
    /// The COU that names of new buckets must begin with.
    pub cou: Option<String>,
    /// Zone group and placement of new buckets.
    pub placement: Option<String>,
    /// This machine's name, for names of kept conflicts.
    pub host: String,
}

impl Options {
    /// The part of a mount's settings that concerns the core.
    pub fn of(settings: &Settings) -> Options {
        let owner = Defaults {
            file_mode: u32::from(settings.file_mode),
            dir_mode: u32::from(settings.dir_mode),
            ..Defaults::new(settings.uid, settings.gid)
        };
        let folders = Folders::of(settings.cache_dir.as_deref(), nix::unistd::geteuid().as_raw());
        Options {
            prefix: settings.prefix.clone(),
            read_only: settings.read_only,
            defaults: owner,
            max_age: settings.max_age,
            listing_only: settings.metadata == Metadata::Listing,
            cache_size: settings.cache_size,
            scratch: folders.scratch,
            lost: folders.lost,
            copy_limit: match &settings.sse_c {
                Some(_) => settings.copy_limit.min(WHOLE_WITH_KEY),
                None => settings.copy_limit,
            },
            exclusive_create: settings.exclusive_create,
            conflict: settings.conflict,
            me: user_of(&settings.credentials.access_key),
            also: settings.also.clone(),
            cou: settings.cou.clone(),
            placement: settings.placement.clone(),
            owner_map: settings.owner_map.clone(),
            inherit_acl: settings.inherit_acl,
            host: host(),
        }
    }
}

/// An OSiRIS token is base64 of `{"RGW_TOKEN":{"version":1,"type":"ldap","id":"USER","key":"PASSWORD"}}`; the id is
/// the S3 user id.
fn user_of(access_key: &str) -> Option<String> {
    let json = base64::engine::general_purpose::STANDARD.decode(access_key).ok()?;
    let token: serde_json::Value = serde_json::from_slice(&json).ok()?;
    Some(token.get("RGW_TOKEN")?.get("id")?.as_str()?.to_string())
}

/// The host's name without its domain, for names of objects.
fn host() -> String {
    let name = nix::unistd::gethostname().ok().and_then(|name| name.into_string().ok()).unwrap_or_default();
    let short: String = name.split('.').next().unwrap_or("").chars().take(32).collect();
    if short.is_empty() { "host".to_string() } else { short }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_tells_its_user_and_a_key_does_not() {
        let token = r#"{"RGW_TOKEN":{"version":1,"type":"ldap","id":"alice_um","key":"pw"}}"#;
        let token = base64::engine::general_purpose::STANDARD.encode(token);
        assert_eq!(user_of(&token).as_deref(), Some("alice_um"));
        assert_eq!(user_of("AKIAIOSFODNN7EXAMPLE"), None);
    }
}
