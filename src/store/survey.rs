//! What can be reached of a service: for `osirisfs sites`, and to see why a mount fails.

use super::gateways::Gateways;
use super::http::HttpService;
use super::{ErrorKind, Result, StoreConfig, StoreError, dial};
use futures::future::join_all;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How an address answered.
#[derive(Clone, Debug)]
pub struct Reached {
    /// Address and port.
    pub address: SocketAddr,
    /// Time of the TCP handshake, or why there was none.
    pub connect: std::result::Result<Duration, String>,
    /// What the service said to `GET /`, or why it said nothing.
    pub http: std::result::Result<u16, StoreError>,
}

/// How a name answered.
#[derive(Clone, Debug)]
pub enum Survey {
    /// Each of its addresses.
    Addresses(Vec<Reached>),
    /// A proxy stands before it, so its addresses are the proxy's business.
    Proxy,
}

/// Asks each address behind this one name, all at the same time. Needs no credentials.
pub async fn survey(config: &StoreConfig) -> Result<Survey> {
    let http = HttpService::new(config, &config.endpoint, false)?;
    let Some(gateways) = http.gateways() else { return Ok(Survey::Proxy) };
    let resolved = tokio::time::timeout(Duration::from_secs(5), look_up(gateways)).await;
    resolved.unwrap_or_else(|_| Err(StoreError::local(ErrorKind::Dns, "Connect", "no answer of the name server")))?;
    let all = gateways.all();
    Ok(Survey::Addresses(join_all(all.iter().map(|gateway| ask(&http, gateway.address))).await))
}

async fn look_up(gateways: &Arc<Gateways>) -> Result<()> {
    gateways.look_up().await.map_err(|e| StoreError::local(ErrorKind::Dns, "Connect", e.to_string()))
}

async fn ask(http: &HttpService, address: SocketAddr) -> Reached {
    let begun = Instant::now();
    let connecting = tokio::time::timeout(dial::CONNECT, tokio::net::TcpStream::connect(address)).await;
    let connect = match connecting {
        Ok(Ok(connection)) => {
            let took = begun.elapsed();
            // A server that takes one after the other would wait for what this one says.
            drop(connection);
            Ok(took)
        }
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => Err(format!("no answer in {} s", dial::CONNECT.as_secs())),
    };
    let http = match &connect {
        Ok(_) => http.probe(address).await.map_err(|e| StoreError::local(e.kind, "GET /", e.message)),
        Err(why) => Err(StoreError::local(ErrorKind::Unreachable, "GET /", why.clone())),
    };
    Reached { address, connect, http }
}
