//! `osirisfs fstab --from-s3fs`: lines of fstab for s3fs, said in our words.

use super::exit::Failure;
use crate::config::{ConfigError, s3fs};
use std::io::{Read, Write};
use std::path::PathBuf;

#[derive(clap::Args)]
pub struct Args {
    /// Print our line for each line of s3fs, with notes on what changes
    #[arg(long, required = true)]
    from_s3fs: bool,

    /// The file to read; - is standard input
    #[arg(value_name = "FILE", default_value = "/etc/fstab")]
    file: PathBuf,
}

/// Prints. Lines that are not of s3fs are left out.
pub fn run(args: Args) -> Result<(), Failure> {
    let text = read(&args.file).map_err(|e| {
        ConfigError::new(
            format!("{} cannot be read: {e}", args.file.display()),
            "give a file in the form of /etc/fstab",
        )
    })?;
    let mut out = String::new();
    for (number, line) in text.lines().enumerate() {
        let Some(translated) = s3fs::line(line) else { continue };
        let translated = translated.map_err(|e| {
            ConfigError::new(format!("{} line {}: {}", args.file.display(), number + 1, e.message), e.remedy)
        })?;
        for note in &translated.notes {
            out += &format!("# {note}\n");
        }
        out += &format!("{}\n", translated.line);
    }
    if out.is_empty() {
        return Err(Failure::other(format!(
            "{} has no line of s3fs; such a line begins with s3fs# or has the type fuse.s3fs",
            args.file.display()
        )));
    }
    // A reader that has gone away wants no more.
    let _ = std::io::stdout().write_all(out.as_bytes());
    Ok(())
}

fn read(path: &std::path::Path) -> std::io::Result<String> {
    if path.as_os_str() != "-" {
        return std::fs::read_to_string(path);
    }
    let mut text = String::new();
    std::io::stdin().read_to_string(&mut text)?;
    Ok(text)
}
