//! Where local data goes: what does not fit in memory, and what could not be stored.

use std::path::{Path, PathBuf};

/// The folders of a mount.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Folders {
    /// For nameless files of what waits to be stored, and for notes of running uploads.
    pub scratch: PathBuf,
    /// For what could not be stored.
    pub lost: PathBuf,
}

impl Folders {
    /// By `--cache-dir`, or without one in the temporary folder. There `lost+found` lies in a folder of this user: the
    /// temporary folder is everybody's, and may be a disk with a `lost+found` of its own.
    pub fn of(cache_dir: Option<&Path>, uid: u32) -> Folders {
        let temporary = std::env::var_os("TMPDIR").map_or_else(|| PathBuf::from("/var/tmp"), PathBuf::from);
        Folders::within(cache_dir, &temporary, uid)
    }

    fn within(cache_dir: Option<&Path>, temporary: &Path, uid: u32) -> Folders {
        match cache_dir {
            Some(folder) => Folders { scratch: folder.to_owned(), lost: folder.join("lost+found") },
            None => Folders {
                scratch: temporary.to_owned(),
                lost: temporary.join(format!("osirisfs-{uid}")).join("lost+found"),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_of_one_temporary_folder_have_their_own_lost_and_found() {
        let (tmp, own) = (Path::new("/var/tmp"), Path::new("/scratch/alice"));
        let given = Folders::within(Some(own), tmp, 1000);
        assert_eq!((given.scratch.as_path(), given.lost.as_path()), (own, Path::new("/scratch/alice/lost+found")));
        let one = Folders::within(None, tmp, 1000);
        assert_eq!(one.scratch, tmp);
        assert_ne!(one.lost, Folders::within(None, tmp, 1001).lost);
        assert!(one.lost.starts_with(tmp) && one.lost != Path::new("/var/tmp/lost+found"));
    }
}
