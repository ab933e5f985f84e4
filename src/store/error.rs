//! The one error that the store room gives: what kind, and what the service said.

use std::fmt;

/// What went wrong, in terms that the file system decides on. The errno for each stands in `fs/error.rs`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// 404: no such key (or an upload's key, or a tag set).
    NotFound,
    /// 404 NoSuchBucket.
    NoSuchBucket,
    /// 404 NoSuchUpload: the multipart upload is gone (or was completed by a request whose answer was lost).
    NoSuchUpload,
    /// 403 AccessDenied and relatives: the service knows the user and says no.
    Denied,
    /// 403 InvalidAccessKeyId, SignatureDoesNotMatch, ExpiredToken, UserSuspended: the service does not accept the user.
    BadCredentials,
    /// 403 RequestTimeTooSkewed that the clock correction could not cure.
    ClockSkew,
    /// 412 (also 409 from a lost race for a conditional write): the condition did not hold.
    PreconditionFailed,
    /// 304.
    NotModified,
    /// 416: no byte of the range exists.
    BadRange,
    /// 403/507 QuotaExceeded.
    Quota,
    /// 400 EntityTooLarge or beyond 5 TiB.
    TooLarge,
    /// 400 KeyTooLongError, InvalidObjectName, InvalidBucketName.
    BadName,
    /// 400 MetadataTooLarge, header fields too large.
    MetadataTooLarge,
    /// 403 InvalidObjectState: in a cold storage class and not restored.
    Cold,
    /// 409 BucketNotEmpty.
    NotEmpty,
    /// 409 BucketAlreadyExists / BucketAlreadyOwnedByYou.
    Exists,
    /// 409 ObjectNotAppendable, or the service or the bucket knows no append: nothing was appended, and the whole object can
    /// be stored in its place.
    NotAppendable,
    /// 501, 405.
    Unsupported,
    /// Bytes that arrived or were stored are not the bytes that were meant (Content-MD5, etag).
    Corrupt,
    /// A grant to a user whom the service has never seen.
    UnknownGrantee,
    /// Any other 4xx: our request was wrong.
    BadRequest,
    /// 5xx, 429, or an answer that makes no sense, until the deadline.
    Server,
    /// No answer until the deadline.
    Timeout,
    /// Connection refused, reset or no route, until the deadline.
    Unreachable,
    /// The endpoint's name does not resolve.
    Dns,
    /// The TLS handshake failed: unknown issuer, wrong name, expired.
    Tls,
}

/// An error of the store room.
#[derive(Clone, Debug)]
pub struct StoreError {
    /// What the file system decides on.
    pub kind: ErrorKind,
    /// The S3 operation (`PutObject`).
    pub op: &'static str,
    /// HTTP status, if there was an answer.
    pub status: Option<u16>,
    /// S3 error code (`AccessDenied`), empty if there was none (HEAD has no body).
    pub code: String,
    /// The service's or the system's own words. Never holds a credential.
    pub message: String,
    /// RGW's request id (`x-amz-request-id`), for the service's staff.
    pub request_id: Option<String>,
}

impl StoreError {
    /// An error that did not come from an answer.
    pub fn local(kind: ErrorKind, op: &'static str, message: impl Into<String>) -> StoreError {
        StoreError { kind, op, status: None, code: String::new(), message: message.into(), request_id: None }
    }

    /// Whether the object (or upload) is simply not there.
    pub fn is_not_found(&self) -> bool {
        self.kind == ErrorKind::NotFound
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.op)?;
        match self.status {
            Some(status) if self.code.is_empty() => write!(f, "HTTP {status}")?,
            Some(status) => write!(f, "HTTP {status} {}", self.code)?,
            None => write!(f, "{:?}", self.kind)?,
        }
        if !self.message.is_empty() {
            write!(f, ": {}", self.message)?;
        }
        if let Some(id) = &self.request_id {
            write!(f, " (request {id})")?;
        }
        Ok(())
    }
}

impl std::error::Error for StoreError {}
