//! What the HTTP layer tells about a request beside what the protocol crate reads out of it.

use http::{Extensions, HeaderMap};
use s3s::S3Request;

use super::super::access::Caller;

/// The headers of a request that has no signature left to verify. The protocol crate does not get to see them, as it
/// answers 400 to many a value that RGW takes: ranges, dates, user metadata that looks encoded.
#[derive(Debug, Clone)]
pub(crate) struct RawHeaders(pub(crate) HeaderMap);

/// Who sent the request.
pub(crate) fn caller(extensions: &Extensions) -> Caller {
    extensions.get::<Caller>().cloned().unwrap_or_default()
}

/// The request with all its headers.
pub(crate) fn with_raw_headers<T>(mut req: S3Request<T>) -> S3Request<T> {
    if let Some(RawHeaders(headers)) = req.extensions.remove::<RawHeaders>() {
        req.headers = headers;
    }
    req
}
