use super::*;
use crate::config::Origin;

fn options(line: &str) -> Result<Options, String> {
    let words: Vec<OsString> = line.split(' ').map(OsString::from).collect();
    let home = tempfile::tempdir().unwrap();
    with_env(&words, &Env::made_up(&[], home.path())).map(|said| said.options)
}

fn with_env(words: &[OsString], env: &Env) -> Result<Said, String> {
    match Cli::try_parse_from(words).map_err(|e| e.to_string())?.command {
        Command::Mount(args) => of_words(&args.options().dash_o, words, env).map_err(|f| f.text),
        _ => Err("another command".to_owned()),
    }
}

#[test]
fn dash_o_says_the_same_as_flags() {
    let flags = options("osirisfs mount b /m --read-only --cache-size=1M --uid=5").unwrap();
    let dash_o = options("osirisfs mount b /m -o ro,cache_size=1M -o uid=5").unwrap();
    for options in [flags, dash_o] {
        assert!(options.read_only);
        assert_eq!((options.cache_size, options.uid), (1 << 20, Some(5)));
        assert_eq!((options.source.as_deref(), options.mountpoint.to_str()), (Some("b"), Some("/m")));
    }
}

#[test]
fn a_flag_wins_over_dash_o() {
    let options = options("osirisfs mount -o uid=5,gid=6 --uid=7 b /m").unwrap();
    assert_eq!((options.uid, options.gid), (Some(7), Some(6)));
}

#[test]
fn wrong_values_in_dash_o_are_told_in_one_line() {
    let error = options("osirisfs mount b /m -o uid=alice").unwrap_err();
    assert!(error.contains("uid") && error.contains("alice") && !error.contains('\n'), "{error}");
    let error = options("osirisfs mount b /m -o metadata=ful").unwrap_err();
    assert!(error.contains("metadata") && !error.contains('\n'), "{error}");
}

/// With these files in /etc and of the user.
fn with_files(line: &str, system: &str, user: &str, vars: &[(&str, &str)]) -> Result<Said, String> {
    let home = tempfile::tempdir().unwrap();
    let env = Env::made_up(vars, home.path());
    std::fs::write(&env.system_config, system).unwrap();
    let path = env.user_config().unwrap();
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, user).unwrap();
    let words: Vec<OsString> = line.split(' ').map(OsString::from).collect();
    with_env(&words, &env)
}

#[test]
fn what_goes_before_what() {
    let system = "uid = 1\nlog = \"warn\"\n[bucket.b]\nuid = 2\ngid = 2\n[bucket.other]\nuid = 9";
    let user = "uid = 3\nfile_mode = \"0640\"\n[bucket.b]\nfile_mode = \"0600\"\n";
    let got = |line: &str| with_files(line, system, user, &[]).unwrap().options;
    let all = got("osirisfs mount b/folder /m");
    assert_eq!((all.uid, all.gid, all.file_mode, all.log.as_str()), (Some(3), Some(2), Some(0o600), "warn"));
    assert_eq!(got("osirisfs mount x /m").gid, None);
    assert_eq!(got("osirisfs mount -o uid=4 b /m").uid, Some(4));
    assert_eq!(got("osirisfs mount -o uid=4 --uid 5 b /m").uid, Some(5));
    assert!(matches!(&all.origins.of("gid"), Origin::File { section, line: 5, .. } if section == "[bucket.b]"));
    assert_eq!(all.origins.of("dir_mode"), Origin::Default);
    let by_hand = got("osirisfs mount -o uid=4 --gid 5 b /m").origins;
    assert_eq!((by_hand.of("uid"), by_hand.of("gid")), (Origin::DashO, Origin::CommandLine));
}

#[test]
fn a_switch_can_be_taken_back() {
    let got = |line: &str, user: &str| with_files(line, "read_only = true", user, &[]).unwrap().options.read_only;
    assert!(got("osirisfs mount b /m", ""));
    assert!(!got("osirisfs mount b /m", "read_only = false"));
    assert!(!got("osirisfs mount -o rw b /m", ""));
}

#[test]
fn credentials_of_a_file_give_way_to_nearer_ones() {
    let got = |line: &str, user: &str, vars: &[(&str, &str)]| {
        let options = with_files(line, "token_file = \"/etc/token\"", user, vars).unwrap().options;
        (options.reach.token_file.is_some(), options.reach.profile)
    };
    assert_eq!(got("osirisfs mount b /m", "", &[]), (true, None));
    assert_eq!(got("osirisfs mount --profile um b /m", "", &[]), (false, Some("um".to_owned())));
    assert_eq!(got("osirisfs mount b /m", "profile = \"um\"", &[]), (false, Some("um".to_owned())));
    assert_eq!(got("osirisfs mount b /m", "profile = \"um\"", &[("OSIRIS_TOKEN", "x")]), (false, None));
}

#[test]
fn one_file_can_be_named_instead() {
    let home = tempfile::tempdir().unwrap();
    let env = Env::made_up(&[], home.path());
    std::fs::write(&env.system_config, "uid = 1").unwrap();
    std::fs::write(home.path().join("mine"), "gid = 2").unwrap();
    let words = |line: &str| line.split(' ').map(OsString::from).collect::<Vec<_>>();
    let got = with_env(&words("osirisfs mount -o config=~/mine b /m"), &env).unwrap().options;
    assert_eq!((got.uid, got.gid), (None, Some(2)));
    let error = with_env(&words("osirisfs mount --config none b /m"), &env).err().unwrap();
    assert!(error.contains("does not exist"), "{error}");
}
