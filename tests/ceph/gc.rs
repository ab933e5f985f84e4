//! Garbage collection. Some releases lose the tail of an object that was copied onto itself, hours later.

use crate::ops::{read, stat, write};
use crate::support::{Service, assert_same, pattern, run, sh};
use std::path::Path;

/// Has the gateway free at once what it frees otherwise after hours.
fn collect_garbage() {
    let read = |name: &str| std::env::var(name).unwrap_or_else(|_| panic!("{name} is not set: see scripts/rgw env"));
    let (dir, release) = (read("OSIRISFS_RGW_DIR"), read("OSIRISFS_RGW_RELEASE"));
    let script = format!("{}/scripts/rgw", env!("CARGO_MANIFEST_DIR"));
    run(Path::new("/"), &script, &["gc", "--dir", &dir, "--release", &release]).ok();
}

/// Everything that copies inside the service, on objects with and without a tail.
pub fn copies_survive_garbage_collection(service: &Service) {
    let mut m = service.mount();
    let sizes = [0, 1 << 20, 6 << 20, 10 << 20, 24 << 20];
    let bytes = |n: usize| pattern(n as u64, sizes[n]);
    for (n, _) in sizes.iter().enumerate() {
        write(&m.path(&format!("f{n}")), bytes(n));
        write(&m.path(&format!("moved{n}")), bytes(n));
        write(&m.path(&format!("changed{n}")), bytes(n));
        std::fs::create_dir(m.path(&format!("d{n}"))).unwrap();
        write(&m.path(&format!("d{n}/inside")), bytes(n));
        write(&m.path(&format!("replaced{n}")), pattern(99, 7 << 20));
    }
    for round in ["600", "640"] {
        for n in 0..sizes.len() {
            let script = format!(
                "chmod {round} f{n}; sync f{n}; touch -d '2001-01-{round:.1}' f{n}; sync f{n}; setfattr -n user.r -v {round} f{n}; sync f{n}\n\
                 mv moved{n} x{n}; mv x{n} moved{n}; mv d{n} e{n}; mv e{n} d{n}; printf x >> changed{n}"
            );
            sh(m.root(), &script).ok();
        }
        collect_garbage();
    }
    for n in 0..sizes.len() {
        sh(m.root(), &format!("mv moved{n} replaced{n}")).ok();
    }
    collect_garbage();
    m.again();
    for (n, size) in sizes.into_iter().enumerate() {
        let mut changed = bytes(n);
        changed.extend(b"xx");
        assert_same("attributes changed", &read(&m.path(&format!("f{n}"))), &bytes(n));
        assert_same("moved over another", &read(&m.path(&format!("replaced{n}"))), &bytes(n));
        assert_same("moved with its directory", &read(&m.path(&format!("d{n}/inside"))), &bytes(n));
        assert_same("appended to", &read(&m.path(&format!("changed{n}"))), &changed);
        assert_eq!(stat(&m.path(&format!("f{n}"))).len(), size as u64);
    }
}
