//! The list of what could not be stored.

use super::{Entry, folder_of};
use crate::cli::exit::Failure;
use crate::fs::found::Record;
use indicatif::DecimalBytes;
use serde::Serialize;
use std::io::Write;
use std::path::PathBuf;
use std::time::{Duration, UNIX_EPOCH};

/// An entry for programs.
#[derive(Serialize)]
struct Row<'a> {
    entry: &'a str,
    folder: PathBuf,
    /// Its mount still tries to store it.
    held: bool,
    /// What is known of it, if its record can be read.
    #[serde(flatten)]
    file: Option<File<'a>>,
    /// Why its record cannot be read.
    unreadable: Option<String>,
}

#[derive(Serialize)]
struct File<'a> {
    endpoint: &'a str,
    bucket: &'a str,
    key: &'a str,
    path: &'a str,
    user: Option<&'a str>,
    size: u64,
    /// Bytes of it that are here.
    here: u64,
    /// Some are in a multipart upload.
    in_upload: bool,
    /// Some are those of the object that is to be replaced.
    needs_base: bool,
    /// In seconds since 1970.
    when: u64,
    why: &'a str,
}

impl<'a> File<'a> {
    fn of(record: &'a Record) -> File<'a> {
        let about = &record.about;
        File {
            endpoint: &about.endpoint,
            bucket: &about.bucket,
            key: &about.key,
            path: &about.path,
            user: about.user.as_deref(),
            size: record.size,
            here: record.bytes_here(),
            in_upload: record.upload.is_some(),
            needs_base: record.needs_base(),
            when: about.when,
            why: &about.why,
        }
    }
}

/// Prints it.
pub(super) fn print(entries: &[Entry], places: &[Option<PathBuf>], json: bool) -> Result<(), Failure> {
    let text = match json {
        true => serde_json::to_string(&entries.iter().map(row).collect::<Vec<_>>()).unwrap_or_default() + "\n",
        false if entries.is_empty() => {
            let folders: Vec<String> = places.iter().map(|place| folder_of(place).display().to_string()).collect();
            format!("Nothing was lost: there is no entry in {}\n", folders.join(", "))
        }
        false => entries.iter().map(lines).collect(),
    };
    // A reader that has gone away (head) wants no more.
    let _ = std::io::stdout().write_all(text.as_bytes());
    Ok(())
}

fn row(entry: &Entry) -> Row<'_> {
    let found = &entry.found;
    Row {
        entry: &found.name,
        folder: entry.all.join(&found.name),
        held: found.held,
        file: found.record.as_ref().ok().map(File::of),
        unreadable: found.record.as_ref().err().map(ToString::to_string),
    }
}

fn lines(entry: &Entry) -> String {
    let name = entry.name();
    match &entry.found.record {
        Err(e) => format!("{name}  its record cannot be read: {e}\n"),
        Ok(record) => {
            let about = &record.about;
            let when = humantime::format_rfc3339_seconds(UNIX_EPOCH + Duration::from_secs(about.when));
            let held = if entry.found.held { "; its mount still tries to store it" } else { "" };
            format!(
                "{name}  {}/{}  {}  {when}\n    {}{held}\n",
                about.bucket,
                about.key.escape_debug(),
                how_much(record),
                about.why
            )
        }
    }
}

/// Its size, and how much of that is here if it is not all.
fn how_much(record: &Record) -> String {
    let size = DecimalBytes(record.size);
    let elsewhere = match (record.upload.is_some(), record.needs_base()) {
        (false, false) => return size.to_string(),
        (true, false) => "an upload has the rest",
        (false, true) => "the stored object has the rest",
        (true, true) => "an upload and the stored object have the rest",
    };
    format!("{size}, {} here, {elsewhere}", DecimalBytes(record.bytes_here()))
}
