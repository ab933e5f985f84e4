//! What a rewrite must carry along, because S3 keeps nothing of the old object.

use crate::support::{Mount, S3, Service, assert_same, pattern, sh};
use osirisfs::store::{Acl, Grant, Grantee, ObjectHeaders, WriteHeaders};
use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::io::Write;

/// An object with everything that one can have. (A gateway takes only the storage classes that it was given.)
fn dressed(service: &Service) -> WriteHeaders {
    let some = |text: &str| Some(text.to_owned());
    let user = [("colour", "blue"), ("project", "ice cores"), ("empty", "")];
    let headers = ObjectHeaders {
        content_type: some("text/x-special; charset=utf-8"),
        cache_control: some("max-age=3600"),
        content_disposition: some("attachment; filename=\"a b.txt\""),
        content_encoding: some("identity"),
        content_language: some("de"),
        expires: some("Thu, 01 Dec 2044 16:00:00 GMT"),
        storage_class: some("STANDARD_IA").filter(|_| service.is_embedded()),
        user: user.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect(),
        ..ObjectHeaders::default()
    };
    let full = Grant { grantee: Grantee::Id("alice_um".to_owned()), permission: "FULL_CONTROL".to_owned() };
    let everybody = Grantee::Group("http://acs.amazonaws.com/groups/global/AllUsers".to_owned());
    let public = Grant { grantee: everybody, permission: "READ".to_owned() };
    let tags = vec![("team".to_owned(), "climate".to_owned()), ("year".to_owned(), "2026".to_owned())];
    WriteHeaders { headers, grants: vec![full, public], tags }
}

/// Everything but what a mount itself notes.
#[derive(Debug, PartialEq)]
struct Look {
    headers: ObjectHeaders,
    acl: Acl,
    tags: BTreeMap<String, String>,
}

fn look(s3: &S3, key: &str) -> Look {
    let mut headers = std::sync::Arc::unwrap_or_clone(s3.head(key).headers);
    for name in ["mode", "uid", "gid", "mtime", "ctime", "atime", "xattr"] {
        headers.user.remove(name);
    }
    Look { headers, acl: s3.acl(key), tags: s3.tags(key).into_iter().collect() }
}

/// Each way to change something, as a script over `x`, and where the object is afterwards.
const CHANGES: [(&str, &str); 10] = [
    ("chmod 604 x; sync x", "d/x"),
    ("chown 7:8 x; sync x", "d/x"),
    ("touch -d 2001-01-01 x; sync x", "d/x"),
    ("setfattr -n user.a -v b x; sync x", "d/x"),
    ("mv x y", "d/y"),
    ("chmod 604 x; mv x y", "d/y"),
    ("printf + >> x", "d/x"),
    ("truncate -s 10 x", "d/x"),
    ("mv ../d ../e", "e/x"),
    ("printf ++ | dd of=x conv=notrunc bs=1 seek=5 status=none; chmod 640 x; touch x; sync x; mv x ../z", "z"),
];

fn each_change_keeps_the_rest(service: &Service, size: usize) {
    let s3 = service.s3();
    for (script, key) in CHANGES {
        let m: Mount = service.mount();
        s3.put_parts("d/x", &pattern(1, size), &dressed(service));
        let before = look(&s3, "d/x");
        assert!(before.acl.grants.len() == 2 && before.tags.len() == 2 && before.headers.user.len() == 3, "{before:?}");
        sh(&m.path("d"), script).ok();
        assert_eq!(look(&s3, key), before, "{size} bytes: {script}");
        m.umount();
        s3.delete_all();
    }
}

pub fn small_objects_keep_their_headers(service: &Service) {
    each_change_keeps_the_rest(service, 100);
}

pub fn large_objects_keep_their_headers(service: &Service) {
    each_change_keeps_the_rest(service, 24 << 20);
}

/// Appends send all of it again, as does the way to an object that can be appended to.
pub fn logs_keep_their_headers(service: &Service) {
    let s3 = service.s3();
    let m = service.mount();
    let mut with = dressed(service);
    // The copy would not keep it, so such an object is written anew each time.
    with.headers.storage_class = None;
    let mut want = pattern(1, 70 << 10);
    s3.put_with("log", want.clone(), &with);
    let before = look(&s3, "log");
    let mut file = OpenOptions::new().append(true).open(m.path("log")).unwrap();
    for n in 0..4 {
        file.write_all(b"more").unwrap();
        file.sync_all().unwrap();
        want.extend(b"more");
        assert_eq!(look(&s3, "log"), before, "append {n}");
        assert_eq!(s3.head("log").appendable, n > 0, "append {n}");
    }
    assert_same("log", &s3.get("log"), &want);
}

pub fn directory_markers_keep_their_headers(service: &Service) {
    let s3 = service.s3();
    for (script, key) in [("chmod 700 d; sync d", "d/"), ("touch d; sync d", "d/"), ("chmod 711 d; mv d e", "e/")] {
        let m = service.mount();
        s3.put_with("d/", "", &dressed(service));
        let before = look(&s3, "d/");
        sh(m.root(), script).ok();
        assert_eq!(look(&s3, key), before, "{script}");
        m.umount();
        s3.delete_all();
    }
}

/// A file replaced by another one is another one: the old headers do not come back.
pub fn a_replaced_file_starts_anew(service: &Service) {
    let s3 = service.s3();
    s3.put_with("x", "old", &dressed(service));
    let m = service.mount();
    sh(m.root(), "echo new > t; mv t x").ok();
    let now = look(&s3, "x");
    assert!(now.acl.is_private() && now.tags.is_empty() && now.headers.user.is_empty(), "{now:?}");
    assert_eq!(s3.text("x"), "new\n");
}
