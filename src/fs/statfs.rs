//! df: what the service says of use and quota.

use super::top::Top;
use super::{Fs, Result};
use crate::store::{BucketInfo, Usage};
use std::time::{Duration, Instant};

/// How long the answer is used.
const FRESH: Duration = Duration::from_secs(5);
/// The sum over all buckets is waited for no longer.
const PATIENCE: Duration = Duration::from_secs(5);
/// Shown as total size where there is no quota: 1 PiB.
const NO_QUOTA: u64 = 1 << 50;
/// Shown as total number of files where there is no quota.
const NO_QUOTA_FILES: u64 = 1 << 40;

/// Use and limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Space {
    /// Bytes in all.
    pub bytes: u64,
    /// Bytes that are not used: what `df` shows as used is the difference.
    pub free: u64,
    /// Bytes that can still be stored.
    pub available: u64,
    /// Objects in all.
    pub files: u64,
    /// Objects that can still be stored.
    pub files_free: u64,
}

/// A quota and how much of it is used. `None`: there is none.
#[derive(Clone, Copy)]
struct Part {
    quota: Option<u64>,
    used: u64,
}

impl Part {
    fn left(&self) -> Option<u64> {
        self.quota.map(|quota| quota.saturating_sub(self.used))
    }
}

/// All, not used, available. The bucket's quota counts, else the user's; what either leaves is available.
fn numbers(bucket: Part, user: Part, none: u64) -> (u64, u64, u64) {
    let (shown, all) = match (bucket.quota, user.quota) {
        (Some(quota), _) => (bucket, quota),
        (None, Some(quota)) => (user, quota),
        (None, None) => (bucket, none),
    };
    let free = all.saturating_sub(shown.used);
    let available = [bucket, user].iter().filter_map(Part::left).min().unwrap_or(free);
    (all, free, available.min(free))
}

impl Space {
    /// Of a bucket. `all`: what its owner's buckets come to, if that can be known.
    fn of(info: &BucketInfo, all: Option<&Usage>, bucket: &str) -> Space {
        let (bytes, objects) = (info.bytes.unwrap_or(0), info.objects.unwrap_or(0));
        // The sum is older than what the bucket itself says.
        let old = |usage: &Usage| usage.buckets.get(bucket).copied().unwrap_or(0);
        let all_bytes = all.map_or(bytes, |usage| (usage.bytes.saturating_sub(old(usage)) + bytes).max(bytes));
        let all_objects = all.and_then(|usage| usage.objects).map_or(objects, |count| count.max(objects));
        let part = |quota, used| Part { quota, used };
        let (bytes, free, available) =
            numbers(part(info.quota_bytes, bytes), part(info.user_quota_bytes, all_bytes), NO_QUOTA);
        let (files, _, files_free) =
            numbers(part(info.quota_objects, objects), part(info.user_quota_objects, all_objects), NO_QUOTA_FILES);
        Space { bytes, free, available, files, files_free }
    }

    /// Of all buckets of a user.
    fn of_all(usage: &Usage) -> Space {
        let of_user = |quota, used, none| numbers(Part { quota: None, used }, Part { quota, used }, none);
        let (bytes, free, available) = of_user(usage.quota_bytes, usage.bytes, NO_QUOTA);
        let (files, _, files_free) = of_user(usage.quota_objects, usage.objects.unwrap_or(0), NO_QUOTA_FILES);
        Space { bytes, free, available, files, files_free }
    }
}

/// The last answer, and when it was asked for.
pub(super) type Known = Option<(Instant, Space)>;

fn fresh(known: Known) -> Option<Space> {
    known.filter(|(asked, _)| asked.elapsed() < FRESH).map(|(_, space)| space)
}

impl Fs {
    /// The first numbers, if what a bucket says of itself is all that counts.
    pub(super) fn first_space(asked: Instant, info: &BucketInfo) -> Known {
        let alone = info.user_quota_bytes.is_none() && info.user_quota_objects.is_none();
        alone.then(|| (asked, Space::of(info, None, "")))
    }

    /// The numbers for statfs(2), some seconds old at most.
    pub async fn space(&self) -> Result<Space> {
        let known = *self.space.lock();
        if let Some(space) = fresh(known) {
            return Ok(space);
        }
        let asked = Instant::now();
        match self.ask_space().await {
            Ok(space) => {
                *self.space.lock() = Some((asked, space));
                Ok(space)
            }
            // df of a mount should not fail because the numbers cannot be had anew.
            Err(error) => known.map(|(_, space)| space).ok_or(error),
        }
    }

    async fn ask_space(&self) -> Result<Space> {
        let info = self.store.head_bucket().await?;
        // Of somebody else's quota nothing is told.
        let limited = info.user_quota_bytes.is_some() || info.user_quota_objects.is_some();
        let all = if limited { self.store.usage().await.ok() } else { None };
        Ok(Space::of(&info, all.as_ref(), &self.bucket))
    }
}

impl Top {
    /// The numbers of all the user's buckets together, some seconds old at most.
    pub(super) async fn space(&self) -> Space {
        let known = *self.space.lock();
        if let Some(space) = fresh(known) {
            return space;
        }
        let asked = Instant::now();
        let space = match self.store.with_deadline(PATIENCE).usage().await {
            Ok(usage) => Space::of_all(&usage),
            // Amazon has no such request, and df of a mount should not fail.
            Err(error) => {
                tracing::debug!(%error, "the use of all buckets is not known");
                known.map_or_else(|| Space::of_all(&Usage::default()), |(_, space)| space)
            }
        };
        *self.space.lock() = Some((asked, space));
        space
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bucket(quota: Option<u64>, bytes: u64) -> BucketInfo {
        BucketInfo { quota_bytes: quota, bytes: Some(bytes), ..BucketInfo::default() }
    }

    fn of_user(info: BucketInfo, quota: u64) -> BucketInfo {
        BucketInfo { user_quota_bytes: Some(quota), ..info }
    }

    fn usage(bytes: u64, here: u64) -> Usage {
        Usage { bytes, buckets: [("b".to_owned(), here)].into(), ..Usage::default() }
    }

    fn shown(info: &BucketInfo, all: Option<&Usage>) -> (u64, u64, u64) {
        let space = Space::of(info, all, "b");
        (space.bytes, space.free, space.available)
    }

    #[test]
    fn the_quota_of_the_bucket_then_the_users_then_none() {
        assert_eq!(shown(&bucket(None, 7), None), (NO_QUOTA, NO_QUOTA - 7, NO_QUOTA - 7));
        assert_eq!(shown(&bucket(Some(100), 7), None), (100, 93, 93));
        assert_eq!(shown(&bucket(Some(100), 107), None), (100, 0, 0));
        assert_eq!(shown(&of_user(bucket(None, 7), 200), Some(&usage(57, 7))), (200, 143, 143));
        // The bucket has grown since the sum was made.
        assert_eq!(shown(&of_user(bucket(None, 9), 200), Some(&usage(57, 7))), (200, 141, 141));
        // The user's other buckets leave less than this one's own quota.
        assert_eq!(shown(&of_user(bucket(Some(100), 7), 200), Some(&usage(187, 7))), (100, 93, 13));
        assert_eq!(shown(&of_user(bucket(None, 7), 200), None), (200, 193, 193), "nothing is known of the others");
    }

    #[test]
    fn all_buckets_together() {
        let space = |usage: Usage| {
            let space = Space::of_all(&usage);
            (space.bytes, space.free, space.available, space.files, space.files_free)
        };
        let none = usage(57, 7);
        assert_eq!(space(none.clone()), (NO_QUOTA, NO_QUOTA - 57, NO_QUOTA - 57, NO_QUOTA_FILES, NO_QUOTA_FILES));
        let all = Usage { quota_bytes: Some(100), objects: Some(3), quota_objects: Some(10), ..none };
        assert_eq!(space(all), (100, 43, 43, 10, 7));
    }
}
