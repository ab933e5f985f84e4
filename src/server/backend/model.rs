//! Buckets, objects and uploads as the server keeps them.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http::{HeaderMap, HeaderName, HeaderValue};

use super::super::access::Acl;
use super::super::persist::{Blob, ObjectRecord};
use super::super::policy::Policy;
use super::body::{Body, Segment};

/// An object; it is replaced, never changed.
#[derive(Debug, Clone)]
pub(crate) struct Object {
    /// Its record on the disk; the next object of the same key takes it over.
    pub(crate) record: u64,
    pub(crate) body: Body,
    /// Without quotes.
    pub(crate) etag: String,
    /// Whole milliseconds.
    pub(crate) modified: SystemTime,
    /// The headers that come back with it: Content-Type, user metadata and so on.
    pub(crate) headers: HeaderMap,
    pub(crate) tags: Vec<(String, String)>,
    pub(crate) acl: Acl,
    /// How many appends made it; 0 for one that cannot be appended to.
    pub(crate) appends: u32,
    /// Sizes of the parts of a multipart upload.
    pub(crate) parts: Vec<u64>,
}

/// The objects of a bucket and their sum.
#[derive(Debug, Default)]
pub(crate) struct Index {
    pub(crate) objects: BTreeMap<String, Arc<Object>>,
    /// Bytes in objects and in parts of open uploads: RGW counts both.
    pub(crate) bytes: u64,
}

/// A part of an upload.
#[derive(Debug, Clone)]
pub(crate) struct Part {
    pub(crate) body: Body,
    pub(crate) md5: [u8; 16],
    pub(crate) modified: SystemTime,
}

/// A multipart upload that is neither completed nor aborted.
#[derive(Debug)]
pub(crate) struct Upload {
    pub(crate) key: String,
    pub(crate) initiator: String,
    pub(crate) initiated: SystemTime,
    pub(crate) headers: HeaderMap,
    pub(crate) tags: Vec<(String, String)>,
    pub(crate) acl: Acl,
    pub(crate) parts: BTreeMap<u32, Part>,
}

/// A bucket.
#[derive(Debug)]
pub(crate) struct Bucket {
    pub(crate) name: String,
    pub(crate) created: SystemTime,
    acl: RwLock<Acl>,
    policy: RwLock<Option<Arc<Policy>>>,
    index: RwLock<Index>,
    uploads: Mutex<HashMap<String, Upload>>,
}

impl Bucket {
    pub(crate) fn new(name: &str, created: SystemTime, acl: Acl) -> Self {
        Self {
            name: name.to_owned(),
            created,
            acl: RwLock::new(acl),
            policy: RwLock::default(),
            index: RwLock::default(),
            uploads: Mutex::default(),
        }
    }

    pub(crate) fn acl(&self) -> RwLockReadGuard<'_, Acl> {
        self.acl.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn set_acl(&self, acl: Acl) {
        *self.acl.write().unwrap_or_else(PoisonError::into_inner) = acl;
    }

    pub(crate) fn policy(&self) -> Option<Arc<Policy>> {
        self.policy.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn set_policy(&self, policy: Option<Policy>) {
        *self.policy.write().unwrap_or_else(PoisonError::into_inner) = policy.map(Arc::new);
    }

    /// The objects, for reading. Taken after `uploads` if both are needed.
    pub(crate) fn index(&self) -> RwLockReadGuard<'_, Index> {
        self.index.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// The objects, for writing. Taken after `uploads` if both are needed.
    pub(crate) fn index_mut(&self) -> RwLockWriteGuard<'_, Index> {
        self.index.write().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn uploads(&self) -> MutexGuard<'_, HashMap<String, Upload>> {
        self.uploads.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The object of a key.
    pub(crate) fn object(&self, key: &str) -> Option<Arc<Object>> {
        self.index().objects.get(key).cloned()
    }
}

/// The time now in whole milliseconds, which is what RGW's listings show.
pub(crate) fn now() -> SystemTime {
    from_millis(millis(SystemTime::now()))
}

/// A time as milliseconds since 1970.
pub(crate) fn millis(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64)
}

/// The time of so many milliseconds since 1970.
pub(crate) fn from_millis(millis: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_millis(millis)
}

impl Object {
    /// Its form on the disk.
    pub(crate) fn to_record(&self, key: &str) -> ObjectRecord {
        let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
        let body = self.body.segments().filter_map(|segment| match segment {
            Segment::Disk { blob, from, len } => Some((blob.id(), *from, *len)),
            Segment::Memory(_) => None,
        });
        ObjectRecord {
            key: key.to_owned(),
            etag: self.etag.clone(),
            modified_ms: millis(self.modified),
            headers: self.headers.iter().map(|(name, value)| (name.to_string(), text(value))).collect(),
            tags: self.tags.clone(),
            acl: self.acl.clone(),
            appends: self.appends,
            parts: self.parts.clone(),
            body: body.collect(),
        }
    }

    /// The object of a record; `blobs` has all blobs that records name.
    pub(crate) fn from_record(id: u64, record: ObjectRecord, blobs: &HashMap<u64, Arc<Blob>>) -> (String, Self) {
        let headers = record.headers.iter().filter_map(|(name, value)| {
            Some((HeaderName::try_from(name).ok()?, HeaderValue::from_bytes(value.as_bytes()).ok()?))
        });
        let body = record.body.iter().filter_map(|(blob, from, len)| {
            Some(Segment::Disk { blob: blobs.get(blob)?.clone(), from: *from, len: *len })
        });
        let object = Self {
            record: id,
            body: Body::new(body),
            etag: record.etag,
            modified: from_millis(record.modified_ms),
            headers: headers.collect(),
            tags: record.tags,
            acl: record.acl,
            appends: record.appends,
            parts: record.parts,
        };
        (record.key, object)
    }
}

impl Object {
    /// Its storage class.
    pub(crate) fn storage_class(&self) -> &str {
        self.headers.get(super::attributes::STORAGE_CLASS).and_then(|class| class.to_str().ok()).unwrap_or("STANDARD")
    }
}
