//! Names and keys: lengths, odd characters, bytes that are no text.

use super::{is_there, names, read, text, write};
use crate::support::{Service, assert_same, errno, pattern};
use std::ffi::OsStr;
use std::fs::{self, File};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;

pub fn lengths(service: &Service) {
    let mut m = service.mount();
    let (longest, umlauts) = ("n".repeat(255), "ä".repeat(127));
    for name in [&longest, &umlauts] {
        write(&m.path(name), "x");
        m.again();
        assert_eq!(text(&m.path(name)), "x");
        fs::remove_file(m.path(name)).unwrap();
    }
    let too_long = m.path(&"n".repeat(256));
    assert_eq!(errno(File::create(&too_long)), libc::ENAMETOOLONG);
    assert_eq!(errno(fs::create_dir(&too_long)), libc::ENAMETOOLONG);
    assert_eq!(errno(fs::metadata(&too_long)), libc::ENAMETOOLONG);
    fs::create_dir(m.path(&longest)).unwrap();
    assert_eq!(names(m.root()), [longest]);
}

/// Keys hold 1024 bytes in all.
pub fn long_keys(service: &Service) {
    let mut m = service.mount();
    let used = service.bucket().1.len();
    let mut dir = String::new();
    while used + dir.len() + 201 <= 1000 {
        dir += &format!("{}/", "d".repeat(200));
        fs::create_dir(m.path(&dir)).unwrap();
    }
    let left = 1024 - used - dir.len();
    let (fits, too_long) = ("f".repeat(left), "f".repeat(left + 1));
    write(&m.path(&format!("{dir}{fits}")), "x");
    assert_eq!(errno(File::create(m.path(&format!("{dir}{too_long}")))), libc::ENAMETOOLONG);
    assert_eq!(errno(fs::create_dir(m.path(&format!("{dir}{fits}d")))), libc::ENAMETOOLONG);
    assert_eq!(errno(fs::metadata(m.path(&format!("{dir}{too_long}")))), libc::ENAMETOOLONG);
    m.again();
    assert_eq!(text(&m.path(&format!("{dir}{fits}"))), "x");
    // A rename that would make a key below too long changes nothing.
    let (top, _) = dir.split_once('/').unwrap();
    assert_eq!(errno(fs::rename(m.path(top), m.path(&"e".repeat(201)))), libc::ENAMETOOLONG);
    assert_eq!(text(&m.path(&format!("{dir}{fits}"))), "x");
    assert_eq!(names(m.root()), [top]);
}

pub fn not_utf8(service: &Service) {
    let m = service.mount();
    write(&m.path("f"), "x");
    let bad = m.root().join(OsStr::from_bytes(b"\xff\xfe.txt"));
    assert_eq!(errno(File::create(&bad)), libc::EILSEQ);
    assert_eq!(errno(fs::create_dir(&bad)), libc::EILSEQ);
    assert_eq!(errno(symlink("f", &bad)), libc::EILSEQ);
    assert_eq!(errno(fs::rename(m.path("f"), &bad)), libc::EILSEQ);
    assert_eq!(errno(symlink(OsStr::from_bytes(b"\xff"), m.path("l"))), libc::EILSEQ);
    assert!(fs::metadata(&bad).is_err());
    assert_eq!(names(m.root()), ["f"]);
    assert_eq!(service.s3().keys(""), ["f"]);
}

pub fn reserved(service: &Service) {
    let m = service.mount();
    assert_eq!(errno(File::create(m.path(".osirisfs"))), libc::EPERM);
    assert_eq!(errno(fs::create_dir(m.path(".osirisfs"))), libc::EPERM);
    write(&m.path("f"), "x");
    assert_eq!(errno(fs::rename(m.path("f"), m.path(".osirisfs"))), libc::EPERM);
    assert!(!is_there(&m.path(".osirisfs")));
    assert_eq!(names(m.root()), ["f"]);
}

const ODD: [&str; 20] = [
    "a+b",
    "a b",
    "100%",
    "%41",
    "%2F",
    "%25",
    "a?b",
    "a#b",
    "a&b=c",
    "t~",
    "*x",
    "=:;,@!$'()",
    "q\"",
    "<x>",
    "b\\s",
    "é£",
    "😀",
    "tab\tnl\nbell\x07",
    " lead and trail ",
    "...",
];

/// Every verb with names that URLs, XML and shells trip over. Seen to break in other S3 file systems.
pub fn odd_characters(service: &Service) {
    let mut m = service.mount();
    fs::create_dir(m.path("d")).unwrap();
    for name in ODD {
        write(&m.path(name), name);
        fs::rename(m.path(name), m.path("d").join(name)).unwrap();
        fs::rename(m.path("d").join(name), m.path(name)).unwrap();
        fs::set_permissions(m.path(name), std::os::unix::fs::PermissionsExt::from_mode(0o640)).unwrap();
    }
    assert!(!is_there(&m.path("*nope")) && !is_there(&m.path("%nope")));
    m.again();
    let mut want: Vec<String> = ODD.iter().map(|name| name.to_string()).collect();
    want.push("d".to_owned());
    want.sort();
    assert_eq!(names(m.root()), want);
    for name in ODD {
        assert_eq!(text(&m.path(name)), name);
        assert_eq!(super::mode(&m.path(name)), 0o100640, "{name:?}");
    }
    if !service.is_plain() {
        let mut keys = service.s3().keys("");
        keys.retain(|key| key != "d/");
        keys.sort();
        want.retain(|name| name != "d");
        assert_eq!(keys, want);
    }
    // As directories, with something in them.
    for name in ODD {
        fs::remove_file(m.path(name)).unwrap();
        fs::create_dir(m.path(name)).unwrap();
        write(&m.path(name).join(name), "in");
        fs::rename(m.path(name), m.path("moved")).unwrap();
        fs::rename(m.path("moved"), m.path(name)).unwrap();
    }
    m.again();
    for name in ODD {
        assert_eq!(text(&m.path(name).join(name)), "in");
        fs::remove_dir_all(m.path(name)).unwrap();
    }
    assert_eq!(names(m.root()), ["d"]);
}

/// The same for objects that are rewritten part by part: the name is in a copy source then.
pub fn odd_characters_in_large_files(service: &Service) {
    let mut m = service.mount();
    let mut bytes = pattern(1, 22 << 20);
    for name in ["a+b %2F", "é?#&😀"] {
        write(&m.path(name), &bytes);
        let file = super::open_rw(&m.path(name));
        std::os::unix::fs::FileExt::write_all_at(&file, b"change", 11 << 20).unwrap();
        drop(file);
        fs::rename(m.path(name), m.path("x")).unwrap();
        fs::rename(m.path("x"), m.path(name)).unwrap();
        fs::set_permissions(m.path(name), std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    }
    bytes[11 << 20..(11 << 20) + 6].copy_from_slice(b"change");
    m.again();
    for name in ["a+b %2F", "é?#&😀"] {
        assert_same(name, &read(&m.path(name)), &bytes);
        assert_eq!(super::mode(&m.path(name)), 0o100600, "{name:?}");
    }
}
