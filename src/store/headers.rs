//! The wording of headers, both ways. Nothing here sends anything.

use super::exchange::{Answer, HeaderList};
use super::{ETag, ErrorKind, Grant, Grantee, ObjectHeaders, ObjectInfo, Result, StoreError, WriteHeaders};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;
use std::time::SystemTime;

/// What RFC 3986 leaves unreserved stays, the rest is encoded.
const STRICT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
const STRICT_PATH: &AsciiSet = &STRICT.remove(b'/');

pub(super) const META: &str = "x-amz-meta-";
/// RGW (16, 18, 20) answers 500 to a longer name after `x-amz-meta-`.
const LONGEST_META_NAME: usize = 80;

/// `x-amz-copy-source`. The SDK sends it as it is given, and the service decodes it like a query: `+` must not stay.
pub(super) fn copy_source(bucket: &str, key: &str) -> String {
    format!("{}/{}", utf8_percent_encode(bucket, STRICT), utf8_percent_encode(key, STRICT_PATH))
}

/// Encodes an encoded copy source once more.
pub(super) fn encode(source: &str) -> String {
    utf8_percent_encode(source, STRICT_PATH).to_string()
}

/// An etag as HTTP wants it.
pub(super) fn quoted(etag: &ETag) -> String {
    format!("\"{}\"", etag.as_str())
}

/// `Range` for a half-open range that is not empty.
pub(super) fn range_header(range: &Range<u64>) -> String {
    format!("bytes={}-{}", range.start, range.end - 1)
}

/// `Content-Range: bytes 0-9/100` as (half-open range, size of the whole).
pub(super) fn parse_content_range(text: &str) -> Option<(Range<u64>, u64)> {
    let (range, size) = text.trim().strip_prefix("bytes")?.trim_start().split_once('/')?;
    let (first, last) = range.split_once('-')?;
    let (first, last, size) = (first.parse::<u64>().ok()?, last.parse::<u64>().ok()?, size.parse::<u64>().ok()?);
    (first <= last && last < size).then(|| (first..last + 1, size))
}

/// The etag that a service makes of a multipart upload: the MD5 of the parts' MD5s, and their number.
pub(super) fn multipart_etag<'a>(parts: impl IntoIterator<Item = &'a ETag>) -> Option<ETag> {
    use md5_many::Digest;
    let (mut md5, mut count) = (md5_many::Md5::new(), 0);
    for part in parts {
        md5.update(hex::decode(part.as_md5()?).ok()?);
        count += 1;
    }
    Some(ETag::new(&format!("{}-{count}", hex::encode(md5.finalize()))))
}

/// All headers of a write.
pub(super) fn write_headers(op: &'static str, with: &WriteHeaders) -> Result<HeaderList> {
    let mut list = object_headers(op, &with.headers)?;
    list.extend(grant_headers(op, &with.grants)?);
    if !with.tags.is_empty() {
        list.push(("x-amz-tagging".into(), tagging(&with.tags)));
    }
    check(op, list)
}

fn object_headers(op: &'static str, headers: &ObjectHeaders) -> Result<HeaderList> {
    let standard = [
        ("content-type", &headers.content_type),
        ("cache-control", &headers.cache_control),
        ("content-disposition", &headers.content_disposition),
        ("content-encoding", &headers.content_encoding),
        ("content-language", &headers.content_language),
        ("expires", &headers.expires),
        ("x-amz-website-redirect-location", &headers.website_redirect),
        ("x-amz-storage-class", &headers.storage_class),
    ];
    let mut list: HeaderList = Vec::new();
    for (name, value) in standard {
        if let Some(value) = value {
            list.push((name.to_owned(), value.clone()));
        }
    }
    for (name, value) in &headers.user {
        if name.len() > LONGEST_META_NAME {
            let message = format!("the metadata name {name} is longer than {LONGEST_META_NAME} bytes");
            return Err(StoreError::local(ErrorKind::MetadataTooLarge, op, message));
        }
        list.push((format!("{META}{}", name.to_ascii_lowercase()), value.clone()));
    }
    Ok(list)
}

/// `x-amz-grant-*`: one header a permission, all its grantees in it.
pub(super) fn grant_headers(op: &'static str, grants: &[Grant]) -> Result<HeaderList> {
    if !grants.is_empty() && grants.iter().all(|grant| grant.grantee == Grantee::BucketOwner) {
        return Ok(vec![("x-amz-acl".to_owned(), "bucket-owner-full-control".to_owned())]);
    }
    let mut list: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for grant in grants {
        let name = match grant.permission.as_str() {
            "READ" => "x-amz-grant-read",
            "WRITE" => "x-amz-grant-write",
            "READ_ACP" => "x-amz-grant-read-acp",
            "WRITE_ACP" => "x-amz-grant-write-acp",
            "FULL_CONTROL" => "x-amz-grant-full-control",
            other => return Err(bad(op, format!("unknown permission {other}"))),
        };
        let (kind, who) = match &grant.grantee {
            Grantee::Id(id) => ("id", id),
            Grantee::Group(uri) => ("uri", uri),
            Grantee::BucketOwner => continue,
        };
        if who.is_empty() || who.contains(['"', ',']) {
            return Err(bad(op, format!("the grantee {who:?} cannot be named in a header")));
        }
        list.entry(name).or_default().push(format!("{kind}=\"{who}\""));
    }
    Ok(list.into_iter().map(|(name, who)| (name.to_owned(), who.join(", "))).collect())
}

/// The value of `x-amz-tagging`.
pub(super) fn tagging(tags: &[(String, String)]) -> String {
    let pair =
        |(k, v): &(String, String)| format!("{}={}", utf8_percent_encode(k, STRICT), utf8_percent_encode(v, STRICT));
    tags.iter().map(pair).collect::<Vec<_>>().join("&")
}

fn bad(op: &'static str, message: String) -> StoreError {
    StoreError::local(ErrorKind::BadRequest, op, message)
}

/// A header that HTTP cannot carry must not fail within the SDK, where it would look like a broken request.
fn check(op: &'static str, list: HeaderList) -> Result<HeaderList> {
    for (name, value) in &list {
        let name_fits = http::HeaderName::from_bytes(name.as_bytes()).is_ok();
        // Spaces at the ends are dropped by HTTP, and the signature would not fit.
        if !name_fits || http::HeaderValue::from_str(value).is_err() {
            return Err(bad(op, format!("the header {name:?} cannot carry {value:?}")));
        }
    }
    Ok(list)
}

/// Reads the headers of a HEAD or GET. `None`: there is no etag, so this is no answer about an object.
pub(super) fn object_info(answer: &Answer, size: u64) -> Option<ObjectInfo> {
    let etag = answer.header("etag").map(ETag::new).filter(|etag| !etag.as_str().is_empty())?;
    let mut headers = ObjectHeaders::default();
    for (name, value) in answer.all() {
        let value = value.into_owned();
        match name {
            "content-type" => headers.content_type = Some(value),
            "cache-control" => headers.cache_control = Some(value),
            "content-disposition" => headers.content_disposition = Some(value),
            "content-encoding" => headers.content_encoding = Some(value),
            "content-language" => headers.content_language = Some(value),
            "expires" => headers.expires = Some(value),
            "x-amz-website-redirect-location" => headers.website_redirect = Some(value),
            "x-amz-storage-class" if value != "STANDARD" => headers.storage_class = Some(value),
            _ => {
                if let Some(name) = name.strip_prefix(META) {
                    headers.user.insert(name.to_owned(), value);
                }
            }
        }
    }
    let modified = answer.header("last-modified").and_then(|text| httpdate::parse_http_date(text).ok());
    Some(ObjectInfo {
        etag,
        size,
        modified: modified.unwrap_or(SystemTime::UNIX_EPOCH),
        headers: Arc::new(headers),
        tag_count: answer.number("x-amz-tagging-count").and_then(|n| u32::try_from(n).ok()).unwrap_or(0),
        owner: None,
        appendable: answer.header("x-rgw-object-type") == Some("Appendable"),
        restored: answer.header("x-amz-restore").is_some_and(|text| text.contains("ongoing-request=\"false\"")),
    })
}

/// Whether the etag is something else than the MD5 of the bytes because the service encrypts.
pub(super) fn is_encrypted(answer: &Answer) -> bool {
    answer.all().any(|(name, _)| name.starts_with("x-amz-server-side-encryption"))
}

#[cfg(test)]
mod tests;
