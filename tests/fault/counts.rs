//! Requests of a listing over a line with a delay.

use super::support::{Passing, Proxy, Service, Spoil, sh};
use std::path::Path;
use std::time::{Duration, Instant};

const MANY: usize = 2000;

/// A folder `d` of files that hold their numbers, over a line with this delay.
fn slow_folder(files: usize, round_trip: Duration) -> (Service, Proxy) {
    let service = Service::embedded();
    let proxy = service.proxy();
    service.s3().put_many((0..files).map(|n| (format!("d/f{n:05}"), n.to_string())));
    proxy.rule(move |_| Spoil::Delay(round_trip));
    (service, proxy)
}

/// All of them are here.
fn assert_copied(to: &Path, files: usize) {
    for n in 0..files {
        assert_eq!(std::fs::read_to_string(to.join(format!("f{n:05}"))).unwrap(), n.to_string());
    }
}

/// D7: a listing costs its pages.
#[test]
fn a_listing_costs_its_pages() {
    let (service, proxy) = slow_folder(MANY, Duration::from_millis(20));
    for (script, others) in [("ls -1 d | wc -l", 5), ("find d -name 'f*' | wc -l", 5), ("echo d/* | wc -w", 5)] {
        let mount = service.mount_through(&proxy, &[]);
        proxy.clear();
        let began = Instant::now();
        let count: usize = sh(mount.root(), script).ok().trim().parse().unwrap();
        assert!((MANY..=MANY + 1).contains(&count), "{script}: {count}");
        let counts = proxy.counts();
        let lists = counts.get("ListObjectsV2").copied().unwrap_or(0);
        let all: usize = counts.values().sum();
        assert!(lists <= 8 && all - lists <= others, "{script}: {counts:?}");
        assert!(began.elapsed() < Duration::from_secs(3), "{script}: {:?}", began.elapsed());
    }
}

/// D7 and D8: `ls -l` shows the true modes at once, so it asks for each object's headers, many at a time. With
/// `--metadata listing` it does not.
#[test]
fn a_long_listing_asks_for_each_object_once_and_many_at_a_time() {
    let (service, proxy) = slow_folder(MANY, Duration::from_millis(20));
    let slow = ["--max-age", "60"];
    for (flags, most) in [(&slow[..], MANY + 20), (&["--metadata", "listing"][..], 10)] {
        let mount = service.mount_through(&proxy, flags);
        proxy.clear();
        let began = Instant::now();
        let count: usize = sh(mount.root(), "ls -l d | tail -n +2 | wc -l").ok().trim().parse().unwrap();
        assert_eq!(count, MANY);
        let counts = proxy.counts();
        assert!(counts.values().sum::<usize>() <= most, "{flags:?}: {counts:?}");
        // One after the other it would take 40 s.
        assert!(began.elapsed() < Duration::from_secs(20), "{flags:?}: {:?}", began.elapsed());
    }
}

/// Files that are copied out one after the other take a round trip each: cp looks at each before it opens it, in the order of
/// numbers. However old the listing is by then.
#[test]
fn files_copied_out_take_a_round_trip_each() {
    const FILES: usize = 120;
    const ROUND_TRIP: Duration = Duration::from_millis(30);
    let (service, proxy) = slow_folder(FILES, ROUND_TRIP);
    for (before, heads) in [("ls d", FILES + 20), ("ls -l d", 20)] {
        let mount = service.mount_through(&proxy, &["--max-age", "4"]);
        sh(mount.root(), before).ok();
        std::thread::sleep(Duration::from_millis(4200));
        proxy.clear();
        let out = tempfile::tempdir_in(service.folder()).unwrap();
        sh(mount.root(), &format!("cp -r d {}", out.path().display())).ok();
        let (took, counts) = (under_way(&proxy.requests(), ROUND_TRIP), proxy.counts());
        println!("{before}: {took:?}, {counts:?}");
        let count = |op: &str| counts.get(op).copied().unwrap_or(0);
        assert!(count("GetObject") <= FILES && count("HeadObject") <= heads, "{before}: {counts:?}");
        assert!(count("ListObjectsV2") <= 10, "{before}: {counts:?}");
        assert!(took < ROUND_TRIP * (FILES as u32 + 22), "{before}: {took:?}");
        assert_copied(&out.path().join("d"), FILES);
    }
}

/// Nor do they wait for a listing that has become too old on the way, or for the folders that lead to it: they are asked for anew
/// before.
#[test]
fn a_listing_is_asked_for_anew_before_it_is_too_old() {
    const FILES: usize = 240;
    const ROUND_TRIP: Duration = Duration::from_millis(30);
    const AGES: u32 = 8;
    let (service, proxy) = slow_folder(0, ROUND_TRIP);
    service.s3().put_many((0..FILES).map(|n| (format!("a/b/d/f{n:05}"), n.to_string())));
    let mount = service.mount_through(&proxy, &["--max-age", "1"]);
    sh(mount.root(), "ls a/b/d").ok();
    proxy.clear();
    let out = tempfile::tempdir_in(service.folder()).unwrap();
    sh(mount.root(), &format!("cp -r a/b/d {}", out.path().display())).ok();
    let (took, counts) = (under_way(&proxy.requests(), ROUND_TRIP), proxy.counts());
    println!("{:.1} round trips, {counts:?}", took.as_secs_f64() / ROUND_TRIP.as_secs_f64());
    let count = |op: &str| counts.get(op).copied().unwrap_or(0);
    // One for the content, and one for each of the three folders.
    assert!((AGES as usize..=8 * AGES as usize).contains(&count("ListObjectsV2")), "{counts:?}");
    assert!(took < ROUND_TRIP * (FILES as u32 + 3 * AGES), "{took:?}, {counts:?}");
    assert_copied(&out.path().join("d"), FILES);
}

/// The same by several programs at once, each with a part of its own.
#[test]
fn files_copied_out_by_several_programs_take_a_round_trip_each() {
    const FILES: usize = 200;
    const PROGRAMS: usize = 4;
    const ROUND_TRIP: Duration = Duration::from_millis(60);
    let (service, proxy) = slow_folder(FILES, ROUND_TRIP);
    let mount = service.mount_through(&proxy, &["--max-age", "60"]);
    sh(mount.root(), "ls d").ok();
    proxy.clear();
    let (out, each) = (tempfile::tempdir_in(service.folder()).unwrap(), FILES / PROGRAMS);
    sh(mount.root(), &format!("ls d | sed s,^,d/, | xargs -P {PROGRAMS} -n {each} cp -t {}", out.path().display()))
        .ok();
    let (took, counts) = (under_way(&proxy.requests(), ROUND_TRIP), proxy.counts());
    println!("{took:?}, {counts:?}");
    assert!(took < ROUND_TRIP * (each as u32 + 15), "{took:?}, {counts:?}");
    let count = |op: &str| counts.get(op).copied().unwrap_or(0);
    assert!(count("GetObject") <= FILES && count("HeadObject") <= FILES + 20, "{counts:?}");
    assert_copied(out.path(), FILES);
}

/// Whatever is made in a folder that was not listed: its name is asked for once, with all that it can be, and then stored.
#[test]
fn a_new_name_is_looked_for_once() {
    let (service, proxy) = slow_folder(1, Duration::from_millis(20));
    let mount = service.mount_through(&proxy, &[]);
    // What is found out once a mount.
    sh(mount.root(), "echo >probed").ok();
    for script in ["echo >d/file", "mkdir d/folder", "ln -s target d/link"] {
        proxy.clear();
        sh(mount.root(), script).ok();
        let counts = proxy.counts();
        let count = |op: &str| counts.get(op).copied().unwrap_or(0);
        // The folder's name may be asked for as well.
        assert!(count("HeadObject") <= 4 && count("ListObjectsV2") <= 2, "{script}: {counts:?}");
        assert_eq!(count("PutObject"), 1, "{script}: {counts:?}");
    }
}

/// For how long at least one of the requests was under way, each as long as a round trip takes. Unlike the time that all of it
/// takes it does not grow when other programs keep the processors busy.
fn under_way(requests: &[Passing], round_trip: Duration) -> Duration {
    let mut begun: Vec<Instant> = requests.iter().map(|request| request.at).collect();
    begun.sort();
    let gaps = begun.windows(2).map(|pair| (pair[1] - pair[0]).min(round_trip));
    gaps.sum::<Duration>() + round_trip
}
