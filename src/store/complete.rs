//! CompleteMultipartUpload, which must not be carried out twice.
//!
//! A gateway of RGW that is killed in the middle of it leaves its lock on the upload, for 10 minutes
//! (`rgw_mp_lock_max_time`): until then every further completion is answered 500 InternalError, "This multipart completion is
//! already in progress". If it had written the object, the upload stays listed, and completing or aborting it after the lock
//! has ended takes the object's bytes away when the service collects its garbage (measured on Ceph 16). So the object is
//! looked at before a completion is asked for once more.

use super::client::now_ahead;
use super::errors_from_sdk::Failure;
use super::exchange::Extra;
use super::headers::{multipart_etag, quoted};
use super::retry::{COPYING, Tries};
use super::settle::{Verdict, condition_header, lost};
use super::stray::GRAIN;
use super::{Condition, ETag, ErrorKind, PartDone, Result, Store, Stored};
use aws_sdk_s3::types::{CompletedMultipartUpload, CompletedPart};
use std::time::{Duration, Instant};

const OP: &str = "CompleteMultipartUpload";

/// How long RGW's lock stays by default.
const LOCK: Duration = Duration::from_secs(600);
/// From the moment when a gateway took the lock until a completion after its end was answered, beside [`LOCK`].
const AFTER_LOCK: Duration = Duration::from_secs(60);

/// What a completion is of.
#[derive(Clone, Copy)]
pub struct Completion<'a> {
    /// The object.
    pub key: &'a str,
    /// The upload's id.
    pub upload: &'a str,
    /// All that the object is to have, by their numbers.
    pub parts: &'a [PartDone],
    /// It was asked for before, and nobody knows whether it was carried out.
    pub asked_before: bool,
}

/// The etag that an object of these parts has. `None`: the service's etags of parts are no MD5 sums.
pub fn completed_etag(parts: &[PartDone]) -> Option<ETag> {
    multipart_etag(parts.iter().map(|part| &part.etag))
}

impl Store {
    /// [`Store::complete`] of an upload whose completion was not asked for before.
    pub async fn complete_upload(
        &self,
        key: &str,
        upload: &str,
        parts: &[PartDone],
        condition: &Condition,
    ) -> Result<Stored> {
        self.complete(Completion { key, upload, parts, asked_before: false }, condition).await
    }

    /// CompleteMultipartUpload. `condition` is sent where the service honours it, else HEAD and compare immediately
    /// before. An answer that was lost is recognised by the etag that the parts' MD5s make.
    pub async fn complete(&self, what: Completion<'_>, condition: &Condition) -> Result<Stored> {
        let mut extra = Extra::default();
        let mut honoured = true;
        if *condition != Condition::Always {
            let quirks = self.quirks().await?;
            honoured = quirks.conditional_complete;
            if honoured {
                extra = Vec::from_iter(condition_header(condition, &quirks)).into();
            }
        }
        self.complete_with(what, condition, extra, honoured).await
    }

    /// The completion itself. `honoured`: the condition stands in `extra`.
    pub(super) async fn complete_with(
        &self,
        what: Completion<'_>,
        condition: &Condition,
        extra: Extra,
        honoured: bool,
    ) -> Result<Stored> {
        let Completion { key, upload, parts, .. } = what;
        let ours = completed_etag(parts);
        let list = parts
            .iter()
            .map(|part| CompletedPart::builder().part_number(part.number as i32).e_tag(quoted(&part.etag)).build());
        let list = CompletedMultipartUpload::builder().set_parts(Some(list.collect())).build();
        let mut tries = Tries::new(self, OP, key, self.store_for);
        tries.unclear = what.asked_before;
        let (since, mut locked) = (Instant::now(), false);
        // The condition holds after the completion, too: what is written may be what was there.
        let undecided = match condition {
            Condition::Always => true,
            Condition::Absent => false,
            Condition::Match(etag) => ours.as_ref() == Some(etag),
        };
        loop {
            if tries.unclear && undecided {
                let since = (!what.asked_before).then_some(since);
                if tries.asker().was_completed(key, ours.as_ref(), since).await? {
                    return self.found_completed(what, ours).await;
                }
            }
            if *condition != Condition::Always && (tries.unclear || !honoured) {
                match tries.verdict(OP, key, condition, ours.as_ref(), &extra).await? {
                    Verdict::Stored if tries.unclear => return self.found_completed(what, ours).await,
                    Verdict::Stored => return Err(lost(OP)),
                    Verdict::Lost(error) => return Err(error),
                    Verdict::Again => {}
                }
            }
            let attempt = tries.attempt(COPYING, extra.clone(), |client, exchange| {
                client
                    .complete_multipart_upload()
                    .bucket(self.bucket())
                    .key(key)
                    .upload_id(upload)
                    .multipart_upload(list.clone())
                    .customize()
                    .interceptor(exchange)
                    .send()
            });
            let mut failure = match attempt.await {
                Ok(done) => {
                    let said = done.output.e_tag().map(ETag::new).filter(|etag| !etag.as_str().is_empty());
                    match said {
                        Some(etag) => return Ok(Stored { etag }),
                        // RGW 16 leaves the ETag empty but names the key.
                        None if done.output.key().is_some() => return self.completed(key, ours).await,
                        None => Failure::nonsense(OP, &done.answer, "an empty answer"),
                    }
                }
                Err(failure) => failure,
            };
            if failure.error.status == Some(500) {
                // Who may not list uploads waits, too.
                if tries.asker().is_listed(key, upload).await.unwrap_or(true) {
                    if self.store_for >= LOCK && !std::mem::replace(&mut locked, true) {
                        // The time for storing is as long as the lock by default, and began before it.
                        tries.allow(AFTER_LOCK);
                    }
                } else {
                    // RGW 16 says the same of an upload that is gone.
                    failure.error.kind = ErrorKind::NoSuchUpload;
                }
            }
            if failure.is(ErrorKind::NoSuchUpload) {
                let unclear = tries.unclear || failure.unclear;
                return match (tries.asker().head(key).await, &ours) {
                    (Ok(info), Some(ours)) if unclear && info.etag == *ours => Ok(Stored { etag: info.etag }),
                    _ => Err(failure.error),
                };
            }
            if tries.settles(OP, key, condition, ours.as_ref(), &extra, &mut failure).await? {
                return self.found_completed(what, ours).await;
            }
            tries.again(failure).await?;
        }
    }

    /// Whether our object stands there although no answer said so. An object of the same bytes may have stood there before:
    /// it counts only if it was stored after `since`.
    async fn was_completed(&self, key: &str, ours: Option<&ETag>, since: Option<Instant>) -> Result<bool> {
        let Some(ours) = ours else { return Ok(false) };
        let info = match self.head(key).await {
            Ok(info) => info,
            Err(error) if error.is_not_found() => return Ok(false),
            Err(error) => return Err(error),
        };
        // By the service's own clock, which the answer told.
        let ahead = self.inner.counters.meter.snapshot().clock_ahead.unwrap_or(0);
        let age = now_ahead(ahead * 1000).duration_since(info.modified).unwrap_or_default();
        Ok(info.etag == *ours && since.is_none_or(|since| age <= since.elapsed() + GRAIN))
    }

    /// After a completion whose answer was lost. What of its upload is left must stay.
    async fn found_completed(&self, what: Completion<'_>, ours: Option<ETag>) -> Result<Stored> {
        self.warn_if_listed(what.key, what.upload).await;
        self.completed(what.key, ours).await
    }

    /// The etag after a completion that did not tell it.
    async fn completed(&self, key: &str, ours: Option<ETag>) -> Result<Stored> {
        match ours {
            Some(etag) => Ok(Stored { etag }),
            None => Ok(Stored { etag: self.head(key).await?.etag }),
        }
    }

    /// Gives up an upload whose completion a daemon that is gone has asked for, unless it was carried out; `etag` is what
    /// the object has then.
    pub async fn abort_unless_completed(&self, key: &str, upload: &str, etag: &ETag) -> Result<()> {
        if self.was_completed(key, Some(etag), None).await? {
            self.warn_if_listed(key, upload).await;
            return Ok(());
        }
        self.abort_upload(key, upload).await
    }

    /// Nothing more than a warning depends on it.
    async fn warn_if_listed(&self, key: &str, upload: &str) {
        if self.is_listed(key, upload).await.unwrap_or(false) {
            tracing::warn!(
                key,
                upload,
                "stored, but the service still lists the upload: a gateway ended in the middle of completing it. Do not abort \
                 it before the file was renamed: its bytes would go. See docs/TROUBLESHOOTING.md"
            );
        }
    }

    async fn is_listed(&self, key: &str, upload: &str) -> Result<bool> {
        Ok(self.uploads_of(key).await?.iter().any(|pending| pending.id == upload))
    }
}
