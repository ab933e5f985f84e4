//! cp, rsync, tar, mv.

use super::{assert_same_tree, inventory, tree};
use crate::support::{Service, run, sh};
use std::path::Path;

pub fn cp_a(service: &Service) {
    let mut m = service.mount();
    let tree = tree(service);
    let want = inventory(&tree);
    run(m.root(), "cp", &["-a", tree.to_str().unwrap(), "copy"]).ok();
    assert_same_tree("now", &inventory(&m.path("copy")), &want);
    m.again();
    assert_same_tree("fresh", &inventory(&m.path("copy")), &want);
    // Inside the mount, and out of it.
    run(m.root(), "cp", &["-a", "copy", "again"]).ok();
    run(service.folder(), "cp", &["-a", m.path("again").to_str().unwrap(), "back"]).ok();
    assert_same_tree("back", &inventory(&service.folder().join("back")), &want);
}

fn transferred(said: &str) -> String {
    let line = said.lines().find(|line| line.starts_with("Number of regular files transferred:"));
    line.expect("rsync --stats").rsplit(' ').next().unwrap().to_owned()
}

/// The second run has nothing to do, whoever mounts.
pub fn rsync_a(service: &Service) {
    let mut m = service.mount();
    let tree = tree(service);
    let want = inventory(&tree);
    let from = format!("{}/", tree.display());
    let rsync = |root: &Path, flags: &[&str]| run(root, "rsync", &[flags, &[from.as_str(), "copy/"]].concat()).ok();
    let first = rsync(m.root(), &["-a", "--stats"]);
    assert_eq!(transferred(&first), "45", "{first}");
    let second = rsync(m.root(), &["-ai", "--stats"]);
    assert!(transferred(&second) == "0" && !second.contains("f.st"), "{second}");
    m.again();
    let third = rsync(m.root(), &["-ai", "--stats"]);
    assert_eq!(transferred(&third), "0", "{third}");
    assert_eq!(rsync(m.root(), &["-aicn"]), "", "checksums agree too");
    assert_same_tree("fresh", &inventory(&m.path("copy")), &want);
    // A change, a new file, a removed one.
    sh(&tree, "echo more >> sub/f5.txt; rm sub/f6.txt; echo new > sub/new").ok();
    let fourth = rsync(m.root(), &["-ai", "--delete", "--stats"]);
    assert_eq!(transferred(&fourth), "2", "{fourth}");
    m.again();
    assert_same_tree("after changes", &inventory(&m.path("copy")), &inventory(&tree));
    assert_eq!(rsync(m.root(), &["-ai", "--inplace", "--delete"]), "");
}

pub fn tar(service: &Service) {
    let mut m = service.mount();
    let tree = tree(service);
    let want = inventory(&tree);
    sh(service.folder(), "tar -cf tree.tar tree").ok();
    let archive = service.folder().join("tree.tar");
    run(m.root(), "tar", &["-xpf", archive.to_str().unwrap()]).ok();
    assert_same_tree("extracted", &inventory(&m.path("tree")), &want);
    m.again();
    assert_same_tree("fresh", &inventory(&m.path("tree")), &want);
    // The archive inside the mount, compressed, appended to and listed.
    let make = "tar -czf t.tgz tree; tar -cf t.tar tree/sub; tar -rf t.tar tree/run.sh; tar -tf t.tar | tail -n 1; \
                mkdir out; tar -C out -xzpf t.tgz";
    assert_eq!(sh(m.root(), make).ok(), "tree/run.sh\n");
    assert_same_tree("again", &inventory(&m.path("out/tree")), &want);
    // An archive may be extracted over itself: tar removes before it writes.
    run(m.root(), "tar", &["-xpf", archive.to_str().unwrap()]).ok();
    assert_same_tree("over itself", &inventory(&m.path("tree")), &want);
}

/// mv from another file system and back, and inside.
pub fn mv(service: &Service) {
    let mut m = service.mount();
    let tree = tree(service);
    let want = inventory(&tree);
    run(m.root(), "mv", &[tree.to_str().unwrap(), "here"]).ok();
    assert!(!tree.exists());
    run(m.root(), "mv", &["here", "there"]).ok();
    m.again();
    run(m.root(), "mv", &["there", service.folder().join("tree").to_str().unwrap()]).ok();
    assert_same_tree("back", &inventory(&tree), &want);
    assert_eq!(service.s3().keys(""), [""; 0]);
}
