//! Quotas of buckets and of users: df shows them, what is beyond is EDQUOT, and nothing that was written is lost.

use super::{ALICE, DAVE, World};
use crate::support::{Mount, PROGRAM, assert_same, noise, run, sh, soon};
use osirisfs::server::QuotaOf;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

/// All bytes, used ones, available ones.
fn df(place: &Path) -> (u64, u64, u64) {
    let all = rustix::fs::statvfs(place).unwrap();
    (all.f_blocks * all.f_frsize, (all.f_blocks - all.f_bfree) * all.f_frsize, all.f_bavail * all.f_frsize)
}

/// A file, made by a program of its own: a child of another test that is being started stores what this one has written so far
/// (docs/SEMANTICS.md), and what is in the way of the rest then.
fn copy_in(file: &Path, bytes: Vec<u8>) {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("source"), bytes).unwrap();
    sh(folder.path(), &format!("cp source {}", file.display())).ok();
}

/// What must be refused for want of room.
#[track_caller]
fn no_room(dir: &Path, script: &str) {
    let said = sh(dir, script).fails();
    assert!(said.contains("Disk quota exceeded"), "{said}");
}

fn status(m: &Mount) -> serde_json::Value {
    let said = run(Path::new("/"), PROGRAM, &["status", "--json", m.root().to_str().unwrap()]).ok();
    serde_json::from_str(&said).unwrap()
}

fn waits(m: &Mount, path: &str) -> bool {
    status(m)["pending"].as_array().unwrap().iter().any(|one| one["path"].as_str().unwrap().ends_with(path))
}

/// Waits for what is tried again in the background: after some failures a minute passes between two tries.
fn by_itself(stored: impl Fn() -> bool) {
    let began = Instant::now();
    while !stored() {
        assert!(began.elapsed() < Duration::from_secs(180), "it is not stored");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// A full bucket: df shows it, close says so, the bytes stay, and they are stored when there is room.
pub fn a_full_bucket(world: &World) {
    world.quota(QuotaOf::Bucket(world.bucket().to_owned()), Some(10 << 20));
    let m = world.mount(ALICE, "", &[]);
    assert_eq!(df(m.root()), (10 << 20, 0, 10 << 20));
    copy_in(&m.path("old"), noise(8 << 20));
    let (new, local) = (noise(6 << 20), world.folder(ALICE).join("local"));
    fs::write(&local, &new).unwrap();
    fs::write(world.folder(ALICE).join("large"), noise(20 << 20)).unwrap();
    // Of a small file close tells it, of one that is sent while it is written perhaps already write.
    no_room(m.root(), &format!("cp {} new", local.display()));
    no_room(m.root(), &format!("cp {} large && sync large", world.folder(ALICE).join("large").display()));
    no_room(m.root(), "sync new");
    fs::remove_file(m.path("large")).unwrap();
    // A changed attribute is a copy, for which RGW wants room as well.
    no_room(m.root(), "mv old other");
    no_room(m.root(), "chmod 600 old && sync old");
    // The bytes are here to be read, and an unmount would lose them.
    assert_same("what could not be stored", &fs::read(m.path("new")).unwrap(), &new);
    assert!(waits(&m, "new"), "{}", status(&m));
    let said = run(Path::new("/"), PROGRAM, &["umount", m.root().to_str().unwrap()]);
    assert!(said.code == Some(3) && said.err.contains("new"), "{said:?}");
    assert!(world.try_now(world.store(ALICE).head("new")).is_err());

    fs::remove_file(m.path("old")).unwrap();
    // It is tried again by itself.
    by_itself(|| world.try_now(world.store(ALICE).head("new")).is_ok());
    soon("df shows it", || df(m.root()) == (10 << 20, 6 << 20, 4 << 20));
    soon("nothing waits", || !waits(&m, "new"));
    assert_same("what was stored later", &fs::read(m.path("new")).unwrap(), &new);
    world.quota(QuotaOf::Bucket(world.bucket().to_owned()), None);
}

/// The quota of a user is over all buckets together.
pub fn a_full_user(world: &World) {
    let of = || QuotaOf::User(DAVE.to_owned());
    world.quota(of(), None);
    let first = world.another(DAVE);
    let second = format!("{first}-2");
    let used = world.now(world.store(DAVE).usage()).bytes;
    // radosgw-admin makes whole KiB of it.
    let quota = (used + (12 << 20)).next_multiple_of(1024);
    world.quota(of(), Some(quota));
    let m = world.mount_source(DAVE, "s3:", &[]);
    let near = |place: &Path, expected: u64| {
        let (all, now, available) = df(place);
        // df counts in blocks.
        all.abs_diff(quota) < 8192 && now.abs_diff(expected) < 8192 && available.abs_diff(quota - expected) < 16384
    };
    assert!(near(m.root(), used), "{:?} of {quota}, {used}", df(m.root()));
    fs::create_dir(m.path(&second)).unwrap();
    copy_in(&m.path(&first).join("old"), noise(8 << 20));
    assert!(near(&m.path(&second), used + (8 << 20)), "{:?} of {quota}, {used}", df(&m.path(&second)));
    let (new, local) = (noise(6 << 20), world.folder(DAVE).join("local"));
    fs::write(&local, &new).unwrap();
    no_room(&m.path(&second), &format!("cp {} new", local.display()));
    assert_same("what could not be stored", &fs::read(m.path(&second).join("new")).unwrap(), &new);
    fs::remove_file(m.path(&first).join("old")).unwrap();
    let store = world.store(DAVE).for_bucket(&second, "p");
    by_itself(|| world.try_now(store.head("new")).is_ok());
    soon("df shows it", || near(m.root(), used + (6 << 20)) && near(&m.path(&first), used + (6 << 20)));
    m.umount();
    world.quota(of(), None);
    for bucket in [&first, &second] {
        world.remove(DAVE, bucket);
    }
}
