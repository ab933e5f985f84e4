//! CopyObject.

use s3s::dto;
use s3s::{S3Request, S3Response, S3Result, s3_error};

use super::super::Style;
use super::super::access::{Ask, Caller};
use super::conditions::{self, text};
use super::model::{Bucket, Object, now};
use super::{Backend, attributes, caller, tags};
use std::sync::Arc;

impl Backend {
    /// The source of a copy, if the caller may read it.
    pub(super) fn copy_source(
        &self,
        source: &dto::CopySource,
        caller: &Caller,
    ) -> S3Result<(Arc<Bucket>, Arc<Object>)> {
        let dto::CopySource::Bucket { bucket, key, .. } = source else {
            return Err(s3_error!(InvalidArgument));
        };
        let bucket = self.bucket(bucket)?;
        let object = self.object_for(&bucket, key, caller, Ask::get(key))?;
        Ok((bucket, object))
    }

    pub(super) fn copy_object(
        &self,
        req: S3Request<dto::CopyObjectInput>,
    ) -> S3Result<S3Response<dto::CopyObjectOutput>> {
        let who = caller(&req.extensions);
        let target = self.bucket_for(&req.input.bucket, &who, Ask::put(&req.input.key))?;
        let (source_bucket, source) = self.copy_source(&req.input.copy_source, &who)?;
        if self.style == Style::Rgw20 {
            conditions::check_read(&req.headers, &source, &conditions::COPY_SOURCE)?;
        }
        if source.body.len() > self.limits.max_copy {
            return Err(s3_error!(EntityTooLarge));
        }
        self.check_quota(&target, source.body.len())?;
        let replace = match text(&req.headers, "x-amz-metadata-directive") {
            None | Some("COPY") => false,
            Some("REPLACE") => true,
            Some(_) => return Err(s3_error!(InvalidArgument)),
        };
        let dto::CopySource::Bucket { key: source_key, .. } = &req.input.copy_source else {
            return Err(s3_error!(InvalidArgument));
        };
        let asked = attributes::from_request(&req.headers, self.style)?;
        let class = asked.get(attributes::STORAGE_CLASS).cloned();
        let mut headers = if replace { asked } else { source.headers.clone() };
        // The storage class is never copied: the request tells it, or it is STANDARD.
        match class {
            Some(class) => headers.insert(attributes::STORAGE_CLASS, class),
            None => headers.remove(attributes::STORAGE_CLASS),
        };
        let onto_itself = source_bucket.name == target.name && **source_key == *req.input.key;
        if onto_itself
            && !replace
            && headers.get(attributes::STORAGE_CLASS) == source.headers.get(attributes::STORAGE_CLASS)
        {
            return Err(s3_error!(InvalidRequest));
        }
        // `x-amz-tagging` on a copy is heard from release 20 on.
        let tags = match (replace, self.style) {
            (false, _) => source.tags.clone(),
            (true, Style::Rgw16) => Vec::new(),
            (true, Style::Rgw20) => tags::from_header(text(&req.headers, "x-amz-tagging"))?,
        };
        let object = Object {
            record: 0,
            body: source.body.clone(),
            etag: source.etag.clone(),
            modified: now(),
            headers,
            tags,
            acl: self.acl_of_new(&req.headers, who.id(), &target)?,
            // A plain copy of an object that was appended to can be appended to as well.
            appends: if replace { 0 } else { source.appends },
            parts: source.parts.clone(),
        };
        // Conditions on the target are not heard by any release.
        let object = self.store(&target, &req.input.key, object, |_| Ok(()))?;
        let result = dto::CopyObjectResult {
            e_tag: Some(dto::ETag::Strong(object.etag.clone())),
            last_modified: Some(object.modified.into()),
            ..Default::default()
        };
        Ok(S3Response::new(dto::CopyObjectOutput { copy_object_result: Some(result), ..Default::default() }))
    }
}
