//! The gateways behind one name: which of them gets the next request.
//!
//! All addresses of the name are known. A request goes to the one with the fewest requests on their way, weighed by the time
//! of its TCP handshake and by its latest errors. One that cannot be reached is left out and asked in the background until
//! it answers again; the name is looked up anew while it is used.

use super::http::ResolveError;
use std::future::Future;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, RwLock};
use std::time::{Duration, Instant};
use tokio::sync::watch;

/// The name is looked up anew after this time.
const LOOK_AGAIN: Duration = Duration::from_secs(60);
/// And after this one while no address answers.
const LOOK_SOON: Duration = Duration::from_secs(5);
/// Handshakes that differ by less are equally quick.
const NEAR: Duration = Duration::from_millis(5);
/// An error counts half after this time.
const FORGET: Duration = Duration::from_secs(10);
/// What errors weigh: a gateway that gives nothing else gets a request when the others have so many.
const ERRORS: f64 = 20.0;
/// A request that was given up after this time without an answer tells against its gateway: it takes connections and
/// does nothing for them.
const HANGING: Duration = Duration::from_secs(5);
/// A gateway that was silent under a request is looked at, but not more often than this.
pub(super) const SUSPECT: Duration = Duration::from_secs(2);
/// First and longest time until one that was left out is asked again.
const ASK_AGAIN: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(10));

/// Where the addresses of a name come from.
#[derive(Clone)]
pub(super) enum Lookup {
    /// The system's resolver.
    Name,
    /// The user, or the address is in the URL.
    Fixed(Vec<IpAddr>),
    #[cfg(test)]
    Made(Arc<Mutex<Vec<SocketAddr>>>),
}

/// Asks a gateway for a sign of life over HTTP; set once by the client.
type Probe = dyn Fn(SocketAddr) -> Pin<Box<dyn Future<Output = bool> + Send>> + Send + Sync;

pub(super) struct Gateways {
    host: String,
    port: u16,
    lookup: Lookup,
    /// There are other names of the same service, so that even the last gateway may be left out.
    spare: bool,
    all: RwLock<Arc<Vec<Arc<Gateway>>>>,
    /// When the name was last looked up.
    looked: Mutex<Option<Instant>>,
    looking: tokio::sync::Mutex<()>,
    probe: OnceLock<Box<Probe>>,
}

pub(super) struct Gateway {
    pub(super) address: SocketAddr,
    in_flight: AtomicUsize,
    out: AtomicBool,
    /// Of gateways that are alike, different mounts prefer different ones.
    bias: f64,
    health: Mutex<Health>,
    /// Counts the times it was left out: requests that wait for it need not.
    deaths: watch::Sender<u32>,
}

#[derive(Default)]
struct Health {
    /// Time of the TCP handshake, smoothed.
    handshake: Option<Duration>,
    /// From 0 to 1, and when that was.
    errors: (f64, Option<Instant>),
    suspected: Option<Instant>,
}

impl Gateways {
    pub(super) fn new(host: &str, port: u16, lookup: Lookup, spare: bool) -> Arc<Gateways> {
        Arc::new(Gateways {
            host: host.to_owned(),
            port,
            lookup,
            spare,
            all: RwLock::default(),
            looked: Mutex::default(),
            looking: tokio::sync::Mutex::default(),
            probe: OnceLock::new(),
        })
    }

    /// How a gateway is asked whether it is back.
    pub(super) fn set_probe(&self, probe: Box<Probe>) {
        let _ = self.probe.set(probe);
    }

    /// All that are known, healthy or not.
    pub(super) fn all(&self) -> Arc<Vec<Arc<Gateway>>> {
        self.all.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether a request that fails here may go elsewhere.
    pub(super) fn several(&self) -> bool {
        self.spare || self.all().len() > 1
    }

    /// Whether one of them is not left out.
    pub(super) fn any_healthy(&self) -> bool {
        self.all().iter().any(|gateway| !gateway.is_out())
    }

    /// The gateway for the next request; `not` have just failed it.
    pub(super) async fn choose(self: &Arc<Gateways>, not: &[SocketAddr]) -> Result<Option<Arc<Gateway>>, ResolveError> {
        let age = lock(&self.looked).map(|looked| looked.elapsed());
        match age {
            None => self.look_up().await?,
            Some(age) if age > LOOK_AGAIN || (age > LOOK_SOON && !self.any_healthy()) => {
                let this = self.clone();
                tokio::spawn(async move {
                    if let Err(error) = this.look_up().await {
                        tracing::debug!("{} cannot be looked up anew: {error}", this.host);
                    }
                });
            }
            Some(_) => {}
        }
        let all = self.all();
        let fresh = all.iter().filter(|gateway| !not.contains(&gateway.address));
        // One that is left out is better than none.
        let best = fresh.min_by(|a, b| {
            (a.is_out(), a.cost()).partial_cmp(&(b.is_out(), b.cost())).unwrap_or(std::cmp::Ordering::Equal)
        });
        Ok(best.cloned())
    }

    /// Looks the name up. Gateways that are known stay as they are.
    pub(super) async fn look_up(&self) -> Result<(), ResolveError> {
        let before = *lock(&self.looked);
        let _one = self.looking.lock().await;
        if *lock(&self.looked) != before {
            return Ok(());
        }
        let found: Vec<SocketAddr> = match &self.lookup {
            Lookup::Fixed(addresses) => addresses.iter().map(|ip| SocketAddr::new(*ip, self.port)).collect(),
            Lookup::Name => {
                tokio::net::lookup_host((self.host.as_str(), self.port)).await.map_err(ResolveError)?.collect()
            }
            #[cfg(test)]
            Lookup::Made(found) => lock(found).clone(),
        };
        *lock(&self.looked) = Some(Instant::now());
        if found.is_empty() {
            let none = std::io::Error::new(std::io::ErrorKind::NotFound, format!("{} has no address", self.host));
            return if before.is_some() { Ok(()) } else { Err(ResolveError(none)) };
        }
        let known = self.all();
        let mut all: Vec<Arc<Gateway>> = Vec::new();
        for address in found {
            if all.iter().all(|gateway| gateway.address != address) {
                let same = known.iter().find(|gateway| gateway.address == address);
                all.push(same.cloned().unwrap_or_else(|| Arc::new(Gateway::new(address))));
            }
        }
        *self.all.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(all);
        Ok(())
    }

    /// A TCP handshake took so long.
    pub(super) fn connected(&self, address: SocketAddr, took: Duration) {
        if let Some(gateway) = self.all().iter().find(|gateway| gateway.address == address) {
            let mut health = lock(&gateway.health);
            health.handshake = Some(health.handshake.map_or(took, |before| (before * 3 + took) / 4));
        }
    }

    /// It cannot be reached: it gets no more requests until it answers.
    pub(super) fn leave_out(self: &Arc<Gateways>, gateway: &Arc<Gateway>, why: &str) {
        if !self.several() || gateway.out.swap(true, Ordering::Relaxed) {
            return;
        }
        tracing::warn!("the gateway {} of {} is left out: {why}", gateway.address, self.host);
        gateway.deaths.send_modify(|deaths| *deaths += 1);
        let (this, gateway) = (Arc::downgrade(self), gateway.clone());
        tokio::spawn(async move {
            let mut pause = ASK_AGAIN.0;
            loop {
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(ASK_AGAIN.1);
                // The store has gone, or the name no longer stands for this address.
                let Some(this) = this.upgrade() else { return };
                if !this.all().iter().any(|one| Arc::ptr_eq(one, &gateway)) {
                    return;
                }
                let Some(probe) = this.probe.get() else { return };
                if probe(gateway.address).await {
                    lock(&gateway.health).errors = (0.0, None);
                    gateway.out.store(false, Ordering::Relaxed);
                    tracing::info!("the gateway {} of {} answers again", gateway.address, this.host);
                    return;
                }
            }
        });
    }

    /// A request waits and hears nothing: looks whether the gateway still takes connections.
    pub(super) fn suspect(self: &Arc<Gateways>, gateway: &Arc<Gateway>) {
        if !self.several() || gateway.is_out() {
            return;
        }
        {
            let mut health = lock(&gateway.health);
            if health.suspected.is_some_and(|at| at.elapsed() < SUSPECT) {
                return;
            }
            health.suspected = Some(Instant::now());
        }
        let (this, gateway) = (self.clone(), gateway.clone());
        tokio::spawn(async move {
            let connecting = tokio::net::TcpStream::connect(gateway.address);
            match tokio::time::timeout(super::dial::CONNECT, connecting).await {
                Ok(Ok(_)) => {}
                Ok(Err(error)) => this.leave_out(&gateway, &error.to_string()),
                Err(_) => this.leave_out(&gateway, "it takes no connection in time"),
            }
        });
    }
}

impl Gateway {
    fn new(address: SocketAddr) -> Gateway {
        Gateway {
            address,
            in_flight: AtomicUsize::new(0),
            out: AtomicBool::new(false),
            bias: 1.0 + fastrand::f64() / 5.0,
            health: Mutex::default(),
            deaths: watch::Sender::new(0),
        }
    }

    pub(super) fn is_out(&self) -> bool {
        self.out.load(Ordering::Relaxed)
    }

    pub(super) fn handshake(&self) -> Option<Duration> {
        lock(&self.health).handshake
    }

    /// Hears when it is left out.
    pub(super) fn deaths(&self) -> watch::Receiver<u32> {
        self.deaths.subscribe()
    }

    /// A request is on its way; it is over when the guard is dropped.
    pub(super) fn enter(self: &Arc<Gateway>) -> Flight {
        self.in_flight.fetch_add(1, Ordering::Relaxed);
        Flight { gateway: self.clone(), since: Instant::now(), answered: false }
    }

    /// An exchange went well, or did not.
    pub(super) fn outcome(&self, good: bool) {
        let mut health = lock(&self.health);
        let now = current(health.errors);
        if good && now < 0.01 {
            health.errors = (0.0, None);
        } else {
            let seen = if good { 0.0 } else { 1.0 };
            health.errors = (now * 0.8 + seen * 0.2, Some(Instant::now()));
        }
    }

    fn cost(&self) -> f64 {
        let health = lock(&self.health);
        let time = health.handshake.unwrap_or_default() + NEAR;
        let waiting = self.in_flight.load(Ordering::Relaxed) as f64 + 1.0;
        waiting * time.as_secs_f64() * self.bias * (1.0 + ERRORS * current(health.errors))
    }
}

fn current((errors, at): (f64, Option<Instant>)) -> f64 {
    at.map_or(0.0, |at| errors * 0.5_f64.powf(at.elapsed().as_secs_f64() / FORGET.as_secs_f64()))
}

/// A request on its way to a gateway.
pub(super) struct Flight {
    gateway: Arc<Gateway>,
    since: Instant,
    answered: bool,
}

impl Flight {
    /// The headers of the answer are here.
    pub(super) fn answered(&mut self) {
        self.answered = true;
    }
}

impl Drop for Flight {
    fn drop(&mut self) {
        self.gateway.in_flight.fetch_sub(1, Ordering::Relaxed);
        // Whoever waited has given up.
        if !self.answered && self.since.elapsed() > HANGING {
            lock(&self.gateway.health).errors = (1.0, Some(Instant::now()));
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
