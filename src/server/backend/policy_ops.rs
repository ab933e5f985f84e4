//! The operations on bucket policies.

use s3s::dto;
use s3s::{S3Request, S3Response, S3Result, s3_error};

use super::super::policy::Policy;
use super::{Backend, error};

impl Backend {
    pub(super) fn get_bucket_policy(
        &self,
        req: S3Request<dto::GetBucketPolicyInput>,
    ) -> S3Result<S3Response<dto::GetBucketPolicyOutput>> {
        self.own_bucket(&req, &req.input.bucket)?;
        let policy = self.bucket(&req.input.bucket)?.policy().ok_or_else(|| s3_error!(NoSuchBucketPolicy))?;
        Ok(S3Response::new(dto::GetBucketPolicyOutput { policy: Some(policy.text.clone()) }))
    }

    pub(super) fn put_bucket_policy(
        &self,
        req: S3Request<dto::PutBucketPolicyInput>,
    ) -> S3Result<S3Response<dto::PutBucketPolicyOutput>> {
        self.own_bucket(&req, &req.input.bucket)?;
        let policy = Policy::parse(&req.input.policy).ok_or_else(|| s3_error!(InvalidArgument))?;
        let bucket = self.bucket(&req.input.bucket)?;
        bucket.set_policy(Some(policy));
        self.save_bucket(&bucket).map_err(error::disk)?;
        Ok(S3Response::new(dto::PutBucketPolicyOutput::default()))
    }

    pub(super) fn delete_bucket_policy(
        &self,
        req: S3Request<dto::DeleteBucketPolicyInput>,
    ) -> S3Result<S3Response<dto::DeleteBucketPolicyOutput>> {
        self.own_bucket(&req, &req.input.bucket)?;
        let bucket = self.bucket(&req.input.bucket)?;
        bucket.set_policy(None);
        self.save_bucket(&bucket).map_err(error::disk)?;
        Ok(S3Response::new(dto::DeleteBucketPolicyOutput::default()))
    }
}
