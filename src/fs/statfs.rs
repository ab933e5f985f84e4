//! df: what HEAD bucket says of use and quota.

use super::{Fs, Result};
use crate::store::BucketInfo;
use std::time::{Duration, Instant};

/// How long the answer is used.
const FRESH: Duration = Duration::from_secs(5);
/// Shown as total size where there is no quota: 1 PiB.
const NO_QUOTA: u64 = 1 << 50;
/// Shown as total number of files where there is no quota.
const NO_QUOTA_FILES: u64 = 1 << 40;

/// Use and limits of the bucket.
#[derive(Clone, Copy, Debug)]
pub struct Space {
    /// Bytes in all.
    pub bytes: u64,
    /// Bytes that can still be stored.
    pub free: u64,
    /// Objects in all.
    pub files: u64,
    /// Objects that can still be stored.
    pub files_free: u64,
}

impl Space {
    /// What nothing is known of.
    pub(super) fn unlimited() -> Space {
        Space::of(&BucketInfo::default())
    }

    pub(super) fn of(info: &BucketInfo) -> Space {
        let bytes = info.quota_bytes.unwrap_or(NO_QUOTA);
        let files = info.quota_objects.unwrap_or(NO_QUOTA_FILES);
        Space {
            bytes,
            free: bytes.saturating_sub(info.bytes.unwrap_or(0)),
            files,
            files_free: files.saturating_sub(info.objects.unwrap_or(0)),
        }
    }
}

impl Fs {
    /// The numbers for statfs(2), some seconds old at most.
    pub async fn space(&self) -> Result<Space> {
        let known = *self.space.lock();
        if let Some((asked, space)) = known
            && asked.elapsed() < FRESH
        {
            return Ok(space);
        }
        let asked = Instant::now();
        match self.store.head_bucket().await {
            Ok(info) => {
                let space = Space::of(&info);
                *self.space.lock() = Some((asked, space));
                Ok(space)
            }
            // df of a mount should not fail because the numbers cannot be had anew.
            Err(error) => known.map(|(_, space)| space).ok_or(error.into()),
        }
    }
}
