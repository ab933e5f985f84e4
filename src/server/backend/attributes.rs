//! The headers that are kept with an object and come back with it.

use http::{HeaderMap, HeaderName, HeaderValue, header};
use s3s::{S3Result, s3_error};

use super::super::Style;
use super::conditions::text;
use super::model::Object;
use super::{checksums, error};

const META: &str = "x-amz-meta-";

/// RGW answers 500 to a longer name after `x-amz-meta-`.
const LONGEST_NAME: usize = 80;

static KEPT: [HeaderName; 8] = [
    header::CONTENT_TYPE,
    header::CACHE_CONTROL,
    header::CONTENT_DISPOSITION,
    header::CONTENT_ENCODING,
    header::CONTENT_LANGUAGE,
    header::EXPIRES,
    HeaderName::from_static("x-amz-storage-class"),
    HeaderName::from_static("x-amz-website-redirect-location"),
];

/// The name of the storage class header.
pub(crate) const STORAGE_CLASS: &str = "x-amz-storage-class";

/// Takes the headers to keep out of a request.
pub(crate) fn from_request(request: &HeaderMap, style: Style) -> S3Result<HeaderMap> {
    let mut kept = HeaderMap::new();
    for name in &KEPT {
        let Some(value) = request.get(name).filter(|value| !value.is_empty()) else { continue };
        kept.insert(name, own(value)?);
    }
    for name in checksums::NAMES.iter().filter(|_| style == Style::Rgw20) {
        let Some(value) = request.get(*name) else { continue };
        kept.insert(*name, own(value)?);
    }
    if kept.get(STORAGE_CLASS).is_some_and(|class| class == "STANDARD") {
        kept.remove(STORAGE_CLASS);
    }
    strip_chunked(&mut kept);
    for (name, value) in request {
        let Some(short) = name.as_str().strip_prefix(META) else { continue };
        if short.len() > LONGEST_NAME {
            return Err(error::unknown());
        }
        match style {
            // RGW before 18 gives `_` back as `-`.
            Style::Rgw16 if short.contains('_') => {
                let name = HeaderName::try_from(name.as_str().replace('_', "-"));
                kept.insert(name.map_err(|_| s3_error!(InvalidArgument))?, own(value)?);
            }
            _ => {
                kept.insert(name, own(value)?);
            }
        }
    }
    Ok(kept)
}

/// A copy: the value itself is a part of the buffer that the request was read into, and would keep all of it.
fn own(value: &HeaderValue) -> S3Result<HeaderValue> {
    HeaderValue::from_bytes(value.as_bytes()).map_err(|_| s3_error!(InvalidArgument))
}

/// How much user metadata a request has, names and values together.
pub(crate) fn metadata_size(request: &HeaderMap) -> usize {
    let user = request.iter().filter_map(|(name, value)| Some((name.as_str().strip_prefix(META)?, value)));
    user.map(|(name, value)| name.len() + value.len()).sum()
}

/// `aws-chunked` tells how the body travels, it is not part of the object.
fn strip_chunked(kept: &mut HeaderMap) {
    let Some(value) = kept.get(header::CONTENT_ENCODING).and_then(|value| value.to_str().ok()) else { return };
    if !value.contains("aws-chunked") {
        return;
    }
    let rest: Vec<&str> = value.split(',').map(str::trim).filter(|coding| *coding != "aws-chunked").collect();
    match HeaderValue::try_from(rest.join(",")) {
        Ok(rest) if !rest.is_empty() => kept.insert(header::CONTENT_ENCODING, rest),
        _ => kept.remove(header::CONTENT_ENCODING),
    };
}

/// The headers of an answer to GET or HEAD, but for those of the range.
pub(crate) fn for_response(object: &Object, request: &HeaderMap) -> HeaderMap {
    let mut headers = object.headers.clone();
    if text(request, "x-amz-checksum-mode") != Some("ENABLED") {
        for name in checksums::NAMES {
            headers.remove(name);
        }
    }
    headers.entry(header::CONTENT_TYPE).or_insert(HeaderValue::from_static("binary/octet-stream"));
    headers.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    if let Ok(etag) = HeaderValue::try_from(format!("\"{}\"", object.etag)) {
        headers.insert(header::ETAG, etag);
    }
    if let Ok(modified) = HeaderValue::try_from(httpdate::fmt_http_date(object.modified)) {
        headers.insert(header::LAST_MODIFIED, modified);
    }
    if !object.tags.is_empty() {
        headers.insert("x-amz-tagging-count", HeaderValue::from(object.tags.len()));
    }
    if object.appends > 0 {
        headers.insert("x-rgw-object-type", HeaderValue::from_static("Appendable"));
        headers.insert("x-rgw-next-append-position", HeaderValue::from(object.body.len()));
    } else {
        headers.insert("x-rgw-object-type", HeaderValue::from_static("Normal"));
    }
    headers
}
