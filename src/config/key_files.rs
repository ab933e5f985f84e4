//! Keys where s3cmd and s3fs keep them.

use super::ConfigError;
use super::aws_files::Profile;
use std::io::ErrorKind;
use std::path::Path;

/// The text of a file that may be there. One that we may not read is somebody else's.
pub fn text(path: &Path) -> Result<Option<String>, ConfigError> {
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(e) if matches!(e.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory | ErrorKind::PermissionDenied) => {
            Ok(None)
        }
        Err(e) => Err(ConfigError::new(
            format!("{} cannot be read: {e}", path.display()),
            "repair or remove that file, or say which credentials to use with --profile or --token-file",
        )),
    }
}

/// `~/.s3cfg`: keys, and the service that they are for.
pub fn s3cfg(path: &Path) -> Result<Option<Profile>, ConfigError> {
    let Some(text) = text(path)? else { return Ok(None) };
    let ini = super::aws_files::ini(&text, path)?;
    let Some((_, section)) = ini.iter().find(|(name, _)| *name == Some("default")) else { return Ok(None) };
    let get = |key: &str| section.get(key).map(str::trim).filter(|value| !value.is_empty()).map(str::to_owned);
    let Some(access_key) = get("access_key") else { return Ok(None) };
    let plain = get("use_https").is_some_and(|answer| ["false", "no", "off", "0"].contains(&&*answer.to_lowercase()));
    let scheme = if plain { "http" } else { "https" };
    Ok(Some(Profile {
        access_key: Some(access_key),
        secret_key: get("secret_key"),
        keys_from: Some(path.to_owned()),
        // s3cmd's own default: keys without an address are Amazon's, and must not be sent to anybody else.
        endpoint: Some(format!("{scheme}://{}", get("host_base").as_deref().unwrap_or("s3.amazonaws.com"))),
        region: get("bucket_location").filter(|region| region != "US"),
        ca_file: get("ca_certs_file").map(Into::into),
        other_way: get("access_token").map(|_| "access_token"),
        found: true,
        ..Profile::default()
    }))
}

/// `~/.passwd-s3fs` and `/etc/passwd-s3fs`: lines of `ACCESS:SECRET`, or `BUCKET:ACCESS:SECRET` for one bucket. A line
/// without a colon is a token.
pub fn passwd_s3fs(path: &Path, bucket: &str) -> Result<Option<Profile>, ConfigError> {
    let Some(text) = text(path)? else { return Ok(None) };
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    let mut best: Option<(&str, &str)> = None;
    for line in lines {
        match line.splitn(3, ':').collect::<Vec<_>>()[..] {
            [of, access, secret] if of == bucket => {
                best = Some((access, secret));
                break;
            }
            [access, secret] => best = best.or(Some((access, secret))),
            [token] => best = best.or(Some((token, ""))),
            _ => {}
        }
    }
    Ok(best.map(|(access, secret)| Profile {
        access_key: Some(access.to_owned()),
        secret_key: Some(secret.to_owned()),
        keys_from: Some(path.to_owned()),
        found: true,
        ..Profile::default()
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(text: &str) -> tempfile::NamedTempFile {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        file
    }

    #[test]
    fn s3cfg_names_keys_and_service() {
        let text = "[default]\naccess_key = A\nsecret_key =\nhost_base = rgw.example.org\nuse_https = True\n";
        let found = s3cfg(file(text).path()).unwrap().unwrap();
        assert_eq!((found.access_key.as_deref(), found.secret_key), (Some("A"), None));
        assert_eq!(found.endpoint.as_deref(), Some("https://rgw.example.org"));
        let text = "[default]\naccess_key = A\nhost_base = 127.0.0.1:80\nuse_https = no\n";
        assert_eq!(s3cfg(file(text).path()).unwrap().unwrap().endpoint.as_deref(), Some("http://127.0.0.1:80"));
        let amazon = s3cfg(file("[default]\naccess_key=A\n").path()).unwrap().unwrap();
        assert_eq!(amazon.endpoint.as_deref(), Some("https://s3.amazonaws.com"));
        assert!(s3cfg(file("[default]\nhost_base = x\n").path()).unwrap().is_none());
        assert!(s3cfg(Path::new("/nonexistent")).unwrap().is_none());
    }

    #[test]
    fn passwd_s3fs_prefers_the_line_of_the_bucket() {
        let keys = |text: &str, bucket: &str| {
            let found = passwd_s3fs(file(text).path(), bucket).unwrap()?;
            Some(format!("{}:{}", found.access_key.unwrap(), found.secret_key.unwrap()))
        };
        let text = "# mine\nA:S\nother-bucket:O:P\ncou-data:B:T\n";
        assert_eq!(keys(text, "cou-data").as_deref(), Some("B:T"));
        assert_eq!(keys(text, "cou-more").as_deref(), Some("A:S"));
        assert_eq!(keys("other-bucket:O:P\n", "cou-data"), None);
        assert_eq!(keys("dG9rZW4=\n", "b").as_deref(), Some("dG9rZW4=:"));
        assert_eq!(keys("A:\n", "b").as_deref(), Some("A:"));
    }
}
