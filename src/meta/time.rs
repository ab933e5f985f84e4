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
    /// nanoseconds, so none may be left out.
    ///
    /// Times up to 1970 always have the point: it marks them as meant, while `0` and `-1` are what programs write that
    /// do not know the time. (s3fs takes none of them.)
    pub(super) fn to_header(self) -> String {
        if self.secs > 0 && self.nanos == 0 {
            return self.secs.to_string();
        }
        let nanos = i128::from(self.secs) * BILLION + i128::from(self.nanos);
        let sign = if nanos < 0 { "-" } else { "" };
        let nanos = nanos.unsigned_abs();
        format!("{sign}{}.{:09}", nanos / BILLION as u128, nanos % BILLION as u128)
    }

    /// Reads any of: seconds with or without a decimal point (s3fs, rclone, s3cmd, GeeseFS), whole milli-, micro- or
    /// nanoseconds (told by their size), the same with a unit (`…ns`: DataSync, FSx), `seconds#nanoseconds` (mc),
    /// RFC 3339 (rclone with `--metadata`).
    ///
    /// Nothing up to 1970 is believed unless it has the nine digits that [`Time::to_header`] gives it.
    pub(super) fn from_header(text: &str) -> Option<Time> {
        let text = text.trim();
        if text.contains('T') {
            return Time::of_nanos(OffsetDateTime::parse(text, &Rfc3339).ok()?.unix_timestamp_nanos()).filter(is_later);
        }
        if let Some((secs, nanos)) = text.split_once('#') {
            let nanos = nanos.parse().ok().filter(|nanos| i128::from(*nanos) < BILLION)?;
            return Some(Time { secs: secs.parse().ok()?, nanos }).filter(is_later);
        }
        if let Some((whole, fraction)) = text.split_once('.') {
            let time = decimal(whole, fraction)?;
            return Some(time).filter(|time| is_later(time) || fraction.len() == 9);
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
        Time::of_nanos(number * unit).filter(is_later)
    }
}

fn is_later(time: &Time) -> bool {
    time.secs > 0
}

/// `-12`, `345` to 12.345 seconds before 1970.
fn decimal(whole: &str, fraction: &str) -> Option<Time> {
    let (negative, whole) = whole.strip_prefix('-').map_or((false, whole), |rest| (true, rest));
    if whole.is_empty() || ![whole, fraction].iter().all(|part| part.bytes().all(|b| b.is_ascii_digit())) {
        return None;
    }
    let secs: i64 = whole.parse().ok()?;
    let digits: String = fraction.chars().chain("000000000".chars()).take(9).collect();
    let nanos = i128::from(secs) * BILLION + digits.parse::<i128>().ok()?;
    Time::of_nanos(if negative { -nanos } else { nanos })
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
