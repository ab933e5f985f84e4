//! RGW's own way to append to an object: `PUT key?append&position=N`.

use http::{HeaderMap, HeaderValue, StatusCode};
use md5_many::{Digest, Md5};
use percent_encoding::percent_decode_str;
use s3s::dto::StreamingBlob;
use s3s::{Body as HttpBody, S3Error, S3Request, S3Response, S3Result, s3_error};

use super::super::Style;
use super::super::access::Ask;
use super::body::Body;
use super::conditions::{self, text};
use super::model::{Object, now};
use super::route::query;
use super::{Backend, attributes, caller, error, tags};

const NEXT_POSITION: &str = "x-rgw-next-append-position";

/// Checks that `current` can be appended to at that position.
fn check_position(current: Option<&Object>, position: u64) -> S3Result<()> {
    if current.is_some_and(|object| object.appends == 0) {
        return Err(error::custom(StatusCode::CONFLICT, "ObjectNotAppendable"));
    }
    let len = current.map_or(0, |object| object.body.len());
    if position == len {
        return Ok(());
    }
    let mut error = error::custom(StatusCode::CONFLICT, "PositionNotEqualToLength");
    let mut headers = HeaderMap::new();
    headers.insert(NEXT_POSITION, HeaderValue::from(len));
    error.set_headers(headers);
    Err(error)
}

/// The ETag after an append: the first is the MD5 of its bytes, each later one the MD5 of the one before and of the
/// MD5 of the new bytes, with the number of appends behind a dash.
fn etag_after(current: Option<&Object>, md5: [u8; 16]) -> String {
    let Some(current) = current else { return hex::encode(md5) };
    let before = hex::decode(current.etag.split('-').next().unwrap_or_default()).unwrap_or_default();
    let joined = Md5::new().chain_update(before).chain_update(md5).finalize();
    format!("{}-{}", hex::encode(joined), current.appends + 1)
}

impl Backend {
    pub(super) async fn append_object(&self, req: S3Request<HttpBody>) -> S3Result<S3Response<HttpBody>> {
        let path = percent_decode_str(req.uri.path()).decode_utf8().map_err(|_| error::invalid_object_name())?;
        let path = path.strip_prefix('/').unwrap_or(&path);
        let (bucket, key) = path.split_once('/').ok_or_else(|| s3_error!(InvalidArgument))?;
        let position = query(&req.uri, "position").and_then(|position| position.parse().ok());
        let position: u64 = position.ok_or_else(|| s3_error!(InvalidArgument))?;
        let who = caller(&req.extensions);
        let bucket = self.bucket_for(bucket, &who, Ask::put(key))?;
        let headers = attributes::from_request(&req.headers, self.style)?;
        let tags = tags::from_header(text(&req.headers, "x-amz-tagging"))?;
        let acl = self.acl_of_new(&req.headers, who.id(), &bucket)?;
        let check = |current: Option<&Object>| {
            check_position(current, position)?;
            conditions::check_put_if_new(&req.headers, current, self.style)
        };
        let base = bucket.object(key);
        let base = base.as_deref();
        check(base)?;
        let body = Some(StreamingBlob::from(req.input));
        let (added, md5) = self.receive(&req.headers, body, &bucket, self.limits.max_put).await?;
        let body = Body::concat(base.map(|base| &base.body).into_iter().chain([&added]));
        let len = body.len();
        // Nothing of what the object had is kept but its bytes.
        let object = Object {
            record: 0,
            body,
            etag: etag_after(base, md5),
            modified: now(),
            headers,
            tags,
            acl,
            appends: base.map_or(0, |base| base.appends) + 1,
            parts: Vec::new(),
        };
        self.store(&bucket, key, object, |current| {
            check(current)?;
            // It may be of the same length and yet not what the new bytes were joined to.
            let same = current.map(|current| &current.etag) == base.map(|base| &base.etag);
            match self.style {
                _ if same => Ok(()),
                // The piece that it would write is there.
                Style::Rgw16 => Err(error::custom(StatusCode::CONFLICT, "BucketAlreadyExists")),
                Style::Rgw20 => Err(error::concurrent_modification()),
            }
        })?;
        let mut response = S3Response::new(HttpBody::empty());
        response.headers.insert(NEXT_POSITION, HeaderValue::from(len));
        let etag = HeaderValue::try_from(format!("\"{}\"", hex::encode(md5)));
        response.headers.insert(http::header::ETAG, etag.map_err(S3Error::internal_error)?);
        Ok(response)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::access::Acl;

    fn appended(etag: &str, appends: u32) -> Object {
        Object {
            record: 0,
            body: Body::default(),
            etag: etag.to_owned(),
            modified: now(),
            headers: HeaderMap::new(),
            tags: Vec::new(),
            acl: Acl::private("alice_um"),
            appends,
            parts: Vec::new(),
        }
    }

    /// The ETags that radosgw 16.2.15 gave after `hello` was appended one, two and three times.
    #[test]
    fn etags_as_measured() {
        let hello: [u8; 16] = Md5::digest("hello").into();
        let first = etag_after(None, hello);
        assert_eq!(first, "5d41402abc4b2a76b9719d911017c592");
        let second = etag_after(Some(&appended(&first, 1)), hello);
        assert_eq!(second, "616b22817b80eed9f65c3aa38cd29054-2");
        let third = etag_after(Some(&appended(&second, 2)), hello);
        assert_eq!(third, "78091db0c9a5d23c31f31d8e5ffaa6f9-3");
    }
}
