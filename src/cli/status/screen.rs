//! The status as a picture that fills the terminal.

use super::facts::{self, Mood, Speed};
use crate::mount::status::Status;
use indicatif::DecimalBytes;
use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Style, Stylize};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, BorderType, LineGauge, Paragraph, Sparkline, Wrap};
use std::collections::VecDeque;

/// So many seconds of transfer are drawn.
pub const DRAWN: usize = 120;
/// So many files that wait have a bar of their own.
const BARS: usize = 6;
/// Of the width, in percent, is the service's.
const SERVICE: u16 = 53;

/// A mount as it was seen until now.
#[derive(Default)]
pub struct Seen {
    pub status: Status,
    /// Of the last seconds together, so that the time left does not jump.
    pub speed: Speed,
    /// Of each second, the newest last.
    pub speeds: VecDeque<Speed>,
}

/// Draws one of the mounts.
pub fn draw(frame: &mut Frame, seen: &Seen, place: (usize, usize)) {
    let status = &seen.status;
    let now = facts::now();
    let service = service_lines(status, now);
    // Words are broken where they end, so not every line is full.
    let width = (usize::from(frame.area().width) * usize::from(SERVICE) / 100).saturating_sub(10).max(1);
    let height = service.iter().map(|line| line.width().div_ceil(width)).sum::<usize>() as u16;
    let bars = status.pending.len().min(BARS) as u16;
    let [head, top, cache, store, events, foot] = Layout::vertical([
        Constraint::Length(1),
        Constraint::Length(height.max(5) + 2),
        Constraint::Length(3),
        Constraint::Length(bars.max(1) + 2),
        Constraint::Min(3),
        Constraint::Length(1),
    ])
    .areas(frame.area());
    let [left, right] =
        Layout::horizontal([Constraint::Percentage(SERVICE), Constraint::Percentage(100 - SERVICE)]).areas(top);

    let title = Span::from(facts::title(status)).bold();
    frame.render_widget(Line::from(vec![title, format!("  mounted {}", facts::mounted(status, now)).dim()]), head);
    let words = Paragraph::new(service).wrap(Wrap { trim: true });
    frame.render_widget(words.block(framed("service".to_owned())), left);
    traffic_box(frame, right, seen);
    cache_box(frame, cache, status);
    store_box(frame, store, seen);
    events_box(frame, events, status, now);
    let keys = match place {
        (_, 1) => " q ends".to_owned(),
        (at, all) => format!(" q ends, Tab shows the next mount ({} of {all})", at + 1),
    };
    frame.render_widget(Line::from(keys).dim(), foot);
}

fn framed(title: String) -> Block<'static> {
    let block = Block::bordered().border_type(BorderType::Rounded).border_style(Style::new().dim());
    block.title(Line::from(format!(" {title} ")).cyan())
}

fn painted((words, mood): (String, Mood)) -> Span<'static> {
    let span = Span::from(words);
    match mood {
        Mood::Plain => span,
        Mood::Good => span.green(),
        Mood::Bad => span.red().bold(),
    }
}

fn service_lines(status: &Status, now: u64) -> Vec<Line<'static>> {
    let service = &status.service;
    let mut lines = vec![Line::from(vec![
        Span::from(format!("{}  ", service.endpoint)),
        painted(facts::health(status, now)),
        service.server.iter().map(|name| format!("  {name}")).collect::<String>().dim(),
    ])];
    for (address, state) in facts::gateways(status) {
        lines.push(Line::from(vec![Span::from(format!("  {address:<24} ")), painted(state)]));
    }
    lines.push(Line::from(vec!["user  ".dim(), Span::from(facts::user(status))]));
    if let Some(honours) = facts::honours(status) {
        lines.push(Line::from(vec!["honours  ".dim(), Span::from(honours)]));
    }
    lines.extend(facts::warnings(status).into_iter().map(|warning| Line::from(painted((warning, Mood::Bad)))));
    lines
}

fn traffic_box(frame: &mut Frame, area: Rect, seen: &Seen) {
    let block = framed("traffic".to_owned());
    let inside = block.inner(area);
    frame.render_widget(block, area);
    let rows = Layout::vertical([Constraint::Length(1); 5]).split(inside);
    let last = seen.speeds.back().copied().unwrap_or_default();
    let down: Vec<f64> = seen.speeds.iter().map(|speed| speed.down).collect();
    let up: Vec<f64> = seen.speeds.iter().map(|speed| speed.up).collect();
    let curves = [("down", down, Color::Green), ("up", up, Color::Magenta)];
    for (row, (name, speeds, colour)) in rows.iter().zip(curves) {
        let [label, curve] = Layout::horizontal([Constraint::Length(19), Constraint::Min(0)]).areas(*row);
        let words = format!("{name:<5}{}/s", DecimalBytes(speeds.last().copied().unwrap_or(0.0) as u64));
        frame.render_widget(Line::from(words), label);
        let skipped = speeds.len().saturating_sub(curve.width.into());
        let data: Vec<u64> = speeds.iter().skip(skipped).map(|speed| *speed as u64).collect();
        frame.render_widget(Sparkline::default().data(&data).style(colour), curve);
    }
    for (row, words) in rows.iter().skip(2).zip([
        facts::in_flight(&seen.status),
        format!("programs  {}", facts::operations(&seen.status, last)),
        format!("requests  {}", facts::requests(&seen.status)),
    ]) {
        frame.render_widget(Line::from(words), *row);
    }
}

fn gauge(frame: &mut Frame, area: Rect, label: String, done: u64, all: u64, colour: Color) {
    let ratio = if all == 0 { 0.0 } else { (done.min(all)) as f64 / all as f64 };
    let gauge = LineGauge::default().ratio(ratio).label(label).filled_style(Style::new().fg(colour));
    frame.render_widget(gauge.unfilled_style(Style::new().dark_gray()), area);
}

fn cache_box(frame: &mut Frame, area: Rect, status: &Status) {
    let block = framed(format!("cache: {}", facts::cache_rate(status)));
    let inside = block.inner(area);
    frame.render_widget(block, area);
    gauge(frame, inside, facts::cache_room(status), status.cache.used, status.cache.size, Color::Blue);
}

fn store_box(frame: &mut Frame, area: Rect, seen: &Seen) {
    let pending = &seen.status.pending;
    let words = facts::to_store(&seen.status, seen.speed);
    let more = pending.len().saturating_sub(BARS);
    let more = if more > 0 { format!("; {more} more are not shown") } else { String::new() };
    let block = framed(format!("to store: {}{more}", words.as_deref().unwrap_or("nothing")));
    let inside = block.inner(area);
    frame.render_widget(block, area);
    if pending.is_empty() {
        return frame.render_widget(Line::from("everything is stored").green(), inside);
    }
    for (row, file) in inside.rows().zip(pending) {
        let [name, bar] = Layout::horizontal([Constraint::Percentage(45), Constraint::Min(10)]).areas(row);
        frame.render_widget(Line::from(file.path.clone()), name);
        let words =
            format!("{:>9} of {:<9}", DecimalBytes(file.sent).to_string(), DecimalBytes(file.bytes).to_string());
        gauge(frame, bar, words, file.sent, file.bytes, Color::Magenta);
    }
}

fn events_box(frame: &mut Frame, area: Rect, status: &Status, now: u64) {
    let mut all: Vec<_> = status.troubles.iter().chain(&status.log).collect();
    // What the log and the requests tell of the same failure stands together.
    all.sort_by_key(|event| std::cmp::Reverse(event.when));
    let lines: Vec<Line> = match all.is_empty() {
        true => vec![Line::from("nothing has gone wrong").green()],
        false => all.iter().map(|event| Line::from(facts::event(event, now))).collect(),
    };
    frame.render_widget(Paragraph::new(lines).block(framed("last errors and warnings".to_owned())), area);
}
