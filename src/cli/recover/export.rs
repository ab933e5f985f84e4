//! Writing an entry to a local file, also where it can be stored no longer.

use super::{Args, Entry, store};
use crate::cli::exit::Failure;
use crate::cli::speak;
use crate::config::Env;
use crate::fs::found::{self, Record, Source};
use crate::store::{ETag, GetRequest, Store};
use std::fs::{File, OpenOptions};
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::Path;

/// Writes what is here, and what the stored object has of it. What cannot be had is left as a hole, and told.
pub(super) fn run(args: &Args, env: &Env, entry: &Entry, to: &Path) -> Result<(), Failure> {
    let unread = |e: io::Error| Failure::other(format!("{} cannot be read: {e}", entry.name()));
    let (record, data) = found::peek(&entry.all, entry.name()).map_err(unread)?;
    let made = OpenOptions::new().write(true).create_new(true).open(to);
    let file = made.map_err(|e| Failure::other(format!("{} cannot be made: {e}; name a new file", to.display())))?;
    let written = |e: io::Error| Failure::other(format!("{} cannot be written: {e}", to.display()));
    file.set_len(record.size).map_err(written)?;
    for range in record.here() {
        found::copy(&data, range.start, &file, range.start, range.end - range.start).map_err(written)?;
    }
    let mut missing = missing(&record, Source::is_part, "in an upload, from which nothing can be read");
    if record.needs_base() {
        speak::hide_memory();
        if let Err(why) = speak::runtime()?.block_on(fill_in(args, env, entry, &record, &file)) {
            missing.extend(self::missing(&record, |source| *source == Source::Base, &why));
        }
    }
    file.sync_all().map_err(written)?;
    if missing.is_empty() {
        println!("{} is written to {}", entry.name(), to.display());
        return Ok(());
    }
    Err(Failure::other(format!(
        "{} is written, but these bytes are missing and read as zeros: {}",
        to.display(),
        missing.join("; ")
    )))
}

fn missing(record: &Record, which: impl Fn(&Source) -> bool, why: &str) -> Vec<String> {
    let here = record.here();
    let mut ranges: Vec<Range<u64>> = Vec::new();
    for run in record.extents.iter().filter(|run| which(&run.source)) {
        match ranges.last_mut() {
            _ if here.contains(&(run.start..run.end)) => {}
            Some(last) if last.end == run.start => last.end = run.end,
            _ => ranges.push(run.start..run.end),
        }
    }
    ranges.into_iter().map(|range| format!("{} to {} ({why})", range.start, range.end)).collect()
}

/// What the stored object has, if it is still the one that the file was opened with.
async fn fill_in(args: &Args, env: &Env, entry: &Entry, record: &Record, file: &File) -> Result<(), String> {
    let base = record.base.as_ref().ok_or("there is no object")?;
    let settings = store::settings(args, env, entry, record).map_err(|failure| failure.text)?;
    let store = store::connect(&settings).await.map_err(|e| e.to_string())?;
    for run in record.extents.iter().filter(|run| run.source == Source::Base) {
        fetch(&store, &record.about.key, &ETag::new(&base.etag), run.start..run.end, file)
            .await
            .map_err(|e| format!("of the object that was to be changed: {e}"))?;
    }
    Ok(())
}

async fn fetch(store: &Store, key: &str, etag: &ETag, range: Range<u64>, file: &File) -> Result<(), String> {
    let request = GetRequest { range: Some(range.clone()), if_match: Some(etag.clone()), ..GetRequest::default() };
    let mut body = store.get(key, request).await.map_err(|e| e.to_string())?;
    let mut at = range.start;
    while let Some(bytes) = body.next().await.map_err(|e| e.to_string())? {
        file.write_all_at(&bytes, at).map_err(|e| e.to_string())?;
        at += bytes.len() as u64;
    }
    if at == range.end { Ok(()) } else { Err("the answer was cut short".to_owned()) }
}
