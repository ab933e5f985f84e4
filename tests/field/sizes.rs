//! Part limits, and how many bytes go over the wire for a small change.

use super::{bytes, mount};
use crate::ops::{open_rw, read, stat};
use crate::support::{Service, assert_same, pattern, python, run, sh};
use osirisfs::server::{Limits, Style};
use std::fs::File;
use std::os::unix::fs::FileExt;

const MIB: u64 = 1 << 20;

/// Growing by truncation makes no part beyond what the service takes at once.
#[test]
fn growth_by_truncate_keeps_to_the_part_limit() {
    let limits = Limits { max_put: 32 * MIB, ..Limits::default() };
    let service = Service::embedded_as(Style::default(), limits);
    let mut m = mount(&service);
    sh(m.root(), "touch f; truncate -s 33554433 f").ok();
    let old = pattern(1, 20 << 20);
    service.s3().put("g", old.clone());
    sh(m.root(), "truncate -s 70M g").ok();
    assert_eq!((service.s3().head("f").size, service.s3().head("g").size), (33_554_433, 70 * MIB));
    m.again();
    assert!(read(&m.path("f")).iter().all(|byte| *byte == 0));
    let grown = read(&m.path("g"));
    assert_same("the old part", &grown[..20 << 20], &old);
    assert!(grown[20 << 20..].iter().all(|byte| *byte == 0));
}

/// A writer that preallocates in steps sends each byte once.
#[test]
fn preallocation_in_steps_sends_each_byte_once() {
    let service = Service::embedded();
    let m = mount(&service);
    service.log().clear();
    let script = "import os\n\
        f = os.open('f', os.O_RDWR | os.O_CREAT)\n\
        for n in range(32):\n\
        \x20   os.ftruncate(f, (n + 1) << 20)\n\
        \x20   os.pwrite(f, bytes([n + 1]) * (1 << 20), n << 20)\n\
        os.close(f)\n";
    python(m.root(), script).ok();
    let (up, _) = bytes(&service.log());
    assert!(up <= 36 * MIB, "{up} bytes sent");
    let want: Vec<u8> = (1..=32_u8).flat_map(|n| vec![n; 1 << 20]).collect();
    assert_same("content", &service.s3().get("f"), &want);
}

/// A few bytes inside a large object: the service takes no small parts, and most of the object stays where it is.
#[test]
fn small_changes_inside_a_large_object() {
    let service = Service::embedded();
    let m = mount(&service);
    let mut want = pattern(2, 100 << 20);
    service.s3().put_parts("f", &want, &Default::default());
    stat(&m.path("f"));
    let file = open_rw(&m.path("f"));
    for (at, text) in
        [(15_728_640, b"sixteen bytes..."), (0, b"at the beginning"), ((100 << 20) - 16, b"at the very end.")]
    {
        service.log().clear();
        file.write_all_at(text, at).unwrap();
        file.sync_all().unwrap();
        let (up, down) = bytes(&service.log());
        assert!(up <= 12 * MIB && down <= 12 * MIB, "at {at}: {up} up, {down} down");
        want[at as usize..at as usize + 16].copy_from_slice(text);
    }
    drop(file);
    assert_same("content", &service.s3().get("f"), &want);
    assert_eq!(service.s3().uploads().len(), 0);
}

/// A first small write that is synced, then a long one.
#[test]
fn small_first_then_large() {
    let service = Service::embedded();
    let m = mount(&service);
    let want = pattern(3, 3_000_000 + (40 << 20));
    let file = File::create(m.path("f")).unwrap();
    file.write_all_at(&want[..3_000_000], 0).unwrap();
    file.sync_all().unwrap();
    file.write_all_at(&want[3_000_000..], 3_000_000).unwrap();
    drop(file);
    assert_same("content", &service.s3().get("f"), &want);
}

#[test]
fn an_append_sends_little() {
    let service = Service::embedded();
    let mut m = mount(&service);
    sh(m.root(), "echo first > t; echo second >> t").ok();
    assert_eq!(service.s3().text("t"), "first\nsecond\n");
    let want = pattern(4, 200 << 20);
    service.s3().put_parts("f", &want, &Default::default());
    m.again();
    service.log().clear();
    sh(m.root(), "printf x >> f").ok();
    let (up, down) = bytes(&service.log());
    assert!(up <= 16 * MIB && down <= 16 * MIB, "{up} up, {down} down");
    assert_eq!(service.s3().head("f").size, (200 << 20) + 1);
    let got = read(&m.path("f"));
    assert_same("content", &got[..200 << 20], &want);
    assert_eq!(got[200 << 20..], *b"x");
}

/// A reader of a few bytes does not fetch a large object.
#[test]
fn a_look_inside_fetches_little() {
    let service = Service::embedded();
    let m = mount(&service);
    service.s3().put_parts("f", &pattern(5, 200 << 20), &Default::default());
    service.log().clear();
    let said = run(m.root(), "bash", &["-c", "head -c 20 f | wc -c; tail -c 20 f | wc -c"]).ok();
    assert_eq!(said, "20\n20\n");
    let (_, down) = bytes(&service.log());
    assert!(down <= 16 * MIB, "{down} bytes fetched");
}

/// What is larger than the service copies at once is copied by parts, with everything that belongs to it.
#[test]
fn beyond_the_copy_limit() {
    let limits = Limits { max_copy: 8 * MIB, ..Limits::default() };
    let service = Service::embedded_as(Style::default(), limits);
    let s3 = service.s3();
    let mut m = service.mount_with(&["--max-age", "1", "--copy-limit", "8M"]);
    let content = pattern(4, 20 << 20);
    std::fs::create_dir(m.path("d")).unwrap();
    std::fs::write(m.path("d/f"), &content).unwrap();
    let open = File::open(m.path("d/f")).unwrap();
    sh(
        m.root(),
        "setfattr -n user.colour -v blue d/f; mv d/f d/g; chmod 604 d/g; mv d e; mkdir d; cp e/g d/h; sync d/h",
    )
    .ok();
    sh(m.root(), "cp e/g kept; rm e/g").ok();
    let mut bytes = vec![0; content.len()];
    open.read_exact_at(&mut bytes, 0).unwrap();
    assert_same("the removed file that is open", &bytes, &content);
    drop(open);
    m.again();
    for name in ["d/h", "kept"] {
        assert_same(name, &read(&m.path(name)), &content);
    }
    sh(m.root(), "setfattr -n user.colour -v blue kept; chmod 604 kept; mv kept last; sync last").ok();
    assert_same("last", &s3.get("last"), &content);
    let again = "getfattr -n user.colour --only-values last; stat -c ' %a' last";
    m.again();
    assert_eq!(sh(m.root(), again).ok(), "blue 604\n");
    assert_eq!(s3.keys(""), ["d/", "d/h", "e/", "last"]);
    assert!(s3.uploads().is_empty());
}
