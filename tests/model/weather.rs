//! What happens on the way to the service while a list is played. A mount makes up for all of it: no operation may show it.

use crate::support::{Passing, Proxy, Service, Spoil};
use std::time::{Duration, Instant};

/// How the way to the service is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weather {
    /// Nothing happens.
    Fair,
    /// Of a hundred requests one meets each of the faults in [`fault`], and once all of them for some seconds.
    Foul,
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
                if busy { Spoil::Status(503, "SlowDown") } else { fault(request) }
            });
            proxy
        })
    }
}

fn fault(request: &Passing) -> Spoil {
    match fastrand::u8(..100) {
        0 => Spoil::Reset,
        1 | 2 => Spoil::Lose,
        3 => Spoil::Status(503, "SlowDown"),
        4 => Spoil::Status(500, "InternalError"),
        5 if request.method == "GET" => Spoil::Cut { after: fastrand::u64(..200_000), reset: fastrand::bool() },
        6 => Spoil::Delay(Duration::from_millis(fastrand::u64(..50))),
        7 => Spoil::Hold(Duration::from_millis(fastrand::u64(..50))),
        _ => Spoil::Pass,
    }
}
