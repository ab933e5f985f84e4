//! Buckets: create, delete, head and list.

use http::{HeaderMap, HeaderName, HeaderValue};
use s3s::dto;
use s3s::{S3Request, S3Response, S3Result, s3_error};

use super::super::Style;
use super::super::access::{Acl, Ask, Permission};
use super::{Backend, acl, caller, error};

/// RGW's `rgw_max_buckets` as it is set by default.
pub(super) const MAX_BUCKETS: i64 = 1000;

/// The only placement, as RGW has it by default.
const PLACEMENT: &str = ":default-placement";

impl Backend {
    pub(super) fn create_bucket(
        &self,
        req: S3Request<dto::CreateBucketInput>,
    ) -> S3Result<S3Response<dto::CreateBucketOutput>> {
        let caller = caller(&req.extensions);
        if caller.0.is_none() {
            return Err(s3_error!(AccessDenied));
        }
        let name = req.input.bucket;
        let place = req.input.create_bucket_configuration.and_then(|asked| asked.location_constraint);
        // Zone group and placement, of which there is one each.
        if !matches!(place.as_ref().map_or("", |place| place.as_str()), "" | "default" | PLACEMENT)
            && place.as_ref().is_none_or(|place| place.as_str() != ["default", PLACEMENT].concat())
        {
            return Err(error::custom(http::StatusCode::BAD_REQUEST, "InvalidLocationConstraint"));
        }
        let output = dto::CreateBucketOutput::default();
        if let Some(bucket) = self.all_buckets().get(&name) {
            // To create one's own bucket again is no error in RGW.
            let own = bucket.acl().owner == caller.id();
            return if own { Ok(S3Response::new(output)) } else { Err(s3_error!(BucketAlreadyExists)) };
        }
        let acl = acl::from_headers(&req.headers, caller.id(), "", &self.users)?;
        self.add_bucket(&name, acl.unwrap_or_else(|| Acl::private(caller.id()))).map_err(error::disk)?;
        Ok(S3Response::new(output))
    }

    pub(super) fn delete_bucket(
        &self,
        req: S3Request<dto::DeleteBucketInput>,
    ) -> S3Result<S3Response<dto::DeleteBucketOutput>> {
        let bucket = self.bucket_for(
            &req.input.bucket,
            &caller(&req.extensions),
            Ask::bucket("s3:DeleteBucket", Permission::Write),
        )?;
        let mut all = self.all_buckets_mut();
        if !bucket.index().objects.is_empty() {
            return Err(s3_error!(BucketNotEmpty));
        }
        if let Some(disk) = &self.disk {
            disk.remove_bucket(&bucket.name).map_err(error::disk)?;
        }
        all.remove(&bucket.name);
        Ok(S3Response::new(dto::DeleteBucketOutput::default()))
    }

    pub(super) fn head_bucket(
        &self,
        req: S3Request<dto::HeadBucketInput>,
    ) -> S3Result<S3Response<dto::HeadBucketOutput>> {
        let caller = caller(&req.extensions);
        let bucket = self.bucket_for(&req.input.bucket, &caller, Ask::bucket("s3:ListBucket", Permission::Read))?;
        let mut headers = HeaderMap::new();
        let mut add = |name: &'static str, value: i64| {
            headers.insert(HeaderName::from_static(name), HeaderValue::from(value));
        };
        // Release 20 counts only when asked to.
        let asked = req.uri.query().is_some_and(|query| query.split('&').any(|name| name.starts_with("read-stats")));
        if asked || self.style == Style::Rgw16 {
            let index = bucket.index();
            add("x-rgw-object-count", index.objects.len() as i64);
            add("x-rgw-bytes-used", index.bytes as i64);
        }
        // Only the owner learns about quotas.
        if bucket.acl().owner == caller.id() {
            add("x-rgw-quota-max-buckets", MAX_BUCKETS);
            let quota = self.quota_of_bucket(&bucket).map(|quota| quota as i64);
            let of_user = self.quota_of_user(caller.id()).map(|quota| quota as i64);
            for (name, limit) in [
                ("x-rgw-quota-user-size", of_user),
                ("x-rgw-quota-user-objects", None),
                ("x-rgw-quota-bucket-size", quota),
                ("x-rgw-quota-bucket-objects", None),
            ] {
                // Release 16 shows that there is none, release 20 is silent.
                match limit {
                    Some(limit) => add(name, limit),
                    None if self.style == Style::Rgw16 => add(name, -1),
                    None => {}
                }
            }
        }
        Ok(S3Response::with_headers(dto::HeadBucketOutput::default(), headers))
    }

    pub(super) fn list_buckets(
        &self,
        req: S3Request<dto::ListBucketsInput>,
    ) -> S3Result<S3Response<dto::ListBucketsOutput>> {
        let caller = caller(&req.extensions);
        let all = self.all_buckets();
        let own = all.values().filter(|bucket| caller.0.is_some() && bucket.acl().owner == caller.id());
        let buckets = own.map(|bucket| dto::Bucket {
            name: Some(bucket.name.clone()),
            creation_date: Some(bucket.created.into()),
            bucket_region: None,
        });
        Ok(S3Response::new(dto::ListBucketsOutput {
            buckets: Some(buckets.collect()),
            // Anybody may ask; who has no name is shown as RGW shows him.
            owner: Some(acl::owner(if caller.0.is_some() { caller.id() } else { "anonymous" })),
            ..Default::default()
        }))
    }

    /// Refuses all but the owner of the bucket.
    pub(super) fn own_bucket<T>(&self, req: &S3Request<T>, bucket: &str) -> S3Result<()> {
        let bucket = self.bucket(bucket)?;
        let own = bucket.acl().owner == caller(&req.extensions).id();
        if own { Ok(()) } else { Err(s3_error!(AccessDenied)) }
    }

    pub(super) fn get_bucket_location(
        &self,
        req: S3Request<dto::GetBucketLocationInput>,
    ) -> S3Result<S3Response<dto::GetBucketLocationOutput>> {
        let ask = Ask::bucket("s3:GetBucketLocation", Permission::Read);
        self.bucket_for(&req.input.bucket, &caller(&req.extensions), ask)?;
        let location_constraint = Some("default".to_owned().into());
        Ok(S3Response::new(dto::GetBucketLocationOutput { location_constraint }))
    }

    pub(super) fn get_bucket_versioning(
        &self,
        req: S3Request<dto::GetBucketVersioningInput>,
    ) -> S3Result<S3Response<dto::GetBucketVersioningOutput>> {
        let ask = Ask::bucket("s3:GetBucketVersioning", Permission::Read);
        self.bucket_for(&req.input.bucket, &caller(&req.extensions), ask)?;
        Ok(S3Response::new(dto::GetBucketVersioningOutput::default()))
    }
}
