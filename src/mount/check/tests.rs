use super::*;
use std::fs;

fn words(result: Result<PathBuf, MountError>) -> String {
    match result {
        Ok(path) => path.display().to_string(),
        Err(error) => error.message(),
    }
}

#[test]
fn an_empty_folder_is_fit_and_made_real() {
    let dir = tempfile::tempdir().unwrap();
    let real = dir.path().canonicalize().unwrap().join("m");
    fs::create_dir(&real).unwrap();
    std::os::unix::fs::symlink(&real, dir.path().join("link")).unwrap();
    assert_eq!(words(prepare(&dir.path().join("link"), false)), real.display().to_string());
}

#[test]
fn unfit_places_are_named() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("file"), "x").unwrap();
    assert!(words(prepare(&dir.path().join("nowhere"), false)).contains("does not exist"));
    assert!(words(prepare(&dir.path().join("file"), false)).contains("is not a directory"));
    assert!(words(prepare(&dir.path().join("file/below"), false)).contains("is not a directory"));
    assert!(words(prepare(dir.path(), false)).contains("is not empty"));
    assert!(prepare(dir.path(), true).is_ok());
}

#[test]
fn a_live_folder_is_not_dead() {
    let dir = tempfile::tempdir().unwrap();
    assert!(!is_dead(dir.path()));
    assert!(answers(dir.path()));
    assert!(!answers(&dir.path().join("nowhere")));
    assert_eq!(clear_dead(dir.path()).unwrap(), 0);
}

#[test]
fn what_takes_too_long_is_left() {
    assert_eq!(within(Duration::from_secs(5), || 7), Some(7));
    assert_eq!(within(Duration::from_millis(10), || std::thread::sleep(Duration::from_millis(300))), None);
}
