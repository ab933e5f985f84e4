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

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};

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

    async fn carry(&self, len: usize) {
        let carried = {
            let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
            *free = (*free).max(Instant::now()) + Duration::from_secs_f64(len as f64 / self.rate);
            *free
        };
        sleep_until(carried).await;
    }
}

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [to, delay, rate, all, breaks] = &arguments[..] else {
        panic!("usage: slow-link TO DELAY_MS MIB_PER_SECOND ALL_MIB_PER_SECOND BREAKS")
    };
    let breaks = breaks.parse::<u8>().expect("BREAKS is a number");
    let delay = Duration::from_micros(delay.parse::<u64>().expect("DELAY_MS is a number") * 500);
    let (wire_up, wire_down) = (Wire::of(all), Wire::of(all));
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("{}", listener.local_addr()?);
    loop {
        let (near, _) = listener.accept().await?;
        let (to, up, down) = (to.clone(), [Wire::of(rate), wire_up.clone()], [Wire::of(rate), wire_down.clone()]);
        tokio::spawn(async move {
            let Ok(far) = TcpStream::connect(&to).await else { return };
            let _ = (near.set_nodelay(true), far.set_nodelay(true));
            let ((near_in, near_out), (far_in, far_out)) = (near.into_split(), far.into_split());
            let mut up = tokio::spawn(pass(near_in, far_out, delay, up, breaks));
            let mut down = tokio::spawn(pass(far_in, near_out, delay, down, breaks));
            tokio::select! {
                broken = &mut up => if matches!(broken, Ok(true)) { down.abort() },
                broken = &mut down => if matches!(broken, Ok(true)) { up.abort() },
            }
        });
    }
}

/// One direction of a connection, until it ends. True: it is to be broken in the other direction, too.
async fn pass(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    delay: Duration,
    wires: [Option<Arc<Wire>>; 2],
    breaks: u8,
) -> bool {
    let (sender, mut arriving) = mpsc::channel::<(Instant, Vec<u8>)>(ON_THEIR_WAY);
    tokio::spawn(async move {
        while let Some((due, bytes)) = arriving.recv().await {
            sleep_until(due).await;
            if to.write_all(&bytes).await.is_err() {
                return;
            }
        }
        let _ = to.shutdown().await;
    });
    loop {
        let mut bytes = vec![0; PIECE];
        let Ok(len) = from.read(&mut bytes).await else { return false };
        if len == 0 {
            return false;
        }
        if fastrand::u8(..100) < breaks {
            return true;
        }
        bytes.truncate(len);
        for wire in wires.iter().flatten() {
            wire.carry(len).await;
        }
        if sender.send((Instant::now() + delay, bytes)).await.is_err() {
            return false;
        }
    }
}
