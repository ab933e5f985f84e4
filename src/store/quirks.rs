//! Finds out by trial which conditions the service honours.
//!
//! RGW 16 and 18 want `If-Match` without quotes and ignore conditions on a completion; on their versioned buckets no
//! condition works. RGW 20 and Amazon take quotes and honour completions.

use super::complete::Completion;
use super::exchange::{Extra, HeaderList};
use super::{Body, Condition, ErrorKind, PartDone, Quirks, Result, Store, StoreError, WriteHeaders};
use bytes::Bytes;
use futures::future::FutureExt;
use std::sync::PoisonError;
use std::sync::atomic::Ordering::Relaxed;

/// An etag that no object has.
const WRONG: &str = "00000000000000000000000000000000";

impl Store {
    /// What the service honours: probed at the first call with a few small objects under `probe_prefix`, which are
    /// deleted again; later calls answer from memory.
    pub async fn quirks(&self) -> Result<Quirks> {
        // Holding the lock while probing makes other callers wait for the one probe.
        let mut known = self.place.quirks.lock().await;
        if let Some(quirks) = &*known {
            return Ok(quirks.clone());
        }
        let (quirks, lasting) = match self.probe().await {
            Ok(quirks) => (quirks, true),
            // Full: nothing was found out, ask again when there is room.
            Err(e) if e.kind == ErrorKind::Quota => (Quirks::default(), false),
            Err(e) => return Err(e),
        };
        let quirks = Quirks { safe_self_copy: self.safe_self_copy(), ..quirks };
        tracing::debug!(?quirks, "probed the service");
        if lasting {
            *known = Some(quirks.clone());
        }
        Ok(quirks)
    }

    async fn probe(&self) -> Result<Quirks> {
        self.probing(&self.place.probes, true);
        // Each time other keys: what is left of the last time may still be on its way out.
        let time = self.place.probed.fetch_add(1, Relaxed);
        let key = |what: &str| format!("{}{what}-{time}", self.place.probes);
        let keys = [key("absent"), key("quoted"), key("plain"), key("complete")];
        // Boxed: each holds several requests, too much for a stack that has the commit on it.
        let (absent, quoted, plain, complete) = tokio::join!(
            self.probe_absent(&keys[0]).boxed(),
            self.probe_match(&keys[1], true).boxed(),
            self.probe_match(&keys[2], false).boxed(),
            self.probe_complete(&keys[3]).boxed(),
        );
        let outcomes = [&absent, &quoted, &plain, &complete];
        if outcomes.iter().any(|outcome| outcome.as_ref().is_err_and(is_outage)) {
            // Whoever waits for the probe has waited for as long as he may.
            let store = self.clone();
            tokio::spawn(async move { store.clear_away(&keys, true).await });
        } else {
            self.clear_away(&keys, false).await;
        }
        let (quoted, plain) = (if_clear(quoted)?, if_clear(plain)?);
        Ok(Quirks {
            exclusive_put: if_clear(absent)?,
            match_put: quoted || plain,
            match_quoted: quoted,
            conditional_complete: if_clear(complete)?,
            safe_self_copy: false,
        })
    }

    async fn clear_away(&self, keys: &[String; 4], broke_off: bool) {
        let deleted = futures::future::join_all(keys.iter().map(|key| self.delete(key))).await;
        for (key, gone) in keys.iter().zip(deleted) {
            match gone {
                Err(error) if error.kind != ErrorKind::Denied => {
                    tracing::warn!("the probe object {key} could not be deleted: {error}");
                }
                _ => {}
            }
        }
        let left = || self.place.broke_off.lock().unwrap_or_else(PoisonError::into_inner);
        let mut keys_left = std::mem::take(&mut *left());
        keys_left.extend(broke_off.then(|| keys[3].clone()));
        for key in keys_left {
            if let Err(error) = self.abort_all(&key).await {
                tracing::warn!("an upload of the probe {key} stays until it can be aborted: {error}");
                left().push(key);
            }
        }
        // What is left then is looked for by the next probe, or the next mount.
        if left().is_empty() {
            self.probing(&self.place.probes, false);
        }
    }

    /// Nobody else uploads to the key of a probe.
    async fn abort_all(&self, key: &str) -> Result<()> {
        for upload in self.uploads_of(key).await? {
            self.abort_upload(&upload.key, &upload.id).await?;
        }
        Ok(())
    }

    async fn probe_absent(&self, key: &str) -> Result<bool> {
        self.probe_put(key, None).await?;
        self.refuses(key, ("if-none-match", "*".into())).await
    }

    async fn probe_match(&self, key: &str, quoted: bool) -> Result<bool> {
        let etag = self.probe_put(key, None).await?;
        let form = |etag: &str| if quoted { format!("\"{etag}\"") } else { etag.to_owned() };
        Ok(self.refuses(key, ("if-match", form(WRONG))).await? && !self.refuses(key, ("if-match", form(&etag))).await?)
    }

    /// A completion that should be refused, with both conditions. The upload is aborted after answers that are clear.
    async fn probe_complete(&self, key: &str) -> Result<bool> {
        let with = WriteHeaders::default();
        let (put, upload) = tokio::join!(self.probe_put(key, None).boxed(), self.create_upload(key, &with).boxed());
        let upload = upload?;
        if let Err(error) = put {
            // An outage: who clears away looks for uploads too. Else it is refused, and the upload is not to stay.
            if !is_outage(&error) {
                self.abort_upload(key, &upload).await?;
            }
            return Err(error);
        }
        let part = self.upload_part(key, &upload, 1, Body::from(Bytes::from_static(b"probe"))).await?;
        for condition in [("if-none-match", "*".to_owned()), ("if-match", format!("\"{WRONG}\""))] {
            if !self.complete_refuses(key, &upload, &part, condition).await? {
                return Ok(false);
            }
        }
        self.abort_upload(key, &upload).await?;
        Ok(true)
    }

    async fn complete_refuses(&self, key: &str, upload: &str, part: &PartDone, header: (&str, String)) -> Result<bool> {
        let extra = Extra::from(vec![(header.0.to_owned(), header.1)]);
        let what = Completion { key, upload, parts: std::slice::from_ref(part), asked_before: false };
        refused(self.complete_with(what, &Condition::Always, extra, true).await)
    }

    async fn refuses(&self, key: &str, header: (&str, String)) -> Result<bool> {
        refused(self.probe_put(key, Some(header)).await)
    }

    pub(super) async fn probe_put(&self, key: &str, header: Option<(&str, String)>) -> Result<String> {
        let headers: HeaderList = header.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        let body = Body::from(Bytes::from_static(b"probe"));
        let stored = self.put_with(key, body, headers, &Condition::Always, true).await?;
        Ok(stored.etag.as_str().to_owned())
    }

    /// Some releases between 18.2.5 and 19.2.1 lose the tail of an object that is copied onto itself. They send no
    /// `Server` header; RGW 20 does.
    fn safe_self_copy(&self) -> bool {
        let server = self.inner.server.lock().unwrap_or_else(PoisonError::into_inner);
        server.as_deref().is_some_and(|name| {
            ["AmazonS3", "osirisfs", "Ceph Object Gateway ("].iter().any(|safe| name.starts_with(safe))
        })
    }
}

fn refused<T>(outcome: Result<T>) -> Result<bool> {
    match outcome {
        Ok(_) => Ok(false),
        Err(e) if e.kind == ErrorKind::PreconditionFailed => Ok(true),
        Err(e) => Err(e),
    }
}

/// An outage says nothing and is passed on; a service or a user that cannot do the thing has no use for it.
fn if_clear(outcome: Result<bool>) -> Result<bool> {
    match outcome {
        Err(e) if !is_outage(&e) => {
            tracing::debug!("a condition could not be tried: {e}");
            Ok(false)
        }
        other => other,
    }
}

fn is_outage(error: &StoreError) -> bool {
    use ErrorKind::*;
    matches!(error.kind, Server | Timeout | Unreachable | Dns | Tls | ClockSkew | Quota | Corrupt)
}
