//! The cache folder's disk is full, or cannot be written.

use super::MIB;
use super::support::{Service, assert_same, pattern, python, sh};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A disk of its own for the cache folder; it goes with the value.
struct SmallDisk(PathBuf);

impl SmallDisk {
    fn new(at: &Path, mib: usize) -> SmallDisk {
        fs::create_dir(at).unwrap();
        sh(Path::new("/"), &format!("mount -t tmpfs -o size={mib}m,mode=700 small {}", at.display())).ok();
        SmallDisk(at.to_owned())
    }

    fn flag(&self) -> [&str; 2] {
        ["--cache-dir", self.0.to_str().unwrap()]
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

/// Writes that do not fit are refused at once; those that were taken are stored.
#[test]
fn a_full_cache_disk_is_told_by_write_and_loses_nothing() {
    let service = Service::embedded();
    let disk = SmallDisk::new(&service.folder().join("cache"), 8);
    let mount = service.mount_with(&disk.flag());
    // From the end to the begin, so that nothing can be sent before the close.
    let script = "import os, errno\n\
                  f, taken = os.open('f', os.O_RDWR | os.O_CREAT), 0\n\
                  os.ftruncate(f, 12 << 20)\n\
                  try:\n\
                  \x20   for n in reversed(range(192)):\n\
                  \x20       os.pwrite(f, bytes([n]) * 65536, n * 65536); taken += 1\n\
                  \x20   print('all of it was taken')\n\
                  except OSError as e: print(errno.errorcode[e.errno])\n\
                  os.close(f)\n\
                  print(taken)\n";
    let said = python(mount.root(), script).ok();
    let (why, taken) = said.trim().split_once('\n').unwrap();
    assert_eq!(why, "ENOSPC");
    let taken: usize = taken.parse().unwrap();
    assert!((96..192).contains(&taken), "{taken} pieces were taken, though there is room for 8 MiB");
    let wanted: Vec<u8> = (0..192).flat_map(|n| [if n >= 192 - taken { n as u8 } else { 0 }; 65536]).collect();
    assert_same("f", &service.s3().get("f"), &wanted);
    // Once it is stored, there is room again.
    fs::write(mount.path("g"), pattern(5, 6 * MIB)).unwrap();
    assert_same("g", &service.s3().get("g"), &pattern(5, 6 * MIB));
}

/// A file that is larger than disk and memory goes through: its writer waits for the parts that are on their way.
#[test]
fn a_small_cache_disk_slows_a_sequential_writer_and_does_not_stop_it() {
    let service = Service::embedded();
    let proxy = service.proxy();
    proxy.limit(40 * MIB as u64, 0);
    let disk = SmallDisk::new(&service.folder().join("cache"), 24);
    let mount = service.mount_through(&proxy, &[disk.flag().as_slice(), &["--cache-size", "16M"]].concat());
    let bytes = pattern(6, 120 * MIB);
    fs::write(service.folder().join("source"), &bytes).unwrap();
    sh(mount.root(), "cp ../source f").ok();
    assert_same("f", &service.s3().get("f"), &bytes);
}

/// A cache folder that cannot be written is refused at the mount, with what to do.
#[test]
fn a_read_only_cache_folder_is_refused_at_the_mount() {
    let service = Service::embedded();
    let disk = SmallDisk::new(&service.folder().join("cache"), 8);
    sh(Path::new("/"), &format!("mount -o remount,ro {}", disk.0.display())).ok();
    let (bucket, endpoint) = (service.bucket().0, service.endpoint());
    let at = service.folder().join("at");
    fs::create_dir(&at).unwrap();
    let token = service.folder().join("token");
    super::support::write_secret(&token, &service.access_key());
    let said = Command::new(env!("CARGO_BIN_EXE_osirisfs"))
        .args(["mount", "--endpoint", &endpoint, "--token-file"])
        .arg(&token)
        .args(disk.flag())
        .arg(bucket)
        .arg(&at)
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&said.stderr).into_owned();
    assert!(!said.status.success(), "mounted");
    assert!(told.contains(disk.0.to_str().unwrap()) && told.contains("--cache-dir"), "{told}");
}
