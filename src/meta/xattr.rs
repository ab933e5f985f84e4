//! Extended attributes in one header, in the form of s3fs: a JSON object of names and base64 values, percent-encoded.

use super::TooBig;
use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use std::collections::BTreeMap;

/// Extended attributes by full name (`user.x`).
pub type Xattrs = BTreeMap<String, Vec<u8>>;

/// Bytes of names and values that one file may have in all: 2 KiB, the bound that S3 documents for user metadata.
pub const XATTR_LIMIT: usize = 2048;

/// Bytes that they may have in the header, where most data takes half as much again, but the worst case four times as
/// much: three quarters of [`super::META_LIMIT`], so that other metadata has room beside them.
const HEADER_LIMIT: usize = 6000;

/// All but letters, digits and `-_.~`, like s3fs.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// Whether a file may have these: ask before an attribute is set. What an object already has is never refused.
pub fn check_xattrs(xattrs: &Xattrs) -> Result<(), TooBig> {
    if fit(xattrs) {
        return Ok(());
    }
    let alone = |(name, value): (&String, &Vec<u8>)| Xattrs::from([(name.clone(), value.clone())]);
    Err(if xattrs.iter().map(alone).all(|one| fit(&one)) { TooBig::Total } else { TooBig::Value })
}

fn fit(xattrs: &Xattrs) -> bool {
    let bytes: usize = xattrs.iter().map(|(name, value)| name.len() + value.len()).sum();
    bytes <= XATTR_LIMIT && to_header(xattrs).len() <= HEADER_LIMIT
}

/// The header's value.
pub(super) fn to_header(xattrs: &Xattrs) -> String {
    let texts: BTreeMap<&String, String> = xattrs.iter().map(|(name, value)| (name, BASE64.encode(value))).collect();
    // A map of texts always has a JSON form.
    let json = serde_json::to_string(&texts).unwrap_or_default();
    utf8_percent_encode(&json, ENCODED).to_string()
}

/// Reads the header; what makes no sense is left out.
pub(super) fn from_header(header: &str) -> Xattrs {
    let json = percent_decode_str(header).decode_utf8_lossy();
    let texts: BTreeMap<String, serde_json::Value> = serde_json::from_str(&json).unwrap_or_default();
    let decoded = texts.into_iter().filter(|(name, _)| !name.is_empty()).filter_map(|(name, value)| {
        let value = BASE64.decode(value.as_str()?).ok()?;
        Some((name, value))
    });
    decoded.collect()
}
