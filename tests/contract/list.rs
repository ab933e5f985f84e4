//! Keys and listings.

use super::{Target, all_keys, clean, prefix, put, whole};
use osirisfs::store::{Condition, CopySource, ErrorKind, ListRequest, ListToken, WriteHeaders};
use std::collections::BTreeSet;

/// Names that need escaping somewhere: in the path, the copy source, XML or a query.
pub const ODD: &[&str] = &[
    "a+b",
    "a b",
    "100%",
    "%41",
    "%2F",
    "a?b",
    "a?versionId=1",
    "a#b",
    "a&b",
    "t~",
    "*x",
    "=:;,@!$'()",
    "q\"",
    "<x>",
    "b\\s",
    "é£",
    "😀",
    "trailing ",
    " leading",
    "lab//x",
    "/lead",
    "d/../e",
    "d/./f",
    "..",
    ".",
    "dir/",
    "a\nb",
    "tab\there",
    "a\rb",
    "a\u{13}b",
    "a\u{1}b",
    "\u{7f}",
];

/// Parts are copied from odd keys too.
pub async fn parts_of_odd_keys(target: &Target) {
    let (store, p) = (target.store(), prefix("parts"));
    // RGW 20 cannot copy a part from such a name.
    for name in ODD.iter().filter(|name| !name.contains("?versionId=")) {
        let (key, target) = (format!("{p}{name}"), format!("{p}target/{name}"));
        let etag = put(&store, &key, name.as_bytes().to_vec()).await.etag;
        let upload = store.create_upload(&target, &WriteHeaders::default()).await.unwrap();
        let range = 0..name.len() as u64;
        let part =
            store.copy_part(&target, &upload, 1, CopySource { store: &store, key: &key, etag: &etag }, range).await;
        let part = part.unwrap_or_else(|e| panic!("{name:?}: {e}"));
        assert_eq!(part.etag, etag, "{name:?}");
        store.complete_upload(&target, &upload, &[part], &Condition::Always).await.unwrap();
        assert_eq!(whole(&store, &target).await, name.as_bytes(), "{name:?}");
    }
    clean(&store, &p).await;
}

/// Odd keys are stored, found, copied, read and deleted under exactly their names.
pub async fn odd_keys(target: &Target) {
    let (store, p) = (target.store(), prefix("odd"));
    for name in ODD {
        let (key, copy) = (format!("{p}{name}"), format!("{p}copy/{name}"));
        put(&store, &key, name.as_bytes().to_vec()).await;
        assert_eq!(whole(&store, &key).await, name.as_bytes(), "{name:?}");
        store.copy(&key, None, &copy, None, &[]).await.unwrap_or_else(|e| panic!("{name:?}: {e}"));
        assert_eq!(whole(&store, &copy).await, name.as_bytes(), "{name:?}");
    }
    let mut expected: Vec<String> = ODD.iter().flat_map(|n| [format!("{p}{n}"), format!("{p}copy/{n}")]).collect();
    expected.sort();
    assert_eq!(all_keys(&store, &p).await, expected);
    // One entry a page: every name is a marker once.
    let (mut seen, mut from) = (Vec::new(), None);
    loop {
        let request = ListRequest { prefix: format!("{p}copy/"), max_keys: 1, from, by_directory: false };
        let page = store.list(request).await.unwrap();
        seen.extend(page.objects.into_iter().map(|object| object.key));
        from = page.next;
        if from.is_none() {
            break;
        }
    }
    expected.retain(|key| key.starts_with(&format!("{p}copy/")));
    assert_eq!(seen, expected);
    assert_eq!(store.head(&format!("{p}*nope")).await.unwrap_err().kind, ErrorKind::NotFound);
    clean(&store, &p).await;
}

/// Pages of all sizes give every key and every prefix once, also when they go on after a key or a prefix.
pub async fn pages_of_a_listing(target: &Target) {
    let (store, p) = (target.store(), prefix("pages"));
    let names: Vec<String> = (0..12)
        .map(|n| format!("{p}big/{n:02}"))
        .chain((0..5).flat_map(|d| (0..2).map(move |n| (d, n))).map(|(d, n)| format!("{p}d{d}/{n}")))
        .chain(["big0", "z"].map(|n| format!("{p}{n}")))
        .collect();
    for key in &names {
        put(&store, key, "x").await;
    }
    let expected: BTreeSet<String> = names.iter().cloned().collect();
    assert_eq!(all_keys(&store, &p).await, expected.iter().cloned().collect::<Vec<_>>());
    let top_keys: Vec<String> = ["big0", "z"].map(|n| format!("{p}{n}")).into();
    let top_prefixes: Vec<String> = ["big/", "d0/", "d1/", "d2/", "d3/", "d4/"].map(|n| format!("{p}{n}")).into();
    for max_keys in [1, 2, 3, 0] {
        for own_marker in [false, true] {
            let (mut keys, mut prefixes, mut from) = (Vec::new(), Vec::new(), None);
            loop {
                let request = ListRequest { prefix: p.clone(), by_directory: true, max_keys, from };
                let page = store.list(request).await.unwrap();
                let last_prefix = page.prefixes.last().map(|prefix| format!("{prefix}\u{10ffff}"));
                let last_key = page.objects.last().map(|object| object.key.clone());
                keys.extend(page.objects.into_iter().map(|object| object.key));
                prefixes.extend(page.prefixes);
                from = page.next;
                if from.is_none() {
                    break;
                }
                if own_marker {
                    from = last_prefix.max(last_key).map(ListToken::After);
                }
            }
            assert_eq!((&keys, &prefixes), (&top_keys, &top_prefixes), "{max_keys} a page, own marker: {own_marker}");
        }
    }
    let page = store.list(ListRequest { prefix: format!("{p}z"), ..ListRequest::default() }).await.unwrap();
    let entry = &page.objects[0];
    assert_eq!((entry.size, entry.etag.as_str()), (1, "9dd4e461268c8034f5c8564e155c67a6"));
    assert_eq!(entry.storage_class, None);
    let head = store.head(&entry.key).await.unwrap();
    let apart = entry.modified.duration_since(head.modified).unwrap_or_default();
    assert!(apart < std::time::Duration::from_secs(1), "{apart:?}");
    let nothing = store.list(ListRequest { prefix: format!("{p}nothing"), ..ListRequest::default() }).await.unwrap();
    assert!(nothing.objects.is_empty() && nothing.next.is_none());
    clean(&store, &p).await;
}
