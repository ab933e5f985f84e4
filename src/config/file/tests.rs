use super::*;
use clap::Args;

fn own() -> clap::Command {
    super::super::Options::augment_args(clap::Command::new("mount").args_override_self(true))
}

fn read_text(text: &str) -> Result<File, String> {
    let env = Env::made_up(&[], Path::new("/home/alice_um"));
    parse(text, Path::new("/etc/osirisfs.conf"), &env, &own()).map_err(|e| e.to_string())
}

fn flags(entries: &[Entry]) -> Vec<&str> {
    entries.iter().filter_map(|entry| entry.flag.as_deref()).collect()
}

#[test]
fn options_sections_and_sites() {
    let text = r#"
        cache_size = "1G"
        connections = 1_00
        max-age = 0.5
        allow_other = true
        read_only = false
        token_file = "~/token"
        [bucket."um-data"]
        read_only = true
        [site.chicago]
        endpoint = "rgw.example.org"
        ca_file = "/etc/ca.pem"
    "#;
    let file = read_text(text).unwrap();
    let mut all = flags(&file.all);
    all.sort();
    assert_eq!(
        all,
        ["--allow-other", "--cache-size=1G", "--connections=100", "--max-age=0.5", "--token-file=/home/alice_um/token"]
    );
    assert!(file.all.iter().any(|entry| entry.name == "read_only" && entry.flag.is_none()));
    assert_eq!(flags(&file.buckets["um-data"]), ["--read-only"]);
    let site = &file.sites["chicago"];
    assert_eq!((site.endpoint.as_str(), site.region.as_deref()), ("https://rgw.example.org", None));
    assert_eq!(site.ca_file.as_deref(), Some(Path::new("/etc/ca.pem")));
    assert!(matches!(site.origin, Origin::File { line: 10, .. }), "{:?}", site.origin);
}

#[test]
fn what_is_wrong_is_told_with_its_line() {
    let cases = [
        ("cache_sise = 1", "line 1", "did you mean \"cache_size\"?"),
        ("\n[buckets.x]\nuid = 1", "line 2", "did you mean \"bucket\"?"),
        ("[bucket.x]\npasswd_file = \"/x\"", "line 2", "is here: token_file"),
        ("token = \"hush\"", "line 1", "token_file"),
        ("\n\nuid = \"alice\"", "line 3", "invalid value"),
        ("metadata = \"ful\"", "line 1", "metadata"),
        ("read_only = \"yes\"", "line 1", "read_only = true or false"),
        ("cache_size = true", "line 1", "needs a text or a number"),
        ("cache_dir = \"cache\"", "line 1", "from / or ~/ on"),
        ("max_age = 1\nmax-age = 2", "", "there twice"),
        ("bucket = 5", "line 1", "unknown key"),
        ("[site.x]\nendpont = \"h\"", "line 2", "did you mean \"endpoint\"?"),
        ("[site.x]\nregion = \"h\"", "line 1", "has no endpoint"),
        ("[site.x]\nendpoint = \"ftp://h\"", "line 2", "https and http"),
        ("uid = 1\nuid =", "line 2", "TOML"),
        ("fake = true", "line 1", "unknown key"),
        ("config = \"/x\"", "line 1", "unknown key"),
        ("help = true", "line 1", "unknown key"),
    ];
    for (text, line, expected) in cases {
        let error = read_text(text).err().unwrap_or_else(|| panic!("{text} is accepted"));
        assert!(error.contains(line) && error.contains(expected), "{text}: {error}");
        assert!(!error.contains("hush") && !error.contains('\n'), "{error}");
    }
}

#[test]
fn a_file_that_others_can_change_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("config.toml");
    let env = Env::made_up(&[], dir.path());
    let mode = |mode| std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
    assert!(read(&path, &env, &own()).unwrap().is_none(), "a missing file says nothing");
    std::fs::write(&path, "uid = 1").unwrap();
    mode(0o664);
    let error = read(&path, &env, &own()).unwrap_err();
    assert!(error.remedy.contains("chmod go-w"), "{error}");
    mode(0o644);
    assert_eq!(read(&path, &env, &own()).unwrap().unwrap().all.len(), 1);
}
