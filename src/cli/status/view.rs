//! The status in lines.

use super::facts::{self, Mood, Speed};
use crate::mount::status::Status;
use console::Style;
use indicatif::DecimalBytes;

/// So many files and events are shown; the rest is counted.
const SHOWN: usize = 5;
/// Of a bar.
const WIDTH: u64 = 24;

/// All of it, several lines.
pub fn text(status: &Status, speed: Speed, colours: bool) -> String {
    let now = facts::now();
    let paint = |text: &str, mood: Mood| {
        let style = match mood {
            Mood::Plain => return text.to_owned(),
            Mood::Good => Style::new().green(),
            Mood::Bad => Style::new().red().bold(),
        };
        if colours { style.force_styling(true).apply_to(text).to_string() } else { text.to_owned() }
    };
    let mut out = String::new();
    let mut line = |name: &str, text: String| out += &format!("  {name:<10} {text}\n");

    let service = &status.service;
    let (health, mood) = facts::health(status, now);
    let server = service.server.iter().map(|name| format!("  ({name})")).collect::<String>();
    line("service", format!("{}  {}{server}", service.endpoint, paint(&health, mood)));
    for (address, (state, mood)) in facts::gateways(status) {
        line("gateway", format!("{address}  {}", paint(&state, mood)));
    }
    for warning in facts::warnings(status) {
        line("", paint(&warning, Mood::Bad));
    }
    line("user", facts::user(status));
    line("mounted", facts::mounted(status, now));
    line("cache", format!("{}, {}", facts::cache_room(status), facts::cache_rate(status)));
    line("programs", facts::operations(status, speed));
    line("requests", facts::requests(status));
    let (down, up) = (DecimalBytes(speed.down as u64), DecimalBytes(speed.up as u64));
    line("now", format!("{}, {down}/s down, {up}/s up", facts::in_flight(status)));
    line("in all", format!("{} down, {} up", DecimalBytes(status.bytes_down), DecimalBytes(status.bytes_up)));
    if let Some(honours) = facts::honours(status) {
        line("honours", honours);
    }
    match facts::to_store(status, speed) {
        None => line("to store", paint("nothing: everything is stored", Mood::Good)),
        Some(words) => line("to store", words),
    }
    for file in status.pending.iter().take(SHOWN) {
        line("", format!("{} {} ({})", bar(file.sent, file.bytes), file.path, DecimalBytes(file.bytes)));
    }
    if status.pending.len() > SHOWN {
        line("", format!("and {} more", status.pending.len() - SHOWN));
    }
    for (what, events) in [("failed", &status.troubles), ("log", &status.log)] {
        let more = events.len().saturating_sub(SHOWN);
        for (number, event) in events.iter().skip(more).enumerate() {
            line(if number == 0 { what } else { "" }, facts::event(event, now));
        }
    }
    let title = facts::title(status);
    let title = if colours { Style::new().bold().force_styling(true).apply_to(title).to_string() } else { title };
    format!("{title}\n{out}")
}

fn bar(done: u64, all: u64) -> String {
    let full = (done.min(all) * WIDTH).checked_div(all).unwrap_or(0) as usize;
    format!("[{}{}]", "=".repeat(full), " ".repeat(WIDTH as usize - full))
}
