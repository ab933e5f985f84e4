//! Object tags.

use s3s::dto::{Tag, Tagging};
use s3s::{S3Result, s3_error};

/// The most tags that an object may have.
const MOST: usize = 10;

type Tags = Vec<(String, String)>;

fn check(tags: Tags) -> S3Result<Tags> {
    let mut keys: Vec<&str> = tags.iter().map(|(key, _)| key.as_str()).collect();
    keys.sort_unstable();
    keys.dedup();
    let lengths = tags.iter().all(|(key, value)| !key.is_empty() && key.len() <= 128 && value.len() <= 256);
    if tags.len() > MOST || keys.len() != tags.len() || !lengths {
        return Err(s3_error!(InvalidTag));
    }
    Ok(tags)
}

fn decode(text: &str) -> S3Result<String> {
    let plain = text.replace('+', " ");
    let decoded = percent_encoding::percent_decode_str(&plain).decode_utf8();
    decoded.map(Into::into).map_err(|_| s3_error!(InvalidTag))
}

/// The tags of an `x-amz-tagging` header: `k=v&k2=v2`, percent-encoded.
pub(crate) fn from_header(header: Option<&str>) -> S3Result<Tags> {
    let pairs = header.unwrap_or_default().split('&').filter(|pair| !pair.is_empty());
    let tags: S3Result<Tags> = pairs
        .map(|pair| {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            Ok((decode(key)?, decode(value)?))
        })
        .collect();
    check(tags?)
}

/// The tags of a PutObjectTagging body.
pub(crate) fn from_xml(tagging: Tagging) -> S3Result<Tags> {
    let tags = tagging.tag_set.into_iter();
    check(tags.map(|tag| (tag.key.unwrap_or_default(), tag.value.unwrap_or_default())).collect())
}

/// Tags as the answer of GetObjectTagging has them.
pub(crate) fn to_xml(tags: &[(String, String)]) -> Vec<Tag> {
    tags.iter().map(|(key, value)| Tag { key: Some(key.clone()), value: Some(value.clone()) }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn header_tags_are_percent_encoded() {
        let tags = from_header(Some("a=1&b%26=x+y%2B&c")).expect("valid");
        let expected = [("a", "1"), ("b&", "x y+"), ("c", "")];
        assert_eq!(tags, expected.map(|(key, value)| (key.to_owned(), value.to_owned())));
        assert_eq!(from_header(None).expect("none"), []);
    }

    #[test]
    fn too_many_or_double_tags_are_refused() {
        let many = |n: usize| (0..n).map(|i| format!("k{i}=v")).collect::<Vec<_>>().join("&");
        assert_eq!(from_header(Some(&many(10))).expect("ten").len(), 10);
        assert!(from_header(Some(&many(11))).is_err());
        assert!(from_header(Some("a=1&a=2")).is_err());
        assert!(from_header(Some("=1")).is_err());
    }
}
