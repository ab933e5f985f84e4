//! Programs that copy while gateways come and go.

use crate::support::{Mount, sh};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

/// rsync copies `source` into the mount again and again while gateways are killed and brought back by `outages`: no
/// operation fails, the log tells of the gateways and of no error, and every copy is whole, also in a new mount.
pub fn copies_outlive(mount: &mut Mount, source: &Path, outages: impl FnOnce() + Send) {
    let done = AtomicBool::new(false);
    let mut rounds = 0;
    std::thread::scope(|scope| {
        let killer = scope.spawn(|| {
            outages();
            done.store(true, Ordering::Relaxed);
        });
        while !done.load(Ordering::Relaxed) {
            rounds += 1;
            let target = mount.path(&format!("copy{rounds}"));
            sh(source, &format!("rsync -a --no-o --no-g ./ {}/", target.display())).ok();
            sh(source, &format!("diff -r . {}", target.display())).ok();
        }
        killer.join().unwrap();
    });
    let log = mount.log();
    assert!(log.contains("is left out") && log.contains("answers again"), "{log}");
    assert!(!log.contains("ERROR"), "{log}");
    mount.again();
    for round in 1..=rounds {
        sh(source, &format!("diff -r . {}", mount.path(&format!("copy{round}")).display())).ok();
    }
}
