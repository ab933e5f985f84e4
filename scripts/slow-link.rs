//! A slow or bad network in user space, for `scripts/bench` and `scripts/conformance`: passes TCP connections on with a delay,
//! with a bound on the bytes per second of each connection and of all together, and breaks some of them.
//!
//! ```text
//! cargo run --release --example slow-link -- TO DELAY_MS MIB_PER_SECOND ALL_MIB_PER_SECOND BREAKS
//! ```
//!
//! DELAY_MS is the round trip; half of it is spent on each way. Each connection carries MIB_PER_SECOND in each direction, and all
//! of them together ALL_MIB_PER_SECOND, like a wire; 0 is no bound. Of a hundred pieces that pass, at BREAKS the connection is
//! broken instead. Prints where it listens.
//! A connection is made at once, which over a real network takes a round trip too.
//!
//! Two threads for each direction, since a thread sleeps to some hundredths of a millisecond; the timers of tokio make 23 ms of 20.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// Bytes read at a time.
const PIECE: usize = 128 << 10;
/// Pieces on their way in one direction of a connection: 16 MiB, a large window of TCP.
const ON_THEIR_WAY: usize = 128;

/// What carries so many bytes a second, one after the other.
struct Wire {
    rate: f64,
    /// When it is free again.
    free: Mutex<Instant>,
}

impl Wire {
    /// `None`: no bound.
    fn of(mib_per_second: &str) -> Option<Arc<Wire>> {
        let rate = mib_per_second.parse::<f64>().expect("a rate is a number") * f64::from(1 << 20);
        (rate > 0.0).then(|| Arc::new(Wire { rate, free: Mutex::new(Instant::now()) }))
    }

    fn carry(&self, len: usize) {
        let carried = {
            let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
            *free = (*free).max(Instant::now()) + Duration::from_secs_f64(len as f64 / self.rate);
            *free
        };
        sleep_until(carried);
    }
}

fn sleep_until(due: Instant) {
    thread::sleep(due.saturating_duration_since(Instant::now()));
}

/// What all directions of all connections have in common.
#[derive(Clone, Copy)]
struct Link {
    /// Of one way.
    delay: Duration,
    breaks: u8,
}

fn main() -> std::io::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [to, delay, rate, all, breaks] = &arguments[..] else {
        panic!("usage: slow-link TO DELAY_MS MIB_PER_SECOND ALL_MIB_PER_SECOND BREAKS")
    };
    let breaks = breaks.parse::<u8>().expect("BREAKS is a number");
    let delay = Duration::from_micros(delay.parse::<u64>().expect("DELAY_MS is a number") * 500);
    let link = Link { delay, breaks };
    let (wire_up, wire_down) = (Wire::of(all), Wire::of(all));
    let listener = TcpListener::bind("127.0.0.1:0")?;
    println!("{}", listener.local_addr()?);
    for near in listener.incoming() {
        let near = near?;
        let Ok(far) = TcpStream::connect(to) else { continue };
        let _ = (near.set_nodelay(true), far.set_nodelay(true));
        let (near, far) = (Arc::new(near), Arc::new(far));
        pass(near.clone(), far.clone(), link, [Wire::of(rate), wire_up.clone()]);
        pass(far, near, link, [Wire::of(rate), wire_down.clone()]);
    }
    Ok(())
}

/// One direction of a connection, until it ends.
fn pass(from: Arc<TcpStream>, to: Arc<TcpStream>, link: Link, wires: [Option<Arc<Wire>>; 2]) {
    let (sender, arriving) = sync_channel(ON_THEIR_WAY);
    let end = to.clone();
    thread::spawn(move || deliver(&end, &arriving));
    thread::spawn(move || {
        loop {
            let mut bytes = vec![0; PIECE];
            let len = (&*from).read(&mut bytes).unwrap_or(0);
            if len == 0 {
                return;
            }
            if fastrand::u8(..100) < link.breaks {
                // A reset, for both sides and the other threads.
                let _ = (rustix::net::connect_unspec(&*from), rustix::net::connect_unspec(&*to));
                return;
            }
            bytes.truncate(len);
            for wire in wires.iter().flatten() {
                wire.carry(len);
            }
            if sender.send((Instant::now() + link.delay, bytes)).is_err() {
                return;
            }
        }
    });
}

/// Gives on what is due, then the end.
fn deliver(to: &TcpStream, arriving: &Receiver<(Instant, Vec<u8>)>) {
    let mut to = to;
    for (due, bytes) in arriving {
        sleep_until(due);
        if to.write_all(&bytes).is_err() {
            return;
        }
    }
    let _ = to.shutdown(Shutdown::Write);
}
