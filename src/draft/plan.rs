//! How to store a file with the fewest bytes on the wire.
//!
//! The planner gets the interval map of the file and says: nothing, headers only, one PUT, or a multipart upload and
//! what each of its parts is. Bytes that the stored object already holds are copied inside the service
//! (UploadPartCopy); only what changed is sent, widened to the smallest part that S3 takes.

use super::extents::{Extents, Source};
pub use growth::Growth;
use regions::{Region, at_most, regions};
use std::ops::Range;

mod growth;
mod regions;
#[cfg(test)]
mod tests;

const MIB: u64 = 1 << 20;

/// What the service takes, and what we like. The defaults are those of S3 and RGW.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Smallest part that is not the last: 5 MiB.
    pub min_part: u64,
    /// Largest part: 5 GiB.
    pub max_part: u64,
    /// Most parts: 10,000.
    pub max_parts: u32,
    /// Largest object: 5 TiB.
    pub max_size: u64,
    /// One PUT up to here: 16 MiB.
    pub put_max: u64,
    /// Preferred size of a copied part: 512 MiB. Copies of one file run in parallel.
    pub copy_part: u64,
    /// Preferred size of a part that is sent, by its number.
    pub part_size: fn(u32) -> u64,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            min_part: 5 * MIB,
            max_part: 5 << 30,
            max_parts: 10_000,
            max_size: 5 << 40,
            put_max: 16 * MIB,
            copy_part: 512 * MIB,
            part_size,
        }
    }
}

/// The streaming schedule: 2,000 parts each of 8, 32, 128 and 512 MiB and 2 GiB, together 5.2 TiB.
const SCHEDULE: [u64; 5] = [8 * MIB, 32 * MIB, 128 * MIB, 512 * MIB, 2048 * MIB];
const STEP: u32 = 2_000;

/// Size of part `number` (from 1) in a file that is streamed, so that small files have small parts and 10,000 parts
/// still hold 5 TiB.
pub fn part_size(number: u32) -> u64 {
    let step = (number.saturating_sub(1) / STEP) as usize;
    SCHEDULE[step.min(SCHEDULE.len() - 1)]
}

/// The bytes of part `number` (from 1) in a file that is streamed.
pub fn part_range(number: u32) -> Range<u64> {
    let before = number.saturating_sub(1);
    let mut start = 0;
    for (step, size) in SCHEDULE.iter().enumerate() {
        let first = step as u32 * STEP;
        let in_step = before.saturating_sub(first);
        let in_step = if step + 1 < SCHEDULE.len() { in_step.min(STEP) } else { in_step };
        start += u64::from(in_step) * size;
    }
    start..start + part_size(number)
}

/// What to send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Plan {
    /// The object is as it should be.
    Nothing,
    /// The bytes are right, the headers are not.
    MetaOnly,
    /// One PUT of the whole file.
    Put,
    /// The bytes from there on are appended to the object.
    Append(u64),
    /// The whole file, stored so that more can be appended to it.
    Appendable,
    /// A multipart upload. Parts are in order and cover the file; those that are there already come first.
    Multipart(Vec<PartPlan>),
}

/// One part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartPlan {
    /// 1 to 10,000.
    pub number: u32,
    /// Its bytes.
    pub range: Range<u64>,
    /// How it comes to be.
    pub how: How,
}

/// How a part comes to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum How {
    /// It is there already.
    Uploaded,
    /// UploadPartCopy of the same range of the base.
    Copy,
    /// Sent: local bytes, zeros, and base bytes that must be read first.
    Upload,
}

/// Why there is no plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// The file is larger than an object, or than what is left of the part numbers holds. `EFBIG`.
    #[error("{0} bytes are more than one object can hold")]
    TooLarge(u64),
    /// The file no longer shows this uploaded part whole and in its place (or shows one that was not uploaded). RGW
    /// completes an upload only with all its parts, so the caller must end that upload otherwise.
    #[error("part {0} of the running upload is no longer whole part of the file")]
    LostPart(u32),
}

/// Plans a commit.
///
/// `base_size` is the size of the object that the file was opened with, `None` for a new file. `uploaded` are the parts
/// of the running multipart upload; they must cover a prefix of the file without a gap, in order.
pub fn plan(
    extents: &Extents,
    base_size: Option<u64>,
    meta_changed: bool,
    limits: &Limits,
    uploaded: &[(u32, Range<u64>)],
) -> Result<Plan, PlanError> {
    let size = extents.size();
    if size > limits.max_size {
        return Err(PlanError::TooLarge(size));
    }
    let frontier = check_uploaded(extents, limits, uploaded)?;
    if uploaded.is_empty() {
        if base_size == Some(size) && extents.is_all(Source::Base) {
            return Ok(if meta_changed { Plan::MetaOnly } else { Plan::Nothing });
        }
        if size <= limits.put_max {
            return Ok(Plan::Put);
        }
    }
    let mut parts: Vec<PartPlan> = uploaded
        .iter()
        .map(|(number, range)| PartPlan { number: *number, range: range.clone(), how: How::Uploaded })
        .collect();
    let first = parts.last().map_or(1, |part| part.number + 1);
    parts.extend(rest(extents, frontier, first, limits).ok_or(PlanError::TooLarge(size))?);
    Ok(Plan::Multipart(parts))
}

/// Where the uploaded parts end.
fn check_uploaded(extents: &Extents, limits: &Limits, uploaded: &[(u32, Range<u64>)]) -> Result<u64, PlanError> {
    let (mut frontier, mut last) = (0, 0);
    for (number, range) in uploaded {
        let whole = extents.pieces(range.clone()).eq([(range.clone(), Source::Part(*number))]);
        let ends_file = range.end == extents.size();
        let long_enough = range.end.saturating_sub(range.start) >= limits.min_part || ends_file;
        if *number <= last || range.start != frontier || !whole || !long_enough {
            return Err(PlanError::LostPart(*number));
        }
        (frontier, last) = (range.end, *number);
    }
    for (_, source) in extents.pieces(frontier..extents.size()) {
        if let Source::Part(number) = source {
            return Err(PlanError::LostPart(number));
        }
    }
    Ok(frontier)
}

/// The parts of `[frontier, size)`, numbered from `first`; `None` if the numbers do not suffice.
///
/// The regions are cut with the preferred sizes. Where that makes too many parts, the sizes double; where that does not
/// help because there are too many regions (a huge file changed everywhere), the smallest copies are sent instead.
fn rest(extents: &Extents, frontier: u64, first: u32, limits: &Limits) -> Option<Vec<PartPlan>> {
    let size = extents.size();
    if frontier == size {
        return Some(Vec::new());
    }
    let min = limits.min_part;
    let send_max = (limits.max_part - min).max(min);
    let copy_max = limits.max_part.max(2 * min);
    let budget = (limits.max_parts + 1).saturating_sub(first) as usize;
    let mut regions = regions(extents, frontier, min);
    let mut wanted = budget;
    loop {
        regions = at_most(regions, wanted);
        let mut scale = 1;
        loop {
            let send = ((limits.part_size)(first) * scale).clamp(min, send_max);
            let copy = (limits.copy_part * scale).clamp(2 * min, copy_max);
            let parts: Vec<_> = regions.iter().flat_map(|region| cut(region, min, send, copy, size)).collect();
            if parts.len() <= budget {
                let part = |(number, (range, how))| PartPlan { number, range, how };
                return Some((first..).zip(parts).map(part).collect());
            }
            if send == send_max && copy == copy_max {
                break;
            }
            scale *= 2;
        }
        if regions.len() <= 1 {
            return None;
        }
        wanted = regions.len() * 3 / 4;
    }
}

/// Cuts a region into parts: one that is copied evenly, one that is sent by `send` bytes, where a rest that would be
/// too small goes with the part before.
fn cut(region: &Region, min: u64, send: u64, copy: u64, size: u64) -> Vec<(Range<u64>, How)> {
    let Range { start, end } = region.range;
    let len = end - start;
    if region.copy {
        let count = len.div_ceil(copy);
        let at = |index: u64| start + (u128::from(len) * u128::from(index) / u128::from(count)) as u64;
        return (0..count).map(|index| (at(index)..at(index + 1), How::Copy)).collect();
    }
    let mut count = len.div_ceil(send);
    if count > 1 && len % send != 0 && len % send < min && end != size {
        count -= 1;
    }
    let at = |index: u64| if index == count { end } else { start + index * send };
    (0..count).map(|index| (at(index)..at(index + 1), How::Upload)).collect()
}
