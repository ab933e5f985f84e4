//! A mount of all buckets of a user.

use super::{ALICE, BOB, CAROL, World, get};
use crate::support::{errno, noise, sh};
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

fn names(dir: &Path) -> Vec<String> {
    fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

pub fn my_buckets_are_folders(world: &World) {
    world.put(ALICE, "d/f", "text");
    let (second, his) = (format!("{}-2", world.bucket()), world.another(BOB));
    let m = world.mount_source(ALICE, "s3:", &[]);
    let shown = names(m.root());
    assert!(shown.contains(&world.bucket().to_owned()) && !shown.contains(&his), "{shown:?}");
    let first = m.path(world.bucket());
    assert_eq!(fs::read_to_string(first.join("d/f")).unwrap(), "text");
    assert_eq!(get(&first, "bucket").unwrap(), world.bucket());
    assert_eq!(get(&first.join("d/f"), "key").unwrap(), "d/f");
    // A new one.
    fs::create_dir(m.path(&second)).unwrap();
    assert!(world.now(world.store(ALICE).list_buckets()).contains(&second));
    assert!(names(m.root()).contains(&second));
    assert_eq!(errno(fs::create_dir(m.path(&second))), libc::EEXIST);
    assert_eq!(names(&m.path(&second)), [""; 0]);
    fs::write(m.path(&second).join("f"), "in the second").unwrap();
    fs::write(m.path(&second).join("large"), noise(20 << 20)).unwrap();
    sh(&m.path(&second), "mkdir d; mv f d/g; chmod 600 d/g; sync d/g; rm large; grep -q second d/g").ok();
    // No renaming from one to the other; mv copies.
    let across = fs::rename(first.join("d/f"), m.path(&second).join("f"));
    assert_eq!(errno(across), libc::EXDEV);
    sh(m.root(), &format!("mv {}/d/f {second}/moved", world.bucket())).ok();
    // A large file goes from one to the other inside the service.
    let large = m.path(&second).join("large");
    fs::write(&large, noise(3 << 20)).unwrap();
    fs::copy(&large, first.join("copy")).unwrap();
    assert!(fs::read(&large).unwrap() == fs::read(first.join("copy")).unwrap());
    assert_eq!(world.now(world.store(ALICE).head("copy")).size, 3 << 20);
    sh(m.root(), &format!("rm {second}/large {}/copy", world.bucket())).ok();
    assert_eq!(fs::read_to_string(m.path(&second).join("moved")).unwrap(), "text");
    assert!(!first.join("d/f").exists());
    // Numbers do not meet, and the place is the bucket's.
    let inodes: Vec<u64> =
        [&first, &m.path(&second), &m.path(&second).join("d")].map(|p| fs::metadata(p).unwrap().ino()).to_vec();
    assert!(inodes[0] != inodes[1] && inodes[1] != inodes[2] && !inodes.contains(&1), "{inodes:?}");
    assert_eq!(fs::metadata(first.join("..")).unwrap().ino(), fs::metadata(m.root()).unwrap().ino());
    sh(
        m.root(),
        &format!(
            "ls -la {second}/.. >/dev/null; cd {second}/d; test \"$(pwd -P)\" = \"$(cd ..; pwd -P)/d\"; df . >/dev/null"
        ),
    )
    .ok();
    // Removed when it is empty.
    assert_eq!(errno(fs::remove_dir(m.path(&second))), libc::ENOTEMPTY);
    sh(&m.path(&second), "rm -r d moved").ok();
    fs::remove_dir(m.path(&second)).unwrap();
    assert!(!world.now(world.store(ALICE).list_buckets()).contains(&second));
    assert_eq!(errno(fs::metadata(m.path(&second))), libc::ENOENT);
    // And made again.
    fs::create_dir(m.path(&second)).unwrap();
    fs::write(m.path(&second).join("again"), "x").unwrap();
    fs::remove_file(m.path(&second).join("again")).unwrap();
    fs::remove_dir(m.path(&second)).unwrap();
    world.remove(BOB, &his);
}

pub fn what_the_root_refuses(world: &World) {
    let m = world.mount_source(ALICE, "s3:", &["--cou", "um"]);
    let first = m.path(world.bucket());
    assert_eq!(errno(fs::write(m.path("file"), "x")), libc::EPERM);
    assert_eq!(errno(std::os::unix::fs::symlink("x", m.path("link"))), libc::EPERM);
    assert_eq!(errno(fs::rename(&first, m.path("um-other-name"))), libc::EPERM);
    fs::write(first.join("f"), "x").unwrap();
    assert_eq!(errno(fs::rename(first.join("f"), m.path("um-file"))), libc::EPERM);
    for name in ["wsu-data", "UM-data", "x", "um data"] {
        assert_eq!(errno(fs::create_dir(m.path(name))), libc::EINVAL, "{name}");
    }
    assert!(m.log().contains("begin with the name of the COU"), "{}", m.log());
    for name in ["um-none-such", ".Trash", "autorun.inf ", ".hidden"] {
        assert_eq!(errno(fs::metadata(m.path(name))), libc::ENOENT, "{name}");
    }
    let said = world.command(ALICE, &["mount", "--also", "x", world.bucket(), "at"]).fails();
    assert!(said.contains("--also"), "{said}");
    let nowhere = world.mount_source(ALICE, "s3:", &["--placement", "no-such-place"]);
    assert_eq!(errno(fs::create_dir(nowhere.path(&format!("{}-3", world.bucket())))), libc::EINVAL);
    let placed = world.mount_source(ALICE, "s3:", &["--placement", "default-placement"]);
    let third = placed.path(&format!("{}-3", world.bucket()));
    fs::create_dir(&third).unwrap();
    fs::remove_dir(&third).unwrap();
}

/// A bucket that is shared with me is reached by its name, though the listing cannot know it.
pub fn shared_buckets_are_reached(world: &World) {
    let his = world.another(BOB);
    let closed = world.another(CAROL);
    world.now(async {
        let store = world.store(BOB).for_bucket(&his, "p");
        let body = osirisfs::store::Body::from(bytes::Bytes::from_static(b"by bob"));
        store.put("f", body, &Default::default(), &Default::default()).await
    });
    world.command(BOB, &["share", &his, "--with", ALICE]).ok();
    let m = world.mount_source(ALICE, "s3:", &[]);
    assert!(!names(m.root()).contains(&his));
    assert_eq!(fs::read_to_string(m.path(&his).join("f")).unwrap(), "by bob");
    assert!(!names(m.root()).contains(&his), "still only what is mine");
    assert_eq!(errno(fs::write(m.path(&his).join("g"), "x")), libc::EACCES);
    assert_eq!(fs::metadata(m.path(&his)).unwrap().mode() & 0o222, 0);
    assert_ne!(fs::metadata(m.path(world.bucket())).unwrap().mode() & 0o200, 0);
    fs::write(m.path(world.bucket()).join("g"), "x").unwrap();
    assert_eq!(errno(fs::metadata(m.path(&closed))), libc::EACCES);
    assert_eq!(errno(fs::create_dir(m.path(&closed))), libc::EACCES);
    assert_eq!(errno(fs::remove_dir(m.path(&his))), libc::ENOTEMPTY);
    let also = world.mount_source(ALICE, "s3:", &["--also", &his]);
    assert!(names(also.root()).contains(&his));
    assert_eq!(fs::read_to_string(also.path(&his).join("f")).unwrap(), "by bob");
    drop((m, also));
    world.remove(BOB, &his);
    world.remove(CAROL, &closed);
}
