//! rename(2) and renameat2(2) of files.

use super::{is_there, mode, mtime, names, open_rw, read, stat, text, write};
use crate::support::{Service, assert_same, errno, pattern};
use nix::fcntl::{AT_FDCWD, RenameFlags, renameat2};
use std::fs::{self, File};
use std::io::{Error, Read, Write};
use std::os::unix::fs::{FileExt, MetadataExt, symlink};
use std::path::Path;

fn with_flags(from: &Path, to: &Path, flags: RenameFlags) -> std::io::Result<()> {
    renameat2(AT_FDCWD, from, AT_FDCWD, to, flags).map_err(Error::from)
}

pub fn rename_a_file(service: &Service) {
    let mut m = service.mount();
    write(&m.path("a"), "content");
    fs::set_permissions(m.path("a"), std::os::unix::fs::PermissionsExt::from_mode(0o640)).unwrap();
    let (ino, time) = (stat(&m.path("a")).ino(), mtime(&m.path("a")));
    fs::rename(m.path("a"), m.path("b")).unwrap();
    assert_eq!((names(m.root()), text(&m.path("b"))), (vec!["b".to_owned()], "content".to_owned()));
    assert_eq!((stat(&m.path("b")).ino(), mtime(&m.path("b"))), (ino, time), "the same file");
    fs::create_dir(m.path("d")).unwrap();
    fs::rename(m.path("b"), m.path("d/c")).unwrap();
    m.again();
    assert_eq!((names(m.root()), text(&m.path("d/c"))), (vec!["d".to_owned()], "content".to_owned()));
    assert_eq!((mode(&m.path("d/c")), mtime(&m.path("d/c"))), (0o100640, time));
    fs::rename(m.path("d/c"), m.path("d/c")).unwrap();
    assert_eq!(text(&m.path("d/c")), "content");
}

pub fn what_rename_refuses(service: &Service) {
    let m = service.mount();
    write(&m.path("f"), "f");
    fs::create_dir(m.path("d")).unwrap();
    assert_eq!(errno(fs::rename(m.path("no"), m.path("x"))), libc::ENOENT);
    assert_eq!(errno(fs::rename(m.path("f"), m.path("no/x"))), libc::ENOENT);
    assert_eq!(errno(fs::rename(m.path("f"), m.path("d"))), libc::EISDIR);
    assert_eq!(errno(fs::rename(m.path("d"), m.path("f"))), libc::ENOTDIR);
    assert_eq!(errno(fs::rename(m.path("f"), m.path("f/x"))), libc::ENOTDIR);
    assert_eq!(names(m.root()), ["d", "f"]);
}

pub fn replace_a_file(service: &Service) {
    let mut m = service.mount();
    write(&m.path("a"), "new");
    write(&m.path("b"), "the old one, longer");
    fs::rename(m.path("a"), m.path("b")).unwrap();
    assert_eq!((names(m.root()), text(&m.path("b")), stat(&m.path("b")).len()), (vec!["b".into()], "new".into(), 3));
    m.again();
    assert_eq!((names(m.root()), text(&m.path("b"))), (vec!["b".to_owned()], "new".to_owned()));
    symlink("b", m.path("l")).unwrap();
    write(&m.path("c"), "c");
    fs::rename(m.path("c"), m.path("l")).unwrap();
    assert_eq!((text(&m.path("l")), mode(&m.path("l")) & libc::S_IFMT), ("c".to_owned(), libc::S_IFREG));
    assert_eq!(text(&m.path("b")), "new", "the link was replaced, not what it points to");
}

pub fn noreplace(service: &Service) {
    let m = service.mount();
    write(&m.path("a"), "a");
    write(&m.path("b"), "b");
    let noreplace = RenameFlags::RENAME_NOREPLACE;
    assert_eq!(errno(with_flags(&m.path("a"), &m.path("b"), noreplace)), libc::EEXIST);
    assert_eq!((text(&m.path("a")), text(&m.path("b"))), ("a".to_owned(), "b".to_owned()));
    with_flags(&m.path("a"), &m.path("c"), noreplace).unwrap();
    assert_eq!((names(m.root()), text(&m.path("c"))), (vec!["b".into(), "c".into()], "a".into()));
    fs::create_dir(m.path("d")).unwrap();
    with_flags(&m.path("d"), &m.path("e"), noreplace).unwrap();
    assert_eq!(errno(with_flags(&m.path("e"), &m.path("b"), noreplace)), libc::EEXIST);
    assert_eq!(names(m.root()), ["b", "c", "e"]);
}

/// What another client made since the last look counts too; exchanging is not done.
pub fn noreplace_and_other_clients(service: &Service) {
    let m = service.mount_with(&["--max-age", "60"]);
    write(&m.path("a"), "a");
    assert!(!is_there(&m.path("b")));
    service.s3().put("b", "theirs");
    assert_eq!(errno(with_flags(&m.path("a"), &m.path("b"), RenameFlags::RENAME_NOREPLACE)), libc::EEXIST);
    assert_eq!(service.s3().text("b"), "theirs");
    assert_eq!(errno(with_flags(&m.path("a"), &m.path("b"), RenameFlags::RENAME_EXCHANGE)), libc::EINVAL);
}

/// A file that is open, also with bytes that are not stored yet, follows its name.
pub fn rename_open_files(service: &Service) {
    let mut m = service.mount();
    let mut file = File::create(m.path("a")).unwrap();
    file.write_all(b"one ").unwrap();
    fs::rename(m.path("a"), m.path("b")).unwrap();
    file.write_all(b"two ").unwrap();
    file.sync_all().unwrap();
    fs::rename(m.path("b"), m.path("c")).unwrap();
    file.write_all(b"three").unwrap();
    assert_eq!(text(&m.path("c")), "one two three");
    drop(file);
    assert_eq!(names(m.root()), ["c"]);
    m.again();
    assert_eq!((names(m.root()), text(&m.path("c"))), (vec!["c".into()], "one two three".into()));
    let mut reader = File::open(m.path("c")).unwrap();
    fs::rename(m.path("c"), m.path("d")).unwrap();
    let mut got = String::new();
    reader.read_to_string(&mut got).unwrap();
    assert_eq!(got, "one two three");
}

/// What was replaced while it was open lives on without a name.
pub fn rename_over_open_files(service: &Service) {
    let mut m = service.mount();
    for size in [10, 9 << 20] {
        let bytes = pattern(1, size);
        write(&m.path("old"), &bytes);
        write(&m.path("new"), "new");
        let file = open_rw(&m.path("old"));
        fs::rename(m.path("new"), m.path("old")).unwrap();
        let mut got = vec![0; size];
        file.read_exact_at(&mut got, 0).unwrap();
        assert_same("the replaced file", &got, &bytes);
        file.write_all_at(b"written to nobody", 0).unwrap();
        file.sync_all().unwrap();
        assert_eq!(text(&m.path("old")), "new");
        drop(file);
        assert_eq!(text(&m.path("old")), "new");
        m.again();
        assert_eq!(text(&m.path("old")), "new");
    }
}

/// Large files, while they are streamed up.
pub fn rename_while_streaming(service: &Service) {
    let mut m = service.mount();
    let bytes = pattern(2, 40 << 20);
    let mut file = File::create(m.path("a")).unwrap();
    file.write_all(&bytes[..30 << 20]).unwrap();
    fs::rename(m.path("a"), m.path("b")).unwrap();
    file.write_all(&bytes[30 << 20..]).unwrap();
    drop(file);
    assert_eq!(names(m.root()), ["b"]);
    assert_same("now", &read(&m.path("b")), &bytes);
    m.again();
    assert_eq!(names(m.root()), ["b"]);
    assert_same("fresh", &read(&m.path("b")), &bytes);
    if !service.is_plain() {
        assert_eq!(service.s3().uploads().len(), 0);
    }
}

/// Attributes that wait to be stored go along.
pub fn rename_right_after_chmod(service: &Service) {
    let mut m = service.mount();
    write(&m.path(".t"), "x");
    fs::set_permissions(m.path(".t"), std::os::unix::fs::PermissionsExt::from_mode(0o604)).unwrap();
    rustix::fs::setxattr(m.path(".t"), "user.a", b"1", rustix::fs::XattrFlags::empty()).unwrap();
    fs::rename(m.path(".t"), m.path("f.txt")).unwrap();
    m.again();
    assert_eq!((mode(&m.path("f.txt")), text(&m.path("f.txt"))), (0o100604, "x".to_owned()));
    let mut value = [0; 8];
    assert_eq!(rustix::fs::getxattr(m.path("f.txt"), "user.a", &mut value[..]).unwrap(), 1);
}

pub fn rename_links(service: &Service) {
    let mut m = service.mount();
    symlink("target", m.path("a")).unwrap();
    fs::rename(m.path("a"), m.path("b")).unwrap();
    m.again();
    assert_eq!(fs::read_link(m.path("b")).unwrap(), Path::new("target"));
    assert_eq!(names(m.root()), ["b"]);
}
