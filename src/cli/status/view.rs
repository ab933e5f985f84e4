//! The status in words.

use crate::mount::status::{Event, Status};
use console::Style;
use indicatif::{DecimalBytes, FormattedDuration, HumanCount};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// So many files and events are shown; the rest is counted.
const SHOWN: usize = 5;
/// Of a bar.
const WIDTH: u64 = 24;

/// Bytes a second.
#[derive(Clone, Copy, Debug, Default)]
pub struct Speed {
    up: f64,
    down: f64,
}

impl Speed {
    /// From two looks.
    pub fn between(first: &Status, second: &Status, time: Duration) -> Speed {
        let per_second = |from: u64, to: u64| to.saturating_sub(from) as f64 / time.as_secs_f64().max(0.001);
        Speed { up: per_second(first.bytes_up, second.bytes_up), down: per_second(first.bytes_down, second.bytes_down) }
    }
}

/// All of it, several lines.
pub fn text(status: &Status, speed: Speed, colours: bool) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let paint = |text: &str, how: Style| {
        if colours { how.force_styling(true).apply_to(text).to_string() } else { text.to_owned() }
    };
    let good = |text: &str| paint(text, Style::new().green());
    let bad = |text: &str| paint(text, Style::new().red().bold());
    let mut out = String::new();
    let mut line = |name: &str, text: String| out += &format!("  {name:<10} {text}\n");

    let service = &status.service;
    let silent =
        status.troubles.last().is_some_and(|last| service.answered.is_none_or(|answered| last.when > answered));
    let health = match service.answered {
        _ if silent => bad("does not answer"),
        Some(when) => good(&format!("answered {} ago", ago(now, when))),
        None => "not asked yet".to_owned(),
    };
    line(
        "service",
        format!(
            "{}  {health}{}",
            service.endpoint,
            service.server.iter().map(|s| format!("  ({s})")).collect::<String>()
        ),
    );
    if service.no_tls_verify {
        line("", bad("certificates are not verified: it may be anybody (--no-tls-verify)"));
    }
    if service.gateways.len() > 1 {
        for gateway in &service.gateways {
            let time = gateway.handshake_us.map(|us| format!("  {:.1} ms", us as f64 / 1e3)).unwrap_or_default();
            let state = if gateway.left_out { bad("  does not answer, left out") } else { time };
            line("gateway", format!("{}{state}", gateway.address));
        }
    }
    if let Some(seconds) = service.refused_for {
        line("", bad(&format!("it has refused the token or key for {seconds} s: log in again (osirisfs login)")));
    }
    line("user", format!("{}  from {}", status.user.as_deref().unwrap_or("by key pair"), status.credentials_from));
    let mut since = format!("for {}, process {}", ago(now, status.since), status.pid);
    if status.read_only {
        since += ", read-only";
    }
    line("mounted", since);
    let cache = &status.cache;
    let rate = match cache.hits + cache.misses {
        0 => "not used yet".to_owned(),
        all => format!("{} % of reads found in it", cache.hits * 100 / all),
    };
    line("cache", format!("{} of {} in use, {rate}", DecimalBytes(cache.used), DecimalBytes(cache.size)));
    let of = |ops: &[&str]| ops.iter().filter_map(|op| status.requests.get(*op)).map(|r| r.in_flight).sum::<u64>();
    let all: u64 = status.requests.values().map(|r| r.ended).sum();
    let failed: u64 = status.requests.values().map(|r| r.failed).sum();
    line(
        "requests",
        format!(
            "{} in all, {} failed, {} tried again",
            HumanCount(all),
            HumanCount(failed),
            HumanCount(status.retries)
        ),
    );
    line(
        "now",
        format!(
            "{} reads and {} writes in flight, {}/s down, {}/s up",
            of(&["GetObject"]),
            of(&["PutObject", "UploadPart"]),
            DecimalBytes(speed.down as u64),
            DecimalBytes(speed.up as u64)
        ),
    );
    line("in all", format!("{} down, {} up", DecimalBytes(status.bytes_down), DecimalBytes(status.bytes_up)));
    if let Some(ahead) = service.clock_ahead.filter(|ahead| ahead.abs() > 5) {
        line(
            "clock",
            bad(&format!("{} s {} the service's", ahead.abs(), if ahead > 0 { "behind" } else { "ahead of" })),
        );
    }
    if let Some(honours) = &service.honours {
        let list: Vec<String> =
            honours.iter().map(|(what, yes)| format!("{what} {}", if *yes { "yes" } else { "no" })).collect();
        line("honours", list.join(", "));
    }
    if status.conflicts > 0 {
        line(
            "conflicts",
            bad(&format!("{} files were changed by others meanwhile; both versions are kept", status.conflicts)),
        );
    }
    pending(status, speed, &mut line, &good);
    for (what, events) in [("failed", &status.troubles), ("log", &status.log)] {
        let more = events.len().saturating_sub(SHOWN);
        for (number, event) in events.iter().skip(more).enumerate() {
            line(if number == 0 { what } else { "" }, shown(event, now));
        }
    }
    let title = format!("{} on {}", status.source, status.mountpoint);
    format!("{}\n{out}", paint(&title, Style::new().bold()))
}

fn pending(status: &Status, speed: Speed, line: &mut impl FnMut(&str, String), good: &impl Fn(&str) -> String) {
    if status.pending.is_empty() {
        return line("to store", good("nothing: everything is stored"));
    }
    let (bytes, sent) =
        status.pending.iter().fold((0, 0), |(b, s), file| (b + file.bytes, s + file.sent.min(file.bytes)));
    let left = if speed.up > 1.0 {
        format!(", {} left", FormattedDuration(Duration::from_secs(((bytes - sent) as f64 / speed.up) as u64)))
    } else {
        String::new()
    };
    let files = if status.pending.len() == 1 { "1 file".to_owned() } else { format!("{} files", status.pending.len()) };
    line("to store", format!("{files}, {} of {} sent{left}", DecimalBytes(sent), DecimalBytes(bytes)));
    for file in status.pending.iter().take(SHOWN) {
        line("", format!("{} {} ({})", bar(file.sent, file.bytes), file.path, DecimalBytes(file.bytes)));
    }
    if status.pending.len() > SHOWN {
        line("", format!("and {} more", status.pending.len() - SHOWN));
    }
}

fn bar(done: u64, all: u64) -> String {
    let full = (done.min(all) * WIDTH).checked_div(all).unwrap_or(0) as usize;
    format!("[{}{}]", "=".repeat(full), " ".repeat(WIDTH as usize - full))
}

fn shown(event: &Event, now: u64) -> String {
    format!("{} ago: {}", ago(now, event.when), event.what)
}

fn ago(now: u64, when: u64) -> String {
    humantime::format_duration(Duration::from_secs(now.saturating_sub(when))).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mount::status::{Gateway, Pending};

    #[test]
    fn the_words_tell_what_is_pending_and_what_is_wrong() {
        let mut status = Status { source: "um-data".into(), mountpoint: "/m".into(), ..Status::default() };
        let quiet = text(&status, Speed::default(), false);
        assert!(quiet.starts_with("um-data on /m\n") && quiet.contains("everything is stored"), "{quiet}");
        assert!(!quiet.contains('\x1b') && !quiet.contains("conflicts"), "{quiet}");
        status.pending = (0..7).map(|n| Pending { path: format!("f{n}"), bytes: 100, sent: 50 }).collect();
        status.conflicts = 2;
        status.service.no_tls_verify = true;
        status.service.refused_for = Some(7);
        let gateway = |address: &str, left_out| Gateway { address: address.into(), handshake_us: Some(1500), left_out };
        status.service.gateways = vec![gateway("192.0.2.1:443", false), gateway("192.0.2.2:443", true)];
        status.troubles = vec![Event { when: 0, what: "PutObject: HTTP 500".into() }];
        let busy = text(&status, Speed { up: 10.0, down: 0.0 }, false);
        for part in
            ["192.0.2.1:443  1.5 ms", "192.0.2.2:443  does not", "not verified", "refused the token or key for 7 s"]
        {
            assert!(busy.contains(part), "{part}: {busy}");
        }
        for part in ["7 files, 350 B of 700 B sent, 00:00:35 left", "[============            ] f0", "and 2 more"] {
            assert!(busy.contains(part), "{part}: {busy}");
        }
        assert!(busy.contains("does not answer") && busy.contains("conflicts") && busy.contains("HTTP 500"), "{busy}");
        assert!(text(&status, Speed::default(), true).contains('\x1b'));
    }
}
