//! Conditional requests: If-Match and its relatives, compared as RGW compares them.

use std::time::SystemTime;

use http::{HeaderMap, HeaderName, header};
use s3s::{S3Error, S3ErrorCode, S3Result, s3_error};

use super::super::Style;
use super::model::{Object, millis};

/// A header's text.
pub(crate) fn text(headers: &HeaderMap, name: impl http::header::AsHeaderName) -> Option<&str> {
    headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim)
}

fn unquote(etag: &str) -> &str {
    etag.strip_prefix('"').and_then(|etag| etag.strip_suffix('"')).unwrap_or(etag)
}

/// The names of the four conditions of one request.
pub(crate) struct Names {
    if_match: HeaderName,
    if_none_match: HeaderName,
    if_modified: HeaderName,
    if_unmodified: HeaderName,
}

/// The conditions of GET and HEAD.
pub(crate) static READ: Names = Names {
    if_match: header::IF_MATCH,
    if_none_match: header::IF_NONE_MATCH,
    if_modified: header::IF_MODIFIED_SINCE,
    if_unmodified: header::IF_UNMODIFIED_SINCE,
};

/// The conditions on the source of a copy.
pub(crate) static COPY_SOURCE: Names = Names {
    if_match: HeaderName::from_static("x-amz-copy-source-if-match"),
    if_none_match: HeaderName::from_static("x-amz-copy-source-if-none-match"),
    if_modified: HeaderName::from_static("x-amz-copy-source-if-modified-since"),
    if_unmodified: HeaderName::from_static("x-amz-copy-source-if-unmodified-since"),
};

fn failed() -> S3Error {
    s3_error!(PreconditionFailed)
}

fn time(headers: &HeaderMap, name: &HeaderName) -> Option<SystemTime> {
    httpdate::parse_http_date(text(headers, name)?).ok()
}

/// Checks the conditions of a read.
pub(crate) fn check_read(headers: &HeaderMap, object: &Object, names: &Names) -> S3Result<()> {
    // HTTP dates have whole seconds.
    let modified = millis(object.modified) / 1000;
    let seconds = |time: SystemTime| millis(time) / 1000;
    match text(headers, &names.if_match) {
        Some(etag) if unquote(etag) != object.etag && etag != "*" => return Err(failed()),
        Some(_) => {}
        None if time(headers, &names.if_unmodified).is_some_and(|limit| modified > seconds(limit)) => {
            return Err(failed());
        }
        None => {}
    }
    let not_modified = || if names.if_match == header::IF_MATCH { S3ErrorCode::NotModified.into() } else { failed() };
    match text(headers, &names.if_none_match) {
        Some(etag) if unquote(etag) == object.etag => return Err(not_modified()),
        Some(_) => {}
        None if time(headers, &names.if_modified).is_some_and(|limit| modified <= seconds(limit)) => {
            return Err(not_modified());
        }
        None => {}
    }
    Ok(())
}

/// Checks If-Match and If-None-Match of a plain PUT against the object that is there.
pub(crate) fn check_put(headers: &HeaderMap, current: Option<&Object>, style: Style) -> S3Result<()> {
    if let Some(etag) = text(headers, header::IF_MATCH) {
        // RGW before 20 compares the header as it is, quotes and all, with the bare ETag.
        let wanted = match style {
            Style::Rgw16 => etag,
            Style::Rgw20 => unquote(etag),
        };
        match (current, style) {
            (Some(object), _) if etag == "*" || wanted == object.etag => {}
            (None, Style::Rgw20) if etag != "*" => return Err(s3_error!(NoSuchKey)),
            _ => return Err(failed()),
        }
    }
    if let Some(etag) = text(headers, header::IF_NONE_MATCH)
        && current.is_some_and(|object| etag == "*" || unquote(etag) == object.etag)
    {
        return Err(failed());
    }
    Ok(())
}

/// Checks the conditions of CompleteMultipartUpload and append, which RGW has from release 20 on.
pub(crate) fn check_put_if_new(headers: &HeaderMap, current: Option<&Object>, style: Style) -> S3Result<()> {
    match style {
        Style::Rgw16 => Ok(()),
        Style::Rgw20 => check_put(headers, current, style),
    }
}

/// Checks the conditions of a DELETE, which RGW has from release 20 on. A missing key is never refused.
pub(crate) fn check_delete(headers: &HeaderMap, current: Option<&Object>, style: Style) -> S3Result<()> {
    let (Style::Rgw20, Some(object)) = (style, current) else { return Ok(()) };
    let etag = text(headers, header::IF_MATCH).is_none_or(|etag| etag == "*" || unquote(etag) == object.etag);
    let size = text(headers, "x-amz-if-match-size").is_none_or(|size| size.parse() == Ok(object.body.len()));
    let modified = time(headers, &HeaderName::from_static("x-amz-if-match-last-modified-time"))
        .is_none_or(|time| millis(time) / 1000 == millis(object.modified) / 1000);
    if etag && size && modified { Ok(()) } else { Err(failed()) }
}
