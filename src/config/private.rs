//! Files with secrets must be their owner's alone.

use super::ConfigError;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;

/// A token is a password, so a file that others can read (or write) is refused, as ssh does with its keys. A file of
/// root's that a group may read is root's decision (systemd hands credentials over like that).
pub fn refuse_if_others_can_read(path: &Path) -> Result<(), ConfigError> {
    let meta = std::fs::metadata(path)
        .map_err(|e| ConfigError::new(format!("{} cannot be looked at: {e}", path.display()), "check the path"))?;
    if !meta.is_file() {
        // A pipe (`--token-file <(pass osiris)`) is nobody else's.
        return Ok(());
    }
    let mode = meta.permissions().mode() & 0o7777;
    let by_root_for_us = meta.uid() == 0 && (!nix::unistd::geteuid().is_root() || path.starts_with("/etc"));
    let forbidden = if by_root_for_us { 0o027 } else { 0o077 };
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
    fn a_path_with_a_space_is_quoted_for_the_shell() {
        assert_eq!(quoted(Path::new("/a/b-c_1.txt")), "/a/b-c_1.txt");
        assert_eq!(quoted(Path::new("/my files/it's")), r"'/my files/it'\''s'");
    }
}
