//! Inodes that the kernel forgets under memory pressure. A program by itself: the pressure is on all mounts of the machine.

mod support;

use std::fs;
use std::time::Duration;
use support::{Mount, Service, sh};

/// A file keeps its number when the kernel forgets it under memory pressure, and from mount to mount. tar takes back the
/// placeholders of its links by their numbers, git sees by them whether a file is still the same.
#[test]
fn numbers_outlive_forgetting() {
    let service = Service::embedded();
    let mut m = service.mount_with(&["--max-age", "1"]);
    let make = "mkdir -p s/sub; for n in $(seq 60); do echo $n > s/sub/f$n; ln -s ../../nowhere$n s/sub/l$n; done; tar -cf s.tar s";
    sh(service.folder(), make).ok();
    let source = service.folder().join("s.tar");
    std::thread::scope(|scope| {
        let tar = scope.spawn(|| sh(m.root(), &format!("tar -xf {}", source.display())).ok());
        while !tar.is_finished() {
            fs::write("/proc/sys/vm/drop_caches", "2").unwrap();
            std::thread::sleep(Duration::from_millis(5));
        }
        tar.join().unwrap();
    });
    let links = sh(&m.path("s/sub"), "for n in $(seq 60); do readlink l$n; done | grep -c nowhere").ok();
    assert_eq!(links, "60\n");
    let numbers = |m: &Mount| sh(m.root(), "stat -c '%i %n' s s/sub s/sub/f*").ok();
    let before = numbers(&m);
    fs::write("/proc/sys/vm/drop_caches", "2").unwrap();
    assert_eq!(numbers(&m), before);
    m.again();
    assert_eq!(numbers(&m), before);
    // The number that readdir tells is the one that stat tells.
    m.again();
    assert_eq!(
        sh(m.root(), "diff <(ls -iU s/sub | grep f | awk '{print $1}' | sort) <(stat -c %i s/sub/f* | sort)").ok(),
        ""
    );
}
