//! Memory of the daemon: bounded by the cache and the number of files, and given back.

mod support;

use std::fs;
use std::time::{Duration, Instant};
use support::{Mount, Service, sh, soon};

const DIRS: usize = 100;
const FILES: usize = 100;
const CACHE: u64 = 32 << 20;

/// Resident memory of the daemon in bytes.
fn memory(mount: &Mount) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", mount.daemon())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
}

/// How many inodes the daemon knows, as it has logged last.
fn inodes(mount: &Mount) -> usize {
    let log = mount.log();
    let last = log.lines().rev().find_map(|line| line.split_once("inodes=")).expect("the daemon logs the number").1;
    last.split(' ').next().and_then(|text| text.parse().ok()).unwrap()
}

#[test]
fn ten_thousand_files_in_and_out_stay_within_bounds() {
    let service = Service::embedded();
    let local = service.folder();
    let script = format!(
        "mkdir in; for d in $(seq {DIRS}); do mkdir in/$d; for f in $(seq {FILES}); do echo $d $f > in/$d/$f; done; done"
    );
    sh(local, &script).ok();
    let mount = service.mount_with(&["--cache-size", &CACHE.to_string(), "--log", "osirisfs::fs=debug"]);
    let m = mount.root().to_str().unwrap().to_owned();
    let mib = |bytes: u64| bytes as f64 / 1048576.0;
    let step = |script: &str| {
        let began = Instant::now();
        sh(local, &script.replace('M', &m)).ok();
        let took = began.elapsed();
        let now = memory(&mount);
        println!("{:6.1} MiB, {} inodes after {script} in {took:.1?}", mib(now), inodes(&mount));
        assert!(now < CACHE + (100 << 20), "{now} bytes after {script}");
    };
    step("cp -r in M/in");
    step("cp -r M/in out");
    let mut forgotten = Vec::new();
    for _walk in 0..3 {
        step("ls -lR M > /dev/null");
        assert!(inodes(&mount) >= DIRS * FILES / 2, "all are known: {}", inodes(&mount));
        fs::write("/proc/sys/vm/drop_caches", "2").unwrap();
        soon("the inodes forgotten", || inodes(&mount) < 200);
        std::thread::sleep(Duration::from_millis(500));
        forgotten.push(memory(&mount));
        println!("{:6.1} MiB when all is forgotten", mib(memory(&mount)));
    }
    sh(local, "diff -r in out").ok();
    // What is left is the cache and what the allocator keeps; it does not grow with each walk.
    assert!(forgotten[2] < forgotten[1] + (12 << 20), "{forgotten:?}");
}
