//! The errors of RGW that the protocol crate has no name for.

use http::StatusCode;
use s3s::{S3Error, S3ErrorCode, s3_error};

/// An error with any code and status.
pub(crate) fn custom(status: StatusCode, code: &str) -> S3Error {
    let code = S3ErrorCode::from_bytes(code.as_bytes()).unwrap_or(S3ErrorCode::InternalError);
    let mut error = S3Error::new(code);
    error.set_status_code(status);
    error
}

/// The bucket is full.
pub(crate) fn quota_exceeded() -> S3Error {
    custom(StatusCode::FORBIDDEN, "QuotaExceeded")
}

/// What RGW says when something unforeseen goes wrong.
pub(crate) fn unknown() -> S3Error {
    custom(StatusCode::INTERNAL_SERVER_ERROR, "UnknownError")
}

/// A key that is not UTF-8, too long or has a NUL in it.
pub(crate) fn invalid_object_name() -> S3Error {
    custom(StatusCode::BAD_REQUEST, "InvalidObjectName")
}

/// The disk failed.
pub(crate) fn disk(error: std::io::Error) -> S3Error {
    s3_error!(error, InternalError)
}

/// Another write came in between.
pub(crate) fn concurrent_modification() -> S3Error {
    custom(StatusCode::CONFLICT, "ConcurrentModification")
}
