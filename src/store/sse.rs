//! SSE-C: objects that the service encrypts with a key that only the user has. Each request for one carries the key.

use super::exchange::{Extra, HeaderList};
use super::{Body, ErrorKind, GetRequest, ObjectInfo, Result, Segment, Store, StoreError};
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use md5_many::Digest;
use std::fmt;
use std::io::Write;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::Ordering;

const PLAIN: &str = "x-amz-server-side-encryption-customer-";
const SOURCE: &str = "x-amz-copy-source-server-side-encryption-customer-";

/// A customer's key. It is a secret: it is never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct SseKey {
    key: String,
    md5: String,
}

impl SseKey {
    /// A key of 256 bits.
    pub fn new(key: &[u8; 32]) -> SseKey {
        SseKey { key: BASE64.encode(key), md5: BASE64.encode(md5_many::Md5::digest(key)) }
    }

    fn headers(&self, prefix: &str) -> HeaderList {
        [("algorithm", "AES256"), ("key", &self.key), ("key-MD5", &self.md5)]
            .map(|(name, value)| (format!("{prefix}{}", name.to_ascii_lowercase()), value.to_owned()))
            .to_vec()
    }
}

impl fmt::Debug for SseKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SseKey(hidden)")
    }
}

impl Store {
    /// The same store with a customer's key for all objects.
    pub fn with_sse_c(mut self, key: Option<SseKey>) -> Store {
        self.sse = key.map(Arc::new);
        self
    }

    /// The extras of a request, with the key where the operation takes it.
    pub(super) fn with_key(&self, op: &str, extra: Extra) -> Extra {
        let Some(key) = &self.sse else { return extra };
        let prefixes: &[&str] = match op {
            "PutObject" | "GetObject" | "HeadObject" | "CreateMultipartUpload" | "UploadPart" => &[PLAIN],
            // RGW 20 completes nothing without it, 16 and 18 do not look at it.
            "CompleteMultipartUpload" => &[PLAIN],
            "CopyObject" | "UploadPartCopy" => &[PLAIN, SOURCE],
            _ => return extra,
        };
        let mut headers = HeaderList::clone(&extra.headers);
        headers.extend(prefixes.iter().flat_map(|prefix| key.headers(prefix)));
        Extra { headers: Arc::new(headers), ..extra }
    }

    /// RGW answers 400 to a reader who has not the key of an object: to him it is refused.
    pub(super) fn without_key(&self, mut error: StoreError) -> StoreError {
        let bad = error.kind == ErrorKind::BadRequest && error.status == Some(400);
        if !bad || !matches!(error.code.as_str(), "" | "InvalidArgument" | "InvalidRequest") {
            return error;
        }
        if !self.inner.told_of_keys.swap(true, Ordering::Relaxed) {
            tracing::warn!(bucket = self.bucket(), %error, "an object is encrypted with a key that this mount does not \
                have (--sse-c-key-file); it and others like it cannot be read");
        }
        error.kind = ErrorKind::Denied;
        error
    }

    /// An object's bytes on local disk, to be sent again: RGW before 20 copies nothing that is encrypted in this way (but it
    /// does copy parts of it: 16.2, 18.2, 20.2).
    pub(super) async fn fetched(&self, key: &str, request: GetRequest) -> Result<(ObjectInfo, Range<u64>, Body)> {
        let local = |e: std::io::Error| StoreError::local(ErrorKind::Server, "GetObject", format!("local disk: {e}"));
        let mut body = self.get(key, request).await?;
        let (info, range) = (body.info.clone(), body.range.clone());
        let mut file = tempfile::tempfile().map_err(local)?;
        while let Some(bytes) = body.next().await? {
            file.write_all(&bytes).map_err(local)?;
        }
        let mut sent = Body::new();
        let len = range.end - range.start;
        if len > 0 {
            sent.push(Segment::File { file: Arc::new(file), offset: 0, len });
        }
        Ok((info, range, sent))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_goes_out_in_headers_and_nowhere_else() {
        let key = SseKey::new(b"0123456789abcdef0123456789abcdef");
        assert_eq!(format!("{key:?}"), "SseKey(hidden)");
        let headers = key.headers(PLAIN);
        let value = |name: &str| headers.iter().find(|(n, _)| n == &format!("{PLAIN}{name}")).map(|(_, v)| v.as_str());
        assert_eq!(value("algorithm"), Some("AES256"));
        assert_eq!(value("key"), Some("MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="));
        // printf %s 0123456789abcdef0123456789abcdef | openssl md5 -binary | base64
        assert_eq!(
            value("key-md5"),
            Some(BASE64.encode(md5_many::Md5::digest(b"0123456789abcdef0123456789abcdef")).as_str())
        );
    }
}
