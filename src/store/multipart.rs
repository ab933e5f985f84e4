//! Multipart uploads, until they are completed.

use super::digest::md5;
use super::errors_from_sdk::Failure;
use super::exchange::Extra;
use super::headers::{quoted, range_header, write_headers};
use super::retry::{ASKING, COPYING, Tries, uploading};
use super::settle::{explain, stored_as};
use super::upload_body::stream;
use super::{Body, ETag, ErrorKind, PartDone, Result, Store, StoreError, WriteHeaders};
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use std::ops::Range;
use std::time::Instant;

/// What a part is copied from.
#[derive(Clone, Copy)]
pub struct CopySource<'a> {
    /// Its bucket.
    pub store: &'a Store,
    /// Its key there.
    pub key: &'a str,
    /// Its version.
    pub etag: &'a ETag,
}

impl Store {
    /// CreateMultipartUpload. The ACL and headers given here are the finished object's.
    pub async fn create_upload(&self, key: &str, with: &WriteHeaders) -> Result<String> {
        const OP: &str = "CreateMultipartUpload";
        let extra = Extra::from(write_headers(OP, with)?);
        let (mut tries, mut stray, since) = (Tries::new(self, OP, key, self.store_for), false, Instant::now());
        loop {
            let attempt = tries.attempt(ASKING, extra.clone(), |client, exchange| {
                client.create_multipart_upload().bucket(self.bucket()).key(key).customize().interceptor(exchange).send()
            });
            let failure = match attempt.await {
                Ok(done) => match done.output.upload_id() {
                    Some(id) if !id.is_empty() => {
                        if stray {
                            self.abort_strays(key, id, since).await;
                        }
                        return Ok(id.to_owned());
                    }
                    _ => Failure::nonsense(OP, &done.answer, "an answer without UploadId"),
                },
                Err(failure) => explain(failure, &extra),
            };
            stray |= failure.unclear;
            tries.again(failure).await?;
        }
    }

    /// UploadPart, with Content-MD5, answer's etag compared. `number` 1 to 10,000.
    pub async fn upload_part(&self, key: &str, upload: &str, number: u32, body: Body) -> Result<PartDone> {
        const OP: &str = "UploadPart";
        let md5 = md5(OP, &body).await?;
        let ours = ETag::new(&hex::encode(md5));
        let mut tries = Tries::new(self, OP, key, self.store_for).with_upload(body.len());
        loop {
            let attempt = tries.attempt(uploading(body.len()), Extra::default(), |client, exchange| {
                client
                    .upload_part()
                    .bucket(self.bucket())
                    .key(key)
                    .upload_id(upload)
                    .part_number(number as i32)
                    .content_md5(BASE64.encode(md5))
                    .body(stream(&body, &self.inner.counters.up))
                    .customize()
                    .interceptor(exchange)
                    .send()
            });
            let failure = match attempt.await {
                Ok(done) => match stored_as(OP, &done.answer, done.output.e_tag(), &ours) {
                    Ok(etag) => return Ok(PartDone { number, etag }),
                    Err(failure) => failure,
                },
                Err(failure) => failure,
            };
            tries.again(failure).await?;
        }
    }

    /// UploadPartCopy of a byte range of `source`.
    ///
    /// Amazon copies only from the version `source.etag`. No release of RGW looks at it here: who must be sure HEADs
    /// the source after the last part and before the completion.
    pub async fn copy_part(
        &self,
        key: &str,
        upload: &str,
        number: u32,
        source: CopySource<'_>,
        range: Range<u64>,
    ) -> Result<PartDone> {
        const OP: &str = "UploadPartCopy";
        if range.is_empty() {
            return Err(StoreError::local(ErrorKind::BadRange, OP, "the range is empty"));
        }
        let named_version = source.key.contains("?versionId=");
        let place = source.store.part_source(source.key).await?;
        let mut tries = Tries::new(self, OP, key, self.store_for);
        loop {
            let attempt = tries.attempt(COPYING, Extra::default(), |client, exchange| {
                client
                    .upload_part_copy()
                    .bucket(self.bucket())
                    .key(key)
                    .upload_id(upload)
                    .part_number(number as i32)
                    .copy_source(&place)
                    .copy_source_if_match(quoted(source.etag))
                    .copy_source_range(range_header(&range))
                    .customize()
                    .interceptor(exchange)
                    .send()
            });
            let failure = match attempt.await {
                Ok(done) => match done.output.copy_part_result().and_then(|result| result.e_tag()) {
                    Some(etag) if !etag.is_empty() => return Ok(PartDone { number, etag: ETag::new(etag) }),
                    _ => Failure::nonsense(OP, &done.answer, "an answer without ETag"),
                },
                Err(mut failure) => {
                    // RGW 20 takes the end of such a key for a version, however it is encoded.
                    if named_version && failure.is(ErrorKind::NotFound) {
                        failure.error.kind = ErrorKind::Unsupported;
                    }
                    failure
                }
            };
            tries.again(failure).await?;
        }
    }

    /// AbortMultipartUpload. Never call it when a complete may have been received.
    pub async fn abort_upload(&self, key: &str, upload: &str) -> Result<()> {
        const OP: &str = "AbortMultipartUpload";
        let call = self.request(OP, key, self.store_for, COPYING, Extra::default(), |client, exchange| {
            let call = client.abort_multipart_upload().bucket(self.bucket()).key(key).upload_id(upload);
            call.customize().interceptor(exchange).send()
        });
        match call.await {
            Ok(_) => Ok(()),
            Err(error) if error.kind == ErrorKind::NoSuchUpload => Ok(()),
            Err(error) => Err(error),
        }
    }
}
