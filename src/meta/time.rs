//! Points in time, and the ways in which programs write them into headers.

use std::time::{Duration, SystemTime, UNIX_EPOCH};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// Seconds since 1970 and nanoseconds after that second. Derived order is order in time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Time {
    /// Seconds; negative before 1970.
    pub secs: i64,
    /// 0 to 999,999,999, forward from `secs` also before 1970.
    pub nanos: u32,
}

const BILLION: i128 = 1_000_000_000;

impl Time {
    /// Now.
    pub fn now() -> Time {
        SystemTime::now().into()
    }

    fn of_nanos(nanos: i128) -> Option<Time> {
        let secs = i64::try_from(nanos.div_euclid(BILLION)).ok()?;
        Some(Time { secs, nanos: nanos.rem_euclid(BILLION) as u32 })
    }

    /// Seconds as s3fs writes them: nine digits after the point, or no point. s3fs reads the digits as a plain number of
    /// nanoseconds, forward from the seconds also before 1970, so none may be left out.
    ///
    /// 0 and -1 always have the point: it marks them as meant, since programs write `0` and `-1` that do not know the
    /// time.
    pub(super) fn to_header(self) -> String {
        if self.nanos == 0 && self.is_meant() {
            return self.secs.to_string();
        }
        format!("{}.{:09}", self.secs, self.nanos)
    }

    /// Reads any of: seconds with or without a fraction (s3fs, rclone, s3cmd, GeeseFS, Cyberduck), whole milli-, micro-
    /// or nanoseconds (told by their size), the same with a unit (`…ns`: DataSync, FSx), `seconds#nanoseconds` (mc),
    /// RFC 3339 (rclone with `--metadata`).
    pub(super) fn from_header(text: &str) -> Option<Time> {
        let text = text.trim();
        if text.contains('T') {
            let nanos = OffsetDateTime::parse(text, &Rfc3339).ok()?.unix_timestamp_nanos();
            return Time::of_nanos(nanos).filter(Time::is_meant);
        }
        if let Some((secs, nanos)) = text.split_once('#') {
            let nanos = nanos.parse().ok().filter(|nanos| i128::from(*nanos) < BILLION)?;
            return Some(Time { secs: secs.parse().ok()?, nanos }).filter(Time::is_meant);
        }
        if let Some((secs, fraction)) = text.split_once('.') {
            let time = Time { secs: secs.parse().ok()?, nanos: fraction_nanos(fraction)? };
            return Some(time).filter(|time| time.is_meant() || fraction.len() == 9);
        }
        let digits = text.trim_end_matches(|c: char| c.is_ascii_lowercase());
        let number: i128 = digits.parse::<i64>().ok()?.into();
        let unit = match &text[digits.len()..] {
            "ns" => 1,
            "us" => 1_000,
            "ms" => 1_000_000,
            "s" => BILLION,
            // No file is from the year 5138 on: the number counts something smaller.
            "" if number < 100_000_000_000 => BILLION,
            "" if number < 100_000_000_000_000 => 1_000_000,
            "" if number < 100_000_000_000_000_000 => 1_000,
            "" => 1,
            _ => return None,
        };
        Time::of_nanos(number * unit).filter(Time::is_meant)
    }

    fn is_meant(&self) -> bool {
        self.secs != 0 && self.secs != -1
    }
}

/// `5` to 500,000,000.
fn fraction_nanos(fraction: &str) -> Option<u32> {
    if !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    fraction.chars().chain("000000000".chars()).take(9).collect::<String>().parse().ok()
}

impl From<SystemTime> for Time {
    fn from(time: SystemTime) -> Time {
        let nanos = match time.duration_since(UNIX_EPOCH) {
            Ok(after) => after.as_nanos() as i128,
            Err(before) => -(before.duration().as_nanos() as i128),
        };
        Time::of_nanos(nanos).unwrap_or_default()
    }
}

impl From<Time> for SystemTime {
    /// A time that the system cannot hold becomes 1970.
    fn from(time: Time) -> SystemTime {
        let secs = Duration::from_secs(time.secs.unsigned_abs());
        let second = if time.secs < 0 { UNIX_EPOCH.checked_sub(secs) } else { UNIX_EPOCH.checked_add(secs) };
        second.and_then(|second| second.checked_add(Duration::from_nanos(time.nanos.into()))).unwrap_or(UNIX_EPOCH)
    }
}
