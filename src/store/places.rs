//! The names of the service: a common one and those of its sites. One is used; when none of its gateways answers, the next
//! one is.

use super::client::{self, Clock};
use super::http::HttpService;
use super::identity::SharedCredentials;
use super::{Result, StoreConfig};
use aws_sdk_s3::Client;
use futures::stream::{FuturesUnordered, StreamExt};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// Time for a name to answer when several are asked at once.
const ANSWER: Duration = Duration::from_secs(3);
/// The name that is preferred is asked so often whether it is back.
const ASK_AGAIN: Duration = Duration::from_secs(10);

struct Place {
    endpoint: String,
    http: HttpService,
    client: Client,
}

/// All of them, in the order of preference.
pub(super) struct Places {
    all: Arc<Vec<Place>>,
    now: Arc<AtomicUsize>,
    moving: tokio::sync::Mutex<()>,
}

impl Places {
    pub(super) fn new(config: &StoreConfig, clock: &Arc<Clock>, who: &Arc<SharedCredentials>) -> Result<Places> {
        let spare = !config.network.others.is_empty();
        let place = |endpoint: &String| {
            let http = HttpService::new(config, endpoint, spare)?;
            let client = client::build(config, endpoint, http.clone(), clock.clone(), who.clone());
            Ok(Place { endpoint: endpoint.clone(), http, client })
        };
        let all: Result<Vec<Place>> =
            std::iter::once(&config.endpoint).chain(&config.network.others).map(place).collect();
        Ok(Places { all: Arc::new(all?), now: Arc::default(), moving: tokio::sync::Mutex::default() })
    }

    pub(super) fn current(&self) -> usize {
        self.now.load(Ordering::Relaxed).min(self.all.len() - 1)
    }

    pub(super) fn client(&self) -> &Client {
        &self.all[self.current()].client
    }

    pub(super) fn endpoint(&self) -> &str {
        &self.all[self.current()].endpoint
    }

    pub(super) fn gateways(&self) -> Vec<(SocketAddr, Option<Duration>, bool)> {
        let Some(gateways) = self.all[self.current()].http.gateways() else { return Vec::new() };
        gateways.all().iter().map(|one| (one.address, one.handshake(), one.is_out())).collect()
    }

    /// Asks all names at the same time. The first is taken if it answers, else the quickest of the others.
    pub(super) async fn find_way(&self) {
        if self.all.len() > 1 {
            let _one = self.moving.lock().await;
            self.take_best(None).await;
        }
    }

    /// A request to this name has failed. True if another one is used now.
    pub(super) async fn leave(&self, place: usize) -> bool {
        if self.all.len() == 1 {
            return false;
        }
        let _one = self.moving.lock().await;
        if self.current() != place {
            return true;
        }
        if self.all[place].http.gateways().is_some_and(|gateways| gateways.any_healthy()) {
            return false;
        }
        let before = self.all[place].endpoint.as_str();
        if !self.take_best(Some(place)).await {
            return false;
        }
        tracing::warn!("{before} does not answer: going on with {}", self.endpoint());
        true
    }

    async fn take_best(&self, but: Option<usize>) -> bool {
        let others = (0..self.all.len()).filter(|n| Some(*n) != but);
        let mut asking: FuturesUnordered<_> = others.map(|n| async move { (n, answers(&self.all[n]).await) }).collect();
        let mut quickest = None;
        while let Some((n, answers)) = asking.next().await {
            if answers {
                quickest = quickest.or(Some(n));
                if n == 0 {
                    quickest = Some(0);
                    break;
                }
            }
        }
        let Some(best) = quickest else { return false };
        self.now.store(best, Ordering::Relaxed);
        if best != 0 {
            self.go_back_later();
        }
        true
    }

    /// Asks the preferred name from time to time, and uses it when it answers.
    fn go_back_later(&self) {
        let (all, now) = (Arc::downgrade(&self.all), self.now.clone());
        tokio::spawn(async move {
            loop {
                tokio::time::sleep(ASK_AGAIN).await;
                let Some(all) = all.upgrade() else { return };
                if now.load(Ordering::Relaxed) == 0 {
                    return;
                }
                if answers(&all[0]).await {
                    now.store(0, Ordering::Relaxed);
                    tracing::info!("{} answers again and is used", all[0].endpoint);
                    return;
                }
            }
        });
    }
}

/// Whether one gateway of this name answers in time. Those that do not are left out.
async fn answers(place: &Place) -> bool {
    let Some(gateways) = place.http.gateways() else {
        // Behind a proxy the name itself is all there is.
        return true;
    };
    let asking = async {
        if gateways.look_up().await.is_err() {
            return false;
        }
        let mut asking: FuturesUnordered<_> = gateways
            .all()
            .iter()
            .cloned()
            .map(|gateway| async move {
                match place.http.probe(gateway.address).await {
                    Ok(_) => true,
                    Err(error) => {
                        gateways.leave_out(&gateway, &error.message);
                        false
                    }
                }
            })
            .collect();
        while let Some(answer) = asking.next().await {
            if answer {
                return true;
            }
        }
        false
    };
    tokio::time::timeout(ANSWER, asking).await.unwrap_or(false)
}
