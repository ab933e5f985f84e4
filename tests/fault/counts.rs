//! Requests of a listing over a line with a delay.

use super::support::{Service, Spoil, sh};
use std::time::{Duration, Instant};

const MANY: usize = 2000;

/// D7: a listing costs its pages.
#[test]
fn a_listing_costs_its_pages() {
    let service = Service::embedded();
    let proxy = service.proxy();
    service.s3().put_many((0..MANY).map(|n| (format!("d/f{n:05}"), n.to_string())));
    proxy.rule(|_| Spoil::Delay(Duration::from_millis(20)));
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
    let service = Service::embedded();
    let proxy = service.proxy();
    service.s3().put_many((0..MANY).map(|n| (format!("d/f{n:05}"), n.to_string())));
    proxy.rule(|_| Spoil::Delay(Duration::from_millis(20)));
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
