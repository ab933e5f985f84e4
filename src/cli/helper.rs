//! Being mount(8)'s helper: installed or linked as `/sbin/mount.osirisfs`, called for lines of fstab; and as
//! `/sbin/umount.fuse.osirisfs`, called by umount(8) for mounts of this type.
//!
//! mount(8) calls `mount.osirisfs SOURCE DIR [-sfnv] [-N NAMESPACE] [-o OPTIONS] [-t TYPE]`, umount(8) calls
//! `umount.fuse.osirisfs DIR [-flnrv] [-N NAMESPACE] [-t TYPE]`.

use super::exit;
use std::ffi::OsString;
use std::path::Path;

/// The words of our own command for those of a helper; `None` if the program was called by its own name.
pub fn translate(words: &[OsString]) -> Option<Vec<OsString>> {
    let name = Path::new(words.first()?).file_name()?.to_str()?;
    let command = match name.split_once('.')? {
        ("mount", "osirisfs" | "fuse.osirisfs") => "mount",
        ("umount", "osirisfs" | "fuse.osirisfs") => "umount",
        _ => return None,
    };
    let mut out: Vec<OsString> = vec!["osirisfs".into(), command.into()];
    if command == "mount" {
        // `mount -a` does not see that `s3://b` in fstab is `b` in the mount table, and calls us for what is mounted.
        out.push("--if-not-mounted".into());
    }
    let mut rest = words[1..].iter();
    while let Some(word) = rest.next() {
        match word.to_str() {
            Some("-o") if command == "mount" => {
                out.push("-o".into());
                out.extend(rest.next().cloned());
            }
            Some("-t" | "-N" | "-o") => {
                rest.next();
            }
            Some(flags) if is_flags(flags) => {
                for (on, letter, ours) in
                    [("umount", 'l', "--lazy"), ("umount", 'f', "--force"), ("mount", 'f', "--fake")]
                {
                    if command == on && flags.contains(letter) {
                        out.push(ours.into());
                    }
                }
            }
            _ => out.push(word.clone()),
        }
    }
    Some(out)
}

/// `-f`, `-nv`: mount(8)'s own letters; most have no meaning for us.
fn is_flags(word: &str) -> bool {
    word.strip_prefix('-').is_some_and(|letters| !letters.is_empty() && letters.bytes().all(|b| b"sfnvlr".contains(&b)))
}

/// mount(8)'s exit codes: 1 wrong call, 32 mount failure.
pub fn exit_code(code: u8) -> u8 {
    match code {
        exit::DONE => 0,
        exit::USAGE => 1,
        _ => 32,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn translated(line: &str) -> Option<String> {
        let words: Vec<OsString> = line.split(' ').map(OsString::from).collect();
        let out: Vec<String> = translate(&words)?.into_iter().map(|w| w.to_string_lossy().into_owned()).collect();
        Some(out.join(" "))
    }

    #[test]
    fn calls_of_mount_and_umount() {
        assert_eq!(
            translated("/sbin/mount.osirisfs s3://b/p /mnt -n -o ro,_netdev -t osirisfs").as_deref(),
            Some("osirisfs mount --if-not-mounted s3://b/p /mnt -o ro,_netdev")
        );
        assert_eq!(translated("umount.fuse.osirisfs /mnt -lv").as_deref(), Some("osirisfs umount /mnt --lazy"));
        assert_eq!(
            translated("mount.osirisfs b /mnt -fv").as_deref(),
            Some("osirisfs mount --if-not-mounted b /mnt --fake")
        );
        assert_eq!(translated("/usr/bin/osirisfs mount b /mnt"), None);
        assert_eq!(translated("/x/mount.other b /mnt"), None);
    }
}
