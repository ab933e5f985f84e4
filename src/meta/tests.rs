//! Tests of the attribute codec.

use super::mode::Mode;
use super::*;
use crate::store::ObjectHeaders;
use proptest::prelude::*;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

const MODIFIED: i64 = 1_700_000_000;

fn modified() -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(MODIFIED as u64)
}

fn headers(user: &[(&str, &str)]) -> ObjectHeaders {
    let user = user.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect();
    ObjectHeaders { user, ..ObjectHeaders::default() }
}

fn file(user: &[(&str, &str)]) -> Attrs {
    decode(&headers(user), false, 10, modified(), &Defaults::new(1000, 1001)).0
}

fn dir(user: &[(&str, &str)]) -> Attrs {
    decode(&headers(user), true, 0, modified(), &Defaults::new(1000, 1001)).0
}

fn time(secs: i64, nanos: u32) -> Time {
    Time { secs, nanos }
}

#[test]
fn an_object_without_metadata_shows_the_defaults_and_its_last_modified() {
    let then = time(MODIFIED, 0);
    let attrs = file(&[]);
    assert_eq!((attrs.kind, attrs.mode, attrs.uid, attrs.gid), (Kind::File, 0o644, 1000, 1001));
    assert_eq!((attrs.mtime, attrs.ctime, attrs.atime), (then, then, then));
    let attrs = dir(&[]);
    assert_eq!((attrs.kind, attrs.mode), (Kind::Dir, 0o755));

    let defaults = Defaults { uid: 33, gid: 33, file_mode: 0o640, dir_mode: 0o2770, force_owner: false };
    let shown = |is_dir| decode(&headers(&[]), is_dir, 0, modified(), &defaults).0;
    assert_eq!((shown(false).mode, shown(true).mode, shown(true).uid), (0o640, 0o2770, 33));
}

#[test]
fn junk_is_as_good_as_nothing() {
    let junk = [
        ("mode", "rw-r--r--"),
        ("uid", "alice_um"),
        ("gid", "-1"),
        ("mtime", "yesterday"),
        ("ctime", "0"),
        ("atime", "-1"),
        ("xattr", "%7Bnot json"),
        ("s3cmd-attrs", "///:::/mode/uid:x"),
        ("rdev", "1abc"),
    ];
    assert_eq!(file(&junk), file(&[]));
    for mode in ["0", "00", "0o0", "", "-5", "99999999999", "262144"] {
        assert_eq!(file(&[("mode", mode)]).mode, 0o644, "{mode}");
    }
}

#[test]
fn files_of_s3fs() {
    let attrs = file(&[
        ("mode", "33256"),
        ("uid", "0"),
        ("gid", "50"),
        ("mtime", "1234567890.000000007"),
        ("ctime", "1234567891"),
        ("atime", "1234567892.500000000"),
    ]);
    assert_eq!((attrs.kind, attrs.mode, attrs.uid, attrs.gid), (Kind::File, 0o750, 0, 50));
    assert_eq!(attrs.mtime, time(1234567890, 7));
    assert_eq!(attrs.ctime, time(1234567891, 0));
    assert_eq!(attrs.atime, time(1234567892, 500_000_000));
    // chmod 000 by somebody is no lack of data.
    assert_eq!(file(&[("mode", "32768")]).mode, 0);
    assert_eq!(dir(&[("mode", "17901")]).mode, 0o2755);
    // A header of extended attributes as s3fs 1.9 writes it.
    let header = "%7B%22user.a%22%3A%22AP8Q%22%2C%22user.long%20name%22%3A%22%22%7D";
    let (_, xattrs) = decode(&headers(&[("xattr", header)]), false, 1, modified(), &Defaults::new(1, 1));
    let expected = [("user.a".to_owned(), vec![0, 0xff, 0x10]), ("user.long name".to_owned(), Vec::new())];
    assert_eq!(xattrs, Xattrs::from(expected));
    let mut back = headers(&[]);
    encode(&attrs, &xattrs, &mut back).unwrap();
    assert_eq!(back.user["xattr"], header);
}

#[test]
fn files_of_other_programs() {
    let rclone = file(&[
        ("mtime", "1683824051.5233996"),
        ("atime", "2023-05-11T17:54:11.523399602+01:00"),
        ("btime", "2023-05-11T17:54:11.523399602+01:00"),
        ("mode", "100664"),
        ("uid", "500"),
        ("gid", "501"),
    ]);
    assert_eq!((rclone.kind, rclone.mode, rclone.uid, rclone.gid), (Kind::File, 0o664, 500, 501));
    assert_eq!(rclone.mtime, time(1683824051, 523_399_600));
    assert_eq!(rclone.atime, time(1683824051, 523_399_602));

    let list =
        "atime:1367436283/ctime:1367436284/gid:20/gname:staff/md5:0123/mode:33152/mtime:1367436285/uid:501/uname:al";
    let s3cmd = file(&[("s3cmd-attrs", list)]);
    assert_eq!((s3cmd.mode, s3cmd.uid, s3cmd.gid), (0o600, 501, 20));
    assert_eq!((s3cmd.mtime.secs, s3cmd.ctime.secs, s3cmd.atime.secs), (1367436285, 1367436284, 1367436283));

    let mc = dir(&[(
        "mc-attrs",
        "atime:1591920848#5/gid:0/gname:root/mode:16832/mtime:1591920845#999999999/uid:0/uname:root",
    )]);
    assert_eq!((mc.mode, mc.uid, mc.gid), (0o700, 0, 0));
    assert_eq!((mc.mtime, mc.atime), (time(1591920845, 999_999_999), time(1591920848, 5)));

    assert_eq!(file(&[("mtime", "1530305150672")]).mtime, time(1530305150, 672_000_000), "Cyberduck, older");
    assert_eq!(file(&[("mtime", "1530305150")]).mtime, time(1530305150, 0), "Cyberduck, GeeseFS");
    let fsx = file(&[("file-permissions", "0100664"), ("file-owner", "500"), ("file-mtime", "1595002920000000000ns")]);
    assert_eq!((fsx.mode, fsx.uid, fsx.mtime), (0o664, 500, time(1595002920, 0)));
    let gsutil = file(&[("goog-reserved-posix-mode", "755"), ("goog-reserved-file-mtime", "1595002920")]);
    assert_eq!((gsutil.mode, gsutil.mtime.secs), (0o755, 1595002920));
    let s3sync = file(&[("permissions", "33188"), ("owner", "alice_um"), ("group", "100")]);
    assert_eq!((s3sync.mode, s3sync.uid, s3sync.gid), (0o644, 1000, 100));
    // Our own headers come before everybody's.
    let both = file(&[("s3cmd-attrs", list), ("mode", "33188"), ("mtime", "1700000001")]);
    assert_eq!((both.mode, both.uid, both.mtime.secs), (0o644, 501, 1700000001));
}

#[test]
fn a_mode_is_read_in_its_likely_base() {
    let cases = [
        ("33188", Some(Kind::File), 0o644),
        ("0100644", Some(Kind::File), 0o644),
        ("100644", Some(Kind::File), 0o644),
        ("40755", Some(Kind::Dir), 0o755),
        ("16877", Some(Kind::Dir), 0o755),
        ("41471", Some(Kind::Symlink), 0o777),
        ("120777", Some(Kind::Symlink), 0o777),
        ("420", None, 0o644),
        ("644", None, 0o644),
        ("0644", None, 0o644),
        ("0o644", None, 0o644),
        ("755", None, 0o755),
        ("493", None, 0o755),
        ("384", None, 0o600),
        ("600", None, 0o600),
        ("640", None, 0o640),
        ("750", None, 0o750),
        ("444", None, 0o444),
        ("777", None, 0o777),
        ("511", None, 0o777),
        (" 2775 ", None, 0o5327),
        ("02775", None, 0o2775),
    ];
    for (text, kind, bits) in cases {
        assert_eq!(Mode::from_header(text), Some(Mode { kind, bits }), "{text}");
    }
}

#[test]
fn special_files_are_believed_only_where_they_can_be() {
    let shown = |mode: &str, is_dir, size| {
        decode(&headers(&[("mode", mode), ("rdev", "2049")]), is_dir, size, modified(), &Defaults::new(1, 1)).0
    };
    assert_eq!(shown("41471", false, 12).kind, Kind::Symlink);
    assert_eq!(shown("41471", false, 4095).kind, Kind::Symlink);
    assert_eq!(shown("41471", false, 4096).kind, Kind::File);
    assert_eq!(shown("41471", false, 0).kind, Kind::File);
    assert_eq!(shown("41471", true, 0).kind, Kind::Dir);
    assert_eq!(shown("4516", false, 0).kind, Kind::Fifo);
    assert_eq!(shown("4516", false, 1).kind, Kind::File);
    let device = shown("25008", false, 0);
    assert_eq!((device.kind, device.mode, device.rdev), (Kind::BlockDevice, 0o660, 2049));
    assert_eq!(shown("33188", false, 0).rdev, 0);
    // A marker that was made from a plain file is a directory that one can enter.
    let marker = shown("33188", true, 0);
    assert_eq!((marker.kind, marker.mode), (Kind::Dir, 0o755));
    // A directory noted under a key without slash cannot be shown as one.
    assert_eq!((shown("16832", false, 0).kind, shown("16832", false, 0).mode), (Kind::File, 0o700));
    let geesefs = headers(&[("--symlink-target", "../a%25b%0A")]);
    assert_eq!(decode(&geesefs, false, 0, modified(), &Defaults::new(1, 1)).0.kind, Kind::Symlink);
    assert_eq!(symlink_target(&geesefs).unwrap(), b"../a%b\n");
    assert_eq!(symlink_target(&headers(&[("--symlink-target", "")])), None);
}

#[test]
fn force_owner_shows_one_owner_and_keeps_the_mode() {
    let defaults = Defaults { force_owner: true, ..Defaults::new(7, 8) };
    let attrs = decode(&headers(&[("mode", "33152"), ("uid", "5")]), false, 1, modified(), &defaults).0;
    assert_eq!((attrs.mode, attrs.uid, attrs.gid), (0o600, 7, 8));
}

#[test]
fn encode_keeps_foreign_metadata_and_brings_copies_up_to_date() {
    let list = "atime:1/ctime:2/gid:20/gname:staff/md5:0123/mode:33152/mtime:3/uid:501/uname:al";
    let mut object = headers(&[
        ("project", "ocean"),
        ("owner", "alice_um"),
        ("btime", "2023-05-11T17:54:11Z"),
        ("md5chksum", "ASNF"),
        ("s3cmd-attrs", list),
        ("mc-attrs", "mode:33152/mtime:3#4/uid:501/uname:al"),
        ("file-permissions", "0100600"),
        ("goog-reserved-file-mtime", "3"),
        ("xattr", "%7B%22user.old%22%3A%22%22%7D"),
    ]);
    object.content_type = Some("text/plain".to_owned());
    let attrs = Attrs { mode: 0o640, uid: 501, gid: 30, mtime: time(100, 5), ..file(&[]) };
    encode(&attrs, &Xattrs::new(), &mut object).unwrap();
    let expected = headers(&[
        ("project", "ocean"),
        ("owner", "alice_um"),
        ("btime", "2023-05-11T17:54:11Z"),
        ("md5chksum", "ASNF"),
        ("s3cmd-attrs", "atime:1700000000/ctime:1700000000/gid:30/md5:0123/mode:33184/mtime:100/uid:501/uname:al"),
        ("mc-attrs", "mode:33184/mtime:100#5/uid:501/uname:al"),
        ("mode", "33184"),
        ("uid", "501"),
        ("gid", "30"),
        ("mtime", "100.000000005"),
        ("ctime", "1700000000"),
        ("atime", "1700000000"),
    ]);
    assert_eq!(object.user, expected.user);
    assert_eq!(object.content_type.as_deref(), Some("text/plain"));

    content_changed(&mut object);
    assert!(!object.user.contains_key("md5chksum"));
    assert!(!object.user["s3cmd-attrs"].contains("md5"));
    assert_eq!(object.user["project"], "ocean");
}

#[test]
fn what_does_not_fit_is_refused_and_nothing_changes() {
    let attrs = file(&[]);
    let one = |len| Xattrs::from([("user.a".to_owned(), vec![7; len])]);
    assert_eq!(check_xattrs(&one(XATTR_LIMIT - 6)), Ok(()));
    assert_eq!(check_xattrs(&one(XATTR_LIMIT - 5)), Err(TooBig::Value));
    let two = Xattrs::from([("user.a".to_owned(), vec![7; 1500]), ("user.b".to_owned(), vec![7; 1500])]);
    assert_eq!(check_xattrs(&two), Err(TooBig::Total));
    // Every byte 0xff is `/` in base64 and three bytes in the header.
    let slashes = Xattrs::from([("user.a".to_owned(), vec![0xff; 1600])]);
    assert_eq!(check_xattrs(&slashes), Err(TooBig::Value));
    // More than we would take, set by another program, is no obstacle to chmod.
    assert_eq!(encode(&attrs, &two, &mut headers(&[])), Ok(()));

    let mut full = headers(&[("big", &"x".repeat(META_LIMIT - 100))]);
    let before = full.clone();
    assert_eq!(encode(&attrs, &one(100), &mut full), Err(TooBig::Total));
    assert_eq!(full, before);
}

#[test]
fn content_types() {
    assert_eq!(content_type("a.tar").as_deref(), Some("application/x-tar"));
    assert_eq!(content_type("d.e/README").as_deref(), None);
    assert_eq!(content_type("page.HTML").as_deref(), Some("text/html"));
    assert_eq!(content_type("x.d/").as_deref(), Some(DIRECTORY));
}

#[test]
fn system_time_and_back() {
    for (secs, nanos) in [(0, 0), (1, 5), (-1, 999_999_999), (-5_000_000_000, 1), (95_000_000_000, 999_999_999)] {
        assert_eq!(Time::from(SystemTime::from(time(secs, nanos))), time(secs, nanos));
    }
    assert!(time(-1, 999_999_999) < time(0, 0));
}

prop_compose! {
    fn any_time()(secs in prop_oneof![-5i64..5, -100_000_000_000i64..100_000_000_000], nanos in prop_oneof![Just(0), 0u32..1_000_000_000]) -> Time {
        Time { secs, nanos }
    }
}

prop_compose! {
    fn any_attrs()(
        kind in prop::sample::select(vec![Kind::File, Kind::Dir, Kind::Symlink, Kind::Fifo, Kind::Socket, Kind::CharDevice, Kind::BlockDevice]),
        mode in 0u32..=0o7777,
        uid in 0..u32::MAX,
        gid in 0..u32::MAX,
        mtime in any_time(),
        ctime in any_time(),
        atime in any_time(),
        rdev in 0..u32::MAX,
    ) -> Attrs {
        let rdev = if matches!(kind, Kind::CharDevice | Kind::BlockDevice) { rdev } else { 0 };
        Attrs { kind, mode, uid, gid, mtime, ctime, atime, rdev }
    }
}

fn any_xattrs() -> impl Strategy<Value = Xattrs> {
    prop::collection::btree_map("user\\.\\PC{1,20}", prop::collection::vec(any::<u8>(), 0..100), 0..5)
}

proptest! {
    #[test]
    fn what_is_encoded_is_decoded(attrs in any_attrs(), xattrs in any_xattrs()) {
        let mut object = headers(&[("foreign", "stays")]);
        encode(&attrs, &xattrs, &mut object).unwrap();
        for (name, value) in &object.user {
            prop_assert!(value.bytes().all(|b| (0x21..0x7f).contains(&b)), "{name}: {value} is not safe in a header");
        }
        prop_assert_eq!(object.user["foreign"].as_str(), "stays");
        let size = if attrs.kind == Kind::Symlink { 9 } else { 0 };
        let (back, back_xattrs) = decode(&object, attrs.kind == Kind::Dir, size, modified(), &Defaults::new(1, 1));
        prop_assert_eq!(&back, &attrs);
        prop_assert_eq!(&back_xattrs, &xattrs);
        let once = object.clone();
        encode(&back, &back_xattrs, &mut object).unwrap();
        prop_assert_eq!(object, once);
    }

    #[test]
    fn no_header_can_break_decode(
        user in prop::collection::btree_map(
            prop::sample::select(vec!["mode", "uid", "gid", "mtime", "ctime", "atime", "rdev", "xattr", "s3cmd-attrs", "mc-attrs", "--symlink-target", "file-mtime"]),
            prop_oneof!["\\PC{0,20}", "[-+]?[0-9]{0,25}([.#][0-9]{0,12})?(ns|ms)?", "[a-z]{3,5}:[-0-9#/:a-z]{0,30}", "(%[0-9a-fA-F]{2}|.){0,20}"],
            0..6,
        ),
        is_dir: bool,
        size in 0u64..10_000,
    ) {
        let user = user.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        let (attrs, xattrs) = decode(&ObjectHeaders { user, ..ObjectHeaders::default() }, is_dir, size, modified(), &Defaults::new(1, 1));
        prop_assert_eq!(is_dir, attrs.kind == Kind::Dir);
        prop_assert!(attrs.mode <= 0o7777);
        prop_assert!(attrs.mtime.nanos < 1_000_000_000 && attrs.atime.nanos < 1_000_000_000);
        prop_assert!(attrs.uid != u32::MAX && attrs.gid != u32::MAX);
        prop_assert!(xattrs.keys().all(|name| !name.is_empty()));
    }

    #[test]
    fn any_xattrs_within_the_limit_fit_into_headers(
        xattrs in prop::collection::btree_map("user\\.[a-z\u{e9}\"]{1,3}", prop::collection::vec(250u8.., 0..12), 0..300),
    ) {
        if check_xattrs(&xattrs).is_ok() {
            prop_assert_eq!(encode(&file(&[]), &xattrs, &mut headers(&[])), Ok(()));
        }
    }
}
