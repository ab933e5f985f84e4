//! From what the SDK or the wire says to a [`StoreError`] and to what may be done about it.

use super::exchange::Answer;
use super::http::{TransportError, chain};
use super::{ErrorKind, StoreError};
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use std::error::Error;
use std::time::{Duration, SystemTime};

/// A failed attempt.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) error: StoreError,
    /// Another attempt may succeed.
    pub(super) retry: bool,
    /// The service may have carried the request out.
    pub(super) unclear: bool,
    /// `Retry-After`.
    pub(super) after: Option<Duration>,
    /// The service's clock when it answered.
    pub(super) date: Option<SystemTime>,
}

/// What an attempt gives.
pub(super) type Outcome<T> = Result<T, Box<Failure>>;

impl Failure {
    /// A failure that another attempt may cure, of a request that may have been carried out.
    pub(super) fn unclear(op: &'static str, kind: ErrorKind, message: impl Into<String>) -> Box<Failure> {
        let error = StoreError::local(kind, op, message);
        Box::new(Failure { error, retry: true, unclear: true, after: None, date: None })
    }

    /// An answer that makes no sense.
    pub(super) fn nonsense(op: &'static str, answer: &Answer, message: impl Into<String>) -> Box<Failure> {
        let mut failure = Failure::unclear(op, ErrorKind::Server, message);
        failure.error.status = Some(answer.status);
        failure.error.request_id = answer.request_id();
        failure
    }

    /// A failure that no repetition cures.
    pub(super) fn fatal(error: StoreError) -> Box<Failure> {
        Box::new(Failure { error, retry: false, unclear: false, after: None, date: None })
    }

    pub(super) fn is(&self, kind: ErrorKind) -> bool {
        self.error.kind == kind
    }
}

/// What a status and an S3 error code mean, and whether to try again.
///
/// The codes are Amazon's list of error responses and RGW's `rgw_http_s3_errors` table.
pub(super) fn classify(status: u16, code: &str, has_body: bool) -> (ErrorKind, bool) {
    use ErrorKind::*;
    let kind = match code {
        "NoSuchKey" | "NoSuchVersion" | "NoSuchTagSet" => NotFound,
        "NoSuchBucket" => NoSuchBucket,
        "NoSuchUpload" => NoSuchUpload,
        "AccessDenied" | "AllAccessDisabled" => Denied,
        "InvalidAccessKeyId"
        | "SignatureDoesNotMatch"
        | "ExpiredToken"
        | "InvalidToken"
        | "UserSuspended"
        | "AccountProblem" => BadCredentials,
        "RequestTimeTooSkewed" => ClockSkew,
        "PreconditionFailed" | "PositionNotEqualToLength" => PreconditionFailed,
        "ObjectNotAppendable" => NotAppendable,
        "InvalidRange" => BadRange,
        "QuotaExceeded" => Quota,
        "EntityTooLarge" => TooLarge,
        "KeyTooLongError" | "InvalidObjectName" | "InvalidBucketName" => BadName,
        "MetadataTooLarge" | "RequestHeaderSectionTooLarge" => MetadataTooLarge,
        "InvalidObjectState" => Cold,
        "BucketNotEmpty" => NotEmpty,
        "BucketAlreadyExists" | "BucketAlreadyOwnedByYou" => Exists,
        "NotImplemented" | "MethodNotAllowed" => Unsupported,
        "BadDigest" => return (Corrupt, true),
        // A lost or undecided race: RGW 20 says ConcurrentModification, Amazon the other two.
        "ConcurrentModification" | "ConditionalRequestConflict" | "OperationAborted" => {
            return (PreconditionFailed, true);
        }
        // 400 codes that speak of the connection, not of the request.
        "RequestTimeout" | "IncompleteBody" | "SlowDown" | "InternalError" | "ServiceUnavailable" | "Throttling"
        | "TooManyRequests" => return (Server, true),
        _ => return by_status(status, code, has_body),
    };
    (kind, false)
}

fn by_status(status: u16, code: &str, has_body: bool) -> (ErrorKind, bool) {
    use ErrorKind::*;
    let kind = match status {
        304 => NotModified,
        403 => Denied,
        // S3 names what is missing. A 404 without a code is some proxy's: not a proof that the key does not exist.
        404 if has_body && code.is_empty() => return (Server, true),
        404 => NotFound,
        405 | 501 => Unsupported,
        412 => PreconditionFailed,
        413 => TooLarge,
        414 => BadName,
        416 => BadRange,
        431 => MetadataTooLarge,
        507 => Quota,
        409 if code.is_empty() => return (PreconditionFailed, true),
        408 | 429 | 500..=599 => return (Server, true),
        // Success that says error, or that could not be read.
        200..=299 => return (Server, true),
        _ => BadRequest,
    };
    (kind, false)
}

/// Whether an answer without success may still have been carried out.
fn may_have_happened(status: u16) -> bool {
    matches!(status, 200..=299 | 408 | 409 | 500 | 502 | 504)
}

/// Reads an SDK error. `answer` is what the wire showed, if there was an answer.
pub(super) fn from_sdk<E>(op: &'static str, answer: Option<&Answer>, error: SdkError<E, HttpResponse>) -> Box<Failure>
where
    E: ProvideErrorMetadata + Error + Send + Sync + 'static,
{
    match (&error, answer) {
        (SdkError::ConstructionFailure(_), None) => {
            Failure::fatal(StoreError::local(ErrorKind::BadRequest, op, causes(error)))
        }
        (_, Some(answer)) => from_answer(op, answer, error),
        (SdkError::DispatchFailure(dispatch), None) => {
            let cause = dispatch.as_connector_error().and_then(|e| e.source());
            match cause.and_then(|cause| cause.downcast_ref::<TransportError>()) {
                Some(transport) => {
                    let mut failure = Failure::unclear(op, transport.kind, transport.message.clone());
                    failure.unclear = transport.sent;
                    failure
                }
                None if dispatch.is_user() => {
                    Failure::fatal(StoreError::local(ErrorKind::BadRequest, op, causes(error)))
                }
                None => Failure::unclear(op, ErrorKind::Unreachable, causes(error)),
            }
        }
        (SdkError::TimeoutError(_), None) => Failure::unclear(op, ErrorKind::Timeout, causes(error)),
        _ => Failure::unclear(op, ErrorKind::Server, causes(error)),
    }
}

fn from_answer<E>(op: &'static str, answer: &Answer, error: SdkError<E, HttpResponse>) -> Box<Failure>
where
    E: ProvideErrorMetadata + Error + Send + Sync + 'static,
{
    let said = error.as_service_error().map(ProvideErrorMetadata::meta);
    let code = said.and_then(|meta| meta.code()).unwrap_or_default().to_owned();
    let words = said.and_then(|meta| meta.message()).map(str::to_owned);
    let has_body = !op.starts_with("Head");
    // For HEAD the SDK makes a code of its own from the status ("NotFound").
    let code = if has_body { code } else { String::new() };
    let (kind, retry) = classify(answer.status, &code, has_body);
    let message = match words {
        Some(words) => words,
        None if (200..300).contains(&answer.status) => causes(error),
        None => String::new(),
    };
    let error = StoreError { kind, op, status: Some(answer.status), code, message, request_id: answer.request_id() };
    let after = answer.number("retry-after").map(Duration::from_secs);
    Box::new(Failure { error, retry, unclear: may_have_happened(answer.status), after, date: answer.date() })
}

fn causes<E>(error: SdkError<E, HttpResponse>) -> String
where
    E: Error + Send + Sync + 'static,
{
    match error.into_source() {
        Ok(source) => chain(source.as_ref()),
        Err(error) => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_and_statuses_have_meanings() {
        use ErrorKind::*;
        for (status, code, meaning) in [
            (404, "NoSuchKey", (NotFound, false)),
            (404, "NoSuchBucket", (NoSuchBucket, false)),
            (404, "NoSuchUpload", (NoSuchUpload, false)),
            (404, "", (Server, true)),
            (403, "AccessDenied", (Denied, false)),
            (403, "", (Denied, false)),
            (403, "InvalidAccessKeyId", (BadCredentials, false)),
            (403, "SignatureDoesNotMatch", (BadCredentials, false)),
            (403, "UserSuspended", (BadCredentials, false)),
            (403, "RequestTimeTooSkewed", (ClockSkew, false)),
            (403, "QuotaExceeded", (Quota, false)),
            (403, "InvalidObjectState", (Cold, false)),
            (304, "", (NotModified, false)),
            (412, "PreconditionFailed", (PreconditionFailed, false)),
            (409, "ConcurrentModification", (PreconditionFailed, true)),
            (409, "BucketNotEmpty", (NotEmpty, false)),
            (409, "PositionNotEqualToLength", (PreconditionFailed, false)),
            (409, "ObjectNotAppendable", (NotAppendable, false)),
            (409, "SomethingNew", (BadRequest, false)),
            (416, "InvalidRange", (BadRange, false)),
            (400, "EntityTooLarge", (TooLarge, false)),
            (400, "KeyTooLongError", (BadName, false)),
            (400, "InvalidArgument", (BadRequest, false)),
            (400, "RequestTimeout", (Server, true)),
            (400, "BadDigest", (Corrupt, true)),
            (431, "", (MetadataTooLarge, false)),
            (501, "NotImplemented", (Unsupported, false)),
            (405, "MethodNotAllowed", (Unsupported, false)),
            (503, "SlowDown", (Server, true)),
            (500, "UnknownError", (Server, true)),
            (502, "", (Server, true)),
            (429, "", (Server, true)),
            // Success that holds an error document.
            (200, "InternalError", (Server, true)),
            (200, "AccessDenied", (Denied, false)),
        ] {
            assert_eq!(classify(status, code, true), meaning, "{status} {code}");
        }
        assert_eq!(classify(404, "", false), (NotFound, false), "HEAD has no body");
    }

    #[test]
    fn a_refusal_was_not_carried_out() {
        for status in [400, 403, 404, 412, 429, 503] {
            assert!(!may_have_happened(status), "{status}");
        }
        for status in [200, 409, 500, 502, 504] {
            assert!(may_have_happened(status), "{status}");
        }
    }
}
