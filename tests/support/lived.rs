//! Time that this process lived through, which tells a hang of the product from a machine that stood still.
//!
//! A virtual machine that its host stops goes on with a clock that is a minute later, in the middle of whatever a test does.

use std::fmt::Write;
use std::fs;
use std::time::{Duration, Instant};

/// The most that counts between two looks.
const STEP: Duration = Duration::from_secs(1);

/// A stopwatch that has to be looked at more often than once a second.
pub struct Lived {
    last: Instant,
    sum: Duration,
}

impl Lived {
    pub fn from_now() -> Lived {
        Lived { last: Instant::now(), sum: Duration::ZERO }
    }

    /// How long it was until now, without standstills.
    pub fn so_far(&mut self) -> Duration {
        self.sum += self.last.elapsed().min(STEP);
        self.last = Instant::now();
        self.sum
    }
}

/// The threads of some processes: name, state, and what they wait for in the kernel.
pub fn threads_of(processes: &[i32]) -> String {
    let mut report = String::new();
    let folders = processes.iter().filter_map(|pid| fs::read_dir(format!("/proc/{pid}/task")).ok());
    for thread in folders.flatten().flatten().map(|thread| thread.path()) {
        let read = |name: &str| fs::read_to_string(thread.join(name)).unwrap_or_default().trim().to_owned();
        let stat = read("stat");
        let state = stat.rsplit_once(") ").map_or("", |(_, rest)| &rest[..1]);
        let _ = writeln!(report, "{} {} {state} {}", thread.display(), read("comm"), read("wchan"));
    }
    report
}
