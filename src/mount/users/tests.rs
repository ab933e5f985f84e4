use super::*;

#[test]
fn a_process_with_an_open_file_is_named() {
    let dir = tempfile::tempdir().unwrap();
    assert_eq!(of(dir.path()), Vec::<String>::new());
    let _open = fs::File::create(dir.path().join("f")).unwrap();
    let found = of(dir.path());
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].ends_with(&format!("(process {})", std::process::id())), "{found:?}");
}
