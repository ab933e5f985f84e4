//! The operations on access control lists.

use s3s::dto;
use s3s::{S3Request, S3Response, S3Result, s3_error};

use super::super::access::{Acl, Ask, Permission};
use super::{Backend, acl, caller, error};

impl Backend {
    pub(super) fn get_object_acl(
        &self,
        req: S3Request<dto::GetObjectAclInput>,
    ) -> S3Result<S3Response<dto::GetObjectAclOutput>> {
        let bucket = self.bucket(&req.input.bucket)?;
        let ask = Ask::object("s3:GetObjectAcl", Permission::ReadAcp, &req.input.key);
        let object = self.object_for(&bucket, &req.input.key, &caller(&req.extensions), ask)?;
        Ok(S3Response::new(dto::GetObjectAclOutput {
            owner: Some(acl::owner(&object.acl.owner)),
            grants: Some(acl::to_xml(&object.acl)),
            request_charged: None,
        }))
    }

    /// Replaces the list. The ETag and the metadata stay, Last-Modified moves.
    pub(super) fn put_object_acl(
        &self,
        req: S3Request<dto::PutObjectAclInput>,
    ) -> S3Result<S3Response<dto::PutObjectAclOutput>> {
        let bucket = self.bucket(&req.input.bucket)?;
        let bucket_owner = bucket.acl().owner.clone();
        let list = req.input.access_control_policy.as_ref();
        let ask = Ask::object("s3:PutObjectAcl", Permission::WriteAcp, &req.input.key);
        self.change(&bucket, &req.input.key, &caller(&req.extensions), ask, |object| {
            object.acl = self.new_acl(&req.headers, list, &object.acl.owner, &bucket_owner)?;
            Ok(())
        })?;
        Ok(S3Response::new(dto::PutObjectAclOutput::default()))
    }

    pub(super) fn get_bucket_acl(
        &self,
        req: S3Request<dto::GetBucketAclInput>,
    ) -> S3Result<S3Response<dto::GetBucketAclOutput>> {
        let bucket = self.bucket_for(
            &req.input.bucket,
            &caller(&req.extensions),
            Ask::bucket("s3:GetBucketAcl", Permission::ReadAcp),
        )?;
        let acl = bucket.acl();
        Ok(S3Response::new(dto::GetBucketAclOutput {
            owner: Some(acl::owner(&acl.owner)),
            grants: Some(acl::to_xml(&acl)),
        }))
    }

    pub(super) fn put_bucket_acl(
        &self,
        req: S3Request<dto::PutBucketAclInput>,
    ) -> S3Result<S3Response<dto::PutBucketAclOutput>> {
        let bucket = self.bucket_for(
            &req.input.bucket,
            &caller(&req.extensions),
            Ask::bucket("s3:PutBucketAcl", Permission::WriteAcp),
        )?;
        let owner = bucket.acl().owner.clone();
        let acl = self.new_acl(&req.headers, req.input.access_control_policy.as_ref(), &owner, "")?;
        bucket.set_acl(acl);
        self.save_bucket(&bucket).map_err(error::disk)?;
        Ok(S3Response::new(dto::PutBucketAclOutput::default()))
    }

    /// The list of a PutAcl request: from its headers or its body.
    fn new_acl(
        &self,
        headers: &http::HeaderMap,
        list: Option<&dto::AccessControlPolicy>,
        owner: &str,
        bucket_owner: &str,
    ) -> S3Result<Acl> {
        match (acl::from_headers(headers, owner, bucket_owner, &self.users)?, list) {
            (Some(acl), _) => Ok(acl),
            (None, Some(list)) => acl::from_xml(list, owner, &self.users),
            (None, None) => Err(s3_error!(MalformedACLError)),
        }
    }
}
