//! The operations that the protocol crate calls, handed on to the backend.

use std::sync::Arc;

use s3s::dto;
use s3s::{S3, S3Request, S3Response, S3Result, s3_error};

use super::{Backend, tags, with_raw_headers};

/// The backend as the protocol crate sees it.
pub(crate) struct Service(pub(crate) Arc<Backend>);

/// Hands each of these operations on to the backend's function of the same name.
macro_rules! operations {
    ($($name:ident: $input:ident -> $output:ident $(.$await:ident)?;)*) => {
        #[async_trait::async_trait]
        impl S3 for Service {
            $(async fn $name(&self, req: S3Request<dto::$input>) -> S3Result<S3Response<dto::$output>> {
                self.0.$name(with_raw_headers(req))$(.$await)?
            })*

            async fn put_object_tagging(
                &self,
                mut req: S3Request<dto::PutObjectTaggingInput>,
            ) -> S3Result<S3Response<dto::PutObjectTaggingOutput>> {
                let tagging = std::mem::replace(&mut req.input.tagging, dto::Tagging { tag_set: Vec::new() });
                self.0.set_tags(&req, &req.input.bucket, &req.input.key, &tags::from_xml(tagging)?)?;
                Ok(S3Response::new(dto::PutObjectTaggingOutput::default()))
            }

            async fn delete_object_tagging(
                &self,
                req: S3Request<dto::DeleteObjectTaggingInput>,
            ) -> S3Result<S3Response<dto::DeleteObjectTaggingOutput>> {
                self.0.set_tags(&req, &req.input.bucket, &req.input.key, &[])?;
                Ok(S3Response::new(dto::DeleteObjectTaggingOutput::default()))
            }

            // What a bucket may have and does not have here. RGW names what is missing.

            async fn get_bucket_lifecycle_configuration(
                &self,
                req: S3Request<dto::GetBucketLifecycleConfigurationInput>,
            ) -> S3Result<S3Response<dto::GetBucketLifecycleConfigurationOutput>> {
                self.0.own_bucket(&req, &req.input.bucket)?;
                Err(s3_error!(NoSuchLifecycleConfiguration))
            }

            async fn get_bucket_tagging(
                &self,
                req: S3Request<dto::GetBucketTaggingInput>,
            ) -> S3Result<S3Response<dto::GetBucketTaggingOutput>> {
                self.0.own_bucket(&req, &req.input.bucket)?;
                Err(s3_error!(NoSuchTagSet))
            }

            async fn get_bucket_cors(
                &self,
                req: S3Request<dto::GetBucketCorsInput>,
            ) -> S3Result<S3Response<dto::GetBucketCorsOutput>> {
                self.0.own_bucket(&req, &req.input.bucket)?;
                Err(s3_error!(NoSuchCORSConfiguration))
            }
        }
    };
}

operations! {
    create_bucket: CreateBucketInput -> CreateBucketOutput;
    delete_bucket: DeleteBucketInput -> DeleteBucketOutput;
    head_bucket: HeadBucketInput -> HeadBucketOutput;
    list_buckets: ListBucketsInput -> ListBucketsOutput;
    get_bucket_location: GetBucketLocationInput -> GetBucketLocationOutput;
    get_bucket_versioning: GetBucketVersioningInput -> GetBucketVersioningOutput;
    get_bucket_acl: GetBucketAclInput -> GetBucketAclOutput;
    get_bucket_policy: GetBucketPolicyInput -> GetBucketPolicyOutput;
    put_bucket_policy: PutBucketPolicyInput -> PutBucketPolicyOutput;
    delete_bucket_policy: DeleteBucketPolicyInput -> DeleteBucketPolicyOutput;
    put_bucket_acl: PutBucketAclInput -> PutBucketAclOutput;
    list_objects: ListObjectsInput -> ListObjectsOutput;
    list_objects_v2: ListObjectsV2Input -> ListObjectsV2Output;
    get_object: GetObjectInput -> GetObjectOutput;
    head_object: HeadObjectInput -> HeadObjectOutput;
    put_object: PutObjectInput -> PutObjectOutput.await;
    copy_object: CopyObjectInput -> CopyObjectOutput;
    delete_object: DeleteObjectInput -> DeleteObjectOutput;
    delete_objects: DeleteObjectsInput -> DeleteObjectsOutput;
    get_object_acl: GetObjectAclInput -> GetObjectAclOutput;
    put_object_acl: PutObjectAclInput -> PutObjectAclOutput;
    get_object_tagging: GetObjectTaggingInput -> GetObjectTaggingOutput;
    create_multipart_upload: CreateMultipartUploadInput -> CreateMultipartUploadOutput;
    upload_part: UploadPartInput -> UploadPartOutput.await;
    upload_part_copy: UploadPartCopyInput -> UploadPartCopyOutput.await;
    complete_multipart_upload: CompleteMultipartUploadInput -> CompleteMultipartUploadOutput;
    abort_multipart_upload: AbortMultipartUploadInput -> AbortMultipartUploadOutput;
    list_parts: ListPartsInput -> ListPartsOutput;
    list_multipart_uploads: ListMultipartUploadsInput -> ListMultipartUploadsOutput;
}
