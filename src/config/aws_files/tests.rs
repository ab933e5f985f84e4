use super::*;

fn files(credentials: &str, config: &str) -> (tempfile::TempDir, AwsFiles) {
    let home = tempfile::tempdir().unwrap();
    std::fs::create_dir(home.path().join(".aws")).unwrap();
    std::fs::write(home.path().join(".aws/credentials"), credentials).unwrap();
    std::fs::write(home.path().join(".aws/config"), config).unwrap();
    let found = AwsFiles::of(&Env::made_up(&[], home.path()));
    (home, found)
}

#[test]
fn keys_of_one_file_and_settings_of_the_other() {
    let (home, files) = files(
        "# a comment\n[alice_um]\naws_access_key_id = AKIA1\naws_secret_access_key = a/b+c==\n\n[other]\naws_access_key_id=X\n",
        "[default]\nregion=eu\n[profile alice_um]\nendpoint_url = https://rgw-um.example.org\ns3 =\n  addressing_style = path\n",
    );
    let profile = files.profile("alice_um").unwrap();
    assert_eq!(profile.access_key.as_deref(), Some("AKIA1"));
    assert_eq!(profile.secret_key.as_deref(), Some("a/b+c=="));
    assert_eq!(profile.endpoint.as_deref(), Some("https://rgw-um.example.org"));
    assert_eq!(profile.region, None);
    assert_eq!(profile.keys_from, Some(home.path().join(".aws/credentials")));
    assert_eq!(files.profile("default").unwrap().region.as_deref(), Some("eu"));
}

#[test]
fn a_token_with_an_empty_or_missing_secret() {
    let (_home, files) = files(
        "[empty]\naws_access_key_id = eyJSR1dfVE9LRU4i==\naws_secret_access_key =\n[missing]\naws_access_key_id = T2\n",
        "",
    );
    let empty = files.profile("empty").unwrap();
    assert_eq!((empty.access_key.as_deref(), empty.secret_key), (Some("eyJSR1dfVE9LRU4i=="), None));
    let missing = files.profile("missing").unwrap();
    assert_eq!((missing.access_key.as_deref(), missing.secret_key), (Some("T2"), None));
}

#[test]
fn an_unknown_profile_and_missing_files_say_nothing() {
    let (_home, files) = files("[alice_um]\naws_access_key_id=A\n", "");
    assert!(!files.profile("bob_wsu").unwrap().found);
    let nowhere = AwsFiles::of(&Env::made_up(&[], Path::new("/nonexistent")));
    assert!(!nowhere.profile("default").unwrap().found);
}

#[test]
fn ways_that_are_not_understood_are_named() {
    let (_home, files) = files("", "[profile p]\nrole_arn = arn:x\n");
    let profile = files.profile("p").unwrap();
    assert_eq!(profile.other_way, Some("role_arn"));
    assert!(profile.found && profile.access_key.is_none());
}

#[test]
fn a_broken_line_is_named_but_not_repeated() {
    let (_home, files) = files("[a]\naws_access_key_id = A\nhush-hush\n[b]\n", "");
    let error = files.profile("a").err().map(|e| e.to_string()).unwrap_or_default();
    assert!(error.contains("line") && !error.contains("hush-hush"), "{error}");
}

#[test]
fn the_environment_says_where_the_files_are() {
    let env =
        Env::made_up(&[("AWS_SHARED_CREDENTIALS_FILE", "/etc/keys"), ("AWS_CONFIG_FILE", "conf")], Path::new("/h"));
    let files = AwsFiles::of(&env);
    assert_eq!(files.credentials.as_deref(), Some(Path::new("/etc/keys")));
    assert_eq!(files.config.as_deref(), Some(Path::new("/h/conf")));
}
