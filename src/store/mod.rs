//! The store room: the only one that speaks S3.
//!
//! [`Store`] is one bucket of one service, seen with one user's credentials. It owns deadlines, retries, conditions
//! and everything in which Ceph's RADOS Gateway differs from the book; what comes out is a typed answer or a
//! [`StoreError`]. Each method is one S3 request when nothing goes wrong.

mod body;
mod error;
mod types;

pub use body::{Body, Segment};
pub use error::{ErrorKind, StoreError};
pub use types::*;

use bytes::Bytes;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

/// Where and as whom.
#[derive(Clone, Debug)]
pub struct StoreConfig {
    /// `https://rgw.example.org` or `http://127.0.0.1:8000`.
    pub endpoint: String,
    /// Region to sign with; RGW takes any (`us-east-1`).
    pub region: String,
    /// Bucket name.
    pub bucket: String,
    /// Who asks.
    pub credentials: Credentials,
    /// Extra PEM file of certificate authorities.
    pub ca_file: Option<std::path::PathBuf>,
    /// Connections kept to the service at the same time (default 64).
    pub max_connections: usize,
    /// Total time for reading and asking, retries included (default 60 s).
    pub ask_for: Duration,
    /// Total time for storing (PUT, parts, complete, copy, delete), retries included (default 600 s).
    pub store_for: Duration,
}

/// An access key and its secret. For an OSiRIS token the token is the access key and the secret is empty.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// Access key or token. A token is a password: it is never shown.
    pub access_key: String,
    /// Secret key; may be empty.
    pub secret_key: String,
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Credentials(hidden)")
    }
}

/// Result of the store room.
pub type Result<T> = std::result::Result<T, StoreError>;

/// One bucket. Cheap to clone; all clones share connections, quirks and counters.
#[derive(Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

struct Inner {
    config: StoreConfig,
}

/// What to fetch of an object.
#[derive(Clone, Debug, Default)]
pub struct GetRequest {
    /// Byte range, half open; `None`: all. Must not be empty. May end beyond the object's end.
    pub range: Option<Range<u64>>,
    /// Only if the object still has this tag (else [`ErrorKind::PreconditionFailed`]).
    pub if_match: Option<ETag>,
    /// Only if the object no longer has this tag (else [`ErrorKind::NotModified`]).
    pub if_none_match: Option<ETag>,
}

/// An object's bytes as they arrive.
pub struct GetBody {
    /// What the headers said.
    pub info: ObjectInfo,
    /// The bytes that will come, half open.
    pub range: Range<u64>,
}

impl GetBody {
    /// The next bytes, `None` at the end of `range`.
    ///
    /// A body that stalls, breaks or ends early is resumed from the byte it reached, on a new connection and with
    /// `If-Match`, until the deadline; no byte is given twice, none is left out.
    pub async fn next(&mut self) -> Result<Option<Bytes>> {
        todo!()
    }
}

impl Store {
    /// Makes the client. Sends nothing. Must be called within a tokio runtime.
    pub fn new(config: StoreConfig) -> Result<Store> {
        Ok(Store { inner: Arc::new(Inner { config }) })
    }

    /// The bucket's name.
    pub fn bucket(&self) -> &str {
        &self.inner.config.bucket
    }

    /// HEAD bucket: does it exist, may we see it, how full is it. [`ErrorKind::NoSuchBucket`] for 404.
    pub async fn head_bucket(&self) -> Result<BucketInfo> {
        todo!()
    }

    /// HEAD object.
    pub async fn head(&self, _key: &str) -> Result<ObjectInfo> {
        todo!()
    }

    /// GET object; returns when the headers are here.
    pub async fn get(&self, _key: &str, _request: GetRequest) -> Result<GetBody> {
        todo!()
    }

    /// One page of ListObjectsV2 (always `encoding-type=url`).
    pub async fn list(&self, _request: ListRequest) -> Result<ListPage> {
        todo!()
    }

    /// PUT object in one request, with Content-MD5; the answer's etag is compared. For [`Condition::Match`] the form
    /// is chosen by [`Store::quirks`]; where the service honours no condition, HEAD and compare before the PUT.
    /// A PUT whose answer was lost is recognised by the object's etag and is a success.
    pub async fn put(&self, _key: &str, _body: Body, _with: &WriteHeaders, _condition: &Condition) -> Result<Stored> {
        todo!()
    }

    /// CopyObject within the bucket (up to 5 GiB). `replace: None` keeps headers and tags of the source (directive
    /// COPY) and resets the ACL to `grants`; `Some` sends everything anew (directive REPLACE; tags are then lost on
    /// RGW before 20: see [`Store::put_tags`]). `source_etag` is sent as `x-amz-copy-source-if-match` **and** compared
    /// with the answer's etag where the copy keeps it. Source and target may be the same key only with `replace`.
    pub async fn copy(
        &self,
        _source: &str,
        _source_etag: Option<&ETag>,
        _target: &str,
        _replace: Option<&WriteHeaders>,
        _grants: &[Grant],
    ) -> Result<Stored> {
        todo!()
    }

    /// DELETE object. Deleting what is not there is a success.
    pub async fn delete(&self, _key: &str) -> Result<()> {
        todo!()
    }

    /// DeleteObjects, up to 1000 keys; gives back those that were refused, each with its error.
    pub async fn delete_many(&self, _keys: &[String]) -> Result<Vec<(String, StoreError)>> {
        todo!()
    }

    /// CreateMultipartUpload. The ACL and headers given here are the finished object's.
    pub async fn create_upload(&self, _key: &str, _with: &WriteHeaders) -> Result<String> {
        todo!()
    }

    /// UploadPart, with Content-MD5, answer's etag compared. `number` 1 to 10,000.
    pub async fn upload_part(&self, _key: &str, _upload: &str, _number: u32, _body: Body) -> Result<PartDone> {
        todo!()
    }

    /// UploadPartCopy of a byte range of `source` (same bucket).
    pub async fn copy_part(
        &self,
        _key: &str,
        _upload: &str,
        _number: u32,
        _source: &str,
        _source_etag: &ETag,
        _range: Range<u64>,
    ) -> Result<PartDone> {
        todo!()
    }

    /// CompleteMultipartUpload. `condition` is sent where the service honours it, else HEAD and compare immediately
    /// before. An answer that was lost is recognised: NoSuchUpload, then HEAD with the etag that the parts' MD5s make.
    pub async fn complete_upload(
        &self,
        _key: &str,
        _upload: &str,
        _parts: &[PartDone],
        _condition: &Condition,
    ) -> Result<Stored> {
        todo!()
    }

    /// AbortMultipartUpload. Never call it when a complete may have been received.
    pub async fn abort_upload(&self, _key: &str, _upload: &str) -> Result<()> {
        todo!()
    }

    /// Multipart uploads in progress below a prefix.
    pub async fn list_uploads(&self, _prefix: &str) -> Result<Vec<PendingUpload>> {
        todo!()
    }

    /// GetObjectAcl.
    pub async fn get_acl(&self, _key: &str) -> Result<Acl> {
        todo!()
    }

    /// PutObjectAcl: replaces the whole list.
    pub async fn put_acl(&self, _key: &str, _acl: &Acl) -> Result<()> {
        todo!()
    }

    /// GetBucketAcl.
    pub async fn get_bucket_acl(&self) -> Result<Acl> {
        todo!()
    }

    /// GetObjectTagging.
    pub async fn get_tags(&self, _key: &str) -> Result<Vec<(String, String)>> {
        todo!()
    }

    /// PutObjectTagging.
    pub async fn put_tags(&self, _key: &str, _tags: &[(String, String)]) -> Result<()> {
        todo!()
    }

    /// What the service honours: probed at the first call with a few small objects under `probe_prefix`, which are
    /// deleted again; later calls answer from memory.
    pub async fn quirks(&self) -> Result<Quirks> {
        todo!()
    }
}
