//! rename(2) of directories.

use super::{is_there, mode, names, stat, text, write};
use crate::support::{Service, errno, sh};
use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{MetadataExt, symlink};
use std::path::Path;

pub fn rename_a_tree(service: &Service) {
    let mut m = service.mount();
    fs::create_dir_all(m.path("d/sub/deep")).unwrap();
    fs::create_dir(m.path("d/empty")).unwrap();
    for n in 0..40 {
        write(&m.path(&format!("d/f{n}")), n.to_string());
        write(&m.path(&format!("d/sub/deep/g{n}")), n.to_string());
    }
    symlink("f1", m.path("d/link")).unwrap();
    fs::set_permissions(m.path("d/f1"), std::os::unix::fs::PermissionsExt::from_mode(0o751)).unwrap();
    fs::set_permissions(m.path("d/sub"), std::os::unix::fs::PermissionsExt::from_mode(0o700)).unwrap();
    let ino = stat(&m.path("d/sub/deep/g7")).ino();
    fs::create_dir(m.path("other")).unwrap();
    fs::rename(m.path("d"), m.path("other/e")).unwrap();
    assert!(!is_there(&m.path("d")));
    assert_eq!(stat(&m.path("other/e/sub/deep/g7")).ino(), ino);
    for fresh in [false, true] {
        if fresh {
            m.again();
        }
        for n in 0..40 {
            assert_eq!(text(&m.path(&format!("other/e/f{n}"))), n.to_string());
            assert_eq!(text(&m.path(&format!("other/e/sub/deep/g{n}"))), n.to_string());
        }
        assert_eq!((mode(&m.path("other/e/f1")), mode(&m.path("other/e/sub"))), (0o100751, 0o40700));
        assert_eq!(fs::read_link(m.path("other/e/link")).unwrap(), Path::new("f1"));
        assert_eq!(names(&m.path("other/e/empty")), [""; 0]);
        assert_eq!(names(m.root()), ["other"]);
        assert_eq!(names(&m.path("other/e")).len(), 43);
    }
}

pub fn what_rename_of_directories_refuses(service: &Service) {
    let mut m = service.mount();
    fs::create_dir_all(m.path("d/sub/deep")).unwrap();
    fs::create_dir_all(m.path("full/x")).unwrap();
    fs::create_dir(m.path("empty")).unwrap();
    assert_eq!(errno(fs::rename(m.path("d"), m.path("d/sub/deep/d"))), libc::EINVAL);
    assert_eq!(errno(fs::rename(m.path("d"), m.path("d/d"))), libc::EINVAL);
    assert_eq!(errno(fs::rename(m.path("d/sub"), m.path("d"))), libc::ENOTEMPTY);
    assert_eq!(errno(fs::rename(m.path("d"), m.path("full"))), libc::ENOTEMPTY);
    fs::rename(m.path("d"), m.path("d")).unwrap();
    fs::rename(m.path("d"), m.path("empty")).unwrap();
    assert_eq!(names(m.root()), ["empty", "full"]);
    assert_eq!(names(&m.path("empty")), ["sub"]);
    m.again();
    assert_eq!(names(&m.path("empty/sub")), ["deep"]);
}

/// Files that are open, also ones that are not stored yet, go along.
pub fn rename_a_tree_in_use(service: &Service) {
    let mut m = service.mount();
    fs::create_dir(m.path("d")).unwrap();
    write(&m.path("d/stored"), "stored");
    let mut new = File::create(m.path("d/new")).unwrap();
    new.write_all(b"before ").unwrap();
    let mut old = OpenOptions::new().append(true).open(m.path("d/stored")).unwrap();
    fs::rename(m.path("d"), m.path("e")).unwrap();
    new.write_all(b"after").unwrap();
    old.write_all(b" and more").unwrap();
    drop((new, old));
    for _ in 0..2 {
        assert_eq!(names(m.root()), ["e"]);
        assert_eq!(text(&m.path("e/new")), "before after");
        assert_eq!(text(&m.path("e/stored")), "stored and more");
        m.again();
    }
    let said = sh(m.root(), "cd e; mv ../e ../f; cat stored; pwd -P | sed 's/.*[/]//'").ok();
    assert_eq!(said, "stored and moref\n");
}

/// There and back, and over an empty directory that another stands in.
pub fn rename_there_and_back(service: &Service) {
    let mut m = service.mount();
    fs::create_dir(m.path("a")).unwrap();
    write(&m.path("a/f"), "1");
    for _ in 0..3 {
        fs::rename(m.path("a"), m.path("b")).unwrap();
        assert_eq!((names(m.root()), text(&m.path("b/f"))), (vec!["b".into()], "1".into()));
        fs::rename(m.path("b"), m.path("a")).unwrap();
        assert_eq!((names(m.root()), text(&m.path("a/f"))), (vec!["a".into()], "1".into()));
    }
    m.again();
    assert_eq!((names(m.root()), text(&m.path("a/f"))), (vec!["a".into()], "1".into()));
    // The old name can be used again at once.
    fs::rename(m.path("a"), m.path("b")).unwrap();
    fs::create_dir(m.path("a")).unwrap();
    assert_eq!(names(&m.path("a")), [""; 0]);
    write(&m.path("a/f"), "2");
    assert_eq!((text(&m.path("a/f")), text(&m.path("b/f"))), ("2".to_owned(), "1".to_owned()));
}
