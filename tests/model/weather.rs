//! What happens to the service, or on the way to it, while a list is played. A mount makes up for faults: no operation may show
//! them.

use crate::support::{Proxy, Service, Spoil};
use std::time::{Duration, Instant};

/// How the way to the service is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weather {
    /// Nothing happens.
    Fair,
    /// Requests meet the faults of [`Spoil::now_and_then`], and once all of them for some seconds.
    Foul,
    /// The bucket is full again and again, which the operations may show (see `full.rs`).
    Full,
}

/// From when on, and for how long, the service is too busy for anything.
const BUSY: (Duration, Duration) = (Duration::from_secs(2), Duration::from_secs(2));

impl Weather {
    /// What stands before the service.
    pub fn before(self, service: &Service) -> Option<Proxy> {
        (self == Weather::Foul).then(|| {
            let proxy = service.proxy();
            let began = Instant::now();
            proxy.rule(move |request| {
                let busy = began.elapsed().checked_sub(BUSY.0).is_some_and(|since| since < BUSY.1);
                if busy { Spoil::Status(503, "SlowDown") } else { Spoil::now_and_then(request) }
            });
            proxy
        })
    }
}
