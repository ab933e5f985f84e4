//! SIGUSR1 (`systemctl reload`): options and files are read again, and what can change while mounted is changed.

use super::Again;
use crate::cli::{logging, notify};
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::JoinHandle;

/// Ends with its owner.
pub struct Reload(Option<JoinHandle<()>>);

impl Drop for Reload {
    fn drop(&mut self) {
        if let Some(task) = self.0.take() {
            task.abort();
        }
    }
}

/// Waits for the signal, again and again.
pub fn at_signal(again: Again) -> Reload {
    let mut stream = match signal(SignalKind::user_defined1()) {
        Ok(stream) => stream,
        Err(e) => {
            tracing::warn!("SIGUSR1 cannot be caught, reloading will end the mount: {e}");
            return Reload(None);
        }
    };
    Reload(Some(tokio::spawn(async move {
        while stream.recv().await.is_some() {
            notify::reloading();
            let changed = again().map_err(|failure| failure.text).and_then(|settings| {
                logging::change(&settings).map_err(|e| e.to_string())?;
                Ok(settings.log)
            });
            match changed {
                Ok(log) => {
                    tracing::info!("options were read again: logging {log}; what else changed counts at the next mount")
                }
                Err(why) => tracing::error!("options were not read again: {why}"),
            }
            notify::reloaded();
        }
    })))
}
