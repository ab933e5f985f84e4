use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;

fn keys(names: &[&str]) -> BTreeMap<String, ()> {
    names.iter().map(|name| ((*name).to_owned(), ())).collect()
}

/// Names and prefixes of one page, in one list.
fn names(page: &Page<()>) -> Vec<&str> {
    let entries = page.entries.iter().map(|(key, ())| key.as_str());
    let mut names: Vec<&str> = entries.chain(page.prefixes.iter().map(String::as_str)).collect();
    names.sort_unstable();
    names
}

#[test]
fn a_delimiter_rolls_keys_up() {
    let keys = keys(&["a", "d/1", "d/2", "d0", "e/f/g"]);
    assert_eq!(names(&page(&keys, "", "/", "", 1000)), ["a", "d/", "d0", "e/"]);
    assert_eq!(names(&page(&keys, "d/", "/", "", 1000)), ["d/1", "d/2"]);
    assert_eq!(names(&page(&keys, "e/f", "/", "", 1000)), ["e/f/"]);
    assert_eq!(names(&page(&keys, "", "", "", 1000)), ["a", "d/1", "d/2", "d0", "e/f/g"]);
}

#[test]
fn a_marker_within_a_prefix_skips_all_of_it() {
    let keys = keys(&["d/1", "d/2", "d/3", "e"]);
    assert_eq!(names(&page(&keys, "", "/", "d/1", 1000)), ["e"]);
    assert_eq!(names(&page(&keys, "", "", "d/1", 1000)), ["d/2", "d/3", "e"]);
}

#[test]
fn the_last_full_page_says_that_it_is_the_last() {
    let keys = keys(&["a", "b", "c/1", "c/2"]);
    assert_eq!(page(&keys, "", "/", "", 3).next, None);
    assert_eq!(page(&keys, "", "/", "", 2).next.as_deref(), Some("b"));
    assert_eq!(page(&keys, "", "", "", 3).next.as_deref(), Some("c/1"));
    assert_eq!(page(&keys, "", "", "", 0).next, None);
}

#[test]
fn a_prefix_of_the_last_character_has_nothing_behind_it() {
    assert_eq!(behind("a/").as_deref(), Some("a0"));
    assert_eq!(behind("a\u{10ffff}").as_deref(), Some("b"));
    assert_eq!(behind("\u{10ffff}"), None);
    assert_eq!(behind("\u{d7ff}").as_deref(), Some("\u{e000}"));
}

proptest! {
    /// Pages of any size, one after the other, are the whole listing, as a plain filter gives it.
    #[test]
    fn pages_add_up(
        names in prop::collection::btree_set("[a/é]{1,4}", 0..40),
        prefix in "[a/é]{0,2}",
        delimiter in "[/a]{0,1}",
        max in 1usize..5,
    ) {
        let keys: BTreeMap<String, ()> = names.iter().map(|name| (name.clone(), ())).collect();
        let mut expected = BTreeSet::new();
        for name in names.iter().filter(|name| name.starts_with(&prefix)) {
            let rest = &name[prefix.len()..];
            let cut = if delimiter.is_empty() { None } else { rest.find(&delimiter) };
            expected.insert(cut.map_or(name.clone(), |at| name[..prefix.len() + at + delimiter.len()].to_owned()));
        }
        let mut found = Vec::new();
        let mut after = String::new();
        loop {
            let page = page(&keys, &prefix, &delimiter, &after, max);
            prop_assert!(page.entries.len() + page.prefixes.len() <= max);
            found.extend(page.entries.into_iter().map(|(key, ())| key).chain(page.prefixes));
            match page.next {
                Some(next) => after = next,
                None => break,
            }
        }
        found.sort();
        prop_assert_eq!(found, expected.into_iter().collect::<Vec<_>>());
    }
}
