//! HEAD and GET of an object.

use super::download::{Arriving, GetBody, Opened};
use super::errors_from_sdk::{Failure, Outcome};
use super::exchange::Extra;
use super::headers::{is_encrypted, object_info, parse_content_range, quoted, range_header};
use super::retry::{ASKING, Done, Tries};
use super::{ETag, ErrorKind, GetRequest, ListRequest, ObjectInfo, Result, Store, StoreError};
use crate::patience;
use aws_sdk_s3::operation::get_object::GetObjectOutput;
use aws_smithy_types::byte_stream::ByteStream;
use md5_many::Digest;
use std::ops::Range;

const GET: &str = "GetObject";
/// A whole object of XML up to this size is checked against its etag before a byte of it is given.
const SUSPICIOUS: u64 = 64 << 10;

impl Store {
    /// HEAD object.
    pub async fn head(&self, key: &str) -> Result<ObjectInfo> {
        const OP: &str = "HeadObject";
        let mut tries = Tries::new(self, OP, key, self.ask_for);
        loop {
            let attempt = tries.attempt(ASKING, Extra::default(), |client, exchange| {
                let request = client.head_object().bucket(self.bucket()).key(key).customize().interceptor(exchange);
                async move {
                    match request.send().await {
                        Ok(_) => Ok(()),
                        // The answer is read from its headers; one that the SDK cannot parse is no reason to fail.
                        Err(e) if e.raw_response().is_some_and(|raw| raw.status().as_u16() == 200) => Ok(()),
                        Err(e) => Err(e),
                    }
                }
            });
            let failure = match attempt.await {
                Ok(Done { answer, .. }) => {
                    let size = answer.number("content-length");
                    match size.and_then(|size| object_info(&answer, size)) {
                        Some(info) => return Ok(info),
                        None => Failure::nonsense(OP, &answer, "an answer without ETag or Content-Length"),
                    }
                }
                Err(failure) => failure,
            };
            match tries.again(failure).await.map_err(|error| self.without_key(error)) {
                Err(error) if error.kind == ErrorKind::Denied => return Err(self.missing_or_denied(key, error).await),
                ended => ended?,
            }
        }
    }

    /// RGW before 20 answers 403 to a missing key if the user may list only what begins with some prefix. Then a listing
    /// tells the truth; where nothing may be listed, a refusal stays one.
    async fn missing_or_denied(&self, key: &str, error: StoreError) -> StoreError {
        let one = ListRequest { prefix: key.to_owned(), max_keys: 1, ..ListRequest::default() };
        match self.list(one).await {
            Ok(page) if page.objects.first().is_none_or(|entry| entry.key != key) => {
                StoreError { kind: ErrorKind::NotFound, ..error }
            }
            _ => error,
        }
    }

    /// GET object; returns when the headers are here.
    pub async fn get(&self, key: &str, request: GetRequest) -> Result<GetBody> {
        if request.range.as_ref().is_some_and(Range::is_empty) {
            return Err(StoreError::local(ErrorKind::BadRange, GET, "the range is empty"));
        }
        let mut tries = Tries::new(self, GET, key, self.ask_for);
        loop {
            match self.open(&mut tries, key, &request).await {
                Ok(opened) => return Ok(GetBody::new(self.clone(), key, opened)),
                Err(failure) => match tries.again(failure).await.map_err(|error| self.without_key(error)) {
                    Err(error) if error.kind == ErrorKind::Denied => {
                        return Err(self.missing_or_denied(key, error).await);
                    }
                    ended => ended?,
                },
            }
        }
    }

    /// One attempt at a GET.
    pub(super) async fn open(&self, tries: &mut Tries, key: &str, request: &GetRequest) -> Outcome<Opened> {
        let done = tries
            .attempt(ASKING, Extra::default(), |client, exchange| {
                client
                    .get_object()
                    .bucket(self.bucket())
                    .key(key)
                    .set_range(request.range.as_ref().map(range_header))
                    .set_if_match(request.if_match.as_ref().map(quoted))
                    .set_if_none_match(request.if_none_match.as_ref().map(quoted))
                    .customize()
                    .interceptor(exchange)
                    .send()
            })
            .await?;
        self.check_answer(done, request).await
    }

    /// Makes sure that the bytes that will come are the bytes that were asked for.
    async fn check_answer(&self, done: Done<GetObjectOutput>, request: &GetRequest) -> Outcome<Opened> {
        let Done { output, answer, permit } = done;
        let nonsense = |words: &str| Err(Failure::nonsense(GET, &answer, words));
        let length = answer.number("content-length");
        let (coming, size) = match (answer.status, answer.header("content-range").map(parse_content_range)) {
            (206, Some(Some((range, size)))) => (range, size),
            (200, _) => match length {
                Some(size) => (0..size, size),
                None => return nonsense("an object without Content-Length"),
            },
            _ => return nonsense("a part of an object without a proper Content-Range"),
        };
        if length.is_some_and(|length| length != coming.end - coming.start) {
            return nonsense("Content-Length and Content-Range differ");
        }
        let Some(info) = object_info(&answer, size) else { return nonsense("an object without ETag") };
        refuse_other_version(&info.etag, request)?;
        let wanted = request.range.clone().unwrap_or(0..size);
        if request.range.is_some() && wanted.start >= size {
            return Err(Failure::fatal(StoreError::local(ErrorKind::BadRange, GET, "the range is beyond the end")));
        }
        let wanted = wanted.start..wanted.end.min(size);
        if coming.start > wanted.start || coming.end < wanted.end {
            return nonsense("another range than was asked for");
        }
        let mut stream = output.body;
        // A proxy's error page with status 200 in place of the object.
        let is_xml = info.headers.content_type.as_deref().is_some_and(|text| text.contains("xml"));
        if answer.status == 200
            && size <= SUSPICIOUS
            && is_xml
            && !is_encrypted(&answer)
            && let Some(md5) = info.etag.as_md5()
        {
            let whole = patience::timeout(ASKING, stream.collect()).await;
            let Ok(Ok(whole)) = whole else { return nonsense("the body broke off") };
            let whole = whole.into_bytes();
            if !hex::encode(md5_many::Md5::digest(&whole)).eq_ignore_ascii_case(md5) {
                return nonsense("the bytes do not fit the ETag");
            }
            stream = ByteStream::from(whole);
        }
        let skip = wanted.start - coming.start;
        Ok(Opened { info, range: wanted, arriving: Arriving { stream, skip, _permit: permit } })
    }
}

/// The conditions, checked again here: a service may ignore them.
fn refuse_other_version(etag: &ETag, request: &GetRequest) -> Outcome<()> {
    if request.if_match.as_ref().is_some_and(|wanted| wanted != etag) {
        let error = StoreError::local(ErrorKind::PreconditionFailed, GET, "the object is another one now");
        return Err(Failure::fatal(error));
    }
    if request.if_none_match.as_ref() == Some(etag) {
        return Err(Failure::fatal(StoreError::local(ErrorKind::NotModified, GET, "the object has not changed")));
    }
    Ok(())
}
