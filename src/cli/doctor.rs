//! `osirisfs doctor`: whether everything that a mount needs is in order. One line each, good or with the remedy.

mod machine;
mod service;

use super::effective;
use super::exit::{FAILED, Failure};
use super::speak;
use crate::config::{Env, resolve};
use std::io::Write;
use std::path::PathBuf;

#[derive(clap::Args)]
pub struct Args {
    /// The bucket, or a folder of it, that is to be mounted; without one the service is not asked about buckets
    #[arg(value_name = "BUCKET[/PREFIX]")]
    bucket: Option<String>,

    /// Options of the mount, as mount(8) and fstab write them
    #[arg(short = 'o', value_name = "OPTIONS")]
    dash_o: Vec<String>,

    /// Configuration file to read instead of the usual ones
    #[arg(long, value_name = "PATH")]
    config: Option<PathBuf>,
}

/// How something is.
enum Verdict {
    Good,
    /// Works, but not as well as it could.
    Note(String),
    /// What to do.
    Bad(String),
}

/// Writes the lines and counts what is bad.
struct Report {
    colours: bool,
    bad: usize,
}

impl Report {
    fn say(&mut self, what: &str, found: impl AsRef<str>, verdict: Verdict) {
        let (mark, colour, remedy) = match verdict {
            Verdict::Good => ("ok  ", 32, None),
            Verdict::Note(remedy) => ("note", 33, Some(remedy)),
            Verdict::Bad(remedy) => ("BAD ", 31, Some(remedy)),
        };
        self.bad += usize::from(mark == "BAD ");
        let mark = if self.colours { format!("\x1b[{colour}m{mark}\x1b[0m") } else { mark.to_owned() };
        let remedy = remedy.map(|remedy| format!("; {remedy}")).unwrap_or_default();
        // A reader that has gone away wants no more.
        let _ = writeln!(std::io::stdout(), "{mark} {what:<12} {}{remedy}", found.as_ref());
    }
}

/// Looks at everything, also when something is wrong.
pub fn run(args: Args) -> Result<(), Failure> {
    let mut report = Report { colours: console::colors_enabled(), bad: 0 };
    machine::look(&mut report);
    speak::hide_memory();
    let env = Env::of_process();
    // A name that no bucket can have on its own, where none was given.
    let source = args.bucket.as_deref().unwrap_or("no-bucket-was-given");
    let settings = effective::of_bucket(source, &args.dash_o, args.config.as_ref(), &env).and_then(|said| {
        for (path, there) in said.files.looked() {
            report.say(
                "config",
                format!("{}{}", path.display(), if there { "" } else { " (not there)" }),
                Verdict::Good,
            );
        }
        Ok(resolve(&said.options, said.kernel, &env)?)
    });
    match settings {
        Err(failure) => report.say("settings", "", Verdict::Bad(failure.text)),
        Ok(settings) => {
            report.say("credentials", format!("from {}", settings.credentials_from), Verdict::Good);
            machine::cache(&settings, &mut report);
            service::look(settings, args.bucket.is_some(), &mut report)?;
        }
    }
    match report.bad {
        0 => Ok(()),
        1 => Err(Failure { code: FAILED, text: "1 thing is wrong; its line says what to do".to_owned() }),
        n => Err(Failure { code: FAILED, text: format!("{n} things are wrong; their lines say what to do") }),
    }
}
