//! Links, fifos, sockets and devices.

use super::{mode, names, stat, text, write};
use crate::support::{Service, errno, sh};
use nix::sys::stat::{Mode, SFlag, makedev, mknod};
use std::fs;
use std::io::Error;
use std::os::unix::fs::{FileTypeExt, MetadataExt, symlink};
use std::path::Path;

pub fn symbolic_links(service: &Service) {
    let mut m = service.mount();
    let long = "x/".repeat(2000);
    fs::create_dir(m.path("d")).unwrap();
    write(&m.path("d/f"), "through");
    for (name, target) in [("file", "d/f"), ("dir", "d"), ("dangling", "no/where"), ("long", &long), ("utf", "ä/€")]
    {
        symlink(target, m.path(name)).unwrap();
    }
    assert_eq!(errno(symlink("again", m.path("file"))), libc::EEXIST);
    for fresh in [false, true] {
        if fresh {
            m.again();
        }
        for (name, target) in [("file", "d/f"), ("dir", "d"), ("dangling", "no/where"), ("long", &long), ("utf", "ä/€")]
        {
            let link = stat(&m.path(name));
            assert_eq!((link.mode(), link.len()), (0o120777, target.len() as u64), "{name}");
            assert_eq!(fs::read_link(m.path(name)).unwrap(), Path::new(target), "{name}");
        }
        assert_eq!((text(&m.path("file")), text(&m.path("dir/f"))), ("through".to_owned(), "through".to_owned()));
        assert_eq!(errno(fs::metadata(m.path("dangling"))), libc::ENOENT);
        assert_eq!(errno(fs::read_link(m.path("d/f"))), libc::EINVAL);
    }
    fs::remove_file(m.path("dir")).unwrap();
    assert_eq!(text(&m.path("d/f")), "through");
    symlink("loop", m.path("loop")).unwrap();
    assert_eq!(errno(fs::metadata(m.path("loop"))), libc::ELOOP);
}

pub fn fifos_sockets_devices(service: &Service) {
    let mut m = service.mount();
    let make = |name: &str, kind, device| mknod(&m.path(name), kind, Mode::from_bits_truncate(0o640), device).unwrap();
    make("fifo", SFlag::S_IFIFO, 0);
    make("socket", SFlag::S_IFSOCK, 0);
    make("null", SFlag::S_IFCHR, makedev(1, 3));
    make("disk", SFlag::S_IFBLK, makedev(259, 70000));
    make("file", SFlag::S_IFREG, 0);
    let again = mknod(&m.path("fifo"), SFlag::S_IFIFO, Mode::empty(), 0).map_err(Error::from);
    assert_eq!(errno(again), libc::EEXIST);
    for fresh in [false, true] {
        if fresh {
            m.again();
        }
        let kind = |name: &str| stat(&m.path(name)).file_type();
        assert!(kind("fifo").is_fifo() && kind("socket").is_socket() && kind("file").is_file());
        assert!(kind("null").is_char_device() && kind("disk").is_block_device());
        assert_eq!((stat(&m.path("null")).rdev(), stat(&m.path("disk")).rdev()), (makedev(1, 3), makedev(259, 70000)));
        for name in ["fifo", "socket", "null", "disk", "file"] {
            assert_eq!(mode(&m.path(name)) & 0o7777, 0o640, "{name}");
        }
        // A fifo works between two programs of this machine.
        assert_eq!(sh(m.root(), "echo through > fifo & cat fifo; wait").ok(), "through\n");
    }
    fs::rename(m.path("fifo"), m.path("pipe")).unwrap();
    m.again();
    assert!(stat(&m.path("pipe")).file_type().is_fifo());
    assert_eq!(names(m.root()), ["disk", "file", "null", "pipe", "socket"]);
}

/// A Unix socket can be bound and connected to.
pub fn unix_socket(service: &Service) {
    let m = service.mount();
    use std::io::{Read, Write};
    use std::os::unix::net::{UnixListener, UnixStream};
    // Its address holds 108 bytes: go there by a short path.
    let short = service.folder().join("m");
    symlink(m.root(), &short).unwrap();
    let listener = UnixListener::bind(short.join("s")).unwrap();
    let mut client = UnixStream::connect(short.join("s")).unwrap();
    client.write_all(b"hi").unwrap();
    drop(client);
    let mut said = String::new();
    listener.accept().unwrap().0.read_to_string(&mut said).unwrap();
    assert_eq!(said, "hi");
}

/// S3 has no second name for an object.
pub fn hard_links(service: &Service) {
    let m = service.mount();
    write(&m.path("f"), "x");
    assert_eq!(errno(fs::hard_link(m.path("f"), m.path("g"))), libc::EPERM);
    assert_eq!(names(m.root()), ["f"]);
}
