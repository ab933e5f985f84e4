//! Storing entries: the volume of each is opened without a mount.

use super::{Args, Entry, says_where};
use crate::cli::exit::{Failure, NOT_STORED};
use crate::cli::progress::Progress;
use crate::cli::{effective, speak};
use crate::config::{Conflict, Env, Origin, Settings, resolve};
use crate::fs::found::Record;
use crate::fs::{Options, Recovered, Volumes};
use crate::mount::MountError;
use crate::mount::control::Left;
use crate::store::{ErrorKind, Store, StoreError};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

/// How often the line of progress is written over.
const LOOK: Duration = Duration::from_millis(200);

/// Stores them, the newest first: of several of one file that one gets its name. Says how each went.
pub(super) fn run(args: &Args, env: &Env, mut entries: Vec<Entry>) -> Result<(), Failure> {
    speak::hide_memory();
    entries.reverse();
    let (all, mut stored) = (entries.len(), 0);
    let mut volumes = Opened::default();
    speak::runtime()?.block_on(async {
        for (n, entry) in entries.iter().enumerate() {
            match one(args, env, entry, &mut volumes, all - n).await {
                Ok(how) => {
                    println!("{}: {how}", entry.name());
                    stored += 1;
                }
                Err(why) => eprintln!("osirisfs: {} is not stored: {why}", entry.name()),
            }
        }
    });
    if all == 0 {
        println!("Nothing was lost: there is no entry");
    }
    if stored == all {
        return Ok(());
    }
    let text = format!("{} of {all} could not be stored and stay where they are", all - stored);
    Err(Failure { code: NOT_STORED, text })
}

/// Volumes by service and source.
type Opened = HashMap<(String, String), Arc<Volumes>>;

async fn one(args: &Args, env: &Env, entry: &Entry, opened: &mut Opened, left: usize) -> Result<String, String> {
    let lost = entry.take()?;
    let record = lost.record().cloned().ok_or("it has no record")?;
    let settings = settings(args, env, entry, &record).map_err(|failure| failure.text)?;
    let place = (settings.endpoint.clone(), settings.source());
    let volumes = match opened.get(&place) {
        Some(volumes) => volumes.clone(),
        None => {
            let volumes = open(&settings).await.map_err(|e| e.to_string())?;
            opened.insert(place, volumes.clone());
            volumes
        }
    };
    let done = with_progress(&volumes, record.bytes_here(), left, volumes.recover(lost)).await;
    let what = format!("{}/{}", record.about.bucket, record.about.key.escape_debug());
    match done.map_err(|e| format!("{what}: {e}"))? {
        Recovered::Stored => Ok(format!("{what} is stored")),
        Recovered::WithoutAttributes(why) => Ok(format!("{what} is stored, but without its attributes: {why}")),
        Recovered::Both(kept) => Ok(format!(
            "{what} was changed by somebody else meanwhile: both versions are kept, one as {kept} beside it"
        )),
    }
}

/// Shows how far it is while it goes on.
async fn with_progress<T>(volumes: &Volumes, bytes: u64, files: usize, work: impl Future<Output = T>) -> T {
    let mut work = std::pin::pin!(work);
    let mut progress = Progress::default();
    let before = volumes.store().requests().bytes_up;
    loop {
        let sent = volumes.store().requests().bytes_up.saturating_sub(before);
        progress.left(Left { files, bytes: bytes.saturating_sub(sent) });
        if let Ok(done) = tokio::time::timeout(LOOK, &mut work).await {
            return done;
        }
    }
}

/// What a mount of the same place would go by. The service is that of the entry, unless another address was said here.
pub(super) fn settings(args: &Args, env: &Env, entry: &Entry, record: &Record) -> Result<Settings, Failure> {
    let about = &record.about;
    let source = format!("{}/{}", about.bucket, about.prefix);
    let said = effective::of_bucket(&source, &args.dash_o, args.config.as_ref(), env)?;
    let mut options = said.options;
    let said_where = says_where(args, options.origins.of("endpoint")) || says_where(args, options.origins.of("site"));
    options.reach = args.reach.clone().over(options.reach);
    options.cache_dir = entry.cache_dir.clone();
    let mut settings = resolve(&options, said.kernel, env)?;
    if !said_where && settings.endpoint != about.endpoint && !settings.network.others.contains(&about.endpoint) {
        options.reach.way.endpoint = Some(about.endpoint.clone());
        options.reach.way.site = None;
        options.origins.0.insert("endpoint".to_owned(), Origin::CommandLine);
        settings = resolve(&options, said.kernel, env)?;
    }
    // Days may have passed: nothing is overwritten.
    settings.conflict = Conflict::KeepBoth;
    settings.read_only = false;
    Ok(settings)
}

/// Opens what a mount would show.
async fn open(settings: &Settings) -> Result<Arc<Volumes>, MountError> {
    let service = |error: StoreError| MountError::Service {
        error: Box::new(error),
        endpoint: settings.endpoint.clone(),
        bucket: settings.bucket.clone(),
        credentials_from: settings.credentials_from.clone(),
    };
    let store = connect(settings).await.map_err(service)?;
    Volumes::one(Options::of(settings), store).await.map_err(service)
}

/// A store whose service has answered. Whoever waits for the first answer waits at a terminal.
pub(super) async fn connect(settings: &Settings) -> Result<Store, StoreError> {
    let store = Store::new(settings.store_config())?.with_sse_c(settings.sse_c.clone());
    store.find_way().await;
    match store.with_deadline(speak::PATIENCE.min(settings.ask_for)).is_there().await {
        // Of somebody else's bucket a folder may be all that can be used.
        Err(error) if error.kind != ErrorKind::Denied => Err(error),
        _ => Ok(store),
    }
}
