//! The round-trip budget: how many requests each verb may cost. A verb that takes more fails here.

mod support;

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::time::Duration;
use support::{Service, sh};

/// What is there before a verb is counted.
enum Before {
    /// A folder that another client made: objects `f0` to `f9`, nothing of it is known but the folder itself.
    Foreign,
    /// The same, listed.
    Listed,
    /// The same, listed with attributes (`ls -l`).
    Seen,
    /// A folder that this mount made, with files `f0` to `f9` that it wrote.
    Own,
}

use Before::{Foreign, Listed, Own, Seen};

struct Verb {
    name: &'static str,
    before: Before,
    /// Bash, in the folder of the verb. `$W` is a local folder with `small` (a file), `tree` (ten files), `tree.tar`.
    script: &'static str,
    /// Requests by operation: so many at most, and no others.
    costs: &'static [(&'static str, u64)],
}

impl Verb {
    fn changes_attributes(&self) -> bool {
        ["chmod", "touch", "cp -", "tar", "rsync"].iter().any(|word| self.script.contains(word))
    }
}

const fn verb(name: &'static str, before: Before, script: &'static str, costs: &'static [(&'static str, u64)]) -> Verb {
    Verb { name, before, script, costs }
}

const ASK: &[(&str, u64)] = &[("HeadObject", 2), ("ListObjectsV2", 1)];
/// The HEAD: another client may have made the file since the folder was listed, and an open must see that. A file that is
/// closed within milliseconds goes without, unless the open does not truncate.
const CREATE: &[(&str, u64)] = &[("HeadObject", 1), ("PutObject", 1)];
const NOTHING: &[(&str, u64)] = &[];

/// The budget.
const VERBS: &[Verb] = &[
    verb("look up a name that is not there", Foreign, "[ ! -e new ]", ASK),
    verb("look it up after ls", Listed, "[ ! -e new ]", NOTHING),
    verb("look up a file", Foreign, "[ -e f3 ]", ASK),
    // Small, so its bytes come along.
    verb("look it up after ls", Listed, "[ -e f3 ]", &[("GetObject", 1)]),
    verb("look it up after ls -l", Seen, "[ -e f3 ]", NOTHING),
    verb("look up a file of our own", Own, "[ -e f3 ]", NOTHING),
    verb("ls", Foreign, "ls", &[("ListObjectsV2", 1)]),
    verb("ls again", Listed, "ls", NOTHING),
    verb("find by name", Foreign, "find . -name 'f*'", &[("ListObjectsV2", 1)]),
    verb("ls -l", Foreign, "ls -l", &[("GetObject", 1), ("HeadObject", 9), ("ListObjectsV2", 1)]),
    verb("cat after ls", Listed, "cat f3", &[("GetObject", 1)]),
    verb("cat of each after ls", Listed, "cat *", &[("GetObject", 10)]),
    verb("cat after ls -l", Seen, "cat f3", &[("GetObject", 1)]),
    verb("cat again", Seen, "cat f3; cat f3", &[("GetObject", 1), ("HeadObject", 1)]),
    verb("cat of a file just written", Own, "cat f3", &[("HeadObject", 1)]),
    verb("new file by a shell", Own, "echo new > new", CREATE),
    verb("new file by a program of a shell", Own, "cat $W/small > new", CREATE),
    verb("new empty file", Own, "touch new", CREATE),
    verb("cp -p of a new file", Own, "cp -p $W/small new", &[("PutObject", 1)]),
    verb("cp -r of ten files", Own, "cp -r $W/tree .", &[("PutObject", 11)]),
    verb("cp -a of ten files", Own, "cp -a $W/tree .", &[("CopyObject", 1), ("PutObject", 11)]),
    verb("tar x of ten files", Own, "tar xf $W/tree.tar", &[("CopyObject", 1), ("PutObject", 11)]),
    // The HEAD: rsync opens its temporary file once more to set the mode, and an open always asks.
    verb(
        "rsync -a of a new file",
        Own,
        "rsync -a $W/small new",
        &[("CopyObject", 1), ("DeleteObject", 1), ("HeadObject", 1), ("PutObject", 1)],
    ),
    // The first change of a foreign object: its ACL must be kept, so it is read.
    verb("chmod", Seen, "chmod 600 f3", &[("CopyObject", 1), ("GetObjectAcl", 1)]),
    verb("chmod of a file of our own", Own, "chmod 600 f3", &[("CopyObject", 1)]),
    // touch opens the file.
    verb("chmod and touch", Own, "chmod 600 f3; touch -d 2001-01-01 f3", &[("CopyObject", 1), ("HeadObject", 1)]),
    verb("mkdir", Own, "mkdir new", &[("PutObject", 1)]),
    verb("mkdir and files in it", Own, "mkdir new; touch new/a new/b", &[("HeadObject", 2), ("PutObject", 3)]),
    verb("rmdir", Own, "mkdir new; rmdir new", &[("DeleteObject", 1), ("ListObjectsV2", 1), ("PutObject", 1)]),
    verb("rm", Seen, "rm f3", &[("DeleteObject", 1)]),
    verb("rm of a file of our own", Own, "rm f3", &[("DeleteObject", 1)]),
    // mv(1) asks that nothing is replaced (RENAME_NOREPLACE), and that is asked of the service.
    verb("mv", Own, "mv f3 g", &[("CopyObject", 1), ("DeleteObject", 1), ("HeadObject", 2), ("ListObjectsV2", 1)]),
    verb("rename", Own, "python3 -c 'import os; os.rename(\"f3\", \"g\")'", &[("CopyObject", 1), ("DeleteObject", 1)]),
    verb("mv over a file", Own, "mv f3 f4", &[("CopyObject", 1), ("DeleteObject", 1)]),
    // It truncates and closes, then writes to a duplicate and does not look at what closing that says.
    verb("overwrite by a shell", Own, "echo new > f3", &[("PutObject", 2)]),
    verb("overwrite by cp", Own, "cp $W/small f3", &[("PutObject", 1)]),
    verb("overwrite of a foreign object", Seen, "cp $W/small f3", &[("GetObjectAcl", 1), ("PutObject", 1)]),
    verb("append to a small file", Own, "echo more >> f3", &[("HeadObject", 1), ("PutObject", 1)]),
    // The service copies what was just made by this mount. The HEADs: each open asks, and so does the copy of its target.
    verb(
        "cp within the mount",
        Own,
        "cp $W/large g; cp g copy",
        &[("CopyObject", 1), ("HeadObject", 2), ("PutObject", 1)],
    ),
    verb("symlink", Own, "ln -s f3 link", &[("PutObject", 1)]),
    verb("readlink", Own, "ln -s f3 link; readlink link", &[("PutObject", 1)]),
    verb("cat of an own symbolic link", Own, "ln -s f3 link; cat link", &[("HeadObject", 1), ("PutObject", 1)]),
    verb("df", Own, "df .", &[("HeadBucket", 1)]),
];

#[test]
fn each_verb_costs_what_it_should() {
    let service = Service::embedded();
    let local = service.folder().join("local");
    std::fs::create_dir(&local).unwrap();
    sh(&local, "echo small > small; head -c 3000000 /dev/urandom > large; mkdir tree; for n in 0 1 2 3 4 5 6 7 8 9; do echo $n > tree/$n; done; tar cf tree.tar tree")
        .ok();
    for number in (0..VERBS.len()).filter(|number| !matches!(VERBS[*number].before, Own)) {
        let folder = format!("v{number}");
        for n in 0..10 {
            service.s3().put(&format!("{folder}/f{n}"), format!("content {n}"));
        }
        service.s3().put(&format!("{folder}/"), "");
    }
    // Long, so that the test does not depend on how fast the machine is.
    let mount = service.mount_with(&["--max-age", "600"]);
    // What the service honours is found out with the first write of a mount, once.
    std::fs::write(mount.path("first"), "first").unwrap();
    let mut wrong = Vec::new();
    for (number, verb) in VERBS.iter().enumerate() {
        let folder = format!("v{number}");
        let at = mount.path(&folder);
        match verb.before {
            Foreign => {}
            Listed => drop(sh(&at, "ls").ok()),
            Seen => drop(sh(&at, "ls -l").ok()),
            Own => {
                std::fs::create_dir(&at).unwrap();
                for n in 0..10 {
                    std::fs::write(at.join(format!("f{n}")), format!("content {n}")).unwrap();
                }
            }
        }
        // The folder itself is known.
        std::fs::metadata(&at).unwrap();
        std::thread::sleep(Duration::from_millis(100));
        service.log().clear();
        let script = format!("W={}; {}", local.display(), verb.script);
        sh(&at, &script).ok();
        if verb.changes_attributes() {
            // They are stored a moment later.
            std::thread::sleep(Duration::from_millis(1600));
        }
        let costs: BTreeMap<String, u64> = service.log().counts();
        let wanted: BTreeMap<String, u64> = verb.costs.iter().map(|(op, n)| ((*op).to_owned(), *n)).collect();
        println!("{:40} {costs:?}", verb.name);
        if costs.iter().any(|(op, n)| wanted.get(op).copied().unwrap_or(0) < *n) {
            let asked: Vec<_> =
                service.log().entries().iter().map(|e| format!("{} {} {}", e.op, e.key, e.status)).collect();
            wrong.push(format!("{}: {costs:?}, may be {wanted:?}: {asked:?}", verb.name));
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

/// Appends and stores so many times; `open` gives the file for each.
fn append_often(times: usize, mut open: impl FnMut() -> std::rc::Rc<File>) {
    for n in 0..times {
        let file = open();
        (&*file).write_all(&[n as u8; 4096]).unwrap();
        file.sync_all().unwrap();
    }
}

/// A log that is stored with each line costs one small request each time, from its first line on.
#[test]
fn a_stored_line_of_a_log_costs_one_small_request() {
    use std::rc::Rc;
    for service in [Service::embedded(), Service::embedded16()] {
        let mount = service.mount();
        std::fs::write(mount.path("first"), "first").unwrap();
        let path = mount.path("log");
        let open = || Rc::new(OpenOptions::new().append(true).create(true).open(&path).unwrap());
        // So many requests at most, and so many bytes.
        let count = |what: &str, requests: u64, bytes: u64, work: &dyn Fn()| {
            service.log().clear();
            work();
            let counts = service.log().counts();
            let up: u64 = service.log().entries().iter().map(|entry| entry.up).sum();
            println!("{what}: {counts:?}, {up} bytes");
            assert!(counts.values().sum::<u64>() <= requests, "{what}: {counts:?}");
            assert!(up <= bytes, "{what}: {up} bytes");
            assert_eq!(counts.get("GetObject"), None, "{what}");
        };
        count("100 lines of a new log", 120, 1 << 20, &|| {
            let file = open();
            append_often(100, || file.clone());
        });
        count("100 more", 105, 500 << 10, &|| {
            let file = open();
            append_often(100, || file.clone());
        });
        // The open asks whether the object is still the one that is known.
        count("100, opened each time", 205, 500 << 10, &|| append_often(100, &open));
        let stored = service.s3().get("log");
        assert_eq!(stored.len(), 300 * 4096);
        assert!(stored.chunks(4096).enumerate().all(|(n, line)| line.iter().all(|byte| *byte == (n % 100) as u8)));
    }
}
