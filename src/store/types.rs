//! The words in which the rest of the house speaks of stored objects. Nothing here knows the SDK.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

/// An entity tag **without** its quotes, as the service gave it (`9e107d…` or `9e107d…-3` for multipart objects).
///
/// Two objects under one key with the same etag hold the same bytes; this is what every cache and every condition of
/// this program rests on.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ETag(Arc<str>);

impl ETag {
    /// Takes the text of an `ETag` header or XML element; surrounding quotes and a weak mark (`W/`) are dropped.
    pub fn new(text: &str) -> ETag {
        let text = text.trim();
        let text = text.strip_prefix("W/").unwrap_or(text);
        ETag(text.trim_matches('"').into())
    }

    /// The tag without quotes.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The MD5 of the whole body in lower-case hex, if the tag has that form (not so for multipart or SSE-KMS objects).
    pub fn as_md5(&self) -> Option<&str> {
        (self.0.len() == 32 && self.0.bytes().all(|b| b.is_ascii_hexdigit())).then_some(&*self.0)
    }
}

impl fmt::Debug for ETag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ETag({})", self.0)
    }
}

/// Everything that travels in an object's headers and that a rewrite must send again, because every write over a key
/// (PUT, multipart, CopyObject with REPLACE) starts from nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ObjectHeaders {
    /// `Content-Type`.
    pub content_type: Option<String>,
    /// `Cache-Control`.
    pub cache_control: Option<String>,
    /// `Content-Disposition`.
    pub content_disposition: Option<String>,
    /// `Content-Encoding`.
    pub content_encoding: Option<String>,
    /// `Content-Language`.
    pub content_language: Option<String>,
    /// `Expires`, verbatim.
    pub expires: Option<String>,
    /// `x-amz-website-redirect-location`.
    pub website_redirect: Option<String>,
    /// `x-amz-storage-class`; `None` is the service's default.
    pub storage_class: Option<String>,
    /// User metadata: names without `x-amz-meta-`, lower case; values as sent.
    pub user: BTreeMap<String, String>,
}

/// What a HEAD or a GET tells of an object.
#[derive(Clone, Debug)]
pub struct ObjectInfo {
    /// Identity of the bytes.
    pub etag: ETag,
    /// Size of the whole object in bytes, also when only a range was asked for.
    pub size: u64,
    /// `Last-Modified`: whole seconds.
    pub modified: SystemTime,
    /// Headers to keep.
    pub headers: Arc<ObjectHeaders>,
    /// `x-amz-tagging-count`, 0 where the header is missing.
    pub tag_count: u32,
    /// RGW's `x-rgw-object-type: Appendable`.
    pub appendable: bool,
    /// S3 user id of the owner, if it was asked for: neither HEAD nor GET tell it.
    pub owner: Option<String>,
    /// `x-amz-restore` says that a restored copy can be read (only of interest for cold storage classes).
    pub restored: bool,
}

/// One object in a listing. A listing knows no user metadata.
#[derive(Clone, Debug)]
pub struct ListEntry {
    /// The whole key, decoded.
    pub key: String,
    /// Identity of the bytes.
    pub etag: ETag,
    /// Size in bytes.
    pub size: u64,
    /// Last-Modified; RGW gives milliseconds here (and whole seconds on HEAD).
    pub modified: SystemTime,
    /// Storage class if not the default (`STANDARD`).
    pub storage_class: Option<String>,
}

/// One page of ListObjectsV2.
#[derive(Clone, Debug, Default)]
pub struct ListPage {
    /// Objects, in the service's order.
    pub objects: Vec<ListEntry>,
    /// Common prefixes, each whole and ending in the delimiter.
    pub prefixes: Vec<String>,
    /// Pass to the next call; `None`: this was the last page. (A short or empty page may well have a next one.)
    pub next: Option<ListToken>,
}

/// Where the next page of a listing starts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ListToken {
    /// The service's continuation token.
    Token(String),
    /// No token although truncated: go on after this key.
    After(String),
}

/// What to list.
#[derive(Clone, Debug, Default)]
pub struct ListRequest {
    /// Only keys that begin with this.
    pub prefix: String,
    /// Group keys at `/` after the prefix.
    pub by_directory: bool,
    /// Upper bound of entries in the page, 1 to 1000; 0 means 1000.
    pub max_keys: u32,
    /// Go on where the page before ended.
    pub from: Option<ListToken>,
}

/// What must be true of the key for a write to happen.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub enum Condition {
    /// Write whatever is there.
    #[default]
    Always,
    /// Only if there is no such object (`If-None-Match: *`).
    Absent,
    /// Only over the object with this tag (`If-Match`).
    Match(ETag),
}

/// One grant of an access control list.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Grant {
    /// To whom.
    pub grantee: Grantee,
    /// What: `READ`, `WRITE`, `READ_ACP`, `WRITE_ACP` or `FULL_CONTROL`.
    pub permission: String,
}

/// Who holds a grant.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Grantee {
    /// A user by S3 user id (`alice_um`).
    Id(String),
    /// A group by URI (`http://acs.amazonaws.com/groups/global/AllUsers`).
    Group(String),
    /// Whoever owns the bucket, beside the writer himself. With a write only, with `FULL_CONTROL`, and alone: the
    /// service takes lists by name or grants, not both. Beside other grants it is left out.
    BucketOwner,
}

/// The access control list of a bucket or an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Acl {
    /// S3 user id of the owner.
    pub owner: String,
    /// In the service's order.
    pub grants: Vec<Grant>,
}

impl Acl {
    /// Whether this is what a plain write makes: the owner alone, with full control.
    pub fn is_private(&self) -> bool {
        self.grants.len() == 1
            && self.grants[0].permission == "FULL_CONTROL"
            && self.grants[0].grantee == Grantee::Id(self.owner.clone())
    }
}

/// What goes with the bytes in a write: headers, and the ACL that the same request must carry, because RGW resets it to
/// private on every write over a key.
#[derive(Clone, Debug, Default)]
pub struct WriteHeaders {
    /// Standard headers and user metadata.
    pub headers: ObjectHeaders,
    /// Grants to send as `x-amz-grant-*`; empty: none, the service makes the object private. The owner's
    /// FULL_CONTROL must be among them, or the owner locks himself out.
    pub grants: Vec<Grant>,
    /// Tags to send as `x-amz-tagging` (honoured by PUT and CreateMultipartUpload; on copies see [`super::Store::put_tags`]).
    pub tags: Vec<(String, String)>,
}

/// What a finished write says.
#[derive(Clone, Debug)]
pub struct Stored {
    /// Tag of the object that now stands under the key.
    pub etag: ETag,
}

/// A part that was uploaded or copied and is to be named at completion.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartDone {
    /// 1 to 10,000.
    pub number: u32,
    /// Tag of the part.
    pub etag: ETag,
}

/// A multipart upload that was begun and not ended.
#[derive(Clone, Debug)]
pub struct PendingUpload {
    /// Its key.
    pub key: String,
    /// Its id.
    pub id: String,
    /// When it began.
    pub started: Option<SystemTime>,
}

/// What HEAD bucket tells. RGW's `x-rgw-*` headers; all `None` on other services.
#[derive(Clone, Debug, Default)]
pub struct BucketInfo {
    /// Objects in the bucket.
    pub objects: Option<u64>,
    /// Bytes in the bucket.
    pub bytes: Option<u64>,
    /// The bucket's quota in bytes.
    pub quota_bytes: Option<u64>,
    /// The bucket's quota in objects.
    pub quota_objects: Option<u64>,
    /// The quota in bytes of all buckets of its owner together.
    pub user_quota_bytes: Option<u64>,
    /// The quota in objects of all buckets of its owner together.
    pub user_quota_objects: Option<u64>,
    /// The bucket is the asker's own: RGW tells only the owner about quotas.
    pub own: bool,
    /// The `Server` header.
    pub server: Option<String>,
}

/// What the service was found to honour. Found out once a mount, never assumed.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Quirks {
    /// PUT with `If-None-Match: *` refuses an existing key.
    pub exclusive_put: bool,
    /// PUT with `If-Match` refuses another tag and takes the right one, in the form that `match_quoted` says.
    pub match_put: bool,
    /// `If-Match` wants quotes (AWS, RGW 20; RGW 16 and 18 want none).
    pub match_quoted: bool,
    /// CompleteMultipartUpload honours the same two conditions (AWS, RGW 20).
    pub conditional_complete: bool,
    /// CopyObject onto itself is known to be safe (no RGW release that loses the tail).
    pub safe_self_copy: bool,
}
