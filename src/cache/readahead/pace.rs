//! How large a window and its requests should be: what was tried, and how fast a stream's bytes came before and after it.
//!
//! Small requests, many at a time, make the most of a line where one connection carries little; large ones cost the service
//! less (a gateway that asks LDAP for each request takes milliseconds) and this machine, too. A large window makes up for a long way; it also makes others wait on a narrow line. Neither can be known
//! without a look, so one thing is changed at a time, and kept if it pays.

use crate::cache::blocks::BLOCK;
use crate::cache::fetch::CHUNK;
use std::time::{Duration, Instant};

/// What is measured at a time, at least.
const ENOUGH: u64 = 32 << 20;
/// A larger window, or more and smaller requests, have to bring this much more.
const PAYS: f64 = 1.08;
/// Larger requests may cost this much, within what one measurement is wrong by.
const COSTS_NOTHING: f64 = 0.93;
/// A stream whose rate changes by this much has another way to the service, or other company: all is tried again.
const ANEW: f64 = 1.4;
/// Requests that a window is made of, at least.
const FEWEST: u64 = 8;
/// Requests at first, and where a connection carries little.
const USUAL: u64 = 1 << 20;
const SMALLEST: u64 = 256 << 10;
/// Bytes a second above which a line is not narrow: what is missing is the processor's, on whom small requests weigh.
const WIDE: f64 = 100.0 * (1 << 20) as f64;
/// Largest request.
pub(super) const LARGEST: u64 = CHUNK as u64 * BLOCK;

/// What was changed before the running measurement.
#[derive(Clone, Copy, Debug)]
enum Trial {
    /// Larger requests than these.
    Larger(u64),
    /// Smaller ones.
    Smaller(u64),
    /// A larger window than this.
    Window(u64),
}

/// The sizes of a stream with a large window.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Pace {
    /// Bytes of one request; 0: nothing was measured yet.
    pub(super) piece: u64,
    since: Option<Instant>,
    bytes: u64,
    /// The reader waited in this time.
    waited: bool,
    /// What comes now was asked for before the last change.
    settling: bool,
    /// Bytes a second before the trial.
    before: f64,
    trial: Option<Trial>,
    /// Smaller requests were tried; larger ones, or a larger window, were tried in vain.
    smaller_tried: bool,
    piece_found: bool,
    window_found: bool,
}

impl Pace {
    /// Notes a read that went on by `new` bytes, and sets the window (to `most` at most).
    pub(super) fn note(&mut self, new: u64, window: &mut u64, most: u64, (waits, now): (bool, Instant)) {
        if self.piece == 0 {
            self.piece = USUAL;
        }
        let since = *self.since.get_or_insert(now);
        self.bytes += new;
        self.waited |= waits;
        if self.settling && self.bytes >= *window {
            (self.settling, self.since, self.bytes, self.waited) = (false, Some(now), 0, false);
        }
        if self.settling || self.bytes < ENOUGH.max(*window) {
            return;
        }
        let took = now.saturating_duration_since(since).max(Duration::from_micros(1));
        let (rate, waited) = (self.bytes as f64 / took.as_secs_f64(), self.waited);
        (self.since, self.bytes, self.waited) = (Some(now), 0, false);
        tracing::debug!(
            window = *window,
            piece = self.piece,
            kib_a_second = rate as u64 >> 10,
            waited,
            trial = ?self.trial,
            "a stream's read-ahead"
        );
        // A reader that never waits is slower than what comes, and its rate says nothing.
        if waited {
            self.judge(rate, window);
            self.try_another(rate, window, most);
        }
    }

    fn judge(&mut self, rate: f64, window: &mut u64) {
        match self.trial.take() {
            Some(Trial::Larger(smaller)) if rate < self.before * COSTS_NOTHING => {
                (self.piece, self.piece_found, self.settling) = (smaller, true, true);
            }
            Some(Trial::Smaller(larger)) if rate < self.before * PAYS => {
                (self.piece, self.settling) = (larger, true);
            }
            Some(Trial::Smaller(_)) => (self.before, self.piece_found) = (rate, true),
            Some(Trial::Window(smaller)) if rate < self.before * PAYS => {
                (*window, self.window_found, self.settling) = (smaller, true, true);
            }
            Some(_) => self.before = rate,
            None => {
                if self.before > 0.0 && !(self.before / ANEW..self.before * ANEW).contains(&rate) {
                    (self.smaller_tried, self.piece_found, self.window_found) = (false, false, false);
                }
                self.before = rate;
            }
        }
    }

    fn try_another(&mut self, rate: f64, window: &mut u64, most: u64) {
        if self.settling {
            return;
        }
        let larger = 1 << (self.piece * 2).min(*window / FEWEST).clamp(1, LARGEST).ilog2();
        if !self.smaller_tried && rate < WIDE && self.piece > SMALLEST {
            self.smaller_tried = true;
            self.trial = Some(Trial::Smaller(std::mem::replace(&mut self.piece, SMALLEST)));
        } else if !self.piece_found && larger > self.piece {
            self.trial = Some(Trial::Larger(std::mem::replace(&mut self.piece, larger)));
        } else if !self.window_found && *window < most {
            self.trial = Some(Trial::Window(*window));
            *window = (*window * 2).min(most);
        }
        self.settling = self.trial.is_some();
    }
}
