//! What `osirisfs login` keeps: `~/.config/osirisfs/credentials`, one section a user, in the form of `~/.aws/credentials`.

use super::aws_files::{self, Profile};
use super::{ConfigError, Env, key_files, private};
use crate::store::Credentials;
use nix::fcntl::{Flock, FlockArg};
use std::fs::{DirBuilder, File};
use std::io::Write;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

/// The file.
pub struct Profiles {
    path: PathBuf,
}

impl Profiles {
    /// `credentials` beside the user's configuration file. A user without a home has none.
    pub fn of(env: &Env) -> Option<Profiles> {
        Some(Profiles { path: env.config_folder()?.join("credentials") })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The names of all profiles, as they stand there.
    pub fn names(&self) -> Result<Vec<String>, ConfigError> {
        Ok(self.read()?.sections().flatten().map(str::to_owned).collect())
    }

    /// One profile.
    pub fn profile(&self, name: &str) -> Result<Profile, ConfigError> {
        let mut profile = Profile::default();
        profile.add(&self.path, name)?;
        profile.kept = profile.found;
        Ok(profile)
    }

    /// Keeps these credentials under this name, and where to go with them.
    pub fn save(&self, name: &str, credentials: &Credentials, service: &Profile) -> Result<(), ConfigError> {
        self.change(|ini| {
            ini.delete(Some(name));
            let mut section = ini.with_section(Some(name));
            section.set("aws_access_key_id", credentials.access_key.as_str());
            section.set("aws_secret_access_key", credentials.secret_key.as_str());
            let ca_file = service.ca_file.as_ref().map(|path| path.display().to_string());
            for (key, value) in [
                ("endpoint_url", &service.endpoint),
                ("site", &service.site),
                ("cou", &service.cou),
                ("region", &service.region),
                ("ca_bundle", &ca_file),
            ] {
                if let Some(value) = value {
                    section.set(key, value.as_str());
                }
            }
        })
    }

    /// Forgets a profile. Gives whether it was there.
    pub fn forget(&self, name: &str) -> Result<bool, ConfigError> {
        let mut there = false;
        if self.names()?.iter().any(|one| one == name) {
            self.change(|ini| there = ini.delete(Some(name)).is_some())?;
        }
        Ok(there)
    }

    fn read(&self) -> Result<ini::Ini, ConfigError> {
        let Some(text) = key_files::text(&self.path)? else { return Ok(ini::Ini::new()) };
        private::refuse_if_others_can_read(&self.path, private::For::OwnerOrGroupOfRoot)?;
        aws_files::ini(&text, &self.path)
    }

    /// The new file takes the place of the old one in one step, so that a mount never reads half of it.
    fn change(&self, change: impl FnOnce(&mut ini::Ini)) -> Result<(), ConfigError> {
        let failed = |e: std::io::Error| {
            ConfigError::new(
                format!("{} cannot be written: {e}", self.path.display()),
                "make room there, or make the folder yours",
            )
        };
        let folder = self.path.parent().unwrap_or(Path::new("/"));
        DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(failed)?;
        // Two commands at once: one after the other.
        let lock = File::open(folder).map_err(failed)?;
        let _lock = Flock::lock(lock, FlockArg::LockExclusive).map_err(|(_, e)| failed(e.into()))?;
        let mut ini = self.read()?;
        change(&mut ini);
        // tempfile makes files of mode 0600.
        let mut file = tempfile::NamedTempFile::new_in(folder).map_err(failed)?;
        ini.write_to_policy(&mut file, ini::EscapePolicy::Nothing).map_err(failed)?;
        file.flush().and_then(|()| file.as_file().sync_all()).map_err(failed)?;
        file.persist(&self.path).map_err(|e| failed(e.error))?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn profiles_come_and_go() {
        let home = tempfile::tempdir().unwrap();
        let own = Profiles::of(&Env::made_up(&[], home.path())).unwrap();
        assert!(own.names().unwrap().is_empty() && !own.forget("alice_um").unwrap());
        let keys = |access: &str, secret: &str| Credentials { access_key: access.into(), secret_key: secret.into() };
        let (endpoint, cou) = (Some("http://127.0.0.1:1".into()), Some("um".into()));
        let service = Profile { endpoint, cou, ..Profile::default() };
        own.save("alice_um", &keys("QUJD+/8=", ""), &service).unwrap();
        own.save("dave_vai", &keys("K", r#"a"\#;=b"#), &Profile::default()).unwrap();
        own.save("alice_um", &keys("QUJE+/8=", ""), &service).unwrap();
        assert_eq!(own.names().unwrap(), ["dave_vai", "alice_um"]);
        let mode = std::fs::metadata(own.path()).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let alice = own.profile("alice_um").unwrap();
        assert_eq!((alice.access_key.as_deref(), alice.secret_key), (Some("QUJE+/8="), None));
        assert_eq!((alice.endpoint.as_deref(), alice.cou.as_deref()), (Some("http://127.0.0.1:1"), Some("um")));
        assert_eq!(own.profile("dave_vai").unwrap().secret_key.as_deref(), Some(r#"a"\#;=b"#));
        assert!(own.forget("alice_um").unwrap() && !own.forget("alice_um").unwrap());
        assert_eq!(own.names().unwrap(), ["dave_vai"]);
        std::fs::set_permissions(own.path(), std::fs::Permissions::from_mode(0o640)).unwrap();
        assert!(own.names().unwrap_err().remedy.contains("chmod 600"));
    }
}
