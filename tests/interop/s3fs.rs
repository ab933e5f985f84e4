//! s3fs, whose way to store attributes is ours too.

use super::S3fs;
use crate::programs::{assert_same_tree, inventory, tree};
use crate::support::{Service, run, sh};

/// The same names, bytes, modes, owners, times and links.
pub fn s3fs_shows_what_is_written_here(service: &Service) {
    let m = service.mount();
    let tree = tree(service);
    run(m.root(), "cp", &["-a", tree.to_str().unwrap(), "tree"]).ok();
    m.umount();
    let theirs = S3fs::mount(service);
    assert_same_tree("by s3fs", &inventory(&theirs.at.join("tree")), &inventory(&tree));
}

pub fn what_s3fs_wrote_shows_here(service: &Service) {
    let theirs = S3fs::mount(service);
    let tree = tree(service);
    run(&theirs.at, "rsync", &["-a", tree.to_str().unwrap(), "."]).ok();
    theirs.umount();
    // As another mount of s3fs shows it: its own view of what it has just written differs.
    let theirs = S3fs::mount(service);
    let want = inventory(&theirs.at.join("tree"));
    assert_eq!(want.lines().count(), inventory(&tree).lines().count());
    theirs.umount();
    let m = service.mount();
    assert_same_tree("here", &inventory(&m.path("tree")), &want);
}

/// Both mounted, changes going to and fro.
pub fn taking_turns_with_s3fs(service: &Service) {
    let theirs = S3fs::mount(service);
    let m = service.mount_with(&["--max-age", "1"]);
    sh(m.root(), "mkdir d; echo one > d/a; chmod 640 d/a; setfattr -n user.x -v here d/a; ln -s a d/l; sync d/a d")
        .ok();
    let said = sh(&theirs.at, "cat d/a; stat -c %a d/a; getfattr --only-values -n user.x d/a; echo; readlink d/l").ok();
    assert_eq!(said, "one\n640\nhere\na\n");
    let change = "echo two >> d/a; chmod 604 d/a; mv d/a d/b; mkdir e; echo three > e/c; touch -d '2001-01-01 UTC' e/c; \
                  setfattr -n user.y -v there d/b";
    sh(&theirs.at, change).ok();
    std::thread::sleep(std::time::Duration::from_millis(1100));
    let said = sh(
        m.root(),
        "cat d/b e/c; stat -c '%a' d/b; stat -c %Y e/c; ls d; \
        for n in x y; do getfattr --only-values -n user.$n d/b; echo; done",
    )
    .ok();
    assert_eq!(said, "one\ntwo\nthree\n604\n978307200\nb\nl\nhere\nthere\n");
    sh(m.root(), "rm -r d; mv e f").ok();
    crate::support::soon("s3fs to see it", || sh(&theirs.at, "ls; cat f/c").out == "f\nthree\n");
}
