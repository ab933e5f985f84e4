//! Ordinary programs at work in a mount, one function a use.

#![allow(dead_code)] // not every user runs every case

pub mod copy;
pub mod databases;
pub mod git;
pub mod save;
pub mod tools;

use crate::support::{Service, sh};
use std::path::{Path, PathBuf};

/// A small source tree of the ordinary kinds of things, in a folder outside of the mount.
pub fn tree(service: &Service) -> PathBuf {
    let tree = service.folder().join("tree");
    let make = "mkdir -p tree/sub/deeper tree/empty; cd tree; umask 022\n\
        for n in $(seq 40); do echo \"file $n\" > sub/f$n.txt; done\n\
        head -c 3000000 /dev/urandom > large.bin; : > nothing; echo '#!/bin/sh' > run.sh; chmod 755 run.sh\n\
        chmod 600 sub/f1.txt; chmod 2750 sub/deeper; ln -s sub/f2.txt link; ln -s ../nowhere sub/dangling; ln -s sub dirlink\n\
        mkfifo pipe; echo 'odd name' > 'a b+c%20é'; chown 1234:2345 sub/f3.txt; chown -h 7:8 link\n\
        truncate -s 1M sub/sparse; printf x | dd of=sub/sparse bs=1 seek=500000 conv=notrunc status=none\n\
        touch -d '2009-02-13 23:31:30.123456789 UTC' large.bin; touch -hd '2001-01-01 UTC' link; touch -d '1999-12-31 23:59:59.5 UTC' sub/deeper";
    sh(service.folder(), make).ok();
    tree
}

/// Everything that lstat, readlink and the content tell of a tree, a line a thing, sorted. (Types are from lstat: a
/// listing of a fresh mount does not know links.)
pub fn inventory(root: &Path) -> String {
    let script = "import hashlib, os, stat\n\
        lines = []\n\
        for folder, folders, files in os.walk('.'):\n\
        \x20   for name in folders + files:\n\
        \x20       path = os.path.join(folder, name); s = os.lstat(path); what = ''\n\
        \x20       if stat.S_ISREG(s.st_mode): what = '%d %s' % (s.st_size, hashlib.md5(open(path, 'rb').read()).hexdigest())\n\
        \x20       if stat.S_ISLNK(s.st_mode): what = '-> ' + os.readlink(path)\n\
        \x20       lines.append('%s %o %d:%d %d %s' % (path, s.st_mode, s.st_uid, s.st_gid, s.st_mtime, what))\n\
        print('\\n'.join(sorted(lines)))\n";
    crate::support::python(root, script).ok()
}

/// Lines in which two inventories differ, so that a failure can be read.
#[track_caller]
pub fn assert_same_tree(what: &str, left: &str, right: &str) {
    if left == right {
        return;
    }
    let only = |one: &str, other: &str| {
        let lines = one.lines().filter(|line| !other.lines().any(|l| l == *line)).take(12);
        lines.map(str::to_owned).collect::<Vec<_>>()
    };
    panic!("{what}: only left {:#?}, only right {:#?}", only(left, right), only(right, left));
}
