//! How much may be stored, and how much is: quotas of buckets and of users, and `GET /?usage`.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::PoisonError;

use http::{HeaderValue, header};
use s3s::{Body as HttpBody, S3Request, S3Response, S3Result, s3_error};

use super::bucket::MAX_BUCKETS;
use super::model::Bucket;
use super::{Backend, caller, error};

/// What a quota is for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum QuotaOf {
    /// A bucket.
    Bucket(String),
    /// All buckets of a user.
    User(String),
}

impl Backend {
    /// Sets a quota, or takes it away.
    pub(crate) fn set_quota(&self, of: QuotaOf, bytes: Option<u64>) {
        let mut quotas = self.quotas.write().unwrap_or_else(PoisonError::into_inner);
        match bytes {
            Some(bytes) => quotas.insert(of, bytes),
            None => quotas.remove(&of),
        };
    }

    fn quota(&self, of: &QuotaOf) -> Option<u64> {
        self.quotas.read().unwrap_or_else(PoisonError::into_inner).get(of).copied()
    }

    /// Bytes that the bucket may hold.
    pub(super) fn quota_of_bucket(&self, bucket: &Bucket) -> Option<u64> {
        self.quota(&QuotaOf::Bucket(bucket.name.clone())).or(self.limits.quota_bytes)
    }

    /// Bytes that all buckets of the user may hold together.
    pub(super) fn quota_of_user(&self, user: &str) -> Option<u64> {
        self.quota(&QuotaOf::User(user.to_owned()))
    }

    /// Bytes and objects in each bucket of a user.
    fn used_by(&self, user: &str) -> BTreeMap<String, (u64, usize)> {
        let all = self.all_buckets();
        let own = all.values().filter(|bucket| bucket.acl().owner == user);
        own.map(|bucket| {
            let index = bucket.index();
            (bucket.name.clone(), (index.bytes, index.objects.len()))
        })
        .collect()
    }

    /// Refuses `more` bytes in a bucket that would be over its quota, or over its owner's, with them.
    pub(super) fn check_quota(&self, bucket: &Bucket, more: u64) -> S3Result<()> {
        let over =
            |quota: Option<u64>, used: &dyn Fn() -> u64| quota.is_some_and(|quota| used().saturating_add(more) > quota);
        let owner = bucket.acl().owner.clone();
        let by_owner = || self.used_by(&owner).values().map(|(bytes, _)| bytes).sum();
        if over(self.quota_of_bucket(bucket), &|| bucket.index().bytes) || over(self.quota_of_user(&owner), &by_owner) {
            return Err(error::quota_exceeded());
        }
        Ok(())
    }

    /// As radosgw 16.2, 18.2 and 20.2 write it.
    pub(super) fn get_usage(&self, req: &S3Request<HttpBody>) -> S3Result<S3Response<HttpBody>> {
        let caller = caller(&req.extensions);
        let Some(user) = caller.0.as_deref() else { return Err(s3_error!(AccessDenied)) };
        let used = self.used_by(user);
        let (bytes, objects) = used.values().fold((0, 0), |(bytes, count), one| (bytes + one.0, count + one.1));
        let quota = self.quota_of_user(user).map_or(-1, |bytes| bytes as i64);
        let mut text = format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?><Usage><Entries></Entries><Summary><QuotaMaxBytes>{quota}\
             </QuotaMaxBytes><QuotaMaxBuckets>{MAX_BUCKETS}</QuotaMaxBuckets><QuotaMaxObjCount>-1</QuotaMaxObjCount>\
             <TotalBytes>{bytes}</TotalBytes><TotalEntries>{objects}</TotalEntries></Summary>\
             <CapacityUsed><User><Buckets>"
        );
        for (name, (bytes, _)) in used {
            let _ = write!(text, "<Entry><Bucket>{name}</Bucket><Bytes>{bytes}</Bytes></Entry>");
        }
        text += "</Buckets></User></CapacityUsed></Usage>";
        let mut response = S3Response::new(HttpBody::from(text));
        response.headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/xml"));
        Ok(response)
    }
}
