use super::*;

fn options(line: &str) -> Result<Options, String> {
    let words: Vec<OsString> = line.split(' ').map(OsString::from).collect();
    match Cli::try_parse_from(&words).map_err(|e| e.to_string())?.command {
        Command::Mount(args) => with_dash_o(*args, &words).map(|(options, _)| options).map_err(|f| f.text),
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
        assert_eq!((options.source.as_str(), options.mountpoint.to_str()), ("b", Some("/m")));
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
