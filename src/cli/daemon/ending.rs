//! The end of a mount, however it comes: by umount, by `osirisfs umount`, or by a signal.
//!
//! Order of an end by signal: store everything; take the mount out of the tree, so that no program opens anything new; wait
//! until those that have files open are done, but no longer than [`GRACE`]; store what they left; end.

use super::*;
use crate::patience::Patience;
use crate::store::Result as StoreResult;
use std::path::Path;

/// How long open files may hold up the end.
const GRACE: Duration = Duration::from_secs(30);

/// How long a service may be silent while there is something to store. With the last request on its way this stays below
/// half a minute.
const SILENCE: Duration = Duration::from_secs(22);

/// How often a service that we are storing to is asked for a sign of life.
const PULSE: Duration = Duration::from_secs(5);

/// Serves until the kernel has let go or a signal has asked for the end. Gives what could not be stored.
pub(super) async fn serve_until_end(running: Running, mountpoint: &Path, signals: &Signals) -> NotStored {
    let Running { served, mounted, in_tree, control, store } = running;
    let probe = store.with_deadline(PULSE);
    let by_signal = tokio::select! {
        () = mounted.ended() => false,
        () = signals.at_least(1) => true,
    };
    let mut given_up = None;
    if by_signal {
        notify::stopping();
        tracing::info!("asked to end: storing what is pending");
        given_up = save(&*served, &probe, signals).await.err();
        let path = mountpoint.to_owned();
        let detached = blocking(move || unmount::lazily(&path)).await;
        match detached {
            Ok(()) | Err(MountError::NotMounted(_)) => in_tree.gone(),
            Err(e) => tracing::warn!("{e}"),
        }
        // Programs that wait for a service which does not answer are not waited for.
        let grace = if given_up.is_some() { Duration::ZERO } else { GRACE };
        tokio::select! {
            biased;
            () = mounted.ended() => {}
            () = signals.at_least(2) => tracing::warn!("second signal: not waiting for programs that use the mount"),
            () = tokio::time::sleep(grace) => tracing::warn!("ending, although programs still use the mount"),
        }
    } else {
        in_tree.gone();
    }
    if let Some(control) = &control {
        control.stop_accepting();
    }
    let saved = match given_up {
        Some(why) => Err(why),
        None => save(&*served, &probe, signals).await,
    };
    let not_stored = match saved {
        Ok(not_stored) => not_stored,
        Err(why) => served.keep_all(why).await,
    };
    for (path, error) in &not_stored {
        tracing::error!("NOT STORED: {path}: {error}");
    }
    if !not_stored.is_empty() {
        tracing::error!("osirisfs recover lists what is kept, and stores it");
    }
    if let Some(control) = control {
        control.ended(not_stored.clone()).await;
    }
    not_stored
}

/// Stores everything, and gives what the service refused. Gives up (an error: why) at a second signal, or when the service
/// has been silent for [`SILENCE`]: it is then better to say what is lost than to be killed without a word.
async fn save<B: Backlog>(backlog: &B, probe: &Store, signals: &Signals) -> Result<NotStored, &'static str> {
    tokio::select! {
        biased;
        not_stored = backlog.sync_all() => Ok(not_stored),
        () = signals.at_least(2) => Err("ended by a second signal before it was stored"),
        () = silence(SILENCE, PULSE, || probe.is_there()) => Err("the service did not answer while the mount was ended"),
    }
}

/// Returns when the service, asked every `pulse`, has given no sign of life for `grace`.
async fn silence<T, F: Future<Output = StoreResult<T>>>(grace: Duration, pulse: Duration, ask: impl Fn() -> F) {
    let mut patience = Patience::of(grace);
    while !patience.left().is_zero() {
        let _ = patience.spend(pulse, std::future::pending::<()>()).await;
        if patience.spend(pulse, ask()).await.is_ok_and(|answer| is_sign_of_life(&answer)) {
            patience = Patience::of(grace);
        }
    }
}

/// A refusal is one too: what cannot be stored for that reason is told by storing itself.
fn is_sign_of_life<T>(answer: &StoreResult<T>) -> bool {
    use ErrorKind::{Dns, Server, Timeout, Tls, Unreachable};
    !matches!(answer, Err(StoreError { kind: Dns | Server | Timeout | Tls | Unreachable, .. }))
}

#[cfg(test)]
mod tests;
