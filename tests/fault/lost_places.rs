//! Where `osirisfs recover` looks, and which service it asks.

use super::support::{PROGRAM, Service, run, write_secret};
use super::{IMPATIENT, lost, writes};
use serde_json::Value;

/// It looks where mounts have their cache folder by the configuration, also that of one bucket, and asks the service that
/// the mount had.
#[test]
fn entries_are_found_and_stored_without_a_word_on_where() {
    let service = Service::embedded();
    let proxy = service.proxy();
    let mount = service.mount_through(&proxy, &IMPATIENT);
    lost::refuse(&proxy);
    lost::fail_to_store(&mount.path("f"), b"content");
    lost::crash(&service, &mount);
    proxy.repair();
    let cache = service.folder().canonicalize().unwrap().join("cache");
    let (conf, token) = (service.folder().join("conf"), service.folder().join("token"));
    let own = |words: &[&str]| {
        let all = [&["recover", "--config", "conf"], words].concat();
        run(service.folder(), PROGRAM, &all)
    };
    let listed = || serde_json::from_str::<Vec<Value>>(&own(&["--json"]).ok()).unwrap().len();
    let elsewhere = service.folder().join("elsewhere");
    for (text, entries) in [
        (format!("cache_dir = {elsewhere:?}\n"), 0),
        (format!("cache_dir = {cache:?}\n"), 1),
        (format!("cache_dir = {elsewhere:?}\n[bucket.cou-data]\ncache_dir = {cache:?}\ntoken_file = {token:?}\n"), 1),
    ] {
        write_secret(&conf, &text);
        assert_eq!(listed(), entries, "{text}");
    }
    // Neither is the default service asked, nor is a mount needed.
    own(&["--store"]).ok();
    assert_eq!((service.s3().text("f").as_str(), listed()), ("content", 0));
    assert!(proxy.requests().iter().any(|request| writes::is_store(&request.method) && request.key == "f"));
    // What nobody has.
    let refused = own(&["--store", "20261126-051233-4f2a7c"]).fails();
    assert!(refused.contains("there is no entry"), "{refused}");
}
