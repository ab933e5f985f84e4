//! PUT and DELETE.

use super::digest::md5;
use super::errors_from_sdk::{Failure, classify};
use super::exchange::{Answer, Extra, HeaderList};
use super::headers::write_headers;
use super::retry::{ASKING, Tries, uploading};
use super::settle::{Verdict, condition_header, explain, lost, stored_as};
use super::upload_body::stream;
use super::{Body, Condition, ETag, ErrorKind, Result, Store, StoreError, Stored, WriteHeaders};
use aws_sdk_s3::Client;
use aws_sdk_s3::operation::put_object::builders::PutObjectFluentBuilder;
use aws_sdk_s3::types::{Delete, ObjectIdentifier};
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use futures::stream::StreamExt;

/// Deletions at the same time where each key is a request.
const ABREAST: usize = 16;

impl Store {
    /// PutObject with Content-MD5, which a PUT and an append send.
    pub(super) fn put_object(&self, client: &Client, key: &str, md5: [u8; 16], body: &Body) -> PutObjectFluentBuilder {
        let request = client.put_object().bucket(self.bucket()).key(key).content_md5(BASE64.encode(md5));
        request.body(stream(body, &self.inner.counters.up))
    }

    /// PUT object in one request, with Content-MD5; the answer's etag is compared. For [`Condition::Match`] the form
    /// is chosen by [`Store::quirks`]; where the service honours no condition, HEAD and compare before the PUT.
    /// A PUT whose answer was lost is recognised by the object's etag and is a success.
    pub async fn put(&self, key: &str, body: Body, with: &WriteHeaders, condition: &Condition) -> Result<Stored> {
        const OP: &str = "PutObject";
        let mut headers = write_headers(OP, with)?;
        let honoured = match condition {
            Condition::Always => true,
            _ => {
                let quirks = self.quirks().await?;
                let honoured = if *condition == Condition::Absent { quirks.exclusive_put } else { quirks.match_put };
                if honoured {
                    headers.extend(condition_header(condition, &quirks));
                }
                honoured
            }
        };
        self.put_with(key, body, headers, condition, honoured).await
    }

    /// The PUT itself. `honoured`: the condition stands among `headers`.
    pub(super) async fn put_with(
        &self,
        key: &str,
        body: Body,
        headers: HeaderList,
        condition: &Condition,
        honoured: bool,
    ) -> Result<Stored> {
        const OP: &str = "PutObject";
        let md5 = md5(OP, &body).await?;
        let ours = ETag::new(&hex::encode(md5));
        let extra = Extra::from(headers);
        let mut tries = Tries::new(self, OP, key, self.store_for).with_upload(body.len());
        loop {
            if !honoured {
                match tries.verdict(OP, key, condition, Some(&ours), &extra).await? {
                    // An earlier attempt has arrived after all.
                    Verdict::Stored if tries.unclear => return Ok(Stored { etag: ours }),
                    Verdict::Stored => return Err(lost(OP)),
                    Verdict::Lost(error) => return Err(error),
                    Verdict::Again => {}
                }
            }
            let attempt = tries.attempt(uploading(body.len()), extra.clone(), |client, exchange| {
                self.put_object(client, key, md5, &body).customize().interceptor(exchange).send()
            });
            let mut failure = match attempt.await {
                Ok(done) => match stored_as(OP, &done.answer, done.output.e_tag(), &ours) {
                    Ok(etag) => return Ok(Stored { etag }),
                    Err(failure) => failure,
                },
                Err(failure) => failure,
            };
            if tries.settles(OP, key, condition, Some(&ours), &extra, &mut failure).await? {
                return Ok(Stored { etag: ours });
            }
            tries.again(explain(failure, &extra)).await?;
        }
    }

    /// DELETE object. Deleting what is not there is a success.
    pub async fn delete(&self, key: &str) -> Result<()> {
        let call = self.request("DeleteObject", key, self.store_for, ASKING, Extra::default(), |client, exchange| {
            client.delete_object().bucket(self.bucket()).key(key).customize().interceptor(exchange).send()
        });
        match call.await {
            Ok(_) => Ok(()),
            Err(error) if error.is_not_found() => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// DeleteObjects, up to 1000 keys; gives back those that were refused, each with its error.
    pub async fn delete_many(&self, keys: &[String]) -> Result<Vec<(String, StoreError)>> {
        let mut refused = Vec::new();
        // XML 1.0 has no way to write most control characters.
        let (plain, odd): (Vec<&String>, Vec<&String>) = keys.iter().partition(|key| fits_xml(key));
        for key in odd {
            if let Err(error) = self.delete(key).await {
                refused.push((key.clone(), error));
            }
        }
        for chunk in plain.chunks(1000) {
            let chunk: Vec<String> = chunk.iter().map(|key| (*key).clone()).collect();
            match self.delete_chunk(chunk.clone()).await {
                // RGW before 20 asks for a right on the bucket where a policy gives one on its keys.
                Err(error) if error.kind == ErrorKind::Denied => refused.extend(self.delete_each(&chunk).await?),
                done => refused.extend(done?),
            }
        }
        Ok(refused)
    }

    /// One request a key.
    async fn delete_each(&self, keys: &[String]) -> Result<Vec<(String, StoreError)>> {
        let deletes = futures::stream::iter(keys.to_vec()).map(|key| async move {
            let deleted = self.delete(&key).await;
            (key, deleted)
        });
        let done: Vec<_> = deletes.buffer_unordered(ABREAST).collect().await;
        let mut refused = Vec::new();
        for (key, deleted) in done {
            match deleted {
                Ok(()) => {}
                Err(error) if error.kind == ErrorKind::Denied => refused.push((key, error)),
                Err(error) => return Err(error),
            }
        }
        Ok(refused)
    }

    async fn delete_chunk(&self, mut keys: Vec<String>) -> Result<Vec<(String, StoreError)>> {
        const OP: &str = "DeleteObjects";
        let mut refused = Vec::new();
        let mut tries = Tries::new(self, OP, "", self.store_for);
        loop {
            let names = keys.iter().filter_map(|key| ObjectIdentifier::builder().key(key).build().ok()).collect();
            let delete = Delete::builder().set_objects(Some(names)).quiet(true).build();
            let delete = delete.map_err(|e| StoreError::local(ErrorKind::BadRequest, OP, e.to_string()))?;
            let attempt = tries.attempt(super::retry::COPYING, Extra::default(), |client, exchange| {
                client.delete_objects().bucket(self.bucket()).delete(delete).customize().interceptor(exchange).send()
            });
            let failure = match attempt.await {
                Err(failure) => failure,
                Ok(done) => {
                    keys.clear();
                    let mut last = None;
                    for error in done.output.errors() {
                        let (key, failure) = key_failure(&done.answer, error);
                        if failure.retry {
                            keys.push(key);
                            last = Some(failure);
                        } else if !failure.error.is_not_found() {
                            refused.push((key, failure.error));
                        }
                    }
                    match last {
                        None => return Ok(refused),
                        Some(failure) => failure,
                    }
                }
            };
            let error = failure.error.clone();
            if let Err(end) = tries.again(failure).await {
                if error.status == Some(200) {
                    refused.extend(keys.into_iter().map(|key| (key, error.clone())));
                    return Ok(refused);
                }
                return Err(end);
            }
        }
    }
}

/// The error of one key of a DeleteObjects.
fn key_failure(answer: &Answer, said: &aws_sdk_s3::types::Error) -> (String, Box<Failure>) {
    let code = said.code().unwrap_or_default();
    let (kind, retry) = classify(answer.status, code, true);
    let mut failure = Failure::nonsense("DeleteObjects", answer, said.message().unwrap_or_default());
    failure.error.kind = kind;
    failure.error.code = code.to_owned();
    failure.retry = retry;
    (said.key().unwrap_or_default().to_owned(), failure)
}

fn fits_xml(key: &str) -> bool {
    !key.chars().any(|c| c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}'))
}
