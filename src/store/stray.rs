//! Uploads that were begun by a request whose answer was lost: nobody knows their ids, and they would stay for ever.

use super::exchange::Extra;
use super::retry::ASKING;
use super::{Result, Store};
use std::time::{Duration, Instant, SystemTime};

/// The service tells times in seconds.
pub(super) const GRAIN: Duration = Duration::from_secs(2);

/// The service's clock and ours differ by less, and a beginning takes no longer.
const ABOUT: Duration = Duration::from_secs(300);

impl Store {
    /// Aborts what earlier attempts to begin an upload of `key` may have begun, the first of them at `since`; `ours` is the
    /// one that was begun in the end. What another client begins just now is left alone as soon as it has a part.
    pub(super) async fn abort_strays(&self, key: &str, ours: &str, since: Instant) {
        let took = since.elapsed() + GRAIN;
        let aborted = async {
            let all = self.uploads_of(key).await?;
            // By the service's own clock.
            let begun = all.iter().find(|upload| upload.id == ours).and_then(|upload| upload.started);
            for stray in all.iter().filter(|upload| upload.id != ours) {
                let apart = begun.zip(stray.started).map(|(a, b)| a.duration_since(b).unwrap_or_else(|e| e.duration()));
                if apart.is_some_and(|apart| apart <= took) && !self.has_parts(key, &stray.id).await? {
                    tracing::debug!(key, id = stray.id, "aborting an upload that was begun without an answer");
                    self.abort_upload(key, &stray.id).await?;
                }
            }
            Result::Ok(())
        };
        if let Err(error) = aborted.await {
            tracing::warn!(key, %error, "an upload that was begun without an answer may stay at the service");
        }
    }

    /// Aborts what a daemon that is gone may have begun for `key` at about `at`, without having learnt its id: uploads without
    /// a part.
    pub async fn abort_begun(&self, key: &str, at: SystemTime) -> Result<()> {
        for upload in self.uploads_of(key).await? {
            let apart = upload.started.map(|begun| at.duration_since(begun).unwrap_or_else(|e| e.duration()));
            if apart.is_some_and(|apart| apart <= ABOUT) && !self.has_parts(key, &upload.id).await? {
                tracing::debug!(key, id = upload.id, "aborting an upload that a daemon has begun and not learnt of");
                self.abort_upload(key, &upload.id).await?;
            }
        }
        Ok(())
    }

    async fn has_parts(&self, key: &str, upload: &str) -> Result<bool> {
        let call = self.request("ListParts", key, self.ask_for, ASKING, Extra::default(), |client, exchange| {
            let call = client.list_parts().bucket(self.bucket()).key(key).upload_id(upload).max_parts(1);
            call.customize().interceptor(exchange).send()
        });
        Ok(!call.await?.output.parts().is_empty())
    }
}
