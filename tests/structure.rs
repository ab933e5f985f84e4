//! The rules of `docs/ARCHITECTURE.md` that can be read off the source: who may use whom, and how long a file may be.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Which rooms each room may use, beside itself.
const MAY_USE: [(&str, &[&str]); 15] = [
    ("fuse", &["fs", "meta", "config"]),
    ("fs", &["inode", "names", "meta", "cache", "draft", "store", "sync", "config"]),
    ("inode", &["names", "meta", "cache", "draft", "store", "sync"]),
    ("names", &["store"]),
    ("meta", &["store"]),
    ("cache", &["store", "sync", "sys"]),
    ("draft", &["cache", "store", "sync", "sys"]),
    ("store", &["patience"]),
    ("mount", &["config", "store", "sys"]),
    ("config", &["store"]),
    ("cli", &["config", "mount", "fs", "fuse", "patience", "store", "server", "sys"]),
    ("server", &[]),
    ("patience", &[]),
    ("sync", &[]),
    ("sys", &[]),
];

/// Longest source file.
const LINES: usize = 400;

/// All Rust files below a folder of the repository, with their text.
fn sources(folder: &str) -> BTreeMap<PathBuf, String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let (mut found, mut folders) = (BTreeMap::new(), vec![root.join(folder)]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = fs::read_to_string(&path).unwrap();
                found.insert(path.strip_prefix(root).unwrap().to_owned(), text);
            }
        }
    }
    assert!(found.len() > 10, "{folder} is nearly empty");
    found
}

/// The source without comments and texts, as far as that can be told line by line.
fn code(text: &str) -> String {
    let lines = text.lines().filter(|line| !line.trim_start().starts_with("//"));
    lines.map(|line| line.split(" // ").next().unwrap_or(line)).collect::<Vec<_>>().join("\n")
}

/// `src/fs/open.rs` is of the room `fs`, `src/names.rs` of `names`.
fn room(path: &Path) -> String {
    let first = path.components().nth(1).unwrap().as_os_str().to_str().unwrap();
    first.trim_end_matches(".rs").to_owned()
}

/// The rooms that a source names: `crate::fs::...`, also in `crate::{fs, store::Store}`.
fn used(text: &str) -> BTreeSet<String> {
    let text = code(text);
    let mut names = BTreeSet::new();
    for (at, _) in text.match_indices("crate::") {
        let rest = &text[at + "crate::".len()..];
        let Some(group) = rest.strip_prefix('{') else {
            names.insert(word(rest));
            continue;
        };
        let (mut depth, mut start) = (0, 0);
        for (index, c) in group.char_indices() {
            match c {
                '{' => depth += 1,
                '}' | ',' if depth == 0 => {
                    names.insert(word(group[start..index].trim_start()));
                    start = index + 1;
                    if c == '}' {
                        break;
                    }
                }
                '}' => depth -= 1,
                _ => {}
            }
        }
    }
    names.remove("");
    names
}

fn word(text: &str) -> String {
    text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect()
}

fn has_word(text: &str, word: &str) -> bool {
    code(text).split(|c: char| !(c.is_alphanumeric() || c == '_')).any(|found| found == word)
}

#[test]
fn the_reader_of_imports_finds_them() {
    let text = "use crate::fs::{self, Fs};\n// use crate::cli;\nuse crate::{names, store::{Store, types}, sync::LEAF};\n\
                let x = crate::meta::decode(crate::sys::now());";
    let want = ["fs", "meta", "names", "store", "sync", "sys"];
    assert_eq!(used(text), want.iter().map(|name| name.to_string()).collect());
}

#[test]
fn rooms_use_only_the_rooms_below_them() {
    let mut wrong = Vec::new();
    for (path, text) in sources("src") {
        let room = room(&path);
        if matches!(room.as_str(), "lib" | "main") {
            continue;
        }
        let Some((_, allowed)) = MAY_USE.iter().find(|(name, _)| *name == room) else {
            wrong.push(format!("{}: no rule for the room {room}", path.display()));
            continue;
        };
        let others = used(&text).into_iter().filter(|name| *name != room && !allowed.contains(&name.as_str()));
        wrong.extend(others.map(|name| format!("{} uses {name}", path.display())));
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// Each library that speaks a protocol has one room that names it.
#[test]
fn protocols_have_one_room() {
    let rules = [("aws_sdk_s3", "store"), ("aws_smithy_runtime_api", "store"), ("fuser", "fuse"), ("s3s", "server")];
    let mut wrong = Vec::new();
    for (path, text) in sources("src") {
        for (library, only) in rules {
            if has_word(&text, library) && room(&path) != only {
                wrong.push(format!("{} names {library}", path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn unsafe_code_has_one_module() {
    let mut files = Vec::new();
    for folder in ["src", "tests"] {
        let with = sources(folder).into_iter().filter(|(_, text)| has_word(&code(text), concat!("un", "safe")));
        files.extend(with.map(|(path, _)| path.display().to_string()));
    }
    files.sort();
    assert_eq!(files, ["src/sys.rs", "src/sys/allocator.rs", "src/sys/carved.rs", "src/sys/slab.rs"]);
}

#[test]
fn files_stay_short() {
    let all = ["src", "tests"].into_iter().flat_map(sources);
    let long: Vec<_> =
        all.map(|(path, text)| (path, text.lines().count())).filter(|(_, lines)| *lines > LINES).collect();
    assert!(long.is_empty(), "split these (more than {LINES} lines): {long:#?}");
}

/// Every public module of the library says what it is for.
#[test]
fn every_file_says_what_it_is_for() {
    let silent: Vec<_> = sources("src")
        .into_iter()
        .filter(|(path, text)| !text.starts_with("//!") && !path.ends_with("tests.rs") && !text.is_empty())
        .map(|(path, _)| path)
        .collect();
    assert!(silent.is_empty(), "no //! at the beginning: {silent:#?}");
}
