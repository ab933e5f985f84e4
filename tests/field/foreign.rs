//! Keys that other clients made and that no file system would make.

use super::mount;
use crate::ops::{is_there, mode, names, stat, text, write};
use crate::support::{Service, errno, run_for, sh};
use osirisfs::store::WriteHeaders;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::time::Duration;

/// One control character in a key must not hide the directory.
#[test]
fn control_characters_in_keys() {
    let service = Service::embedded();
    let s3 = service.s3();
    let odd = ["a\x13b", "a\rb", "a\nb", "a\x01b", "a\x7fb", "a\u{fffd}b", "a\u{85}b"];
    s3.put("d/good", "good");
    for name in odd {
        s3.put(&format!("d/{name}"), name);
    }
    let m = mount(&service);
    let mut want: Vec<String> = odd.iter().map(|name| name.to_string()).collect();
    want.push("good".to_owned());
    want.sort();
    assert_eq!(names(&m.path("d")), want);
    assert_eq!(sh(m.root(), "ls -b d | wc -l; cat d/good").ok(), "8\ngood");
    for name in odd {
        assert_eq!(text(&m.path("d").join(name)), name);
    }
    sh(m.root(), "rm d/a*").ok();
    assert_eq!(s3.keys("d/good"), ["d/good"]);
    assert_eq!(names(&m.path("d")), ["good"]);
    // And by a rename of the directory, which copies and removes many at once.
    for name in odd {
        s3.put(&format!("e/{name}"), name);
    }
    fs::rename(m.path("e"), m.path("f")).unwrap();
    assert_eq!(names(&m.path("f")).len(), odd.len());
    assert!(s3.keys("e/").is_empty());
}

#[test]
fn keys_that_no_path_reaches() {
    let service = Service::embedded();
    let s3 = service.s3();
    let (odd, far) = (["lab//x", "/lead", "d/../e", "d/./f", "///", "covered"], "l".repeat(300));
    for key in odd {
        s3.put(key, key);
    }
    for key in ["ok/file", "lab/y", "covered/file", &format!("ok/{far}")] {
        s3.put(key, "fine");
    }
    let m = mount(&service);
    let five = Duration::from_secs(5);
    let listed = run_for(five, m.root(), "ls", &["-lR", "."]).ok();
    assert!(!listed.contains('?'), "{listed}");
    let found = run_for(five, m.root(), "find", &[".", "-mindepth", "1"]).ok();
    let mut found: Vec<&str> = found.lines().collect();
    found.sort();
    assert_eq!(found, ["./covered", "./covered/file", "./d", "./lab", "./lab/y", "./ok", "./ok/file"]);
    for name in found {
        stat(&m.path(name));
    }
    assert_eq!(text(&m.path("ok/file")), "fine");
    assert!(m.log().contains("no path can name"), "the log tells of them");
    // None of them is lost by what is done around them.
    assert_eq!(errno(fs::remove_dir(m.path("d"))), libc::ENOTEMPTY);
    assert!(sh(m.root(), "rm -r lab").fails().contains("not empty"));
    fs::rename(m.path("lab"), m.path("moved")).unwrap();
    assert_eq!(s3.text("moved//x"), "lab//x");
    for key in ["/lead", "d/../e", "d/./f", "///", "covered"] {
        assert_eq!(s3.text(key), key);
    }
}

/// Directory markers as other programs make them, and directories without any.
#[test]
fn directories_of_other_clients() {
    let service = Service::embedded();
    let s3 = service.s3();
    s3.put("a/", "");
    let mut with = WriteHeaders::default();
    with.headers.content_type = Some("application/x-directory".to_owned());
    s3.put_with("b/", "", &with);
    s3.put("c/", "bytes");
    s3.put("e/x", "x");
    let m = mount(&service);
    assert_eq!(stat(&m.path("e/x")).len(), 1, "found without a listing first");
    for name in ["a", "b", "c", "e"] {
        assert_eq!((mode(&m.path(name)), stat(&m.path(name)).uid()), (0o40755, 0), "{name}");
        assert!(stat(&m.path(name)).mtime() > 1_000_000_000, "{name}");
    }
    assert_eq!(names(m.root()), ["a", "b", "c", "e"]);
    fs::create_dir(m.path("a/n")).unwrap();
    // A marker may hold bytes: they are no file here, and still not ours to drop.
    sh(m.root(), "chmod 700 c; touch -d 2001-01-01 c; sync .; mv c moved").ok();
    assert_eq!(s3.text("moved/"), "bytes");
    assert_eq!(mode(&m.path("moved")), 0o40700);
    sh(m.root(), "chmod 750 e; sync e; chmod 711 b a; mv a a2").ok();
    drop(m);
    let m = mount(&service);
    assert_eq!((mode(&m.path("e")), mode(&m.path("b")), mode(&m.path("a2"))), (0o40750, 0o40711, 0o40711));
    assert_eq!(names(&m.path("a2")), ["n"]);
}

/// A directory is there until rmdir, whatever becomes of what is in it.
#[test]
fn directories_outlive_their_files() {
    let service = Service::embedded();
    let s3 = service.s3();
    s3.put("h/u/a", "1");
    s3.put("k/only", "2");
    let mut m = mount(&service);
    fs::remove_file(m.path("h/u/a")).unwrap();
    fs::rename(m.path("k/only"), m.path("elsewhere")).unwrap();
    for _ in 0..2 {
        assert_eq!(names(&m.path("h/u")), [""; 0]);
        assert_eq!(names(&m.path("k")), [""; 0]);
        m.again();
    }
    fs::remove_dir(m.path("h/u")).unwrap();
    assert!(is_there(&m.path("h")) && !is_there(&m.path("h/u")));
    sh(m.root(), "mkdir -p p/q; touch p/q/z; rm -r p; test ! -e p").ok();
    assert_eq!(s3.keys("p/"), [""; 0]);
    s3.put("r/s/t/u", "deep");
    sh(m.root(), "rm -r r; test ! -e r").ok();
    m.again();
    assert_eq!(names(m.root()), ["elsewhere", "h", "k"]);
}

/// Objects of other clients get an owner and a mode that people can use.
#[test]
fn owners_and_modes_of_foreign_objects() {
    let service = Service::embedded();
    let s3 = service.s3();
    s3.put("f", "x");
    s3.put("d/g", "x");
    let look = |flags: &[&str]| {
        let m = service.mount_with(flags);
        let of = |name: &str| (mode(&m.path(name)), stat(&m.path(name)).uid(), stat(&m.path(name)).gid());
        [of("f"), of("d"), of("d/g")]
    };
    assert_eq!(look(&[]), [(0o100644, 0, 0), (0o40755, 0, 0), (0o100644, 0, 0)]);
    let flags = ["--uid", "33", "--gid", "34", "--file-mode", "0640", "--dir-mode", "2770"];
    assert_eq!(look(&flags), [(0o100640, 33, 34), (0o42770, 33, 34), (0o100640, 33, 34)]);
    // Looking changes nothing.
    assert!(s3.meta("f", "mode").is_none());
    // What is written says who wrote it.
    let m = service.mount_with(&flags);
    write(&m.path("mine"), "x");
    assert_eq!(stat(&m.path("mine")).uid(), 0);
}
