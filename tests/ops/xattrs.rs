//! Extended attributes.

use super::{text, write};
use crate::support::{Service, sh};
use rustix::fs::{XattrFlags, getxattr, lgetxattr, listxattr, lremovexattr, removexattr, setxattr};
use rustix::io::Errno;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

fn set(path: &Path, name: &str, value: &[u8]) -> Result<(), Errno> {
    setxattr(path, name, value, XattrFlags::empty())
}

fn get(path: &Path, name: &str) -> Result<Vec<u8>, Errno> {
    let mut value = vec![0; 70_000];
    let len = getxattr(path, name, &mut value[..])?;
    value.truncate(len);
    Ok(value)
}

fn list(path: &Path) -> Vec<String> {
    let mut names = vec![0_u8; 70_000];
    let len = listxattr(path, &mut names[..]).unwrap();
    let texts = names[..len].split(|byte| *byte == 0).filter(|name| !name.is_empty());
    let mut names: Vec<String> = texts.map(|name| String::from_utf8(name.to_vec()).unwrap()).collect();
    // A plain folder may have a label of the system.
    names.retain(|name| name.starts_with("user."));
    names.sort();
    names
}

pub fn set_get_list_remove(service: &Service) {
    let mut m = service.mount();
    write(&m.path("f"), "content");
    fs::create_dir(m.path("d")).unwrap();
    for name in ["f", "d"] {
        let path = m.path(name);
        set(&path, "user.a", &[0, 0xff, 0x10]).unwrap();
        set(&path, "user.Ünïcode_x", b"").unwrap();
        set(&path, "user.b", b"old").unwrap();
        set(&path, "user.b", b"new").unwrap();
        assert_eq!(setxattr(&path, "user.b", b"x", XattrFlags::CREATE), Err(Errno::EXIST));
        assert_eq!(setxattr(&path, "user.c", b"x", XattrFlags::REPLACE), Err(Errno::NODATA));
        assert_eq!(get(&path, "user.none"), Err(Errno::NODATA));
        assert_eq!(getxattr(&path, "user.a", &mut [0; 2][..]), Err(Errno::RANGE));
    }
    for fresh in [false, true] {
        if fresh {
            m.again();
        }
        for name in ["f", "d"] {
            let path = m.path(name);
            assert_eq!(list(&path), ["user.a", "user.b", "user.Ünïcode_x"]);
            assert_eq!(get(&path, "user.a").unwrap(), [0, 0xff, 0x10]);
            assert_eq!(get(&path, "user.Ünïcode_x").unwrap(), b"");
            assert_eq!(get(&path, "user.b").unwrap(), b"new");
        }
    }
    for name in ["f", "d"] {
        removexattr(m.path(name), "user.a").unwrap();
        assert_eq!(removexattr(m.path(name), "user.a"), Err(Errno::NODATA));
    }
    m.again();
    assert_eq!(list(&m.path("f")), ["user.b", "user.Ünïcode_x"]);
    // A write keeps them.
    fs::OpenOptions::new()
        .append(true)
        .open(m.path("f"))
        .and_then(|mut f| std::io::Write::write_all(&mut f, b"+"))
        .unwrap();
    m.again();
    assert_eq!((list(&m.path("f")).len(), text(&m.path("f"))), (2, "content+".to_owned()));
}

pub fn limits(service: &Service) {
    let mut m = service.mount();
    let path = m.path("f");
    write(&path, "");
    assert_eq!(set(&path, "user.big", &[b'x'; 3000]), Err(Errno::TOOBIG));
    let mut kept = BTreeMap::new();
    let mut refused = 0;
    for n in 0..40 {
        let (name, value) = (format!("user.n{n}"), vec![b'a' + n as u8 % 26; 100]);
        match set(&path, &name, &value) {
            Ok(()) => drop(kept.insert(name, value)),
            Err(error) => {
                assert_eq!(error, Errno::NOSPC);
                refused += 1;
            }
        }
    }
    assert!(kept.len() >= 18 && refused > 0, "{} kept, {refused} refused", kept.len());
    m.again();
    assert_eq!(list(&path), kept.keys().cloned().collect::<Vec<_>>());
    for (name, value) in &kept {
        assert_eq!(get(&path, name).unwrap(), *value);
    }
}

pub fn other_namespaces(service: &Service) {
    let m = service.mount();
    let path = m.path("f");
    write(&path, "");
    assert_eq!(get(&path, "security.capability"), Err(Errno::NODATA));
    for name in ["security.selinux", "security.ima", "trusted.x"] {
        assert_eq!(set(&path, name, b"x"), Err(Errno::OPNOTSUPP), "{name}");
    }
    assert_eq!(get(&path, "system.posix_acl_access"), Err(Errno::OPNOTSUPP));
    let said = sh(m.root(), "setfacl -m u:1234:r f").fails();
    assert!(said.contains("Operation not supported"), "{said}");
    // Links have none, as on a disk.
    std::os::unix::fs::symlink("f", m.path("l")).unwrap();
    assert!(rustix::fs::lsetxattr(m.path("l"), "user.a", b"x", XattrFlags::empty()).is_err());
    assert!(lgetxattr(m.path("l"), "user.a", &mut [0_u8; 9][..]).is_err());
    assert!(lremovexattr(m.path("l"), "user.a").is_err());
}

/// What the service says of a file can be asked for, is not listed, and is not copied about.
pub fn facts_of_the_service(service: &Service) {
    let m = service.mount();
    write(&m.path("f.txt"), "content");
    let fact = |name: &str| String::from_utf8(get(&m.path("f.txt"), &format!("user.osiris.{name}")).unwrap()).unwrap();
    assert_eq!(fact("owner"), "alice_um");
    assert_eq!(fact("bucket"), service.bucket().0);
    assert_eq!(fact("key"), service.s3().key("f.txt"));
    assert_eq!(fact("etag"), service.s3().head("f.txt").etag.as_str());
    assert_eq!(fact("content-type"), "text/plain");
    assert_eq!(fact("acl"), "id:alice_um:FULL_CONTROL");
    assert_eq!(list(&m.path("f.txt")), [""; 0]);
    assert_eq!(set(&m.path("f.txt"), "user.osiris.owner", b"bob_wsu"), Err(Errno::PERM));
    assert_eq!(removexattr(m.path("f.txt"), "user.osiris.owner"), Err(Errno::PERM));
}

/// The programs that people use for them.
pub fn programs(service: &Service) {
    let mut m = service.mount();
    let make = "echo x > f; setfattr -n user.a -v 0x00ff10 f; setfattr -n user.b -v text f; cp -a f g; rsync -aX f h";
    sh(m.root(), make).ok();
    m.again();
    for name in ["f", "g", "h"] {
        let said = sh(m.root(), &format!("getfattr --absolute-names -d -e hex {name}")).ok();
        assert_eq!(said, format!("# file: {name}\nuser.a=0x00ff10\nuser.b=0x74657874\n\n"));
    }
}
