use super::*;

fn name(error: MountError) -> String {
    format!("{error:?}").split(['(', ' ']).next().unwrap_or_default().to_owned()
}

#[test]
fn sentences_of_fusermount3_get_their_meaning() {
    let at = Path::new("/m");
    for (words, expected) in [
        (
            "fusermount3: option allow_other only allowed if 'user_allow_other' is set in /etc/fuse.conf\n",
            "AllowOtherForbidden",
        ),
        ("fusermount3: failed to open /dev/fuse: Permission denied\n", "FuseDenied"),
        ("fusermount3: fuse device not found, try 'modprobe fuse' first\n", "NoFuse"),
        ("fusermount3: user has no write access to mountpoint /m\n", "NoAccess"),
        ("fusermount3: mount failed: Operation not permitted\n", "Refused"),
    ] {
        assert_eq!(name(refusal(words, at)), expected, "{words}");
    }
    for (words, expected) in [
        ("fusermount3: failed to unmount /m: Device or resource busy\n", "Busy"),
        ("fusermount3: entry for /m not found in /etc/mtab\n", "NotMounted"),
        ("fusermount3: failed to unmount /m: Operation not permitted\n", "NotYours"),
    ] {
        assert_eq!(name(unmount_refusal(words, at)), expected, "{words}");
    }
}

#[test]
fn reasons_become_one_line() {
    assert_eq!(one_line("a\n\n b \n"), "a; b");
    assert_eq!(one_line(""), "fusermount3 gave no reason");
}
