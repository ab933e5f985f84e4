//! Files with secrets must be their owner's alone.

use super::ConfigError;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;

/// Whose eyes a file may be for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum For {
    /// The owner's alone.
    Owner,
    /// The owner's, and those of a group if the file is root's: that is root's decision (systemd hands credentials over
    /// like that).
    OwnerOrGroupOfRoot,
}

/// A token is a password, so a file that others can read (or write) is refused, as ssh does with its keys.
pub fn refuse_if_others_can_read(path: &Path, eyes: For) -> Result<(), ConfigError> {
    let meta = std::fs::metadata(path)
        .map_err(|e| ConfigError::new(format!("{} cannot be looked at: {e}", path.display()), "check the path"))?;
    if !meta.is_file() {
        // A pipe (`--token-file <(pass osiris)`) is nobody else's.
        return Ok(());
    }
    let mode = meta.permissions().mode() & 0o7777;
    let by_root_for_us = meta.uid() == 0 && (!nix::unistd::geteuid().is_root() || path.starts_with("/etc"));
    let forbidden = if by_root_for_us && eyes == For::OwnerOrGroupOfRoot { 0o027 } else { 0o077 };
    if mode & forbidden == 0 {
        return Ok(());
    }
    Err(ConfigError::new(
        format!("{} can be read or changed by other users (mode {mode:04o})", path.display()),
        format!("run: chmod 600 {}", quoted(path)),
    ))
}

/// A path as a shell takes it.
pub fn quoted(path: &Path) -> String {
    let text = path.display().to_string();
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+@%".contains(c);
    if text.chars().all(plain) { text } else { format!("'{}'", text.replace('\'', r"'\''")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_may_read_what_root_hands_over_but_no_key() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let refused = |mode: u32, eyes| {
            std::fs::set_permissions(file.path(), std::fs::Permissions::from_mode(mode)).unwrap();
            refuse_if_others_can_read(file.path(), eyes).is_err()
        };
        for eyes in [For::Owner, For::OwnerOrGroupOfRoot] {
            assert!(!refused(0o600, eyes) && !refused(0o400, eyes), "{eyes:?}");
            assert!(refused(0o604, eyes) && refused(0o620, eyes) && refused(0o640, eyes), "{eyes:?}");
        }
        assert!(refuse_if_others_can_read(Path::new("/dev/null"), For::Owner).is_ok(), "a pipe is nobody else's");
    }

    #[test]
    fn a_path_with_a_space_is_quoted_for_the_shell() {
        assert_eq!(quoted(Path::new("/a/b-c_1.txt")), "/a/b-c_1.txt");
        assert_eq!(quoted(Path::new("/my files/it's")), r"'/my files/it'\''s'");
    }
}
