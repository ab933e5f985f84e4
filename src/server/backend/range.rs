//! The Range header, read as RGW reads it.

use std::ops::Range;

use s3s::{S3Result, s3_error};

/// The bytes that a Range header means in a body of `len` bytes. An end past the end of the body is cut; a start past
/// it, any range of an empty body and anything malformed is 416; of several ranges the first is meant; a suffix of
/// zero bytes means everything.
pub(crate) fn parse(range: &str, len: u64) -> S3Result<Range<u64>> {
    parse_bytes(range, len).filter(|range| range.start < range.end).ok_or_else(|| s3_error!(InvalidRange))
}

fn parse_bytes(range: &str, len: u64) -> Option<Range<u64>> {
    let (start, end) = range.trim().strip_prefix("bytes=")?.split(',').next()?.trim().split_once('-')?;
    let number = |text: &str| text.trim().parse::<u64>().ok();
    match (start.trim(), end.trim()) {
        ("", suffix) => match number(suffix)? {
            0 => Some(0..len),
            suffix => Some(len.saturating_sub(suffix)..len),
        },
        (start, "") => Some(number(start)?..len),
        (start, end) => Some(number(start)?..number(end)?.saturating_add(1).min(len)),
    }
}

/// The bytes of an `x-amz-copy-source-range` header, which must lie within the source.
pub(crate) fn parse_copy(range: &str, len: u64) -> S3Result<Range<u64>> {
    let bounds = range.strip_prefix("bytes=").and_then(|range| range.split_once('-'));
    let bounds = bounds.and_then(|(first, last)| Some((first.parse::<u64>().ok()?, last.parse::<u64>().ok()?)));
    match bounds {
        Some((first, last)) if first <= last && last < len => Ok(first..last + 1),
        _ => Err(s3_error!(InvalidRange)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_as_measured_on_rgw() {
        let parse = |range| parse(range, 10).ok();
        assert_eq!(parse("bytes=0-0"), Some(0..1));
        assert_eq!(parse("bytes=2-"), Some(2..10));
        assert_eq!(parse("bytes=2-99"), Some(2..10));
        assert_eq!(parse("bytes=-3"), Some(7..10));
        assert_eq!(parse("bytes=-99"), Some(0..10));
        assert_eq!(parse("bytes=-0"), Some(0..10));
        assert_eq!(parse("bytes=1-2,5-6"), Some(1..3));
        for bad in ["bytes=10-", "bytes=10-11", "bytes=5-4", "bytes=a-b", "bytes=", "items=0-1", "bytes=-"] {
            assert_eq!(parse(bad), None, "{bad}");
        }
        assert!(super::parse("bytes=0-", 0).is_err());
        assert!(super::parse("bytes=-1", 0).is_err());
    }

    #[test]
    fn copy_ranges_are_not_cut() {
        assert_eq!(parse_copy("bytes=0-9", 10).ok(), Some(0..10));
        assert!(parse_copy("bytes=0-10", 10).is_err());
        assert!(parse_copy("bytes=0-", 10).is_err());
    }
}
