//! Multipart uploads.

use super::digest::md5;
use super::errors_from_sdk::Failure;
use super::exchange::Extra;
use super::headers::{multipart_etag, quoted, range_header, write_headers};
use super::retry::{ASKING, COPYING, Tries, uploading};
use super::settle::{Verdict, condition_header, explain, lost, stored_as};
use super::upload_body::stream;
use super::{Body, Condition, ETag, ErrorKind, PartDone, Result, Store, StoreError, Stored, WriteHeaders};
use aws_sdk_s3::types::{CompletedMultipartUpload, CompletedPart};
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use std::ops::Range;
use std::time::Instant;

const COMPLETE: &str = "CompleteMultipartUpload";

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

    /// CompleteMultipartUpload. `condition` is sent where the service honours it, else HEAD and compare immediately
    /// before. An answer that was lost is recognised: NoSuchUpload, then HEAD with the etag that the parts' MD5s make.
    pub async fn complete_upload(
        &self,
        key: &str,
        upload: &str,
        parts: &[PartDone],
        condition: &Condition,
    ) -> Result<Stored> {
        let mut extra = Extra::default();
        let mut honoured = true;
        if *condition != Condition::Always {
            let quirks = self.quirks().await?;
            honoured = quirks.conditional_complete;
            if honoured {
                extra = Vec::from_iter(condition_header(condition, &quirks)).into();
            }
        }
        self.complete_with(key, upload, parts, condition, extra, honoured).await
    }

    /// The completion itself. `honoured`: the condition stands in `extra`.
    pub(super) async fn complete_with(
        &self,
        key: &str,
        upload: &str,
        parts: &[PartDone],
        condition: &Condition,
        extra: Extra,
        honoured: bool,
    ) -> Result<Stored> {
        let ours = multipart_etag(parts.iter().map(|part| &part.etag));
        let list = parts
            .iter()
            .map(|part| CompletedPart::builder().part_number(part.number as i32).e_tag(quoted(&part.etag)).build());
        let list = CompletedMultipartUpload::builder().set_parts(Some(list.collect())).build();
        let mut tries = Tries::new(self, COMPLETE, key, self.store_for);
        loop {
            if !honoured {
                match tries.verdict(COMPLETE, key, condition, ours.as_ref(), &extra).await? {
                    Verdict::Stored if tries.unclear => return self.completed(key, ours).await,
                    Verdict::Stored => return Err(lost(COMPLETE)),
                    Verdict::Lost(error) => return Err(error),
                    Verdict::Again => {}
                }
            }
            let attempt = tries.attempt(COPYING, extra.clone(), |client, exchange| {
                client
                    .complete_multipart_upload()
                    .bucket(self.bucket())
                    .key(key)
                    .upload_id(upload)
                    .multipart_upload(list.clone())
                    .customize()
                    .interceptor(exchange)
                    .send()
            });
            let mut failure = match attempt.await {
                Ok(done) => {
                    let said = done.output.e_tag().map(ETag::new).filter(|etag| !etag.as_str().is_empty());
                    match said {
                        Some(etag) => return Ok(Stored { etag }),
                        // RGW 16 leaves the ETag empty but names the key.
                        None if done.output.key().is_some() => return self.completed(key, ours).await,
                        None => Failure::nonsense(COMPLETE, &done.answer, "an empty answer"),
                    }
                }
                Err(failure) => failure,
            };
            // RGW 16 says 500 InternalError ("already in progress") of an upload that is gone.
            if failure.error.status == Some(500) && tries.asker().upload_is_gone(key, upload).await? {
                failure.error.kind = ErrorKind::NoSuchUpload;
            }
            if failure.is(ErrorKind::NoSuchUpload) {
                let unclear = tries.unclear || failure.unclear;
                return match (tries.asker().head(key).await, &ours) {
                    (Ok(info), Some(ours)) if unclear && info.etag == *ours => Ok(Stored { etag: info.etag }),
                    _ => Err(failure.error),
                };
            }
            if tries.settles(COMPLETE, key, condition, ours.as_ref(), &extra, &mut failure).await? {
                return self.completed(key, ours).await;
            }
            tries.again(failure).await?;
        }
    }

    async fn upload_is_gone(&self, key: &str, upload: &str) -> Result<bool> {
        Ok(!self.list_uploads(key).await?.iter().any(|pending| pending.key == key && pending.id == upload))
    }

    /// The etag after a completion that did not tell it.
    async fn completed(&self, key: &str, ours: Option<ETag>) -> Result<Stored> {
        match ours {
            Some(etag) => Ok(Stored { etag }),
            None => Ok(Stored { etag: self.head(key).await?.etag }),
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
