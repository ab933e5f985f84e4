//! `docs/TROUBLESHOOTING.md` lists every message that the program can print, with its remedy. The list is read off the
//! source: `OSIRISFS_UPDATE=1 cargo test --test messages` writes it anew.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

const DOC: &str = "docs/TROUBLESHOOTING.md";
const BEGIN: &str = "<!-- From here to the end made from the source by tests/messages.rs -->\n";

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap()
}

/// Rust files below a folder, without their tests, in order.
fn sources(folder: &str) -> Vec<(PathBuf, String)> {
    let (mut found, mut folders) = (Vec::new(), vec![root().join(folder)]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == "rs") && !path.ends_with("tests.rs") {
                let text = fs::read_to_string(&path).unwrap();
                let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap().to_owned();
                found.push((path, code));
            }
        }
    }
    found.sort();
    found
}

/// The string literals of a piece of source, unescaped, with `{...}` as an ellipsis.
fn literals(code: &str) -> Vec<String> {
    let mut out = Vec::new();
    let mut chars = code.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\'' => {
                // A character such as '"', or a lifetime.
                let mut ahead = chars.clone();
                let first = ahead.next();
                if first == Some('\\') {
                    ahead.next();
                }
                if ahead.next() == Some('\'') {
                    chars = ahead;
                }
            }
            '"' => {
                let mut text = String::new();
                while let Some(c) = chars.next() {
                    match c {
                        '"' => break,
                        '\\' => match chars.next() {
                            Some('\n') => while chars.next_if(|c| c.is_whitespace()).is_some() {},
                            Some('n') => text.push(' '),
                            Some(other) => text.push(other),
                            None => break,
                        },
                        other => text.push(other),
                    }
                }
                out.push(holes(&text));
            }
            _ => {}
        }
    }
    out.retain(|text| text.chars().any(char::is_alphabetic));
    out
}

fn holes(text: &str) -> String {
    let (mut out, mut depth) = (String::new(), 0);
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '{' if chars.next_if_eq(&'{').is_some() => out.push('{'),
            '}' if depth == 0 && chars.next_if_eq(&'}').is_some() => out.push('}'),
            '{' => depth += 1,
            '}' => {
                depth -= 1;
                out.push('…');
            }
            c if depth == 0 => out.push(c),
            _ => {}
        }
    }
    out
}

/// The arguments of the call whose opening bracket stands before `rest`.
fn arguments(rest: &str) -> Vec<&str> {
    let (mut depth, mut start, mut inside, mut escaped) = (0, 0, false, false);
    let mut out = Vec::new();
    for (at, c) in rest.char_indices() {
        if inside {
            (inside, escaped) = (escaped || c != '"', !escaped && c == '\\');
            continue;
        }
        match c {
            '"' => inside = true,
            '(' | '[' | '{' => depth += 1,
            ')' if depth == 0 => {
                out.push(&rest[start..at]);
                return out;
            }
            ')' | ']' | '}' => depth -= 1,
            ',' if depth == 0 => {
                out.push(&rest[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    out
}

fn calls<'a>(code: &'a str, name: &str) -> Vec<Vec<&'a str>> {
    code.match_indices(name).map(|(at, _)| arguments(&code[at + name.len()..])).collect()
}

/// The texts of the arms of a `match`, by variant (`Self::NoFuse`).
fn arms(code: &str, function: &str, prefix: &str) -> BTreeMap<String, Vec<String>> {
    let begin = code.find(&format!("fn {function}(")).unwrap_or_else(|| panic!("{function} is gone"));
    let body = &code[begin..];
    let end = ["\n    }\n\n", "\n}\n"].iter().filter_map(|end| body.find(end)).min().unwrap();
    // What no arm names is a variant of its own.
    let body = body[..end].replace(" _ =>", &format!(" {prefix}Other =>"));
    let mut found: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut names: Vec<String> = Vec::new();
    for piece in body.split(prefix).skip(1) {
        names.push(piece.chars().take_while(|c| c.is_alphanumeric()).collect());
        if piece.contains("=>") {
            let texts = literals(piece);
            for name in names.drain(..) {
                found.entry(name).or_default().extend(texts.clone());
            }
        }
    }
    found
}

fn pairs(code: &str, messages: &str, remedies: &str, prefix: &str) -> Vec<(String, String)> {
    let (messages, mut remedies) = (arms(code, messages, prefix), arms(code, remedies, prefix));
    let with = |(name, texts): (String, Vec<String>)| {
        let remedy = remedies.remove(&name).unwrap_or_default().join(" / ");
        texts.into_iter().map(move |text| (text, remedy.clone())).collect::<Vec<_>>()
    };
    messages.into_iter().flat_map(with).collect()
}

fn list(rows: Vec<(String, String)>) -> String {
    let mut lines: Vec<String> = rows
        .into_iter()
        .filter(|(message, _)| message.trim_matches('…').len() > 8)
        .map(|(message, remedy)| match remedy.is_empty() {
            true => format!("- {message}\n"),
            false => format!("- {message}\n  - {remedy}\n"),
        })
        .collect();
    lines.sort();
    lines.dedup();
    lines.concat()
}

fn made_from_the_source() -> String {
    let error = read("src/mount/error.rs");
    let mut out = String::from(BEGIN);
    out += "\n## Mounting and unmounting\n\n";
    out += &list(pairs(&error, "message", "remedy", "Self::"));
    out += "\n## What the service says when it is mounted\n\n";
    out += &list(pairs(&error, "service_message", "service_remedy", "ErrorKind::"));
    out += "\n## Options, files and credentials\n\n";
    let (mut config, mut rest) = (Vec::new(), Vec::new());
    for (_, code) in ["src/config", "src/cli"].into_iter().flat_map(sources) {
        for arguments in calls(&code, "ConfigError::new(") {
            let of = |at: usize| arguments.get(at).map(|code| literals(code)).unwrap_or_default();
            config.extend(of(0).into_iter().map(|message| (message, of(1).join(" / "))));
        }
        for arguments in calls(&code, "Failure::other(") {
            rest.extend(literals(&arguments.join(",")).into_iter().map(|message| (message, String::new())));
        }
    }
    out += &list(config);
    out += "\n## Other commands\n\nThese say themselves what to do.\n\n";
    out + &list(rest)
}

#[test]
fn troubleshooting_lists_every_message_of_the_source() {
    let want = made_from_the_source();
    let doc = read(DOC);
    let (by_hand, have) = doc.split_at(doc.find(BEGIN).expect("the mark"));
    if std::env::var_os("OSIRISFS_UPDATE").is_some() {
        fs::write(root().join(DOC), format!("{by_hand}{want}")).unwrap();
        return;
    }
    let missing: Vec<&str> = want.lines().filter(|line| !have.lines().any(|other| other == *line)).collect();
    let stale: Vec<&str> = have.lines().filter(|line| !want.lines().any(|other| other == *line)).collect();
    assert!(
        missing.is_empty() && stale.is_empty() && want == have,
        "{DOC}: run OSIRISFS_UPDATE=1 cargo test --test messages, and look at what it wrote\nmissing: {missing:#?}\nstale: {stale:#?}"
    );
}

#[test]
fn the_reader_finds_messages_and_remedies() {
    assert_eq!(
        literals(
            r#"format!("a {x} \"b\" \
        c"), '"', "12""#
        ),
        ["a … \"b\" c"]
    );
    assert_eq!(arguments(r#"f("a, )", 1), "b")"#).len(), 2);
    let text = made_from_the_source();
    for (message, remedy) in [
        ("- the mount point … does not exist", "make it: mkdir -p …"),
        ("- there is no bucket \"…\" at …", "check its spelling"),
        ("- unknown mount option \"…\"", ""),
    ] {
        let at = text.find(message).unwrap_or_else(|| panic!("{message} is not in {text}"));
        assert!(text[at..].lines().take(2).any(|line| line.contains(remedy)), "{message}: {remedy}");
    }
}
