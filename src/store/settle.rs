//! How a write whose answer was lost is told from one that was refused, and what a refusal means.

use super::errors_from_sdk::{Failure, Outcome};
use super::exchange::{Answer, Extra};
use super::headers::{META, is_encrypted, quoted};
use super::retry::Tries;
use super::{Condition, ETag, ErrorKind, ObjectInfo, Quirks, Result, StoreError};

/// More bytes of headers than a service needs to take: Amazon takes 2 KiB of user metadata, RGW some 8 KiB in all.
const MANY_HEADERS: usize = 6 << 10;

/// What a HEAD tells after a conditional write that may or may not have happened.
pub(super) enum Verdict {
    /// Our bytes stand under the key.
    Stored,
    /// They do not, and the condition still holds.
    Again,
    /// Someone else's bytes stand there, or none where some should.
    Lost(StoreError),
}

impl Tries {
    /// After a failed conditional write: HEAD and compare where the failure does not say who won. True: we did.
    pub(super) async fn settles(
        &self,
        op: &'static str,
        key: &str,
        condition: &Condition,
        ours: Option<&ETag>,
        sent: &Extra,
        failure: &mut Failure,
    ) -> Result<bool> {
        let refused = failure.is(ErrorKind::PreconditionFailed);
        // RGW answers 500 UnknownError or 409 ConcurrentModification to some that lost a race, and RGW 20 404 to
        // If-Match on a missing key (also to a grant to an unknown user, hence the HEAD).
        let missing = failure.is(ErrorKind::NotFound) && matches!(condition, Condition::Match(_));
        let doubtful = failure.unclear || missing || (refused && (failure.retry || self.unclear));
        if *condition == Condition::Always || !doubtful {
            return Ok(false);
        }
        match self.verdict(op, key, condition, ours, sent).await? {
            Verdict::Stored if failure.unclear || self.unclear => Ok(true),
            // Without an attempt of ours that may have been carried out, equal bytes are someone else's.
            Verdict::Stored => Err(lost(op)),
            Verdict::Lost(error) => Err(error),
            Verdict::Again => {
                failure.retry |= refused;
                Ok(false)
            }
        }
    }

    /// HEAD and compare. `ours`: the etag of what was sent, if it may have arrived; `sent`: its headers.
    pub(super) async fn verdict(
        &self,
        op: &'static str,
        key: &str,
        condition: &Condition,
        ours: Option<&ETag>,
        sent: &Extra,
    ) -> Result<Verdict> {
        let now = match self.asker().head(key).await {
            Ok(info) => Some(info),
            Err(error) if error.is_not_found() => None,
            Err(error) => return Err(error),
        };
        let holds = match condition {
            Condition::Always => true,
            Condition::Absent => now.is_none(),
            Condition::Match(etag) => now.as_ref().is_some_and(|now| now.etag == *etag),
        };
        Ok(if holds {
            Verdict::Again
        } else if now.is_some_and(|now| ours == Some(&now.etag) && !contradicts(&now, sent)) {
            Verdict::Stored
        } else {
            Verdict::Lost(lost(op))
        })
    }
}

/// Equal bytes do not show whose they are: several clients may have made the same empty file. Then its user metadata
/// tells, such as a time to the nanosecond. Only plain text counts, which every service gives back as it was sent.
pub(super) fn contradicts(now: &ObjectInfo, sent: &Extra) -> bool {
    sent.headers.iter().any(|(name, value)| {
        let there = name.strip_prefix(META).and_then(|name| now.headers.user.get(name));
        value.bytes().all(|byte| byte.is_ascii_graphic()) && there.is_some_and(|there| there != value)
    })
}

/// Someone else's write came first.
pub(super) fn lost(op: &'static str) -> StoreError {
    StoreError::local(ErrorKind::PreconditionFailed, op, "another object stands there, or none")
}

pub(super) fn has_grants(extra: &Extra) -> bool {
    extra.headers.iter().any(|(name, _)| name.starts_with("x-amz-grant-"))
}

/// RGW answers 404 NoSuchKey to a grant to a user whom it has never seen, and a bare 400 to too many headers.
pub(super) fn explain(mut failure: Box<Failure>, extra: &Extra) -> Box<Failure> {
    let bytes: usize = extra.headers.iter().map(|(name, value)| name.len() + value.len() + 4).sum();
    let error = &mut failure.error;
    if error.kind == ErrorKind::NotFound && has_grants(extra) {
        error.kind = ErrorKind::UnknownGrantee;
        error.message = "a grantee is not known to the service".into();
    } else if error.kind == ErrorKind::BadRequest && error.code.is_empty() && bytes > MANY_HEADERS {
        error.kind = ErrorKind::MetadataTooLarge;
        error.message = format!("{bytes} bytes of headers are too many for the service");
    }
    failure
}

/// The header for a condition.
pub(super) fn condition_header(condition: &Condition, quirks: &Quirks) -> Option<(String, String)> {
    match condition {
        Condition::Always => None,
        Condition::Absent => Some(("if-none-match".into(), "*".into())),
        Condition::Match(etag) if quirks.match_quoted => Some(("if-match".into(), quoted(etag))),
        Condition::Match(etag) => Some(("if-match".into(), etag.as_str().to_owned())),
    }
}

/// Compares what the service says it stored with what was sent.
pub(super) fn stored_as(op: &'static str, answer: &Answer, said: Option<&str>, ours: &ETag) -> Outcome<ETag> {
    let etag = ETag::new(said.unwrap_or_default());
    if etag.as_str().is_empty() {
        return Ok(ours.clone());
    }
    match (etag.as_md5(), ours.as_md5()) {
        (Some(theirs), Some(md5)) if !theirs.eq_ignore_ascii_case(md5) && !is_encrypted(answer) => {
            let mut failure = Failure::nonsense(op, answer, "the stored bytes are not the bytes that were sent");
            failure.error.kind = ErrorKind::Corrupt;
            Err(failure)
        }
        _ => Ok(etag),
    }
}
