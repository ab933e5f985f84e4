//! `osirisfs mount`.

use super::exit::{DONE, Failure};
use super::{Cli, Command, daemon, logging};
use crate::config::{ConfigError, Env, MountFlags, Options, Settings, Sites, dash_o, parse, resolve};
use crate::mount::daemon::{Ready, Side, split};
use crate::mount::{MountError, check, device};
use clap::Parser;
use std::ffi::OsString;

#[derive(clap::Args)]
pub struct Args {
    #[command(flatten)]
    options: Options,

    /// Check everything that can be checked here, and do not mount (mount -f)
    #[arg(long, hide = true)]
    fake: bool,
}

/// Mounts. In the foreground it returns at the end of the mount; else it is the command that returns when the daemon
/// has spoken, and the daemon's end ends the process in here.
pub fn run(args: Args, words: &[OsString]) -> Result<(), Failure> {
    let fake = args.fake;
    let (options, kernel) = with_dash_o(args, words)?;
    let env = Env::of_process();
    let mut settings = resolve(&options, kernel, &env, &Sites::default())?;
    logging::check(&settings)?;
    settings.mountpoint = match check::prepare(&settings.mountpoint, options.nonempty) {
        Err(MountError::AlreadyMounted { source, .. })
            if options.if_not_mounted && !fake && source == settings.source() =>
        {
            return Ok(());
        }
        prepared => prepared?,
    };
    device::check()?;
    if fake {
        return Ok(());
    }
    warn_of_open_ways(&settings);
    if settings.foreground {
        return match daemon::run(settings, Ready::nobody_waits()) {
            DONE => Ok(()),
            // It was told when it happened.
            code => std::process::exit(code.into()),
        };
    }
    match split().map_err(|e| Failure::other(format!("the daemon cannot be started: {e}")))? {
        Side::Daemon(ready) => std::process::exit(daemon::run(settings, ready).into()),
        Side::Command(word) if word.code == DONE => Ok(()),
        Side::Command(word) => Err(Failure { code: word.code, text: word.text }),
    }
}

/// Reads the words once more with what `-o` names put before them as flags, so that both ways of writing are checked in
/// the same way and a flag that was written out wins.
fn with_dash_o(args: Args, words: &[OsString]) -> Result<(Options, MountFlags), Failure> {
    let said = dash_o::read(&args.options.dash_o, &super::mount_command())?;
    if said.flags.is_empty() {
        return Ok((args.options, said.kernel));
    }
    let (program_and_command, rest) = words.split_at(words.len().min(2));
    let all = program_and_command.iter().cloned().chain(said.flags.iter().map(OsString::from)).chain(rest.to_vec());
    match Cli::try_parse_from(all) {
        Ok(Cli { command: Command::Mount(args) }) => Ok((args.options, said.kernel)),
        Ok(_) => Err(Failure::other("-o belongs to osirisfs mount")),
        Err(e) => Err(Failure { code: super::exit::USAGE, text: in_one_line(&e) }),
    }
}

/// clap's report without its "error: " and its usage, which would show flags that the user did not write.
fn in_one_line(error: &clap::Error) -> String {
    let text = error.to_string();
    let first = text.lines().next().unwrap_or_default();
    format!("in -o: {}", first.trim_start_matches("error: "))
}

/// What others on the way could read.
fn warn_of_open_ways(settings: &Settings) {
    if settings.network.no_tls_verify {
        eprintln!(
            "osirisfs: warning: --no-tls-verify: {} may be anybody, and gets your token; for a private authority use \
             --ca-file",
            settings.endpoint
        );
    }
    if parse::readable_on_the_way(&settings.endpoint) {
        let warning = ConfigError::new(
            format!("{} is not encrypted: a token sent there can be read on the way", settings.endpoint),
            "use https if the service has it",
        );
        eprintln!("osirisfs: warning: {warning}");
    }
}

#[cfg(test)]
mod tests;
