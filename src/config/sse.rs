//! The file of a customer's key for SSE-C.

use super::ConfigError;
use super::private::{For, refuse_if_others_can_read};
use crate::store::SseKey;
use base64::Engine;
use std::io::Read;
use std::path::Path;

/// Longest file that may hold a key: its base64 form and some blanks.
const LONGEST: u64 = 128;

/// Reads a key: 32 bytes, or their base64 form.
pub fn read(path: &Path) -> Result<SseKey, ConfigError> {
    let shown = path.display();
    let unreadable = |e: std::io::Error| {
        ConfigError::new(format!("the key file {shown} cannot be read: {e}"), "correct --sse-c-key-file")
    };
    let file = std::fs::File::open(path).map_err(unreadable)?;
    refuse_if_others_can_read(path, For::Owner)?;
    let mut bytes = Vec::new();
    file.take(LONGEST).read_to_end(&mut bytes).map_err(unreadable)?;
    let key = <[u8; 32]>::try_from(bytes.as_slice()).ok().or_else(|| {
        let decoded = base64::engine::general_purpose::STANDARD.decode(bytes.trim_ascii()).ok()?;
        decoded.try_into().ok()
    });
    key.map(|key| SseKey::new(&key)).ok_or_else(|| {
        ConfigError::new(
            format!("the file {shown} holds no key"),
            "it must hold 32 bytes, or their base64 form: openssl rand -base64 32",
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn keys_are_bytes_or_base64_and_private() {
        let folder = tempfile::tempdir().unwrap();
        let file = |bytes: &[u8], mode: u32| {
            let path = folder.path().join("key");
            std::fs::write(&path, bytes).unwrap();
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
            read(&path)
        };
        let raw = file(b"0123456789abcdef0123456789abcdef", 0o600).unwrap();
        assert_eq!(file(b"MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=\n", 0o400).unwrap(), raw);
        assert!(file(b"0123456789abcdef0123456789abcdef", 0o640).unwrap_err().to_string().contains("chmod 600"));
        for wrong in [&b"short"[..], b"", b"MDEyMzQ1Ng==", &[b'x'; 200]] {
            assert!(file(wrong, 0o600).unwrap_err().to_string().contains("32 bytes"));
        }
        assert!(read(&folder.path().join("none")).is_err());
    }
}
