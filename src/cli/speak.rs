//! Commands that ask the service something, without a mount.

use super::exit::Failure;
use crate::config::{Env, Files, Origins, Reach, Sites};
use crate::mount::MountError;
use crate::store::{ErrorKind, Store, StoreConfig, StoreError};
use std::time::Duration;
use tokio::runtime::Runtime;

/// Whoever types a command waits no longer.
pub const PATIENCE: Duration = Duration::from_secs(9);

/// A name that does not resolve or a port that is closed is told after this time.
const REFUSAL: Duration = Duration::from_secs(3);

/// No core file and no debugger of the same user: a token is in this memory.
pub fn hide_memory() {
    let _ = nix::sys::prctl::set_dumpable(false);
}

/// What was said, the configuration files included, and the sites that they name.
pub fn with_files(reach: Reach, env: &Env) -> Result<(Reach, Origins, Sites), Failure> {
    let files = Files::find(None, env, &super::mount_command())?;
    let (reach, origins) = reach.under(&files, env)?;
    Ok((reach, origins, Sites::of(&files)))
}

/// The S3 user id of these credentials, and the address that said so; `from` says where they are from.
pub fn who_am_i(config: StoreConfig, from: &str) -> Result<(String, String), Failure> {
    let endpoint = config.endpoint.clone();
    let config = StoreConfig { ask_for: PATIENCE, store_for: PATIENCE, ..config };
    let asking = async {
        let store = Store::new(config)?;
        store.find_way().await;
        let mut answer = store.with_deadline(REFUSAL).who_am_i().await;
        if matches!(&answer, Err(StoreError { kind: ErrorKind::Timeout | ErrorKind::Server, .. })) {
            answer = store.who_am_i().await;
        }
        Ok((answer?, store.endpoint().to_owned()))
    };
    runtime()?.block_on(asking).map_err(|error| explained(error, &endpoint, from))
}

/// A runtime for some requests.
pub fn runtime() -> Result<Runtime, Failure> {
    let builder = &mut tokio::runtime::Builder::new_multi_thread();
    let built = builder.worker_threads(1).enable_all().build();
    built.map_err(|e| Failure::other(format!("the command cannot be started: {e}")))
}

fn explained(error: StoreError, endpoint: &str, from: &str) -> Failure {
    // RGW says so of what it cannot take for a token.
    if error.kind == ErrorKind::Denied {
        return Failure::other(format!(
            "{endpoint} does not accept {from}: it is no token or key that it knows; copy it again, all of it"
        ));
    }
    let (endpoint, credentials_from) = (endpoint.to_owned(), from.to_owned());
    MountError::Service { error: Box::new(error), endpoint, bucket: String::new(), credentials_from }.into()
}
