//! What the server does: buckets and objects behind the operations of the protocol crate.

mod acl;
mod acl_ops;
mod append;
mod attributes;
mod body;
mod bucket;
mod checksums;
mod conditions;
mod copy;
pub(crate) mod error;
mod list;
mod model;
mod multipart;
mod object;
mod policy_ops;
mod quota;
mod range;
mod request;
mod route;
mod service;
mod tags;

use std::collections::BTreeMap;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use s3s::{S3Result, s3_error};

use super::access::{Acl, Ask, Caller, Permission};
use super::auth::Users;
use super::persist::{BucketRecord, Disk};
use super::policy::{Policy, Verdict, Who};
use super::{Limits, ServerConfig, Style};
use model::{Bucket, Object, millis};

pub(crate) use attributes::metadata_size;
pub(crate) use conditions::text;
pub use quota::QuotaOf;
pub(crate) use request::RawHeaders;
use request::{caller, with_raw_headers};
pub(crate) use route::Route;
pub(crate) use service::Service;

/// All buckets.
pub(crate) struct Backend {
    style: Style,
    limits: Limits,
    quotas: RwLock<BTreeMap<QuotaOf, u64>>,
    users: Arc<Users>,
    disk: Option<Arc<Disk>>,
    buckets: RwLock<BTreeMap<String, Arc<Bucket>>>,
    next: AtomicU64,
}

impl Backend {
    pub(crate) fn open(config: &ServerConfig, users: Arc<Users>) -> io::Result<Self> {
        let mut buckets = BTreeMap::new();
        let mut disk = None;
        if let Some(root) = &config.data_dir {
            let (opened, loaded) = Disk::open(root)?;
            for found in loaded.buckets {
                let bucket = Bucket::new(&found.name, model::from_millis(found.record.created_ms), found.record.acl);
                bucket.set_policy(found.record.policy.as_deref().and_then(Policy::parse));
                let mut index = bucket.index_mut();
                for (id, record) in found.objects {
                    let (key, object) = Object::from_record(id, record, &loaded.blobs);
                    index.bytes += object.body.len();
                    index.objects.insert(key, Arc::new(object));
                }
                drop(index);
                buckets.insert(found.name, Arc::new(bucket));
            }
            disk = Some(opened);
        }
        let backend = Self {
            style: config.style,
            limits: config.limits.clone(),
            quotas: RwLock::default(),
            users,
            disk,
            buckets: RwLock::new(buckets),
            next: AtomicU64::new(1),
        };
        for (name, owner) in &config.buckets {
            if !backend.all_buckets().contains_key(name) {
                backend.add_bucket(name, Acl::private(owner))?;
            }
        }
        Ok(backend)
    }

    /// Ends the use of the disk.
    pub(crate) fn close(&self) {
        if let Some(disk) = &self.disk {
            disk.close();
        }
    }

    fn all_buckets(&self) -> RwLockReadGuard<'_, BTreeMap<String, Arc<Bucket>>> {
        self.buckets.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn all_buckets_mut(&self) -> RwLockWriteGuard<'_, BTreeMap<String, Arc<Bucket>>> {
        self.buckets.write().unwrap_or_else(PoisonError::into_inner)
    }

    fn add_bucket(&self, name: &str, acl: Acl) -> io::Result<()> {
        let bucket = Bucket::new(name, model::now(), acl);
        self.save_bucket(&bucket)?;
        self.all_buckets_mut().insert(name.to_owned(), Arc::new(bucket));
        Ok(())
    }

    fn save_bucket(&self, bucket: &Bucket) -> io::Result<()> {
        let Some(disk) = &self.disk else { return Ok(()) };
        let policy = bucket.policy().map(|policy| policy.text.clone());
        let record = BucketRecord { created_ms: millis(bucket.created), acl: bucket.acl().clone(), policy };
        disk.save_bucket(&bucket.name, &record)
    }

    fn bucket(&self, name: &str) -> S3Result<Arc<Bucket>> {
        self.all_buckets().get(name).cloned().ok_or_else(|| s3_error!(NoSuchBucket))
    }

    /// The bucket, if the caller may do that in it.
    fn bucket_for(&self, name: &str, caller: &Caller, ask: Ask<'_>) -> S3Result<Arc<Bucket>> {
        let bucket = self.bucket(name)?;
        if self.allows(&bucket, caller, ask, None) { Ok(bucket) } else { Err(s3_error!(AccessDenied)) }
    }

    /// Whether the caller may do that, by the bucket's policy, else by the list of the object or of the bucket.
    fn allows(&self, bucket: &Bucket, caller: &Caller, ask: Ask<'_>, object: Option<&Object>) -> bool {
        if let Some(policy) = bucket.policy() {
            let id = caller.0.as_deref();
            let who = Who { id, token: id.is_some_and(|id| self.users.has_token(id)) };
            let resource = match ask.key {
                Some(key) => format!("arn:aws:s3:::{}/{key}", bucket.name),
                None => format!("arn:aws:s3:::{}", bucket.name),
            };
            match policy.verdict(who, ask.action, &resource, ask.prefix) {
                Verdict::Allow => return true,
                Verdict::Deny => return false,
                Verdict::Silent => {}
            }
        }
        match object {
            Some(object) => object.acl.allows(caller, ask.permission),
            None => bucket.acl().allows(caller, ask.permission),
        }
    }

    /// The object, if the caller may do that to it. Who may not list a bucket does not learn what is not in it.
    fn object_for(&self, bucket: &Bucket, key: &str, caller: &Caller, ask: Ask<'_>) -> S3Result<Arc<Object>> {
        match bucket.object(key) {
            Some(object) if self.allows(bucket, caller, ask, Some(&object)) => Ok(object),
            None if self.allows(bucket, caller, self.ask_to_miss(key), None) => Err(s3_error!(NoSuchKey)),
            _ => Err(s3_error!(AccessDenied)),
        }
    }

    /// What one must be allowed to do to learn that there is no such key: to list it, before release 20 to list all.
    fn ask_to_miss<'a>(&self, key: &'a str) -> Ask<'a> {
        match self.style {
            Style::Rgw16 => Ask::bucket("s3:ListBucket", Permission::Read),
            Style::Rgw20 => Ask::list(key),
        }
    }

    /// Puts `object` in the place of what has that key, if `check` agrees with what is there.
    fn store(
        &self,
        bucket: &Bucket,
        key: &str,
        mut object: Object,
        check: impl FnOnce(Option<&Object>) -> S3Result<()>,
    ) -> S3Result<Arc<Object>> {
        let mut index = bucket.index_mut();
        let current = index.objects.get(key);
        check(current.map(Arc::as_ref))?;
        let old_len = current.map_or(0, |current| current.body.len());
        if let Some(disk) = &self.disk {
            object.record = current.map_or_else(|| disk.new_id(), |current| current.record);
            let record = object.to_record(key);
            tokio::task::block_in_place(|| disk.save_object(&bucket.name, object.record, &record))
                .map_err(error::disk)?;
        }
        index.bytes = index.bytes + object.body.len() - old_len;
        let object = Arc::new(object);
        let replaced = index.objects.insert(key.to_owned(), object.clone());
        drop(index);
        // The old body's file may go now, without the lock.
        drop(replaced);
        Ok(object)
    }

    /// Takes the object of that key away, if there is one and `check` agrees.
    fn remove(&self, bucket: &Bucket, key: &str, check: impl FnOnce(Option<&Object>) -> S3Result<()>) -> S3Result<()> {
        let mut index = bucket.index_mut();
        let current = index.objects.get(key);
        check(current.map(Arc::as_ref))?;
        let Some(current) = current else { return Ok(()) };
        if let Some(disk) = &self.disk {
            tokio::task::block_in_place(|| disk.remove_object(&bucket.name, current.record)).map_err(error::disk)?;
        }
        index.bytes -= current.body.len();
        let removed = index.objects.remove(key);
        drop(index);
        drop(removed);
        Ok(())
    }

    /// A number for an upload id.
    fn new_id(&self) -> u64 {
        self.next.fetch_add(1, Ordering::Relaxed)
    }
}
