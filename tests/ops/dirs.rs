//! Directories: mkdir, rmdir, readdir with its offsets.

use super::{is_there, mode, names, stat, write};
use crate::support::{Service, errno, sh};
use rustix::fs::{Dir, Mode, OFlags};
use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::{DirEntryExt, MetadataExt, symlink};
use std::path::Path;

pub fn mkdir_and_rmdir(service: &Service) {
    let mut m = service.mount();
    fs::create_dir(m.path("d")).unwrap();
    assert_eq!(errno(fs::create_dir(m.path("d"))), libc::EEXIST);
    write(&m.path("f"), "");
    assert_eq!(errno(fs::create_dir(m.path("f"))), libc::EEXIST);
    assert_eq!(errno(fs::create_dir(m.path("no/d"))), libc::ENOENT);
    assert_eq!(errno(fs::create_dir(m.path("f/d"))), libc::ENOTDIR);
    fs::create_dir(m.path("d/e")).unwrap();
    assert_eq!(errno(fs::remove_dir(m.path("d"))), libc::ENOTEMPTY);
    assert_eq!(errno(fs::remove_dir(m.path("f"))), libc::ENOTDIR);
    assert_eq!(errno(fs::remove_dir(m.path("no"))), libc::ENOENT);
    assert_eq!(errno(fs::remove_dir(m.path("d/e/."))), libc::EINVAL);
    m.again();
    assert_eq!(errno(fs::remove_dir(m.path("d"))), libc::ENOTEMPTY);
    fs::remove_dir(m.path("d/e")).unwrap();
    assert!(!is_there(&m.path("d/e")));
    fs::remove_dir(m.path("d")).unwrap();
    assert_eq!(names(m.root()), ["f"]);
    m.again();
    assert_eq!(names(m.root()), ["f"]);
}

/// A file that is not stored yet fills a directory too.
pub fn rmdir_with_an_open_file(service: &Service) {
    let m = service.mount();
    fs::create_dir(m.path("d")).unwrap();
    let file = fs::File::create(m.path("d/new")).unwrap();
    assert_eq!(errno(fs::remove_dir(m.path("d"))), libc::ENOTEMPTY);
    fs::remove_file(m.path("d/new")).unwrap();
    fs::remove_dir(m.path("d")).unwrap();
    drop(file);
    assert_eq!(names(m.root()), [""; 0]);
}

/// A process may stand in a directory that goes away.
pub fn removed_working_directory(service: &Service) {
    let m = service.mount();
    let said = sh(m.root(), "mkdir d; cd d; rmdir ../d; ls -A; touch x 2>/dev/null && exit 1; stat x").fails();
    assert!(said.contains("No such file or directory"), "{said}");
}

pub fn deep_trees(service: &Service) {
    let mut m = service.mount();
    let deep: Vec<String> = (0..40).map(|n| format!("level{n}")).collect();
    let path = m.path(&deep.join("/"));
    fs::create_dir_all(&path).unwrap();
    write(&path.join("leaf"), "green");
    m.again();
    assert_eq!(fs::read_to_string(path.join("leaf")).unwrap(), "green");
    let found = sh(m.root(), "find . -type d | wc -l; find . -type f -name leaf").ok();
    assert_eq!(found, format!("41\n./{}/leaf\n", deep.join("/")));
    fs::remove_dir_all(m.path("level0")).unwrap();
    assert_eq!(names(m.root()), [""; 0]);
    m.again();
    assert_eq!(names(m.root()), [""; 0]);
}

/// What readdir shows and what stat says are the same thing.
pub fn readdir_and_stat_agree(service: &Service) {
    let mut m = service.mount();
    for n in 0..30 {
        write(&m.path(&format!("f{n}")), vec![b'x'; n]);
        fs::create_dir(m.path(&format!("d{n}"))).unwrap();
    }
    symlink("f1", m.path("link")).unwrap();
    for fresh in [false, true] {
        if fresh {
            m.again();
        }
        // Twice: the second time everything was looked at.
        for _ in 0..2 {
            let mut count = 0;
            for entry in fs::read_dir(m.root()).unwrap() {
                let entry = entry.unwrap();
                let stat = stat(&entry.path());
                let (name, kind) = (entry.file_name(), entry.file_type().unwrap());
                if name != *"link" || !fresh {
                    assert_eq!(kind, stat.file_type(), "{name:?}");
                }
                if !fresh || count > 0 {
                    // Numbers are the file's as soon as it is known.
                    let _ = entry.ino();
                }
                if let Some(size) = name.to_str().and_then(|name| name.strip_prefix('f')) {
                    assert_eq!(stat.len().to_string(), size, "{name:?}");
                }
                count += 1;
            }
            assert_eq!(count, 61);
        }
    }
    let dots: Vec<_> = open_dir(m.root()).map(|entry| entry.unwrap()).collect();
    let names: Vec<_> = dots.iter().map(|entry| entry.file_name().to_str().unwrap()).collect();
    assert!(names.contains(&".") && names.contains(&".."));
    assert_eq!(stat(&m.path("d3/..")).ino(), stat(m.root()).ino());
}

fn open_dir(path: &Path) -> Dir {
    let dir = rustix::fs::open(path, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty()).unwrap();
    Dir::new(dir).unwrap()
}

/// telldir, seekdir and rewinddir over 3000 entries.
pub fn seek_in_a_directory(service: &Service) {
    let mut m = service.mount();
    if service.is_plain() {
        (0..3000).for_each(|n| write(&m.path(&format!("name-{n}")), ""));
    } else {
        service.s3().put_many((0..3000).map(|n| (format!("name-{n}"), String::new())));
        m.again();
    }
    let mut dir = open_dir(m.root());
    let next = |dir: &mut Dir, n: usize| -> Vec<(String, i64)> {
        let entries = dir.by_ref().take(n).map(|entry| entry.unwrap());
        entries.map(|entry| (entry.file_name().to_str().unwrap().to_owned(), entry.offset())).collect()
    };
    let first = next(&mut dir, 50);
    let second = next(&mut dir, 100);
    for (back, want) in [(first[49].1, &second[..]), (first[9].1, &first[10..]), (second[98].1, &second[99..])] {
        dir.seek(back).unwrap();
        let again = next(&mut dir, want.len());
        assert_eq!(again, *want);
    }
    for _ in 0..2 {
        dir.rewind();
        let all: Vec<String> = next(&mut dir, usize::MAX).into_iter().map(|(name, _)| name).collect();
        assert_eq!((all.len(), all.iter().collect::<BTreeSet<_>>().len()), (3002, 3002));
        assert!(dir.next().is_none());
    }
    // A seek to a place that was given out before the rewind stays valid.
    dir.seek(first[49].1).unwrap();
    assert_eq!(next(&mut dir, 100).len(), 100);
    let counts = sh(m.root(), "for n in 1 2 3 4 5 6; do ls -U | wc -l & done; wait").ok();
    assert_eq!(counts, "3000\n".repeat(6));
}

/// Removing while walking, as `rm -r` does, takes everything.
pub fn remove_while_walking(service: &Service) {
    let mut m = service.mount();
    fs::create_dir(m.path("d")).unwrap();
    (0..200).for_each(|n| write(&m.path(&format!("d/{n}")), "x"));
    let mut seen = 0;
    for entry in fs::read_dir(m.path("d")).unwrap() {
        fs::remove_file(entry.unwrap().path()).unwrap();
        seen += 1;
    }
    assert_eq!(seen, 200);
    assert_eq!(names(&m.path("d")), [""; 0]);
    fs::remove_dir(m.path("d")).unwrap();
    m.again();
    assert_eq!(names(m.root()), [""; 0]);
}

/// rewinddir shows what came and went since.
pub fn rewind_shows_changes(service: &Service) {
    let m = service.mount();
    write(&m.path("old"), "");
    let mut dir = open_dir(m.root());
    let all = |dir: &mut Dir| -> BTreeSet<String> {
        dir.by_ref().map(|entry| entry.unwrap().file_name().to_str().unwrap().to_owned()).collect()
    };
    let set = |names: &[&str]| names.iter().map(|name| name.to_string()).collect::<BTreeSet<_>>();
    assert_eq!(all(&mut dir), set(&[".", "..", "old"]));
    write(&m.path("new"), "");
    fs::remove_file(m.path("old")).unwrap();
    dir.rewind();
    assert_eq!(all(&mut dir), set(&[".", "..", "new"]));
}

/// A set-group-id directory hands its group down.
pub fn group_from_the_directory(service: &Service) {
    let m = service.mount();
    fs::create_dir(m.path("d")).unwrap();
    nix::unistd::chown(&m.path("d"), None, Some(nix::unistd::Gid::from_raw(4321))).unwrap();
    fs::set_permissions(m.path("d"), std::os::unix::fs::PermissionsExt::from_mode(0o2775)).unwrap();
    write(&m.path("d/f"), "");
    fs::create_dir(m.path("d/sub")).unwrap();
    assert_eq!((stat(&m.path("d/f")).gid(), stat(&m.path("d/sub")).gid()), (4321, 4321));
    assert_eq!((mode(&m.path("d/sub")) & 0o2000, mode(&m.path("d/f")) & 0o2000), (0o2000, 0));
}
