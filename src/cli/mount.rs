//! `osirisfs mount`.

use super::exit::{DONE, Failure};
use super::{daemon, effective, logging};
use crate::config::{ConfigError, Env, Options, Settings, parse, resolve};
use crate::mount::daemon::{Ready, Side, split};
use crate::mount::{MountError, check, device};
use std::ffi::OsString;

#[derive(clap::Args)]
pub struct Args {
    #[command(flatten)]
    options: Options,

    /// Check everything that can be checked here, and do not mount (mount -f)
    #[arg(long, hide = true)]
    fake: bool,
}

impl Args {
    /// What is said here.
    pub fn options(self) -> Options {
        self.options
    }
}

/// Mounts. In the foreground it returns at the end of the mount; else it is the command that returns when the daemon
/// has spoken, and the daemon's end ends the process in here.
pub fn run(args: Args, words: &[OsString]) -> Result<(), Failure> {
    let fake = args.fake;
    let env = Env::of_process();
    let effective::Said { options, kernel, remount, .. } = effective::of_words(&args.options.dash_o, words, &env)?;
    if remount {
        let mountpoint = check::real(&env.absolute(&options.mountpoint))?;
        return Ok(device::remount(&mountpoint, kernel, options.read_only)?);
    }
    let mut settings = resolve(&options, kernel, &env)?;
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
    let (dash_o, words) = (args.options.dash_o, words.to_vec());
    let again = Box::new(move || {
        let said = effective::of_words(&dash_o, &words, &env)?;
        Ok(resolve(&said.options, said.kernel, &env)?)
    });
    if settings.foreground {
        return match daemon::run(settings, Ready::nobody_waits(), again) {
            DONE => Ok(()),
            // It was told when it happened.
            code => Err(Failure::told(code)),
        };
    }
    match split(check::is_automount(&settings.mountpoint))
        .map_err(|e| Failure::other(format!("the daemon cannot be started: {e}")))?
    {
        Side::Daemon(ready) => std::process::exit(daemon::run(settings, ready, again).into()),
        Side::Command(word) if word.code == DONE => Ok(()),
        Side::Command(word) => Err(Failure { code: word.code, text: word.text }),
    }
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
