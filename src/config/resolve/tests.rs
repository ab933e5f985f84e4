use super::super::{Conflict, Metadata};
use super::*;
use clap::{Args, FromArgMatches};
use std::time::Duration;

fn options(words: &[&str]) -> Options {
    let command = Options::augment_args(clap::Command::new("mount").no_binary_name(true));
    let matches = command.try_get_matches_from(words).unwrap();
    Options::from_arg_matches(&matches).unwrap()
}

fn settings(words: &[&str], vars: &[(&str, &str)]) -> Result<Settings, ConfigError> {
    let home = tempfile::tempdir().unwrap();
    let mut all = vec![("OSIRIS_TOKEN", "T")];
    all.extend_from_slice(vars);
    resolve(&options(words), MountFlags::default(), &Env::made_up(&all, home.path()))
}

#[test]
fn defaults() {
    let got = settings(&["cou-data", "/mnt/data"], &[]).unwrap();
    assert_eq!(got.endpoint, "https://rgw.osris.org");
    assert_eq!(got.region, "us-east-1");
    assert_eq!((got.file_mode, got.dir_mode), (0o644, 0o755));
    assert_eq!((got.uid, got.gid), (nix::unistd::geteuid().as_raw(), nix::unistd::getegid().as_raw()));
    assert_eq!(got.max_age, Duration::from_secs(3));
    assert_eq!((got.ask_for, got.retry_for), (Duration::from_secs(60), Duration::from_secs(600)));
    assert_eq!((got.metadata, got.conflict), (Metadata::Full, Conflict::KeepBoth));
    assert!(!got.read_only && !got.allow_other && !got.foreground);
    assert_eq!(got.source(), "cou-data");
}

#[test]
fn what_is_said_counts() {
    let words = [
        "cou-data/run7/",
        "mnt",
        "--endpoint=http://127.0.0.1:8000/",
        "--uid=33",
        "--gid=34",
        "--file-mode=0640",
        "--dir-mode=2770",
        "--max-age=0.25",
        "--cache-size=1G",
        "--metadata=listing",
        "--conflict=overwrite",
        "--read-only",
        "--ask-for=5s",
        "--retry-for=7",
    ];
    let got = settings(&words, &[]).unwrap();
    assert_eq!(got.source(), "cou-data/run7");
    assert_eq!(got.prefix, "run7/");
    assert!(got.mountpoint.is_absolute() && got.mountpoint.ends_with("mnt"));
    assert_eq!(got.endpoint, "http://127.0.0.1:8000");
    assert_eq!((got.uid, got.gid, got.file_mode, got.dir_mode), (33, 34, 0o640, 0o2770));
    assert_eq!(got.max_age, Duration::from_millis(250));
    assert_eq!(got.cache_size, 1 << 30);
    assert_eq!((got.metadata, got.conflict), (Metadata::Listing, Conflict::Overwrite));
    assert!(got.read_only);
    assert_eq!(got.store_config().ask_for, Duration::from_secs(5));
    assert_eq!(got.store_config().store_for, Duration::from_secs(7));
}

#[test]
fn the_umask_is_for_default_modes_only() {
    let got = settings(&["b", "/m", "--umask=0077"], &[]).unwrap();
    assert_eq!((got.file_mode, got.dir_mode), (0o600, 0o700));
    let got = settings(&["b", "/m", "--umask=0077", "--file-mode=0664"], &[]).unwrap();
    assert_eq!((got.file_mode, got.dir_mode), (0o664, 0o700));
}

#[test]
fn the_environment_names_the_endpoint_unless_the_option_does() {
    let vars = [("AWS_ENDPOINT_URL", "https://a.example.org"), ("AWS_REGION", "eu")];
    let got = settings(&["b", "/m"], &vars).unwrap();
    assert_eq!((got.endpoint.as_str(), got.region.as_str()), ("https://a.example.org", "eu"));
    let got = settings(&["b", "/m", "--endpoint=https://b.example.org"], &vars).unwrap();
    assert_eq!(got.endpoint, "https://b.example.org");
}

#[test]
fn the_profile_names_the_endpoint() {
    let home = tempfile::tempdir().unwrap();
    std::fs::create_dir(home.path().join(".aws")).unwrap();
    let text = "[profile alice_um]\naws_access_key_id=A\nendpoint_url=https://rgw-um.example.org\n";
    std::fs::write(home.path().join(".aws/config"), text).unwrap();
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o600);
    std::fs::set_permissions(home.path().join(".aws/config"), mode).unwrap();
    let options = options(&["b", "/m", "--profile=alice_um"]);
    let got = resolve(&options, MountFlags::default(), &Env::made_up(&[], home.path())).unwrap();
    assert_eq!(got.endpoint, "https://rgw-um.example.org");
}

#[test]
fn folders_inside_the_mount_are_refused() {
    let error = settings(&["b", "/m", "--cache-dir=/m/cache"], &[]).unwrap_err();
    assert!(error.message.contains("--cache-dir"), "{error}");
    let error = settings(&["b", "/m", "--log-file=/m/log"], &[]).unwrap_err();
    assert!(error.message.contains("--log-file"), "{error}");
}

#[test]
fn a_missing_ca_file_is_named() {
    let error = settings(&["b", "/m", "--ca-file=/nonexistent/ca.pem"], &[]).unwrap_err();
    assert!(error.message.contains("/nonexistent/ca.pem"), "{error}");
}

#[test]
fn settings_never_show_the_token() {
    let got = settings(&["b", "/m"], &[("OSIRIS_TOKEN", "hush-hush")]).unwrap();
    assert!(!format!("{got:?}").contains("hush-hush"));
}
