//! The life of a daemon: start, serve, and an end that loses nothing if it can be helped.

use super::control::{Backlog, Control, NotStored};
use super::exit::{DONE, Failure, NOT_STORED};
use super::served::Served;
use super::{logging, metrics, notify};
use crate::config::Settings;
use crate::fs::{self, Volumes};
use crate::fuse::{self, Mounted};
use crate::mount::daemon::Ready;
use crate::mount::{MountError, check, control, device, table, tune, unmount};
use crate::patience;
use crate::store::{Credentials, ErrorKind, Store, StoreConfig, StoreError};
use crate::sys;
use nix::sys::stat::{Mode, umask};
use std::ffi::CString;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

mod ending;
mod reload;
mod signals;

use signals::Signals;

/// The first answer of the service must come within this time, retries included: whoever types `mount` waits for it.
const FIRST_ANSWER: Duration = Duration::from_secs(9);

/// A name that does not resolve, a port that is closed, or a certificate that is not trusted is told after this time:
/// trying longer seldom helps.
const FIRST_REFUSAL: Duration = Duration::from_secs(3);

/// Opening the file system may take this long once the service has answered.
const OPENING: Duration = Duration::from_secs(30);

/// Serves a mount from start to end. Gives the exit code; what went wrong before the mount answered is told through
/// `ready`, later things go to the log.
///
/// At SIGUSR1 `again` reads the options and files once more; what can be changed while mounted is then changed.
pub fn run(settings: Settings, ready: Ready, again: Again) -> u8 {
    forget_environment(&settings.credentials);
    let runtime = match prepare(&settings) {
        Ok(runtime) => runtime,
        Err(failure) => return give_up(ready, failure),
    };
    let code = runtime.block_on(live(settings, ready, again));
    // Requests that nobody waits for any more do not keep the process.
    runtime.shutdown_timeout(Duration::from_secs(1));
    code
}

/// Takes the credentials out of the environment, where /proc/PID/environ and each program that is started from here
/// would show them.
fn forget_environment(credentials: &Credentials) {
    let Credentials { access_key, secret_key } = credentials;
    let pair = format!("{access_key}:{secret_key}");
    for (name, value) in std::env::vars_os() {
        let value = value.as_bytes().trim_ascii();
        // A secret may be a common word, as good as any other where a token is the key.
        let shows = value == access_key.as_bytes()
            || value == pair.as_bytes()
            || (name == "AWS_SECRET_ACCESS_KEY" && value == secret_key.as_bytes());
        if shows
            && let Ok(name) = CString::new(name.into_vec())
            && let Err(e) = sys::wipe_variable(&name)
        {
            eprintln!("osirisfs: warning: the token stays in the environment of the daemon: {e}");
        }
    }
}

fn prepare(settings: &Settings) -> Result<tokio::runtime::Runtime, Failure> {
    logging::start(settings)?;
    // No core file, no debugger of the same user: the token is in this memory.
    if let Err(e) = nix::sys::prctl::set_dumpable(false) {
        tracing::warn!("the memory of the daemon cannot be protected from debuggers: {e}");
    }
    // What is spilled to local files is only for us.
    umask(Mode::from_bits_truncate(0o077));
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|e| Failure::other(format!("the daemon cannot be started: {e}")))
}

fn give_up(ready: Ready, failure: Failure) -> u8 {
    tracing::debug!("not mounted: {}", failure.text);
    match ready.failed(failure.code, &failure.text) {
        None => failure.code,
        Some(text) => Failure { text, ..failure }.report(),
    }
}

/// What is running once the mount answers.
struct Running {
    served: Arc<Served>,
    mounted: Mounted,
    /// Present while the mount is in the tree; takes it away when dropped.
    in_tree: InTree,
    control: Option<Control>,
    /// To ask the service for a sign of life.
    store: Store,
}

/// Reads the settings once more.
pub type Again = Box<dyn Fn() -> Result<Settings, Failure> + Send>;

async fn live(settings: Settings, ready: Ready, again: Again) -> u8 {
    let signals = match Signals::catch() {
        Ok(signals) => signals,
        Err(e) => return give_up(ready, Failure::other(format!("signals cannot be caught: {e}"))),
    };
    let started = tokio::select! {
        started = start(&settings) => started,
        () = signals.at_least(1) => Err(MountError::Interrupted),
        () = abandoned(&ready) => Err(MountError::Interrupted),
    };
    let running = match started {
        Ok(running) => running,
        Err(error) => return give_up(ready, error.into()),
    };
    let place = settings.mountpoint.display().to_string();
    tracing::info!("{} of {} is mounted on {place}", settings.source(), running.store.endpoint());
    if ready.done(logging::stderr_is_journal()).is_err() {
        tracing::warn!("the mount command went away while mounting: unmounting again");
        signals.count_one();
    }
    let _told = notify::keep_telling(&running.served, settings.mountpoint.clone(), settings.source());
    let _metrics = match settings.metrics {
        Some(address) => metrics::serve(address, running.served.clone())
            .await
            .inspect_err(|e| tracing::error!("no metrics: {address} cannot be listened on: {e}"))
            .ok(),
        None => None,
    };
    let _reload = reload::at_signal(again);
    let not_stored = ending::serve_until_end(running, &settings.mountpoint, &signals).await;
    tracing::info!("the mount on {place} has ended");
    if not_stored.is_empty() { DONE } else { NOT_STORED }
}

async fn abandoned(ready: &Ready) {
    while !ready.is_abandoned() {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

async fn start(settings: &Settings) -> Result<Running, MountError> {
    let service = |error: StoreError| MountError::Service {
        error: Box::new(error),
        endpoint: settings.endpoint.clone(),
        bucket: settings.bucket.clone(),
        credentials_from: settings.credentials_from.clone(),
    };
    let config = StoreConfig { source: Some(logging::hiding(settings.source.clone())), ..settings.store_config() };
    let store = Store::new(config).map_err(service)?.with_sse_c(settings.sse_c.clone());
    if settings.network.no_tls_verify {
        tracing::warn!("certificates are not verified (--no-tls-verify)");
    }
    store.find_way().await;
    first_answer(&store, settings.ask_for).await.map_err(service)?;
    let options = fs::Options::of(settings);
    let open = async {
        match settings.bucket.is_empty() {
            true => Volumes::all(options, store.clone()).await,
            false => Volumes::one(options, store.clone()).await,
        }
    };
    let fs = patience::timeout(OPENING, open)
        .await
        .map_err(|_| MountError::ServiceSlow { endpoint: settings.endpoint.clone(), seconds: OPENING.as_secs() })?
        .map_err(service)?;

    let runtime = tokio::runtime::Handle::current();
    let (for_mount, fs_for_mount) = (settings.clone(), fs.clone());
    let (mounted, in_tree) = blocking(move || {
        let fd = device::mount(&for_mount)?;
        let in_tree = InTree(Some(for_mount.mountpoint.clone()));
        let mounted = fuse::serve(fd, fs_for_mount, &for_mount, runtime)
            .map_err(|e| MountError::System(format!("the kernel does not speak with the mount: {e}")))?;
        Ok((mounted, in_tree))
    })
    .await?;
    let mountpoint = settings.mountpoint.clone();
    blocking(move || {
        if !check::answers(&mountpoint) {
            return Err(MountError::Silent(mountpoint));
        }
        tune::widen_read_ahead(&mountpoint);
        Ok(())
    })
    .await?;
    let served = Arc::new(Served::new(fs, mounted.clone(), settings));
    let control = control_socket(settings, &served);
    Ok(Running { served, mounted, in_tree, control, store })
}

/// Waits, but not long, for the service to say that the bucket is there.
async fn first_answer(store: &Store, ask_for: Duration) -> Result<(), StoreError> {
    use ErrorKind::{Denied, Server, Timeout};
    let mut answer = store.with_deadline(FIRST_REFUSAL.min(ask_for)).is_there().await;
    if matches!(&answer, Err(StoreError { kind: Timeout | Server, .. })) {
        answer = store.with_deadline(FIRST_ANSWER.min(ask_for)).is_there().await;
    }
    match answer {
        // A user who may not look at the bucket may still use a folder of it: opening the file system decides.
        Err(error) if error.kind != Denied => Err(error),
        _ => Ok(()),
    }
}

/// Without its socket the mount still works; only `osirisfs umount` cannot wait for it.
fn control_socket(settings: &Settings, served: &Arc<Served>) -> Option<Control> {
    let open = || {
        let mount = table::at(&settings.mountpoint)?.ok_or(std::io::ErrorKind::NotFound)?;
        Control::start(control::listen(&mount)?, served.clone(), nix::unistd::geteuid().as_raw())
    };
    open().inspect_err(|e| tracing::warn!("no control socket, osirisfs umount cannot wait for this mount: {e}")).ok()
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, MountError> + Send + 'static,
) -> Result<T, MountError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(e) => Err(MountError::System(format!("internal error while mounting: {e}"))),
    }
}

/// A mount that is to be taken away when something fails, whichever way that is noticed.
struct InTree(Option<PathBuf>);

impl InTree {
    /// It is not there any more.
    fn gone(mut self) {
        self.0 = None;
    }
}

impl Drop for InTree {
    fn drop(&mut self) {
        if let Some(path) = self.0.take()
            && let Err(e) = unmount::by_force(&path)
        {
            tracing::error!("{e}");
        }
    }
}
