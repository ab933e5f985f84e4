//! SIGINT, SIGTERM and SIGHUP: the first asks for an orderly end, the second for an end now.

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

/// Counts the signals that came.
pub struct Signals {
    count: watch::Sender<u32>,
}

impl Signals {
    /// From here on signals no longer end the process.
    pub fn catch() -> std::io::Result<Signals> {
        let (count, _) = watch::channel(0);
        for kind in [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()] {
            let mut stream = signal(kind)?;
            let count = count.clone();
            tokio::spawn(async move {
                while stream.recv().await.is_some() {
                    count.send_modify(|count| *count += 1);
                }
            });
        }
        Ok(Signals { count })
    }

    /// Counts one that did not come by kill(2).
    pub fn count_one(&self) {
        self.count.send_modify(|count| *count += 1);
    }

    /// Returns when so many have come.
    pub async fn at_least(&self, wanted: u32) {
        let mut count = self.count.subscribe();
        // The sender lives as long as we do, so this cannot fail.
        let _ = count.wait_for(|count| *count >= wanted).await;
    }
}
