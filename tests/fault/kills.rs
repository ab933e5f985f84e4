//! The daemon is killed again and again, in random moments, while a program writes.

use super::MIB;
use super::support::{Mount, S3, Service, Spoil, assert_same, pattern, soon};
use std::collections::HashMap;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

/// Sizes of what is written: nothing, one PUT, several parts.
const SIZES: [usize; 6] = [0, 100, 300_000, 3 * MIB, 20 * MIB, 41 * MIB];
const NAMES: usize = 5;
/// How many times it is killed; `OSIRISFS_KILLS` says another number.
const KILLS: usize = 8;

/// Writes old and new files in random order, and notes what it begins and what close(2) has confirmed. (A program of its
/// own: a descriptor that another thread's fork has copied is closed there, too, which stores what is half written.)
const WRITER: &str = r#"
RANDOM=$1
while n=$((RANDOM % 5)) s=$((RANDOM % 6)); do
    echo "begin $n $s" >>../journal
    cp "../source-$s" "file-$n" 2>>../errors || exit 0
    echo "done $n $s" >>../journal
done
"#;

/// What a name may hold: the last content that was confirmed, or one that was being written after it. (One that was killed may
/// have been stored all the same, and the next one killed before that.)
#[derive(Default)]
struct Name {
    confirmed: Option<usize>,
    begun: Vec<usize>,
}

fn read_journal(folder: &Path) -> HashMap<usize, Name> {
    let mut names: HashMap<usize, Name> = HashMap::new();
    for line in fs::read_to_string(folder.join("journal")).unwrap().lines() {
        let words: Vec<&str> = line.split(' ').collect();
        let [what, n, s] = words[..] else { panic!("a line of the journal: {line}") };
        let (name, source) = (names.entry(n.parse().unwrap()).or_default(), s.parse().unwrap());
        if what == "done" {
            *name = Name { confirmed: Some(source), begun: Vec::new() };
        } else {
            name.begun.push(source);
        }
    }
    names
}

fn check(names: &HashMap<usize, Name>, sources: &[Vec<u8>], s3: &S3) {
    for (n, name) in names {
        let key = format!("file-{n}");
        if s3.find(&key).is_none() {
            assert!(name.confirmed.is_none(), "{key} was stored and is gone");
            continue;
        }
        let bytes = s3.get(&key);
        let allowed: Vec<usize> = name.confirmed.iter().chain(&name.begun).copied().collect();
        let found = allowed.iter().find(|source| SIZES[**source] == bytes.len());
        let source = found.unwrap_or_else(|| panic!("{key} has {} bytes, neither of {allowed:?}", bytes.len()));
        assert_same(&key, &bytes, &sources[*source]);
    }
}

fn kill_while_writing(mount: &Mount, seed: u64) {
    let mut writer = Command::new("bash")
        .args(["-c", WRITER, "writer", &(seed % 32_768).to_string()])
        .current_dir(mount.root())
        .spawn()
        .unwrap();
    std::thread::sleep(Duration::from_millis(20 + fastrand::Rng::with_seed(seed).u64(..1200)));
    mount.crash();
    assert!(writer.wait().unwrap().success(), "the writer hears of it");
}

/// Whether the completion of this upload may still be under way: then it is left alone for a quarter of an hour.
fn completes(cache: &Path, id: &str) -> bool {
    let notes = fs::read_dir(cache).unwrap().flatten().filter_map(|entry| fs::read_to_string(entry.path()).ok());
    notes.into_iter().any(|text| text.contains(&format!("\"id\":\"{id}\",\"completing\":1")))
}

/// What close(2) has confirmed is there, whole; nothing half written has replaced it; no upload is left behind.
#[test]
fn a_daemon_that_is_killed_in_random_moments_loses_nothing() {
    let kills = std::env::var("OSIRISFS_KILLS").map_or(KILLS, |text| text.parse().unwrap());
    let seed = std::env::var("OSIRISFS_SEED").map_or_else(|_| fastrand::u64(..), |text| text.parse().unwrap());
    println!("to see the same again: OSIRISFS_SEED={seed}");
    let service = Service::embedded();
    let proxy = service.proxy();
    // So slow that some moments lie within a transfer.
    proxy.limit(60 * MIB as u64, 0);
    let (s3, folder) = (service.s3(), service.folder());
    let sources: Vec<Vec<u8>> = SIZES.iter().enumerate().map(|(n, size)| pattern(n as u64, *size)).collect();
    for (n, source) in sources.iter().enumerate() {
        fs::write(folder.join(format!("source-{n}")), source).unwrap();
    }
    let cache = folder.join("cache");
    fs::create_dir(&cache).unwrap();
    fs::write(folder.join("journal"), "").unwrap();
    let mut mount = service.mount_through(&proxy, &["--cache-dir", cache.to_str().unwrap()]);
    assert_eq!(mount.root().parent(), Some(folder), "where the writer finds its sources");
    for kill in 0..kills as u64 {
        kill_while_writing(&mount, seed.wrapping_add(kill));
        // What the dead daemon has sent and the service has not got yet is not to arrive while others look.
        soon("the line quiet", || {
            let passed = || (proxy.up(), proxy.requests().len());
            let before = passed();
            std::thread::sleep(Duration::from_millis(300));
            passed() == before
        });
        let names = read_journal(folder);
        assert!(names.len() <= NAMES);
        check(&names, &sources, &s3);
        mount.revive();
        soon("uploads given up", || s3.uploads().iter().all(|upload| completes(&cache, &upload.id)));
    }
    let journal = fs::read_to_string(folder.join("journal")).unwrap();
    assert!(
        journal.contains("done"),
        "nothing was ever stored: {}",
        fs::read_to_string(folder.join("errors")).unwrap()
    );
    soon("hidden objects removed", || s3.all_keys(".osirisfs/").is_empty());
}

/// Its id was never learnt.
#[test]
fn an_upload_that_was_being_begun_when_the_daemon_was_killed_is_given_up() {
    let service = Service::embedded();
    let (proxy, s3, folder) = (service.proxy(), service.s3(), service.folder());
    fs::write(folder.join("source"), pattern(1, 20 * MIB)).unwrap();
    let cache = folder.join("cache");
    fs::create_dir(&cache).unwrap();
    let mut mount = service.mount_through(&proxy, &["--cache-dir", cache.to_str().unwrap()]);
    proxy.rule(|request| match (request.op, request.key.as_str()) {
        ("CreateMultipartUpload", "f") => Spoil::Hold(Duration::from_secs(5)),
        _ => Spoil::Pass,
    });
    let mut writer = Command::new("cp").args(["../source", "f"]).current_dir(mount.root()).spawn().unwrap();
    soon("an upload", || s3.uploads().iter().any(|upload| upload.key == "f"));
    mount.crash();
    assert!(!writer.wait().unwrap().success());
    mount.revive();
    soon("the upload given up", || s3.uploads().is_empty());
}
