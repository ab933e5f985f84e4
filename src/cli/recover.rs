//! `osirisfs recover`: what mounts could not store, listed, stored after all, written to a file, or dropped.

mod export;
mod list;
mod store;

use super::effective;
use super::exit::Failure;
use crate::config::{Env, Folders, Origin, Reach, parse};
use crate::fs::found::{self, Found, Lost};
use std::path::PathBuf;

#[derive(clap::Args)]
pub struct Args {
    /// Entries, as the list names them [default: all]
    #[arg(value_name = "ENTRY")]
    entries: Vec<String>,

    /// Store them where they belong, as the mount would have done
    #[arg(long, conflicts_with_all = ["export", "drop", "json"])]
    store: bool,

    /// Write the content of one entry to this file
    #[arg(long, value_name = "FILE", requires = "entries", conflicts_with_all = ["drop", "json"])]
    export: Option<PathBuf>,

    /// Remove these entries: what only they have is gone then
    #[arg(long, requires = "entries", conflicts_with = "json")]
    drop: bool,

    /// List them as a JSON array, for programs
    #[arg(long)]
    json: bool,

    /// The cache folder of the mount [default: as osirisfs mount finds it]
    #[arg(long, value_name = "PATH")]
    cache_dir: Option<PathBuf>,

    /// Options of the mount, as mount(8) and fstab write them
    #[arg(short = 'o', value_name = "OPTIONS")]
    dash_o: Vec<String>,

    /// Configuration file to read instead of the usual ones
    #[arg(long, value_name = "PATH")]
    config: Option<PathBuf>,

    /// How to reach the service, and as whom
    #[command(flatten)]
    reach: Reach,
}

/// An entry, and the folder in which it was found.
struct Entry {
    all: PathBuf,
    /// `--cache-dir` of the mount.
    cache_dir: Option<PathBuf>,
    found: Found,
}

impl Entry {
    fn name(&self) -> &str {
        &self.found.name
    }

    /// Takes it, if nobody else has it.
    fn take(&self) -> Result<Lost, String> {
        match Lost::take(&self.all, self.name()) {
            Ok(Some(lost)) => Ok(lost),
            Ok(None) => {
                Err("its mount still tries to store it: osirisfs status shows it, osirisfs umount ends it".into())
            }
            Err(e) => Err(format!("its record cannot be read: {e}")),
        }
    }

    /// The same for one whose record need not make sense.
    fn take_to_remove(&self) -> Result<Lost, String> {
        match Lost::take_any(&self.all, self.name()) {
            Ok(Some(lost)) => Ok(lost),
            Ok(None) => self.take(),
            Err(e) => Err(e.to_string()),
        }
    }
}

/// Does what is asked for.
pub fn run(args: Args) -> Result<(), Failure> {
    let env = Env::of_process();
    let places = places(&args, &env)?;
    let entries = chosen(&args, entries(&places)?)?;
    if let Some(file) = &args.export {
        return match &entries[..] {
            [entry] => export::run(&args, &env, entry, &env.absolute(file)),
            _ => Err(Failure::other("--export writes one entry: name one, or give the command once for each")),
        };
    }
    if args.drop {
        return drop_all(entries);
    }
    if args.store {
        return store::run(&args, &env, entries);
    }
    list::print(&entries, &places, args.json)
}

/// Where to look: `--cache-dir`, else where mounts of this user have it, which may be a matter of the bucket.
fn places(args: &Args, env: &Env) -> Result<Vec<Option<PathBuf>>, Failure> {
    if let Some(folder) = &args.cache_dir {
        return Ok(vec![Some(env.absolute(folder))]);
    }
    let said = effective::of_bucket(parse::ALL, &args.dash_o, args.config.as_ref(), env)?;
    let mut places = vec![said.options.cache_dir];
    for bucket in said.files.buckets() {
        places.push(effective::of_bucket(bucket, &args.dash_o, args.config.as_ref(), env)?.options.cache_dir);
    }
    let mut places: Vec<_> = places.into_iter().map(|folder| folder.map(|folder| env.absolute(&folder))).collect();
    places.sort();
    places.dedup();
    Ok(places)
}

/// Of one cache folder: where its entries are.
fn folder_of(cache_dir: &Option<PathBuf>) -> PathBuf {
    Folders::of(cache_dir.as_deref(), nix::unistd::geteuid().as_raw()).lost
}

fn entries(places: &[Option<PathBuf>]) -> Result<Vec<Entry>, Failure> {
    let mut entries = Vec::new();
    for cache_dir in places {
        let all = folder_of(cache_dir);
        let listed = found::list(&all).map_err(|e| {
            Failure::other(format!("{} cannot be read: {e}; say whose it is with --cache-dir", all.display()))
        })?;
        entries.extend(listed.into_iter().map(|found| Entry { all: all.clone(), cache_dir: cache_dir.clone(), found }));
    }
    entries.sort_by(|a, b| a.name().cmp(b.name()));
    Ok(entries)
}

/// Those that were named; all of them, if none was.
fn chosen(args: &Args, mut entries: Vec<Entry>) -> Result<Vec<Entry>, Failure> {
    if let Some(unknown) = args.entries.iter().find(|name| entries.iter().all(|entry| entry.name() != *name)) {
        return Err(Failure::other(format!(
            "there is no entry \"{unknown}\": osirisfs recover lists them; if the mount had a --cache-dir, give it here, too"
        )));
    }
    if !args.entries.is_empty() {
        entries.retain(|entry| args.entries.iter().any(|name| name == entry.name()));
    }
    Ok(entries)
}

fn drop_all(entries: Vec<Entry>) -> Result<(), Failure> {
    let mut left = 0;
    for entry in entries {
        let removed = entry.take_to_remove().and_then(|lost| lost.remove().map_err(|e| e.to_string()));
        match removed {
            Ok(()) => println!("{} is removed", entry.name()),
            Err(why) => {
                eprintln!("osirisfs: {} is not removed: {why}", entry.name());
                left += 1;
            }
        }
    }
    if left > 0 { Err(Failure::told(super::exit::FAILED)) } else { Ok(()) }
}

/// Whether the user himself has said where the service is.
fn says_where(args: &Args, origin: Origin) -> bool {
    args.reach.way.endpoint.is_some() || args.reach.way.site.is_some() || origin == Origin::DashO
}
