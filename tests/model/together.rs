//! Several programs at the same time, each in a folder of its own, while another renames and removes folders.

use super::ops::Op;
use super::play::{Guard, Setup};
use super::side::{Outcome, Side};
use super::tree::{differences, raw_differences, snapshot};
use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

/// Plays the lists side by side.
pub fn play_together(lists: &[Vec<Op>], setup: Setup) -> Result<(), String> {
    let service = setup.service();
    let plain = service.folder().join("plain");
    fs::create_dir(&plain).unwrap();
    let (_proxy, mut mount) = setup.mount(&service);
    let guard = Guard::start(mount.root().to_owned());
    guard.at("several programs at once".to_owned());
    let done = AtomicBool::new(false);
    let outcome: Result<(), String> = std::thread::scope(|scope| {
        let churning = scope.spawn(|| churn(mount.root(), &done));
        let players: Vec<_> = lists
            .iter()
            .enumerate()
            .map(|(number, list)| {
                let (mounted, plain) = (mount.path(&format!("p{number}")), plain.join(format!("p{number}")));
                scope.spawn(move || one(list, &mounted, &plain).map_err(|what| format!("program {number}: {what}")))
            })
            .collect();
        let outcomes: Vec<Result<(), String>> = players
            .into_iter()
            .map(|player| player.join().unwrap_or_else(|_| Err("a program panicked".to_owned())))
            .collect();
        done.store(true, Relaxed);
        churning.join().unwrap();
        outcomes.into_iter().collect()
    });
    outcome?;
    mount.again();
    let wanted = snapshot(&plain)?;
    let mut found = differences(&snapshot(mount.root())?, &wanted, false);
    found.extend(raw_differences(&service.s3(), &wanted));
    if found.is_empty() { Ok(()) } else { Err(found.join("\n  ")) }
}

fn one(list: &[Op], mounted: &Path, plain: &Path) -> Result<(), String> {
    fs::create_dir(mounted).unwrap();
    fs::create_dir(plain).unwrap();
    let (mut mounted, mut plain) = (Side::new(mounted.to_owned()), Side::new(plain.to_owned()));
    for (number, op) in list.iter().enumerate() {
        if *op == Op::Compare {
            let found = differences(&snapshot(&mounted.root)?, &snapshot(&plain.root)?, false);
            if !found.is_empty() {
                return Err(format!("operation {number}: {}", found.join("\n  ")));
            }
        }
        let (is, wanted) = (mounted.apply(op), plain.apply(op));
        if is != wanted {
            let before: Vec<String> = list[..number].iter().rev().take(40).rev().map(|op| format!("{op:?}")).collect();
            let before = before.join("\n    ");
            return Err(format!(
                "operation {number}, {op:?}: gave {is:?}, should give {wanted:?}, after\n    {before}"
            ));
        }
        if let Outcome::Errno(errno) = is {
            assert!(![libc::EIO, libc::ETIMEDOUT, libc::ESTALE].contains(&errno), "{op:?}: {errno}");
        }
    }
    Ok(())
}

/// Makes a folder with files, renames it over and over, removes it.
fn churn(root: &Path, done: &AtomicBool) {
    while !done.load(Relaxed) {
        let at = |name: &str| root.join(name);
        fs::create_dir_all(at("q/s")).unwrap();
        for n in 0..5 {
            fs::write(at(&format!("q/s/f{n}")), n.to_string()).unwrap();
        }
        for _ in 0..3 {
            fs::rename(at("q"), at("r")).unwrap();
            assert_eq!(fs::read_to_string(at("r/s/f3")).unwrap(), "3");
            fs::rename(at("r/s"), at("r/t")).unwrap();
            assert_eq!(fs::read_dir(at("r/t")).unwrap().count(), 5);
            fs::rename(at("r/t"), at("r/s")).unwrap();
            fs::rename(at("r"), at("q")).unwrap();
        }
        fs::remove_dir_all(at("q")).unwrap();
    }
}
