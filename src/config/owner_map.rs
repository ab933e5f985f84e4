//! The file of `--owner-map`: which local user an S3 user is.

use super::ConfigError;
use nix::unistd::{Uid, User};
use std::collections::HashMap;
use std::path::Path;

/// Local user and group by S3 user id.
pub type OwnerMap = HashMap<String, (u32, u32)>;

/// Reads lines of the form `bob_wsu = bob`; the local user by name or number. Empty lines and those with `#` do not count.
pub fn read(path: &Path) -> Result<OwnerMap, ConfigError> {
    let shown = path.display();
    let text = std::fs::read_to_string(path)
        .map_err(|e| ConfigError::new(format!("the owner map {shown} cannot be read: {e}"), "correct --owner-map"))?;
    let mut map = OwnerMap::new();
    for (number, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let wrong = |why: &str| {
            let remedy = "write lines such as: bob_wsu = bob";
            ConfigError::new(format!("line {} of the owner map {shown}: {why}", number + 1), remedy)
        };
        let (id, user) = line.split_once('=').ok_or_else(|| wrong("there is no ="))?;
        let (id, user) = (id.trim(), user.trim());
        if id.is_empty() || user.is_empty() {
            return Err(wrong("a user is missing"));
        }
        let local = match user.parse() {
            Ok(uid) => {
                User::from_uid(Uid::from_raw(uid)).ok().flatten().map_or(Some((uid, uid)), |user| Some(ids(&user)))
            }
            Err(_) => User::from_name(user).ok().flatten().map(|user| ids(&user)),
        };
        map.insert(id.to_owned(), local.ok_or_else(|| wrong(&format!("there is no local user {user}")))?);
    }
    Ok(map)
}

fn ids(user: &User) -> (u32, u32) {
    (user.uid.as_raw(), user.gid.as_raw())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_numbers_of_local_users() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let of = |text: &str| {
            std::fs::write(file.path(), text).unwrap();
            read(file.path())
        };
        let map = of("# people\n\nalice_um = root\nbob_wsu=4000000\n").unwrap();
        assert_eq!((map["alice_um"], map["bob_wsu"]), ((0, 0), (4_000_000, 4_000_000)));
        for wrong in ["alice_um root", "= root", "alice_um =", "alice_um = no-such-user-here"] {
            assert!(of(wrong).unwrap_err().to_string().contains("line 1"), "{wrong}");
        }
        assert!(read(Path::new("/nonexistent/map")).is_err());
    }
}
