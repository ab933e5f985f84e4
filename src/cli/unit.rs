//! `osirisfs unit`: unit files of systemd for a mount, with escaped names and the right order at boot.

mod text;

use super::effective;
use super::exit::Failure;
use crate::config::{ConfigError, Env, parse};
use std::io::Write;
use std::path::{Path, PathBuf};
use text::Unit;

#[derive(clap::Args)]
pub struct Args {
    /// What to mount: a bucket, or a folder of it
    #[arg(value_name = "BUCKET[/PREFIX]")]
    source: String,

    /// Where to mount it
    #[arg(value_name = "MOUNTPOINT")]
    mountpoint: PathBuf,

    /// Options of the mount, as mount(8) and fstab write them
    #[arg(short = 'o', value_name = "OPTIONS")]
    dash_o: Vec<String>,

    /// Add an .automount unit: the bucket is mounted when somebody looks
    #[arg(long, conflicts_with_all = ["service", "user"])]
    automount: bool,

    /// With --automount: unmount when nobody has used it for so long
    #[arg(long, value_name = "SECONDS", requires = "automount")]
    idle: Option<u32>,

    /// A service that is watched and started again, instead of a .mount unit
    #[arg(long)]
    service: bool,

    /// A service of your own, for systemctl --user: needs no root
    #[arg(long, conflicts_with = "service")]
    user: bool,

    /// Write the files into this folder instead of printing them
    #[arg(long, value_name = "FOLDER")]
    write: Option<PathBuf>,
}

/// Prints or writes the units.
pub fn run(args: Args) -> Result<(), Failure> {
    let env = Env::of_process();
    parse::source(&args.source)?;
    // What a mount would refuse is refused here already.
    effective::of_bucket(&args.source, &args.dash_o, None, &env)?;
    let mountpoint = clean(&env.absolute(&args.mountpoint))?;
    let options: Vec<&str> = args.dash_o.iter().map(String::as_str).filter(|list| !list.is_empty()).collect();
    let options = options.join(",");
    for (what, value) in [("source", args.source.as_str()), ("options", options.as_str())] {
        if value.contains(['\n', '\r']) {
            return Err(Failure::other(format!(
                "the {what} cannot be written into a unit: there is a line break in it"
            )));
        }
    }
    let mount = text::Mount { source: &args.source, mountpoint: &mountpoint, options: &options };
    let units = if args.user || args.service {
        let program = std::env::current_exe().map_err(|e| Failure::other(format!("where is this program? {e}")))?;
        vec![mount.service(&program.display().to_string(), args.user)]
    } else {
        let automount = args.automount.then(|| mount.automount(args.idle.unwrap_or(0)));
        [Some(mount.mount(args.automount)), automount].into_iter().flatten().collect()
    };
    match &args.write {
        Some(folder) => write(folder, &units),
        None => {
            let folder = if args.user { "~/.config/systemd/user" } else { "/etc/systemd/system" };
            let texts: Vec<String> =
                units.iter().map(|unit| format!("# {folder}/{}\n{}", unit.name, unit.text)).collect();
            let _ = std::io::stdout().write_all(texts.join("\n").as_bytes());
            Ok(())
        }
    }
}

fn write(folder: &Path, units: &[Unit]) -> Result<(), Failure> {
    for unit in units {
        let path = folder.join(&unit.name);
        std::fs::write(&path, &unit.text).map_err(|e| {
            ConfigError::new(
                format!("{} cannot be written: {e}", path.display()),
                "give a folder that you may write to",
            )
        })?;
        println!("{}", path.display());
    }
    Ok(())
}

/// systemd names a unit after the path, and takes no path with `..` or a symbolic link in it.
fn clean(path: &Path) -> Result<String, ConfigError> {
    let wrong = |why: &str| {
        ConfigError::new(format!("{} cannot be the place of a unit: {why}", path.display()), "give the path as it is")
    };
    let real = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let mut parts = Vec::new();
    for part in real.components() {
        match part {
            std::path::Component::RootDir | std::path::Component::CurDir => {}
            std::path::Component::Normal(part) => {
                parts.push(part.to_str().ok_or_else(|| wrong("its name is not UTF-8"))?);
            }
            _ => return Err(wrong("there is .. in it")),
        }
    }
    if parts.is_empty() || parts.iter().any(|part| part.contains(['\n', '\r'])) {
        return Err(wrong("it is the root, or has a line break in it"));
    }
    Ok(format!("/{}", parts.join("/")))
}
