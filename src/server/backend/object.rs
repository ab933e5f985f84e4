//! Objects: get, head, put and delete, and their tags.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use futures::StreamExt as _;
use http::{HeaderMap, header};
use s3s::dto::{self, StreamingBlob};
use s3s::{S3Request, S3Response, S3Result, s3_error};

use super::super::Style;
use super::super::access::{Acl, Ask, Caller, Permission};
use super::body::{Body, Receiver};
use super::checksums::Checksums;
use super::conditions::{self, text};
use super::model::{Bucket, Object, now};
use super::{Backend, acl, attributes, caller, error, range, tags};

/// What GET and HEAD have in common: the bytes asked for and the headers of the answer.
struct Read {
    body: Body,
    headers: HeaderMap,
    content_range: Option<String>,
    parts_count: Option<i32>,
}

impl Backend {
    fn read<T>(&self, req: &S3Request<T>, bucket: &str, key: &str, part: Option<i32>) -> S3Result<Read> {
        let object = self.object_for(&*self.bucket(bucket)?, key, &caller(&req.extensions), Ask::get(key))?;
        conditions::check_read(&req.headers, &object, &conditions::READ)?;
        let len = object.body.len();
        // RGW ignores partNumber before release 20.
        let part = part.filter(|_| self.style == Style::Rgw20);
        let (wanted, parts_count) = match (part, text(&req.headers, header::RANGE)) {
            (Some(part), _) => {
                let count = (!object.parts.is_empty()).then_some(object.parts.len() as i32);
                (Some(part_range(&object, part)?), count)
            }
            (None, Some(range)) => (Some(range::parse(range, len)?), None),
            (None, None) => (None, None),
        };
        let content_range =
            wanted.as_ref().map(|wanted| format!("bytes {}-{}/{len}", wanted.start, wanted.end.saturating_sub(1)));
        let body = match wanted {
            Some(wanted) => object.body.slice(wanted),
            None => object.body.clone(),
        };
        Ok(Read { body, headers: attributes::for_response(&object, &req.headers), content_range, parts_count })
    }

    pub(super) fn get_object(&self, req: S3Request<dto::GetObjectInput>) -> S3Result<S3Response<dto::GetObjectOutput>> {
        let read = self.read(&req, &req.input.bucket, &req.input.key, req.input.part_number)?;
        let output = dto::GetObjectOutput {
            content_length: Some(read.body.len() as i64),
            content_range: read.content_range,
            parts_count: read.parts_count,
            body: Some(StreamingBlob::new(read.body.into_reader())),
            ..Default::default()
        };
        let mut headers = read.headers;
        // `response-content-type` and its like in the query win over what is kept.
        let input = &req.input;
        let overrides = [
            (header::CONTENT_TYPE, &input.response_content_type),
            (header::CONTENT_LANGUAGE, &input.response_content_language),
            (header::CACHE_CONTROL, &input.response_cache_control),
            (header::CONTENT_DISPOSITION, &input.response_content_disposition),
            (header::CONTENT_ENCODING, &input.response_content_encoding),
        ];
        for (name, value) in overrides {
            if let Some(value) = value {
                headers.insert(name, value.parse().map_err(|_| s3_error!(InvalidArgument))?);
            }
        }
        Ok(S3Response::with_headers(output, headers))
    }

    pub(super) fn head_object(
        &self,
        req: S3Request<dto::HeadObjectInput>,
    ) -> S3Result<S3Response<dto::HeadObjectOutput>> {
        let read = self.read(&req, &req.input.bucket, &req.input.key, req.input.part_number)?;
        let output = dto::HeadObjectOutput {
            content_length: Some(read.body.len() as i64),
            content_range: read.content_range,
            parts_count: read.parts_count,
            ..Default::default()
        };
        Ok(S3Response::with_headers(output, read.headers))
    }

    /// Reads a request's body, of a stated length up to `limit`, and checks it against the checksums that come with it.
    pub(super) async fn receive(
        &self,
        headers: &HeaderMap,
        body: Option<StreamingBlob>,
        bucket: &Bucket,
        limit: u64,
    ) -> S3Result<(Body, [u8; 16])> {
        let len = text(headers, header::CONTENT_LENGTH).ok_or_else(|| s3_error!(MissingContentLength))?;
        let len: u64 = len.parse().map_err(|_| s3_error!(InvalidArgument))?;
        if len > limit {
            return Err(s3_error!(EntityTooLarge));
        }
        self.check_quota(bucket, len)?;
        let wanted = match text(headers, "content-md5") {
            Some(md5) => Some(BASE64.decode(md5).ok().filter(|md5| md5.len() == 16).ok_or(s3_error!(InvalidDigest))?),
            None => None,
        };
        let mut checksums = Checksums::of(headers, self.style);
        let mut receiver = Receiver::new(self.disk.as_ref(), len).map_err(error::disk)?;
        if let Some(mut stream) = body {
            while let Some(chunk) = stream.next().await {
                let chunk = chunk.map_err(|error| {
                    let mut incomplete = s3_error!(IncompleteBody);
                    incomplete.set_source(error);
                    incomplete
                })?;
                checksums.update(&chunk);
                receiver.push(&chunk).map_err(error::disk)?;
            }
        }
        if receiver.len() != len {
            return Err(s3_error!(IncompleteBody));
        }
        checksums.check()?;
        let (body, md5) = receiver.finish().map_err(error::disk)?;
        match wanted {
            Some(wanted) if wanted != md5 => Err(s3_error!(BadDigest)),
            _ => Ok((body, md5)),
        }
    }

    pub(super) async fn put_object(
        &self,
        req: S3Request<dto::PutObjectInput>,
    ) -> S3Result<S3Response<dto::PutObjectOutput>> {
        let who = caller(&req.extensions);
        let bucket = self.bucket_for(&req.input.bucket, &who, Ask::put(&req.input.key))?;
        let headers = attributes::from_request(&req.headers, self.style)?;
        let tags = tags::from_header(text(&req.headers, "x-amz-tagging"))?;
        let acl = self.acl_of_new(&req.headers, who.id(), &bucket)?;
        let (body, md5) = self.receive(&req.headers, req.input.body, &bucket, self.limits.max_put).await?;
        let object = Object {
            record: 0,
            body,
            etag: hex::encode(md5),
            modified: now(),
            headers,
            tags,
            acl,
            appends: 0,
            parts: Vec::new(),
        };
        let check = |current: Option<&Object>| conditions::check_put(&req.headers, current, self.style);
        let object = self.store(&bucket, &req.input.key, object, check)?;
        Ok(S3Response::new(dto::PutObjectOutput {
            e_tag: Some(dto::ETag::Strong(object.etag.clone())),
            ..Default::default()
        }))
    }

    /// The access control list of a new object: private, unless the request says otherwise.
    pub(super) fn acl_of_new(&self, headers: &HeaderMap, writer: &str, bucket: &Bucket) -> S3Result<Acl> {
        let bucket_owner = bucket.acl().owner.clone();
        let asked = acl::from_headers(headers, writer, &bucket_owner, &self.users)?;
        Ok(asked.unwrap_or_else(|| Acl::private(writer)))
    }

    pub(super) fn delete_object(
        &self,
        req: S3Request<dto::DeleteObjectInput>,
    ) -> S3Result<S3Response<dto::DeleteObjectOutput>> {
        let ask = Ask::object("s3:DeleteObject", Permission::Write, &req.input.key);
        let bucket = self.bucket_for(&req.input.bucket, &caller(&req.extensions), ask)?;
        let check = |current: Option<&Object>| conditions::check_delete(&req.headers, current, self.style);
        self.remove(&bucket, &req.input.key, check)?;
        Ok(S3Response::new(dto::DeleteObjectOutput::default()))
    }

    pub(super) fn delete_objects(
        &self,
        req: S3Request<dto::DeleteObjectsInput>,
    ) -> S3Result<S3Response<dto::DeleteObjectsOutput>> {
        /// RGW refuses longer lists (`rgw_delete_multi_obj_max_num`).
        const MOST: usize = 1000;
        let delete = req.input.delete;
        if delete.objects.len() > MOST {
            return Err(s3_error!(MalformedXML));
        }
        // Release 16 asks for the right to delete the bucket's own name, release 20 each key.
        let who = caller(&req.extensions);
        let bucket = self.bucket(&req.input.bucket)?;
        let all = Ask::bucket("s3:DeleteObject", Permission::Write);
        if self.style == Style::Rgw16 && !self.allows(&bucket, &who, all, None) {
            return Err(s3_error!(AccessDenied));
        }
        let (mut deleted, mut errors) = (Vec::new(), Vec::new());
        for object in delete.objects {
            let check = |current: Option<&Object>| match (&object.e_tag, current, self.style) {
                (Some(etag), Some(current), Style::Rgw20) if etag.value() != current.etag => {
                    Err(s3_error!(PreconditionFailed))
                }
                _ => Ok(()),
            };
            let ask = Ask::object("s3:DeleteObject", Permission::Write, &object.key);
            let allowed = self.style == Style::Rgw16 || self.allows(&bucket, &who, ask, None);
            let removed = if allowed { self.remove(&bucket, &object.key, check) } else { Err(s3_error!(AccessDenied)) };
            match removed {
                Ok(()) => deleted.push(dto::DeletedObject { key: Some(object.key), ..Default::default() }),
                Err(error) => errors.push(dto::Error {
                    key: Some(object.key),
                    code: Some(error.code().as_str().to_owned()),
                    message: error.message().map(str::to_owned),
                    version_id: None,
                }),
            }
        }
        let deleted = (!delete.quiet.unwrap_or(false)).then_some(deleted);
        Ok(S3Response::new(dto::DeleteObjectsOutput { deleted, errors: Some(errors), request_charged: None }))
    }

    pub(super) fn get_object_tagging(
        &self,
        req: S3Request<dto::GetObjectTaggingInput>,
    ) -> S3Result<S3Response<dto::GetObjectTaggingOutput>> {
        let bucket = self.bucket(&req.input.bucket)?;
        let ask = Ask::object("s3:GetObjectTagging", Permission::Read, &req.input.key);
        let object = self.object_for(&bucket, &req.input.key, &caller(&req.extensions), ask)?;
        let tag_set = tags::to_xml(&object.tags);
        Ok(S3Response::new(dto::GetObjectTaggingOutput { tag_set, version_id: None }))
    }

    /// Replaces the tags. The ETag stays, Last-Modified moves.
    pub(super) fn set_tags<T>(
        &self,
        req: &S3Request<T>,
        bucket: &str,
        key: &str,
        tags: &[(String, String)],
    ) -> S3Result<()> {
        let bucket = self.bucket(bucket)?;
        let ask = Ask::object("s3:PutObjectTagging", Permission::Write, key);
        self.change(&bucket, key, &caller(&req.extensions), ask, |object| {
            object.tags = tags.to_vec();
            Ok(())
        })
    }

    /// Changes something of an object that is not its content.
    pub(super) fn change(
        &self,
        bucket: &Bucket,
        key: &str,
        caller: &Caller,
        ask: Ask<'_>,
        change: impl Fn(&mut Object) -> S3Result<()>,
    ) -> S3Result<()> {
        loop {
            let object = self.object_for(bucket, key, caller, ask)?;
            let mut changed = Object { modified: now(), ..Object::clone(&object) };
            change(&mut changed)?;
            let mut same = false;
            let check = |current: Option<&Object>| {
                same = current.is_some_and(|current| std::ptr::eq(current, &*object));
                if same { Ok(()) } else { Err(error::concurrent_modification()) }
            };
            match self.store(bucket, key, changed, check) {
                // Another write came in between: its object is the one to change now.
                Err(_) if !same => {}
                result => return result.map(drop),
            }
        }
    }
}

/// The bytes of one part of an object that was uploaded in parts; any other object is its own part 1.
fn part_range(object: &Object, part: i32) -> S3Result<std::ops::Range<u64>> {
    let index = usize::try_from(part).ok().and_then(|part| part.checked_sub(1)).ok_or(s3_error!(InvalidPart))?;
    if object.parts.is_empty() && index == 0 {
        return Ok(0..object.body.len());
    }
    let len = object.parts.get(index).ok_or(s3_error!(InvalidPart))?;
    let start: u64 = object.parts[..index].iter().sum();
    Ok(start..start + len)
}
