//! `osirisfs config`: which value each option has, and where it came from.

use super::effective::{self, Said};
use super::exit::Failure;
use super::speak;
use crate::config::{Env, Origin, sites};
use std::io::Write;
use std::path::PathBuf;

#[derive(clap::Args)]
pub struct Args {
    /// The bucket whose mount is asked about; its sections of the files count too
    #[arg(value_name = "BUCKET[/PREFIX]")]
    bucket: Option<String>,

    /// Print each value that a mount would have, as a line of a configuration file, and where it came from
    #[arg(long, required = true)]
    show: bool,

    /// Configuration file to read instead of the usual ones
    #[arg(long, value_name = "PATH")]
    config: Option<PathBuf>,

    /// Options of the mount, as mount(8) and fstab write them
    #[arg(short = 'o', value_name = "OPTIONS")]
    dash_o: Vec<String>,
}

/// Prints.
pub fn run(args: Args) -> Result<(), Failure> {
    speak::hide_memory();
    let env = Env::of_process();
    // A name that no section can have.
    let bucket = args.bucket.as_deref().unwrap_or("_");
    let said = effective::of_bucket(bucket, &args.dash_o, args.config.as_ref(), &env)?;
    let text = shown(&said, &env)?;
    // A reader that has gone away (head) wants no more.
    let _ = std::io::stdout().write_all(text.as_bytes());
    Ok(())
}

/// All as lines of a configuration file: what nobody said and what has no fixed default as comments.
fn shown(said: &Said, env: &Env) -> Result<String, Failure> {
    let mut out = String::new();
    for (path, there) in said.files.looked() {
        out += &format!("# {}: {}\n", path.display(), if there { "read" } else { "not there" });
    }
    let options = &said.options;
    let found = options.reach.credentials("", env);
    let (who, profile) = match &found {
        Ok(found) => (format!("from {}", found.from), found.profile.clone()),
        Err(e) => (format!("none: {}", e.message), Default::default()),
    };
    out += &format!("# credentials: {who}\n");
    let service = options.reach.service(&profile, &options.origins, env, &options.sites)?;
    let [place, region, ca_file] = service.origins;
    let by_site = service.site.is_some() || place == Origin::Default;
    let endpoint = (!by_site).then(|| (service.endpoint, place.clone()));
    let site = by_site.then(|| (service.site.unwrap_or_else(|| sites::AUTO.to_owned()), place));
    let ca = service.ca_file.map(|path| (path.display().to_string(), ca_file));
    let cou = match (options.cou.is_none(), profile.cou) {
        (true, Some(cou)) => {
            Some((cou, Origin::Profile(options.reach.profile.clone().unwrap_or_else(|| "in use".to_owned()))))
        }
        _ => None,
    };
    let found_elsewhere = [
        ("endpoint", endpoint),
        ("site", site),
        ("region", Some((service.region, region))),
        ("ca_file", ca),
        ("cou", cou),
    ];
    let mut lines = Vec::new();
    for arg in super::mount_command().get_arguments().filter(|arg| !arg.is_hide_set()) {
        let Some(long) = arg.get_long().filter(|long| !matches!(*long, "help" | "config")) else { continue };
        let (name, id) = (long.replace('-', "_"), arg.get_id().as_str());
        let elsewhere = found_elsewhere.iter().find(|(found, _)| *found == name).and_then(|(_, value)| value.clone());
        let value = match elsewhere {
            Some((value, origin)) => Some((quoted(&value), origin)),
            None if arg.get_action().takes_values() => {
                let raw = said.matches.get_raw(id).and_then(|mut values| values.next_back());
                raw.map(|value| (quoted(&value.to_string_lossy()), options.origins.of(&name)))
            }
            None => Some((said.matches.get_flag(id).to_string(), options.origins.of(&name))),
        };
        lines.push(match value {
            Some((value, origin)) => (format!("{name} = {value}"), origin.to_string()),
            None => (format!("# {name} ="), default_in_words(arg)),
        });
    }
    let width = lines.iter().map(|(text, _)| text.chars().count()).max().unwrap_or(0).min(48);
    for (text, origin) in lines {
        out += &format!("{text:width$}  # {origin}\n");
    }
    for (name, site) in said.files.sites() {
        out +=
            &format!("\n[site.{}]  # {}\nendpoint = {}\n", key(name), origin_of(&site.origin), quoted(&site.endpoint));
        let more =
            [("region", site.region.clone()), ("ca_file", site.ca_file.as_ref().map(|p| p.display().to_string()))];
        for (name, value) in more {
            out += &value.map(|value| format!("{name} = {}\n", quoted(&value))).unwrap_or_default();
        }
    }
    Ok(out)
}

/// The help of an option says what happens without it: `[default: who mounts]`.
fn default_in_words(arg: &clap::Arg) -> String {
    let help = arg.get_help().map(ToString::to_string).unwrap_or_default();
    match help.rsplit_once("[default: ") {
        Some((_, default)) => format!("default: {}", default.trim_end_matches(']')),
        None => "not set".to_owned(),
    }
}

fn origin_of(origin: &Origin) -> String {
    match origin {
        Origin::File { path, line, .. } => format!("{} line {line}", path.display()),
        other => other.to_string(),
    }
}

fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

fn key(name: &str) -> String {
    let bare = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    if !name.is_empty() && name.chars().all(bare) { name.to_owned() } else { quoted(name) }
}
