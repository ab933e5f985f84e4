use super::*;

#[test]
fn a_line_of_ours() {
    let text = br"97 31 0:57 / /mnt/my\040data rw,nosuid,nodev,relatime shared:1 - fuse.osirisfs cou-data/a\134b rw,user_id=1000,group_id=1000,allow_other";
    let mount = line(text).unwrap();
    assert_eq!(mount.device, "0:57");
    assert_eq!(mount.mountpoint, Path::new("/mnt/my data"));
    assert_eq!(mount.source, r"cou-data/a\b");
    assert_eq!(mount.owner, Some(1000));
    assert!(mount.is_ours());
}

#[test]
fn a_line_without_optional_fields_and_one_that_is_broken() {
    let mount = line(b"22 28 0:21 / /proc rw - proc proc rw").unwrap();
    assert_eq!((mount.fstype.as_str(), mount.owner), ("proc", None));
    assert_eq!(line(b"22 28 0:21"), None);
    assert_eq!(line(b""), None);
}

#[test]
fn the_real_table_has_proc() {
    assert_eq!(at(Path::new("/proc")).unwrap().map(|m| m.fstype).as_deref(), Some("proc"));
    assert_eq!(holding(Path::new("/proc/self/maps")).unwrap().map(|m| m.mountpoint), Some("/proc".into()));
    assert_eq!(at(Path::new("/proc/self")).unwrap(), None);
}
