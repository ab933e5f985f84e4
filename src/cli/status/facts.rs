//! What the status says, whichever way it is shown: the facts in words, and whether they are good.

use crate::cli::progress::files;
use crate::mount::status::{Event, Pending, Status};
use indicatif::{DecimalBytes, FormattedDuration, HumanCount};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// How a fact is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mood {
    Plain,
    Good,
    Bad,
}

/// Some words.
pub type Words = (String, Mood);

/// What moves in a second.
#[derive(Clone, Copy, Debug, Default)]
pub struct Speed {
    /// Bytes sent.
    pub up: f64,
    /// Bytes received.
    pub down: f64,
    /// Calls of programs.
    pub calls: f64,
}

impl Speed {
    /// From two looks.
    pub fn between(first: &Status, second: &Status, time: Duration) -> Speed {
        let per_second = |from: u64, to: u64| to.saturating_sub(from) as f64 / time.as_secs_f64().max(0.001);
        Speed {
            up: per_second(first.bytes_up, second.bytes_up),
            down: per_second(first.bytes_down, second.bytes_down),
            calls: per_second(calls(first), calls(second)),
        }
    }
}

/// What programs have asked of the mount.
pub fn calls(status: &Status) -> u64 {
    status.operations.values().map(|operation| operation.calls).sum()
}

pub fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

pub fn ago(now: u64, when: u64) -> String {
    humantime::format_duration(Duration::from_secs(now.saturating_sub(when))).to_string()
}

pub fn title(status: &Status) -> String {
    format!("{} on {}", status.source, status.mountpoint)
}

pub fn health(status: &Status, now: u64) -> Words {
    let service = &status.service;
    let silent =
        status.troubles.last().is_some_and(|last| service.answered.is_none_or(|answered| last.when > answered));
    match service.answered {
        _ if silent => ("does not answer".to_owned(), Mood::Bad),
        Some(when) => (format!("answered {} ago", ago(now, when)), Mood::Good),
        None => ("not asked yet".to_owned(), Mood::Plain),
    }
}

/// Each gateway, if there are several.
pub fn gateways(status: &Status) -> Vec<(String, Words)> {
    let all = &status.service.gateways;
    let shown = all.iter().filter(|_| all.len() > 1).map(|gateway| {
        let state = match (gateway.left_out, gateway.handshake_us) {
            (true, _) => ("does not answer, left out".to_owned(), Mood::Bad),
            (false, Some(us)) => (format!("{:.1} ms", us as f64 / 1e3), Mood::Good),
            (false, None) => ("not used yet".to_owned(), Mood::Plain),
        };
        (gateway.address.clone(), state)
    });
    shown.collect()
}

/// What somebody should do something about.
pub fn warnings(status: &Status) -> Vec<String> {
    let service = &status.service;
    let mut all = Vec::new();
    if service.no_tls_verify {
        all.push("certificates are not verified: it may be anybody (--no-tls-verify)".to_owned());
    }
    if let Some(seconds) = service.refused_for {
        all.push(format!("it has refused the token or key for {seconds} s: log in again (osirisfs login)"));
    }
    if let Some(ahead) = service.clock_ahead.filter(|ahead| ahead.abs() > 5) {
        let side = if ahead > 0 { "behind" } else { "ahead of" };
        all.push(format!("this machine's clock is {} s {side} the service's", ahead.abs()));
    }
    if status.conflicts > 0 {
        all.push(format!(
            "conflicts: {} files were changed by others meanwhile; both versions are kept",
            status.conflicts
        ));
    }
    all
}

pub fn user(status: &Status) -> String {
    format!("{}  from {}", status.user.as_deref().unwrap_or("by key pair"), status.credentials_from)
}

pub fn mounted(status: &Status, now: u64) -> String {
    let read_only = if status.read_only { ", read-only" } else { "" };
    format!("for {}, process {}{read_only}", ago(now, status.since), status.pid)
}

pub fn cache_room(status: &Status) -> String {
    format!("{} of {} in use", DecimalBytes(status.cache.used), DecimalBytes(status.cache.size))
}

pub fn cache_rate(status: &Status) -> String {
    match status.cache.hits + status.cache.misses {
        0 => "not used yet".to_owned(),
        all => format!("{} % of reads found in it", status.cache.hits * 100 / all),
    }
}

pub fn requests(status: &Status) -> String {
    let all: u64 = status.requests.values().map(|requests| requests.ended).sum();
    let failed: u64 = status.requests.values().map(|requests| requests.failed).sum();
    format!("{} in all, {} failed, {} tried again", HumanCount(all), HumanCount(failed), HumanCount(status.retries))
}

pub fn operations(status: &Status, speed: Speed) -> String {
    let sum = |of: fn(&crate::mount::status::Operation) -> u64| status.operations.values().map(of).sum::<u64>();
    format!(
        "{} calls, {} failed, {:.0}/s, {} waiting",
        HumanCount(calls(status)),
        HumanCount(sum(|operation| operation.failed)),
        speed.calls,
        sum(|operation| operation.waiting)
    )
}

pub fn in_flight(status: &Status) -> String {
    let of = |ops: &[&str]| ops.iter().filter_map(|op| status.requests.get(*op)).map(|r| r.in_flight).sum::<u64>();
    format!("{} reads and {} writes in flight", of(&["GetObject"]), of(&["PutObject", "UploadPart"]))
}

pub fn honours(status: &Status) -> Option<String> {
    let honours = status.service.honours.as_ref()?;
    let list = honours.iter().map(|(what, yes)| format!("{what} {}", if *yes { "yes" } else { "no" }));
    Some(list.collect::<Vec<_>>().join(", "))
}

/// How much waits, how far it is, and how long it will take; `None`: nothing waits.
pub fn to_store(status: &Status, speed: Speed) -> Option<String> {
    if status.pending.is_empty() {
        return None;
    }
    let (bytes, sent) = progress(&status.pending);
    let left = match speed.up > 1.0 {
        true => format!(", {} left", FormattedDuration(Duration::from_secs(((bytes - sent) as f64 / speed.up) as u64))),
        false => String::new(),
    };
    let files = files(status.pending.len());
    Some(format!("{files}, {} of {} sent{left}", DecimalBytes(sent), DecimalBytes(bytes)))
}

/// Bytes in all, and those that the service has.
pub fn progress(pending: &[Pending]) -> (u64, u64) {
    pending.iter().fold((0, 0), |(bytes, sent), file| (bytes + file.bytes, sent + file.sent.min(file.bytes)))
}

pub fn event(event: &Event, now: u64) -> String {
    format!("{} ago: {}", ago(now, event.when), event.what)
}
