//! `osirisfs status --watch`: again every second, until somebody has seen enough.

use super::facts::Speed;
use super::screen::{self, DRAWN, Seen};
use super::{Client, view};
use crate::cli::exit::Failure;
use crate::mount::status::Status;
use ratatui::crossterm::event::{self, Event, KeyCode, KeyEventKind, KeyModifiers};
use std::collections::VecDeque;
use std::io::{IsTerminal, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Between two looks.
const EVERY: Duration = Duration::from_secs(1);
/// Between two looks at the keyboard and at signals.
const KEYS: Duration = Duration::from_millis(100);
/// The time left is told from the speed of so many looks.
const SMOOTH: usize = 8;

/// A mount that is watched.
struct Watched {
    client: Client,
    /// The last looks, the newest last.
    looks: VecDeque<(Instant, Status)>,
    seen: Seen,
}

impl Watched {
    fn look(&mut self) -> Result<(), Failure> {
        let (now, status) = (Instant::now(), self.client.ask()?);
        let since = |look: Option<&(Instant, Status)>| {
            look.map(|(when, before)| Speed::between(before, &status, now - *when)).unwrap_or_default()
        };
        let (speed, last) = (since(self.looks.front()), self.looks.back().map(|_| since(self.looks.back())));
        self.seen.speed = speed;
        self.seen.speeds.extend(last);
        while self.seen.speeds.len() > DRAWN {
            self.seen.speeds.pop_front();
        }
        self.seen.status = status.clone();
        self.looks.push_back((now, status));
        while self.looks.len() > SMOOTH {
            self.looks.pop_front();
        }
        Ok(())
    }
}

/// Shows, on a terminal as a picture, else as lines.
pub fn run(clients: Vec<Client>) -> Result<(), Failure> {
    let watched = clients.into_iter().map(|client| Watched { client, looks: VecDeque::new(), seen: Seen::default() });
    let mut watched: Vec<Watched> = watched.collect();
    let dumb = std::env::var_os("TERM").is_none_or(|term| term == "dumb" || term.is_empty());
    if dumb || !std::io::stdout().is_terminal() {
        return lines(&mut watched);
    }
    let ended = Arc::new(AtomicBool::new(false));
    for signal in [libc::SIGTERM, libc::SIGHUP, libc::SIGINT] {
        // A terminal that is left as it is now would echo nothing.
        signal_hook::flag::register(signal, ended.clone()).map_err(undrawable)?;
    }
    let mut terminal = ratatui::try_init().map_err(undrawable)?;
    let outcome = pictures(&mut terminal, &mut watched, &ended);
    ratatui::restore();
    outcome
}

fn undrawable(e: std::io::Error) -> Failure {
    Failure::other(format!("the terminal cannot be drawn on: {e}"))
}

fn lines(watched: &mut [Watched]) -> Result<(), Failure> {
    loop {
        let mut text = String::new();
        for one in watched.iter_mut() {
            one.look()?;
            text += &view::text(&one.seen.status, one.seen.speed, console::colors_enabled());
            text.push('\n');
        }
        let mut out = std::io::stdout();
        // A reader that has gone away wants no more.
        if out.write_all(text.as_bytes()).and_then(|()| out.flush()).is_err() {
            return Ok(());
        }
        std::thread::sleep(EVERY);
    }
}

fn pictures(
    terminal: &mut ratatui::DefaultTerminal,
    watched: &mut [Watched],
    ended: &AtomicBool,
) -> Result<(), Failure> {
    let (mut shown, all) = (0, watched.len());
    loop {
        for one in watched.iter_mut() {
            one.look()?;
        }
        let next = Instant::now() + EVERY;
        let mut changed = true;
        while Instant::now() < next {
            if std::mem::take(&mut changed) {
                terminal.draw(|frame| screen::draw(frame, &watched[shown].seen, (shown, all))).map_err(undrawable)?;
            }
            if ended.load(Ordering::Relaxed) {
                return Ok(());
            }
            match key() {
                Key::None => {}
                Key::End => return Ok(()),
                Key::Next => (shown, changed) = ((shown + 1) % all, true),
                Key::Redraw => changed = true,
            }
        }
    }
}

enum Key {
    None,
    Next,
    Redraw,
    End,
}

/// Waits a moment for a key. Without a keyboard it only waits.
fn key() -> Key {
    match event::poll(KEYS) {
        Ok(true) => {}
        Ok(false) => return Key::None,
        Err(_) => {
            std::thread::sleep(KEYS);
            return Key::None;
        }
    }
    match event::read() {
        Ok(Event::Key(key)) if key.kind == KeyEventKind::Press => match key.code {
            KeyCode::Char('q') | KeyCode::Esc => Key::End,
            // In raw mode Ctrl-C is a key and no signal.
            KeyCode::Char('c') if key.modifiers.contains(KeyModifiers::CONTROL) => Key::End,
            KeyCode::Tab | KeyCode::Right | KeyCode::Down => Key::Next,
            _ => Key::None,
        },
        Ok(Event::Resize(..)) => Key::Redraw,
        _ => Key::None,
    }
}
