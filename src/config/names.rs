//! Names of options as `-o` and files write them, and what was meant by a name that is none.

use super::ConfigError;

/// What s3fs, goofys and others call things, and what they are called here.
const ELSEWHERE: &[(&str, &str)] = &[
    ("url", "endpoint"),
    ("host", "endpoint"),
    ("passwd_file", "token_file"),
    ("token", "token_file (a token in the options could be read by everyone)"),
    ("use_cache", "cache_dir"),
    ("cache", "cache_dir"),
    ("mp_umask", "umask"),
    ("stat_cache_expire", "max_age"),
    ("stat-cache-ttl", "max_age"),
    ("dbglevel", "log"),
    ("logfile", "log_file"),
    ("use_path_request_style", "nothing: path style is what osirisfs always uses; leave it out"),
];

/// An option by its name, written with `_` or `-`.
pub fn find<'a>(name: &str, own: &'a clap::Command) -> Option<&'a clap::Arg> {
    let long = name.replace('_', "-");
    if matches!(long.as_str(), "help" | "version") {
        return None;
    }
    own.get_arguments().find(|arg| arg.get_long() == Some(&long))
}

/// The name of an option with underscores.
pub fn canonical(name: &str) -> String {
    name.replace('-', "_")
}

/// What to do about an option that takes no value and got one.
pub fn takes_no_value(name: &str) -> ConfigError {
    ConfigError::new(format!("the option {name} takes no value"), format!("write -o {name}"))
}

/// What was probably meant: another program's name for the same, or one of ours or of `more` that is spelled alike.
pub fn suggestion(name: &str, own: &clap::Command, more: &[&str]) -> String {
    if let Some((_, ours)) = ELSEWHERE.iter().find(|(theirs, _)| *theirs == name) {
        return format!("what other programs call {name} is here: {ours}");
    }
    let mut names: Vec<String> = own.get_arguments().filter_map(|arg| arg.get_long()).map(canonical).collect();
    names.extend(more.iter().map(|name| name.to_string()));
    match nearest(&canonical(name), names.iter().map(String::as_str)) {
        Some(candidate) => format!("did you mean \"{candidate}\"? (osirisfs mount --help lists them all)"),
        None => "osirisfs mount --help lists the options".to_owned(),
    }
}

/// The word that is spelled most like this one, if any is.
pub fn nearest<'a>(name: &str, candidates: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    candidates
        .map(|candidate| (strsim::jaro_winkler(name, candidate), candidate))
        .filter(|(likeness, _)| *likeness > 0.8)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, candidate)| candidate)
}
