use super::*;

fn pair() -> (File, Ready) {
    let (read, write) = nix::unistd::pipe2(OFlag::O_CLOEXEC).unwrap();
    (read.into(), Ready { pipe: Some(write.into()), in_session: false })
}

#[test]
fn a_failure_reaches_the_command() {
    let (mut read, ready) = pair();
    assert_eq!(ready.failed(1, "no bucket; check"), None);
    let mut text = String::new();
    read.read_to_string(&mut text).unwrap();
    assert_eq!(parse(&text), Some(Word { code: 1, text: "no bucket; check".to_owned() }));
}

#[test]
fn in_the_foreground_a_failure_comes_back() {
    assert_eq!(Ready::nobody_waits().failed(1, "x").as_deref(), Some("x"));
    assert!(!Ready::nobody_waits().is_abandoned());
}

#[test]
fn a_command_that_went_away_is_noticed() {
    let (read, ready) = pair();
    assert!(!ready.is_abandoned());
    drop(read);
    assert!(ready.is_abandoned());
    assert_eq!(ready.failed(1, "x"), None);
}

#[test]
fn silence_is_no_word() {
    assert_eq!(parse(""), None);
    assert_eq!(parse("words without a code\n"), None);
    assert_eq!(parse("0\n"), Some(Word { code: 0, text: String::new() }));
}

#[test]
fn a_process_with_threads_does_not_fork() {
    // The test runner has threads of its own.
    assert!(split(false).is_err());
}
