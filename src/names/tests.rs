//! Tests of the names room.

use super::*;
use crate::store::ETag;
use proptest::prelude::*;
use std::os::unix::ffi::OsStrExt;
use std::time::UNIX_EPOCH;

fn name(text: &str) -> Result<Name, NameError> {
    Name::new(OsStr::new(text))
}

fn entry(key: &str) -> ListEntry {
    ListEntry { key: key.to_owned(), etag: ETag::new("e"), size: 1, modified: UNIX_EPOCH, storage_class: None }
}

fn texts(names: &[Name]) -> Vec<&str> {
    names.iter().map(Name::as_str).collect()
}

#[test]
fn names_that_are_none() {
    for text in ["", ".", "..", "a/b", "/", "a\0"] {
        assert_eq!(name(text), Err(NameError::Invalid), "{text:?}");
    }
    assert_eq!(Name::new(OsStr::from_bytes(b"\xff\xfe.txt")), Err(NameError::NotUtf8));
    assert_eq!(name(&"é".repeat(128)), Err(NameError::TooLong));
    assert_eq!(name(".osirisfs"), Err(NameError::Reserved));
    for text in ["...", ".osirisfs2", "a b", "100%", "%2F", "a\nb", "a\rb", "\u{1}", "😀", "*x", "~", &"é".repeat(127)]
    {
        assert_eq!(name(text).unwrap().as_str(), text);
    }
}

#[test]
fn keys_are_bounded() {
    let dir = format!("{}/", "d".repeat(1000));
    let fits = name(&"x".repeat(23)).unwrap();
    assert_eq!(file_key(&dir, &fits).unwrap().len(), 1024);
    assert_eq!(dir_key(&dir, &fits), Err(NameError::TooLong));
    assert_eq!(file_key("", &fits).unwrap(), fits.as_str());
    assert_eq!(dir_key("a/", &name("b").unwrap()).unwrap(), "a/b/");
}

#[test]
fn lines_of_a_listing() {
    let file = |text: &str| Shown::File(name(text).unwrap());
    assert_eq!(show_object("d/", "d/"), Shown::Marker);
    assert_eq!(show_object("d/", "d/a\rb"), file("a\rb"));
    assert_eq!(show_object("", "lead"), file("lead"));
    assert_eq!(show_object("d/", "d/."), Shown::Hidden);
    assert_eq!(show_object("d/", "other"), Shown::Hidden);
    assert_eq!(show_object("d/", &format!("d/{}", "x".repeat(256))), Shown::Hidden);
    assert_eq!(show_prefix("d/", "d/x/"), Shown::Dir(name("x").unwrap()));
    assert_eq!(show_prefix("d/", "d//"), Shown::Hidden);
    assert_eq!(show_prefix("d/", "d/../"), Shown::Hidden);
    assert_eq!(show_prefix("", "/"), Shown::Hidden);
    assert_eq!(show_prefix("", ".osirisfs/"), Shown::Hidden);
}

#[test]
fn one_directory() {
    let objects = ["d/", "d/b", "d/a", "d/both", "d/..", "d/b"].map(entry);
    let prefixes = ["d/z/", "d/both/", "d//", "d/./", "d/.osirisfs/", "d/c/", "d/c/"].map(str::to_owned);
    let content = merge("d/", objects.to_vec(), prefixes.to_vec());
    assert_eq!(
        content.files.iter().map(|(name, entry)| (name.as_str(), entry.key.as_str())).collect::<Vec<_>>(),
        [("a", "d/a"), ("b", "d/b")]
    );
    assert_eq!(texts(&content.dirs), ["both", "c", "z"]);
    assert_eq!(content.marker.map(|entry| entry.key).as_deref(), Some("d/"));
    assert_eq!(content.hidden, ["d/..", "d/./", "d//", "d/both"]);
    assert!(content.reserved);
    assert!(!merge("", vec![entry("a")], Vec::new()).reserved);
}

/// What ListObjectsV2 with a delimiter answers for these keys.
fn list(keys: &BTreeSet<String>, dir: &str) -> (Vec<ListEntry>, Vec<String>) {
    let (mut objects, mut prefixes) = (Vec::new(), BTreeSet::new());
    for key in keys {
        let Some(rest) = key.strip_prefix(dir) else { continue };
        match rest.find('/') {
            Some(slash) => drop(prefixes.insert(key[..dir.len() + slash + 1].to_owned())),
            None => objects.push(entry(key)),
        }
    }
    (objects, prefixes.into_iter().collect())
}

/// Every key that a walk from `dir` meets.
fn walk(keys: &BTreeSet<String>, dir: &str, met: &mut Vec<String>) {
    let (objects, prefixes) = list(keys, dir);
    let content = merge(dir, objects, prefixes);
    met.extend(content.marker.map(|entry| entry.key));
    for (name, entry) in content.files {
        assert_eq!(file_key(dir, &name).unwrap(), entry.key);
        met.push(entry.key);
    }
    for name in content.dirs {
        walk(keys, &dir_key(dir, &name).unwrap(), met);
    }
    for hidden in content.hidden {
        let below = keys.iter().filter(|key| **key == hidden || hidden.ends_with('/') && key.starts_with(&hidden));
        met.extend(below.cloned());
    }
}

proptest! {
    /// No key is lost and none is shown twice, whatever stands in the bucket.
    #[test]
    fn a_walk_meets_every_key_once(keys in prop::collection::btree_set("[ab./]{1,7}", 0..40)) {
        let mut met = Vec::new();
        walk(&keys, "", &mut met);
        met.sort();
        prop_assert_eq!(met, keys.into_iter().collect::<Vec<_>>());
    }

    #[test]
    fn a_key_made_from_a_name_shows_that_name(dir in "([a-c]{1,3}/){0,3}", text in "[^/\\x00]{1,20}") {
        prop_assume!(text != "." && text != "..");
        let name = name(&text).unwrap();
        prop_assert_eq!(show_object(&dir, &file_key(&dir, &name).unwrap()), Shown::File(name.clone()));
        prop_assert_eq!(show_prefix(&dir, &dir_key(&dir, &name).unwrap()), Shown::Dir(name));
    }
}
