use super::*;

fn own() -> clap::Command {
    use clap::Args;
    super::super::Options::augment_args(clap::Command::new("mount"))
}

fn parsed(list: &str) -> Result<DashO, ConfigError> {
    read(&[list.to_owned()], &own())
}

#[test]
fn our_names_become_flags_in_both_spellings() {
    let got = parsed("cache_size=1G,cache-dir=/x,allow_other,max_age=0.5").unwrap();
    assert_eq!(got.flags, ["--cache-size=1G", "--cache-dir=/x", "--allow-other", "--max-age=0.5"]);
}

#[test]
fn an_ordinary_fstab_line_is_accepted() {
    let list = "_netdev,nofail,noauto,x-systemd.automount,noatime,dev,suid,rw,user,comment=x,allow_other";
    let got = parsed(list).unwrap();
    assert_eq!(got.flags, ["--allow-other"]);
    let expected = MountFlags { noatime: true, nosuid: false, nodev: false, ..MountFlags::default() };
    assert_eq!(got.kernel, expected);
}

#[test]
fn the_last_of_ro_and_rw_counts() {
    assert_eq!(parsed("ro").unwrap().flags, ["--read-only"]);
    assert!(parsed("ro,rw").unwrap().flags.is_empty());
    let two = read(&["rw".to_owned(), "ro".to_owned()], &own()).unwrap();
    assert_eq!(two.flags, ["--read-only"]);
}

#[test]
fn a_backslash_keeps_a_comma() {
    assert_eq!(parsed(r"ca_file=/a\,b\\c,ro").unwrap().flags, [r"--ca-file=/a,b\c", "--read-only"]);
}

#[test]
fn unknown_names_are_refused_with_a_suggestion() {
    let wrong = parsed("cache_siz=1G").unwrap_err();
    assert!(wrong.message.contains("cache_siz") && wrong.remedy.contains("cache_size"), "{wrong}");
    let s3fs = parsed("url=https://rgw.example.org").unwrap_err();
    assert!(s3fs.remedy.contains("endpoint"), "{s3fs}");
    let odd = parsed("zzzz").unwrap_err();
    assert!(odd.message.contains("zzzz") && !odd.remedy.contains("did you mean"), "{odd}");
    assert!(parsed("help").is_err());
}

#[test]
fn a_token_in_the_options_is_refused_and_not_repeated() {
    let wrong = parsed("token=hush-hush").unwrap_err().to_string();
    assert!(wrong.contains("token_file") && !wrong.contains("hush-hush"), "{wrong}");
}

#[test]
fn values_where_they_belong() {
    assert!(parsed("endpoint").unwrap_err().message.contains("needs a value"));
    assert!(parsed("allow_other=yes").unwrap_err().message.contains("takes no value"));
    assert!(parsed("noatime=1").unwrap_err().message.contains("takes no value"));
    let again = parsed("remount,ro").unwrap();
    assert!(again.remount && again.read_only == Some(true));
}

#[test]
fn nothing_is_nothing() {
    assert_eq!(parsed("").unwrap(), DashO::default());
    assert_eq!(parsed("defaults,,").unwrap(), DashO::default());
}
