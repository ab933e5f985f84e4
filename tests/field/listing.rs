//! Listings: all pages, once each, and no request per file.

use super::mount;
use crate::ops::names;
use crate::support::{Service, run, run_for, sh};
use osirisfs::server::Fault;
use std::collections::BTreeSet;
use std::time::Duration;

#[test]
fn more_than_one_page() {
    let service = Service::embedded();
    let s3 = service.s3();
    s3.put_many((0..2500).map(|n| (format!("big/{n:04}"), String::new())));
    s3.put_many((0..1200).flat_map(|n| (0..2).map(move |f| (format!("d{n:04}/f{f}"), String::new()))));
    s3.put("big0", "");
    let m = mount(&service);
    assert_eq!(sh(m.root(), "ls -U big | wc -l; ls -U | wc -l; ls -U d* | grep -c f").ok(), "2500\n1202\n2400\n");
    let names = names(m.root());
    assert_eq!(names.len(), names.iter().collect::<BTreeSet<_>>().len());
    assert!(names.contains(&"big0".to_owned()) && names.contains(&"big".to_owned()));
    assert_eq!(sh(m.root(), "find . -type f | wc -l").ok(), "4901\n");
}

/// What people do in a directory with many files costs its pages of listing, and nothing per file.
#[test]
fn no_request_per_file() {
    let service = Service::embedded();
    service.s3().put_many((0..3000).map(|n| (format!("d/f{n:04}"), "x".to_owned())));
    service.server().on_request(Box::new(|_| Fault::Delay(Duration::from_millis(20))));
    let check = |what: &str, flags: &[&str], want: &str| {
        let m = service.mount_with(flags);
        service.log().clear();
        let said = run_for(Duration::from_secs(3), m.root(), "bash", &["-c", what]).ok();
        assert_eq!(said, want, "{what}");
        let counts = service.log().counts();
        let lists = counts.get("ListObjectsV2").copied().unwrap_or(0);
        let others = counts.values().sum::<u64>() - lists;
        assert!(lists <= 6 && others <= 5, "{what}: {counts:?}");
    };
    check("ls -1 d | wc -l", &[], "3000\n");
    check("ls -1U d | wc -l; ls -1 d | head -n 1", &[], "3000\nf0000\n");
    check("find . -name '*99' | wc -l", &[], "30\n");
    check("find d -type f | wc -l", &[], "3000\n");
    check("compgen -f d/f00 | wc -l", &[], "100\n");
    check("echo d/f000? | wc -w", &[], "10\n");
    // Whoever wants no more than listings tell gets sizes and times too.
    check("ls -l d | grep -c root", &["--metadata", "listing"], "3000\n");
    check("find d -type f -size +0 | wc -l; du -a d | wc -l", &["--metadata", "listing"], "3000\n3001\n");
}

/// `ls -l` asks for what a listing does not tell, many at a time.
#[test]
fn long_listings_ask_many_at_a_time() {
    let service = Service::embedded();
    service.s3().put_many((0..600).map(|n| (format!("d/f{n:04}"), "x".to_owned())));
    let m = mount(&service);
    service.server().on_request(Box::new(|_| Fault::Delay(Duration::from_millis(50))));
    service.log().clear();
    let began = std::time::Instant::now();
    assert_eq!(sh(m.root(), "ls -l d | grep -c root").ok(), "600\n");
    let took = began.elapsed();
    // One after another they would take more than 30 s.
    assert!(took < Duration::from_secs(12), "{took:?}");
    assert!(service.log().count("HeadObject") <= 620, "{:?}", service.log().counts());
}

/// On the first look of a fresh mount, the listing and stat agree, links and odd modes included.
#[test]
fn first_look_is_right() {
    let service = Service::embedded();
    let mut m = mount(&service);
    let make = "mkdir d; echo x > f; ln -s f link; ln -s d dirlink; ln -s nowhere dangling; ln -s $(printf 'x/%.0s' $(seq 2000)) long\n\
        chmod 751 f; touch -d '2001-02-03 04:05:06.7 UTC' f; mkfifo p; for n in $(seq 50); do echo > plain$n; done; sync .";
    sh(m.root(), make).ok();
    let look = "stat -c '%A %s %Y %N' d f link dirlink dangling long p plain7 | sort";
    let want = sh(m.root(), look).ok();
    m.again();
    let first = sh(
        m.root(),
        "ls -l --time-style=+%s | awk 'NR > 1 { print substr($1, 1, 10), $5, $6, $7 }' | grep -v plain | sort",
    )
    .ok();
    let stats = sh(m.root(), "stat -c '%A %s %Y %n' d f link dirlink dangling long p | sort").ok();
    assert_eq!(first, stats);
    assert_eq!(sh(m.root(), look).ok(), want);
    m.again();
    assert_eq!(run(m.root(), "readlink", &["link", "dirlink", "dangling"]).ok(), "f\nd\nnowhere\n");
    m.again();
    let types = sh(m.root(), "ls -F | grep -v plain").ok();
    assert_eq!(types, "d/\ndangling@\ndirlink@\nf*\nlink@\nlong@\np|\n");
}
