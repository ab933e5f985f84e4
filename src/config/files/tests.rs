use super::*;
use clap::Args;

#[test]
fn sites_of_the_user_go_before_those_of_the_machine() {
    let own = super::super::Options::augment_args(clap::Command::new("mount"));
    let home = tempfile::tempdir().unwrap();
    let env = Env::made_up(&[("XDG_CONFIG_HOME", home.path().join("x").to_str().unwrap())], home.path());
    std::fs::write(&env.system_config, "[site.um]\nendpoint = \"a\"\n[site.wsu]\nendpoint = \"b\"").unwrap();
    std::fs::create_dir_all(home.path().join("x/osirisfs")).unwrap();
    std::fs::write(home.path().join("x/osirisfs/config.toml"), "[site.um]\nendpoint = \"c\"").unwrap();
    let files = Files::find(None, &env, &own).unwrap();
    assert_eq!(files.site("um").unwrap().endpoint, "https://c");
    let all: Vec<_> = files.sites().into_iter().map(|(name, site)| (name, site.endpoint.as_str())).collect();
    assert_eq!(all, [("um", "https://c"), ("wsu", "https://b")]);
    assert!(files.site("msu").is_none());
    assert!(files.looked().all(|(_, there)| there));
}

#[test]
fn variables_hide_what_files_say() {
    let own = super::super::Options::augment_args(clap::Command::new("mount"));
    let home = tempfile::tempdir().unwrap();
    let env = Env::made_up(&[("AWS_REGION", "eu")], home.path());
    std::fs::write(&env.system_config, "region = \"us\"\nlog = \"warn\"").unwrap();
    let files = Files::find(None, &env, &own).unwrap();
    let (flags, origins) = files.under(&Origins::default(), "b", &env);
    assert_eq!(flags, ["--log=warn"]);
    assert!(origins.is_of_file("log") && !origins.is_of_file("region"));
}
