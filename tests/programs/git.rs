//! Git repositories in a mount.

use crate::support::{Service, sh};

/// A shell in which git has an author and asks nobody.
const SETUP: &str = "export GIT_CONFIG_NOSYSTEM=1 GIT_CONFIG_GLOBAL=/dev/null GIT_TERMINAL_PROMPT=0\n\
    export GIT_AUTHOR_NAME=alice GIT_AUTHOR_EMAIL=alice_um@example.org\n\
    export GIT_COMMITTER_NAME=alice GIT_COMMITTER_EMAIL=alice_um@example.org\n";

pub fn repository(service: &Service) {
    let mut m = service.mount();
    let git = |root: &std::path::Path, script: &str| sh(root, &format!("{SETUP}{script}")).ok();
    let make = "git init -q -b main r; cd r\n\
        for n in $(seq 25); do echo $n > file$((n % 7)); git add -A; git commit -qm \"commit $n\"; done\n\
        git checkout -q -b side HEAD~5; echo side > side; git add side; git commit -qm side\n\
        git checkout -q main; git merge -q --no-edit side; git tag v1; git rev-list --count HEAD";
    assert_eq!(git(m.root(), make), "27\n");
    assert_eq!(git(m.root(), "git clone -q r clone; cd clone; git status --porcelain; git fsck --full"), "");
    m.again();
    assert_eq!(git(m.root(), "cd r; git status --porcelain; git gc -q; git fsck --full; git stash list"), "");
    m.again();
    let look =
        "for d in r clone; do git -C $d status --porcelain; git -C $d fsck --full; git -C $d rev-parse HEAD; done";
    let heads = git(m.root(), look);
    let heads: Vec<&str> = heads.lines().collect();
    assert!(heads.len() == 2 && heads[0] == heads[1], "{heads:?}");
    assert_eq!(git(m.root(), "cd clone; git mv side moved; git commit -qam moved; git push -q origin HEAD:pushed"), "");
    assert_eq!(git(m.root(), "git -C r show --stat --format=%s pushed | head -n 1"), "moved\n");
    let left = service.s3().keys("");
    let left: Vec<_> = left.iter().filter(|key| key.ends_with(".lock") || key.contains("tmp_")).collect();
    assert!(left.is_empty(), "{left:?}");
}

/// A repository on the local disk, cloned into the mount and packed there.
pub fn clone_into_the_mount(service: &Service) {
    let mut m = service.mount();
    let make = format!(
        "{SETUP}git init -q -b main r; cd r; head -c 4000000 /dev/urandom > big; \
         for n in $(seq 300); do echo $n > f$n; done; git add -A; git commit -qm all; git rev-parse HEAD"
    );
    let head = sh(service.folder(), &make).ok();
    let clone =
        format!("{SETUP}git clone -q --no-hardlinks {}/r c; cd c; git rev-parse HEAD", service.folder().display());
    assert_eq!(sh(m.root(), &clone).ok(), head);
    m.again();
    assert_eq!(
        sh(m.root(), &format!("{SETUP}cd c; git status --porcelain; git fsck --full; ls | wc -l")).ok(),
        "301\n"
    );
}
