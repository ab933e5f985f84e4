//! Interrupts without FUSE_INTERRUPT.
//!
//! fuser 0.18 answers the kernel's interrupts with ENOSYS, so a program that waits for a reply could not even be
//! killed. Each request carries the number of the thread that waits; a request older than a moment is looked after
//! here: when that thread has a signal pending that would end its wait, the request is answered with EINTR. The work
//! itself goes on to its end.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, Weak};
use std::time::{Duration, Instant};
use tokio::sync::oneshot;

/// Requests younger than this are left alone.
const YOUNG: Duration = Duration::from_millis(150);
/// How often the others are looked at.
const LOOK: Duration = Duration::from_millis(50);

/// Requests that wait for their answer.
#[derive(Default)]
pub(super) struct Watch {
    waiting: Mutex<Waiting>,
}

#[derive(Default)]
struct Waiting {
    next: u64,
    requests: HashMap<u64, Request>,
}

struct Request {
    thread: u32,
    since: Instant,
    interrupt: oneshot::Sender<()>,
}

/// Ends the watching of one request.
pub(super) struct Watched {
    watch: Arc<Watch>,
    number: u64,
}

impl Watch {
    /// Starts the watcher; its thread ends when the last user of the watch is gone.
    pub(super) fn start() -> Arc<Watch> {
        let watch = Arc::new(Watch::default());
        let weak = Arc::downgrade(&watch);
        let thread = std::thread::Builder::new().name("interrupts".into());
        if let Err(error) = thread.spawn(move || run(&weak)) {
            tracing::warn!(%error, "no thread for interrupts: programs that wait cannot be interrupted");
        }
        watch
    }

    /// Watches a request of `thread` (0: unknown, in another pid namespace; then nothing can be seen of it).
    pub(super) fn begin(self: &Arc<Self>, thread: u32) -> (Watched, oneshot::Receiver<()>) {
        let (interrupt, interrupted) = oneshot::channel();
        let mut waiting = self.waiting.lock().unwrap_or_else(|p| p.into_inner());
        let number = waiting.next;
        waiting.next += 1;
        waiting.requests.insert(number, Request { thread, since: Instant::now(), interrupt });
        (Watched { watch: self.clone(), number }, interrupted)
    }

    fn look(&self) {
        let mut waiting = self.waiting.lock().unwrap_or_else(|p| p.into_inner());
        let hit: Vec<u64> = waiting
            .requests
            .iter()
            .filter(|(_, request)| request.thread != 0 && request.since.elapsed() > YOUNG)
            .filter(|(_, request)| has_pending_signal(request.thread))
            .map(|(number, _)| *number)
            .collect();
        for number in hit {
            if let Some(request) = waiting.requests.remove(&number) {
                let _ = request.interrupt.send(());
            }
        }
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        self.watch.waiting.lock().unwrap_or_else(|p| p.into_inner()).requests.remove(&self.number);
    }
}

fn run(watch: &Weak<Watch>) {
    loop {
        std::thread::sleep(LOOK);
        let Some(watch) = watch.upgrade() else { return };
        watch.look();
    }
}

/// Whether a signal waits that the thread neither blocks nor ignores. A thread that is gone waits for nothing.
fn has_pending_signal(thread: u32) -> bool {
    match std::fs::read_to_string(format!("/proc/{thread}/status")) {
        Ok(status) => pending(&status),
        Err(_) => true,
    }
}

fn pending(status: &str) -> bool {
    let mask = |field: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
        line.and_then(|text| u64::from_str_radix(text.trim(), 16).ok()).unwrap_or(0)
    };
    (mask("SigPnd") | mask("ShdPnd")) & !mask("SigBlk") & !mask("SigIgn") != 0
}

#[cfg(test)]
mod tests {
    use super::pending;

    #[test]
    fn only_signals_that_would_be_delivered_count() {
        let status = |pnd: u64, shd: u64, blk: u64, ign: u64| {
            format!("Name:\tcat\nSigPnd:\t{pnd:016x}\nShdPnd:\t{shd:016x}\nSigBlk:\t{blk:016x}\nSigIgn:\t{ign:016x}\n")
        };
        assert!(!pending(&status(0, 0, 0, 0)));
        assert!(pending(&status(2, 0, 0, 0)));
        assert!(pending(&status(0, 0x100, 0, 0)));
        assert!(!pending(&status(2, 0, 2, 0)));
        assert!(!pending(&status(0, 2, 0, 2)));
    }
}
