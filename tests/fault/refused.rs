//! What the service refuses for good leaves the old object, and the program hears of it.

use super::IMPATIENT;
use super::support::{Service, python, sh};
use super::writes::fail_stores;
use std::fs::{self, File};

/// A6: a refused overwrite leaves the old content, here and at the service, and the program hears of it.
#[test]
fn a_refused_overwrite_leaves_the_old_content() {
    let service = Service::embedded();
    let proxy = service.proxy();
    service.s3().put("f", "0123456789");
    let mount = service.mount_through(&proxy, &[]);
    fail_stores(&proxy, 403, "AccessDenied");
    // What is refused is dropped also while somebody reads.
    let reader = File::open(mount.path("f")).unwrap();
    // (A shell does not look at what closing says, so of `echo more >> f` nobody could hear.)
    let append = "printf more | dd of=f oflag=append conv=notrunc status=none";
    for script in ["echo new > f", append, "truncate -s 3 f", "cp /etc/hostname f"] {
        assert_eq!(fs::read_to_string(mount.path("f")).unwrap(), "0123456789", "before {script}");
        let failed = sh(mount.root(), script).fails();
        assert!(failed.contains("Permission denied"), "{script}: {failed}");
        assert_eq!(service.s3().text("f"), "0123456789", "{script}");
        assert_eq!(fs::read_to_string(mount.path("f")).unwrap(), "0123456789", "after {script}");
    }
    drop(reader);
    let failed = sh(mount.root(), "echo new > g").fails();
    assert!(failed.contains("Permission denied"), "{failed}");
    assert_eq!(sh(mount.root(), "ls").ok(), "f\n");
    proxy.repair();
    mount.umount();
    assert_eq!(service.s3().text("f"), "0123456789");
    assert_eq!(service.s3().keys(""), ["f"]);
}

/// Who reads a new file that is refused for good hears of it, and does not take what there was for the whole.
#[test]
fn a_reader_of_a_refused_new_file_is_not_told_its_end() {
    let service = Service::embedded();
    let proxy = service.proxy();
    let mount = service.mount_through(&proxy, &[]);
    fail_stores(&proxy, 403, "AccessDenied");
    let script = "import os, time\n\
        f = os.open('g', os.O_WRONLY | os.O_CREAT)\n\
        os.write(f, b'x' * 1000000)\n\
        r = os.open('g', os.O_RDONLY)\n\
        os.posix_fadvise(r, 0, 0, os.POSIX_FADV_RANDOM)\n\
        print(len(os.pread(r, 4096, 0)))\n\
        try: os.close(f)\n\
        except OSError as e: print(e.errno)\n\
        while 'g' in os.listdir('.'): time.sleep(0.01)\n\
        os.posix_fadvise(r, 0, 0, os.POSIX_FADV_DONTNEED)\n\
        try: print(len(os.pread(r, 4096, 500000)))\n\
        except OSError as e: print(e.errno)\n";
    let told = format!("4096\n{}\n{}\n", libc::EACCES, libc::ESTALE);
    assert_eq!(python(mount.root(), script).ok(), told);
}

/// What is said of some bytes is not said of those that are written after them.
#[test]
fn a_file_that_is_put_back_as_it_was_is_not_refused_any_more() {
    let service = Service::embedded();
    let proxy = service.proxy();
    service.s3().put("f", "0123456789");
    let mount = service.mount_through(&proxy, &[]);
    fail_stores(&proxy, 403, "AccessDenied");
    let script = "import os, time\n\
        f = os.open('f', os.O_WRONLY | os.O_APPEND)\n\
        os.write(f, b'more')\n\
        try: os.fsync(f)\n\
        except OSError as e: print(e.errno)\n\
        os.ftruncate(f, 10)\n\
        begun = time.time()\n\
        r = os.open('f', os.O_RDONLY)\n\
        print(time.time() - begun < 0.15, os.read(r, 100))\n\
        os.write(f, b'again')\n\
        try: os.close(f)\n\
        except OSError as e: print(e.errno)\n";
    let told = format!("{}\nTrue b'0123456789'\n{}\n", libc::EACCES, libc::EACCES);
    assert_eq!(python(mount.root(), script).ok(), told);
    assert_eq!(fs::read_to_string(mount.path("f")).unwrap(), "0123456789");
}

/// A shell redirects by closing one descriptor and writing to its duplicate: what the close could not store must not be
/// lost silently.
#[test]
fn a_shell_hears_that_its_output_could_not_be_stored() {
    let service = Service::embedded();
    let proxy = service.proxy();
    service.s3().put("f", "0123456789");
    let mount = service.mount_through(&proxy, &IMPATIENT);
    fail_stores(&proxy, 503, "SlowDown");
    let failed = sh(mount.root(), "echo new > f").fails();
    assert!(failed.contains("Input/output error"), "{failed}");
    proxy.repair();
    mount.umount();
}
