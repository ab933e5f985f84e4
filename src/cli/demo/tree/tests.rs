use super::*;
use std::process::Command;

#[test]
fn a_copy_is_equal_and_every_change_is_seen() {
    let dir = tempfile::tempdir().unwrap();
    let (from, to) = (dir.path().join("a"), dir.path().join("b"));
    stage(&from).unwrap();
    assert!(Command::new("cp").arg("-a").arg(&from).arg(&to).status().unwrap().success());
    let before = read(&from).unwrap();
    assert!(totals(&before).1 > LARGE as u64);
    assert_eq!(differences(&before, &read(&to).unwrap()), Vec::<String>::new());

    let hard = to.join("hard ones");
    fs::write(hard.join("extra"), "").unwrap();
    fs::remove_file(hard.join("empty")).unwrap();
    fs::set_permissions(hard.join("run.sh"), fs::Permissions::from_mode(0o700)).unwrap();
    let large = fs::OpenOptions::new().append(true).open(hard.join("large.bin")).unwrap();
    let time = large.metadata().unwrap().modified().unwrap();
    (&large).write_all(b"x").unwrap();
    large.set_modified(time).unwrap();
    let found = differences(&before, &read(&to).unwrap()).join("\n");
    for expected in ["hard ones/empty is missing", "extra is new", "has mode 0700 and had 0750", "large.bin is File"] {
        assert!(found.contains(expected), "{expected}: {found}");
    }
}

#[test]
fn the_first_file_is_not_an_empty_one() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("a"), "").unwrap();
    fs::write(dir.path().join("b"), "x").unwrap();
    assert_eq!(first_file(&read(dir.path()).unwrap()), Some("b".into()));
}
