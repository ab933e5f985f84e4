//! From the words of a mount to all that was said: flags, `-o`, and under them the configuration files.

use super::exit::{Failure, USAGE};
use super::{Cli, Command};
use crate::config::{Env, Files, MountFlags, Options, Sites, dash_o, files, parse};
use clap::{CommandFactory, Parser};
use std::ffi::OsString;
use std::path::PathBuf;

/// What was said, by whomever.
pub struct Said {
    /// The arguments of the mount, files included.
    pub options: Options,
    /// Flags for the kernel, from `-o`.
    pub kernel: MountFlags,
    /// `-o remount`: the kernel's flags of a mount that is there are to be changed.
    pub remount: bool,
    /// The files that were looked for.
    pub files: Files,
    /// The words with everything in them, as clap read them last.
    pub matches: clap::ArgMatches,
}

/// Reads `osirisfs mount ...` once more with what `-o` names put before as flags, and before these what the files say, so
/// that all ways of writing are checked in the same way and the one of most weight comes last.
pub fn of_words(dash_o: &[String], words: &[OsString], env: &Env) -> Result<Said, Failure> {
    let own = super::mount_command();
    let dash_o = dash_o::read(dash_o, &own)?;
    let (mut options, mut matches) = parsed(words, &[], &dash_o.flags)?;
    let given = files::given(&parsed(words, &[], &[])?.1, &dash_o);
    let files = Files::find(options.config.as_deref(), env, &own)?;
    let bucket =
        parse::source(options.source.as_deref().unwrap_or(parse::ALL)).map(|(bucket, _)| bucket).unwrap_or_default();
    let (flags, origins) = files.under(&given, &bucket, env);
    if !flags.is_empty() {
        (options, matches) = parsed(words, &flags, &dash_o.flags)?;
    }
    options.origins = origins;
    options.sites = Sites::of(&files);
    Ok(Said { options, kernel: dash_o.kernel, remount: dash_o.remount, files, matches })
}

/// The same for a bucket that is not to be mounted: with options of `-o` alone.
pub fn of_bucket(bucket: &str, dash_o: &[String], config: Option<&PathBuf>, env: &Env) -> Result<Said, Failure> {
    let mut words: Vec<OsString> = ["osirisfs", "mount"].map(OsString::from).to_vec();
    if let Some(config) = config {
        words.extend(["--config".into(), config.clone().into_os_string()]);
    }
    // No other folder lies in that one.
    words.extend([bucket.into(), "/dev/null".into()]);
    of_words(dash_o, &words, env)
}

fn parsed(words: &[OsString], files: &[String], dash_o: &[String]) -> Result<(Options, clap::ArgMatches), Failure> {
    let (program_and_command, rest) = words.split_at(words.len().min(2));
    let more = files.iter().chain(dash_o).map(OsString::from);
    let all: Vec<OsString> = program_and_command.iter().cloned().chain(more).chain(rest.to_vec()).collect();
    let failed = |e: clap::Error| Failure { code: USAGE, text: in_one_line(&e) };
    let options = match Cli::try_parse_from(&all).map_err(failed)? {
        Cli { command: Command::Mount(args) } => args.options(),
        _ => return Err(Failure::other("-o belongs to osirisfs mount")),
    };
    let matches = Cli::command().try_get_matches_from(&all).map_err(failed)?;
    let matches = matches.subcommand_matches("mount").cloned().unwrap_or_default();
    Ok((options, matches))
}

/// clap's report without its "error: " and its usage, which would show flags that the user did not write.
fn in_one_line(error: &clap::Error) -> String {
    let text = error.to_string();
    let first = text.lines().next().unwrap_or_default();
    format!("in -o: {}", first.trim_start_matches("error: "))
}

#[cfg(test)]
mod tests;
