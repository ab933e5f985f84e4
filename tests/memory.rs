//! Memory of the daemon: bounded by the cache and the number of files, and given back.

mod support;

use std::fs;
use std::os::unix::fs::FileExt;
use std::time::{Duration, Instant};
use support::{Mount, Service, assert_same, pattern, sh, soon};

const DIRS: usize = 40;
const FILES: usize = 100;
const CACHE: u64 = 32 << 20;

/// Resident memory of the daemon in bytes.
fn memory(mount: &Mount) -> u64 {
    status(mount, "VmRSS:")
}

/// A line of the daemon's status in bytes.
fn status(mount: &Mount, name: &str) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", mount.daemon())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
}

/// The most that the daemon has had in memory so far, without the program itself, which is mapped from its file.
fn most(mount: &Mount) -> u64 {
    status(mount, "VmHWM:") - status(mount, "RssFile:")
}

/// How many inodes the daemon knows, as it has logged last.
fn inodes(mount: &Mount) -> usize {
    let log = mount.log();
    let last = log.lines().rev().find_map(|line| line.split_once("inodes=")).expect("the daemon logs the number").1;
    last.split(' ').next().and_then(|text| text.parse().ok()).unwrap()
}

#[test]
fn thousands_of_files_in_and_out_stay_within_bounds() {
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

/// Files that are read or written at the same time, and their size: together much more than the cache.
const STREAMS: u64 = 128;
const SIZE: usize = 3 << 20;
/// Beside the cache, in a build without optimisation: 17 MiB when nothing is done, 128 connections with their buffers and what
/// they send (60 MiB together on an idle machine; on a busy one, where all of them are in use at once, it was twice as much).
const BESIDE: u64 = 192 << 20;

#[test]
fn many_readers_share_what_there_is() {
    let service = Service::embedded();
    for n in 0..STREAMS {
        service.s3().put(&format!("f{n}"), pattern(n, SIZE));
    }
    let mount = service.mount_with(&["--cache-size", &CACHE.to_string()]);
    let began = Instant::now();
    let reader = |n: u64| {
        let read = fs::read(mount.path(&format!("f{n}"))).unwrap();
        let took = began.elapsed();
        assert_same(&format!("f{n}"), &read, &pattern(n, SIZE));
        took
    };
    let times: Vec<Duration> = std::thread::scope(|scope| {
        let readers: Vec<_> = (0..STREAMS).map(|n| scope.spawn(move || reader(n))).collect();
        readers.into_iter().map(|reader| reader.join().unwrap()).collect()
    });
    let (first, last) = (times.iter().min().unwrap(), times.iter().max().unwrap());
    println!("{STREAMS} readers: first {first:.1?}, last {last:.1?}, {} MiB", most(&mount) >> 20);
    // Without shares the first ends before the last has begun.
    assert!(*last < 4 * *first, "the last after {last:?}, the first after {first:?}");
    assert!(most(&mount) < CACHE + BESIDE, "{} bytes", most(&mount));
}

#[test]
fn many_writers_share_what_there_is() {
    let service = Service::embedded();
    let local = service.folder();
    for n in 0..STREAMS {
        fs::write(local.join(format!("w{n}")), pattern(n, SIZE)).unwrap();
    }
    let mount = service.mount_with(&["--cache-size", &CACHE.to_string()]);
    let all = format!("for n in $(seq 0 {}); do cp w$n {}/ & done; wait", STREAMS - 1, mount.root().display());
    sh(local, &all).ok();
    println!("{STREAMS} writers: {} MiB", most(&mount) >> 20);
    assert!(most(&mount) < CACHE + BESIDE, "{} bytes", most(&mount));
    mount.umount();
    for n in 0..STREAMS {
        assert_same(&format!("w{n}"), &service.s3().get(&format!("w{n}")), &pattern(n, SIZE));
    }
}

/// A cache that is filled before a large file is written, and that file.
const FULL: u64 = 192 << 20;
const LARGE: usize = 160 << 20;

/// Memory that the cache gave up goes to what is written next.
fn write_large(service: &Service, mount: &Mount) {
    let before = most(mount);
    let large = pattern(7, LARGE);
    fs::write(mount.path("large"), &large).unwrap();
    println!("{} MiB, then {} MiB", before >> 20, most(mount) >> 20);
    assert!(before > FULL, "the cache is full: {before} bytes");
    assert!(most(mount) < FULL + FULL / 3, "{} bytes", most(mount));
    assert_same("large", &service.s3().get("large"), &large);
}

#[test]
fn a_cache_full_of_what_was_written_makes_room_for_a_writer() {
    let service = Service::embedded();
    let mount = service.mount_with(&["--cache-size", &FULL.to_string()]);
    for n in 0..FULL >> 23 {
        fs::write(mount.path(&format!("f{n}")), pattern(n, 8 << 20)).unwrap();
    }
    write_large(&service, &mount);
}

#[test]
fn a_cache_full_of_single_blocks_makes_room_for_a_writer() {
    const BLOCK: u64 = 32 << 10;
    let service = Service::embedded();
    let size = FULL + FULL / 4;
    let content = pattern(3, size as usize);
    service.s3().put("random", content.clone());
    let mount = service.mount_with(&["--cache-size", &FULL.to_string()]);
    let mut order: Vec<u64> = (0..size / BLOCK).map(|block| block * BLOCK).collect();
    fastrand::Rng::with_seed(1).shuffle(&mut order);
    let mut some = [0; 512];
    for few in order.chunks(100) {
        // One that reads much of the file gets several blocks at a time.
        let file = fs::File::open(mount.path("random")).unwrap();
        nix::fcntl::posix_fadvise(&file, 0, 0, nix::fcntl::PosixFadviseAdvice::POSIX_FADV_RANDOM).unwrap();
        for at in few {
            file.read_exact_at(&mut some, *at).unwrap();
            assert_eq!(some[..], content[*at as usize..][..some.len()], "at {at}");
        }
    }
    write_large(&service, &mount);
}
