//! Tells systemd how the service is doing, if systemd wants to know (sd_notify(3), `Type=notify`).

use super::control::Backlog;
use super::progress::files;
use crate::mount::check;
use sd_notify::NotifyState;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// How often the status line is looked after.
const STATUS_EVERY: Duration = Duration::from_secs(5);

/// Without systemd it does nothing; a failure changes nothing for the mount.
fn notify(states: &[NotifyState]) {
    if let Err(e) = sd_notify::notify(states) {
        tracing::debug!("systemd was not told: {e}");
    }
}

/// The end has begun.
pub fn stopping() {
    notify(&[NotifyState::Stopping]);
}

/// Options are read again.
pub fn reloading() {
    match NotifyState::monotonic_usec_now() {
        Ok(now) => notify(&[NotifyState::Reloading, now]),
        Err(_) => notify(&[NotifyState::Reloading]),
    }
}

/// They are read.
pub fn reloaded() {
    notify(&[NotifyState::Ready]);
}

/// Ends with its owner.
pub struct Told(tokio::task::JoinHandle<()>);

impl Drop for Told {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Says that the mount is ready, and from then on what is to be stored; and, if a watchdog waits, that the mount answers.
/// A mount that does not answer any more says nothing, and is started again. A service that is away is no reason for that:
/// what waits to be stored would be lost.
pub fn keep_telling<B: Backlog>(backlog: &Arc<B>, mountpoint: PathBuf, source: String) -> Told {
    notify(&[NotifyState::Ready, NotifyState::Status(&status(&source, 0))]);
    let backlog = backlog.clone();
    let watchdog = sd_notify::watchdog_enabled();
    let every = watchdog.map_or(STATUS_EVERY, |within| STATUS_EVERY.min(within / 3));
    Told(tokio::spawn(async move {
        let mut told = 0;
        loop {
            tokio::time::sleep(every).await;
            let pending = backlog.pending().await.files;
            if pending != told {
                notify(&[NotifyState::Status(&status(&source, pending))]);
                told = pending;
            }
            if watchdog.is_some() {
                let path = mountpoint.clone();
                if tokio::task::spawn_blocking(move || check::is_alive(&path)).await.unwrap_or(false) {
                    notify(&[NotifyState::Watchdog]);
                } else {
                    tracing::error!("the mount does not answer itself");
                }
            }
        }
    }))
}

fn status(source: &str, pending: usize) -> String {
    match pending {
        0 => format!("{source}: everything is stored"),
        n => format!("{source}: {} to store", files(n)),
    }
}
