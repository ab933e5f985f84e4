//! Connections: straight to a gateway's address, or by way of a proxy.

use super::gateways::Gateways;
use super::http::ResolveError;
use super::quickack::{QuickAck, QuickStream};
use super::{ErrorKind, Network, Result, StoreError};
use ::http::Uri;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::dns::{GaiResolver, Name};
use hyper_util::client::legacy::connect::proxy::Tunnel;
use hyper_util::client::proxy::matcher::{Intercept, Matcher};
use std::error::Error;
use std::future::Future;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};
use tower_service::Service;

/// Time for the TCP handshake.
pub(super) const CONNECT: Duration = Duration::from_secs(3);
/// A peer that acknowledges nothing of what was sent for so long is dead; one that acknowledges and is silent is only
/// slow. Longer than the keep-alive's half minute, because the kernel also counts a receive window that stays shut.
const DEAD_PEER: Duration = Duration::from_secs(60);

type Tcp = QuickAck<HttpConnector<Resolver>>;
type BoxError = Box<dyn Error + Send + Sync>;

/// A connector of plain connections.
#[derive(Clone)]
pub(super) enum Dial {
    /// To the address in the URL.
    Straight(Tcp, Arc<Gateways>),
    /// To the proxy, which gets the whole URL with each request.
    Proxy(Tcp, Uri),
    /// To the proxy, which then connects.
    Tunnel(Tunnel<Tcp>),
}

impl Dial {
    pub(super) fn straight(gateways: Arc<Gateways>) -> Dial {
        Dial::Straight(tcp(), gateways)
    }

    pub(super) fn by_proxy(proxy: &Intercept, https: bool) -> Dial {
        let mut tcp = tcp();
        if !https {
            tcp.proxied = true;
            return Dial::Proxy(tcp, proxy.uri().clone());
        }
        let tunnel = Tunnel::new(proxy.uri().clone(), tcp);
        Dial::Tunnel(match proxy.basic_auth() {
            Some(auth) => tunnel.with_auth(auth.clone()),
            None => tunnel,
        })
    }
}

/// The proxy for this address, if there is one. This machine itself needs none.
pub(super) fn proxy_for(network: &Network, uri: &Uri) -> Result<Option<Intercept>> {
    let host = uri.host().unwrap_or_default().trim_matches(['[', ']']);
    if host == "localhost" || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback()) {
        return Ok(None);
    }
    let proxies = &network.proxies;
    let matcher = Matcher::builder()
        .http(proxies.http.clone().unwrap_or_default())
        .https(proxies.https.clone().unwrap_or_default())
        .no(proxies.none_for.clone().unwrap_or_default())
        .build();
    let Some(proxy) = matcher.intercept(uri) else { return Ok(None) };
    match proxy.uri().scheme_str() {
        Some("http") => Ok(Some(proxy)),
        other => {
            let scheme = other.unwrap_or("no scheme").to_owned();
            let words = format!("the proxy that the environment names speaks {scheme}, and only http is known");
            Err(StoreError::local(ErrorKind::Unreachable, "Connect", words))
        }
    }
}

fn tcp() -> Tcp {
    let mut tcp = HttpConnector::new_with_resolver(Resolver(GaiResolver::new()));
    tcp.enforce_http(false);
    tcp.set_nodelay(true);
    tcp.set_connect_timeout(Some(CONNECT));
    tcp.set_keepalive(Some(Duration::from_secs(10)));
    tcp.set_keepalive_interval(Some(Duration::from_secs(5)));
    tcp.set_keepalive_retries(Some(4));
    #[cfg(target_os = "linux")]
    tcp.set_tcp_user_timeout(Some(DEAD_PEER));
    QuickAck { tcp, proxied: false }
}

impl Service<Uri> for Dial {
    type Response = QuickStream;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = std::result::Result<QuickStream, BoxError>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<std::result::Result<(), BoxError>> {
        match self {
            Dial::Straight(tcp, _) | Dial::Proxy(tcp, _) => tcp.poll_ready(cx).map_err(Into::into),
            Dial::Tunnel(tunnel) => tunnel.poll_ready(cx).map_err(Into::into),
        }
    }

    fn call(&mut self, destination: Uri) -> Self::Future {
        match self {
            Dial::Straight(tcp, gateways) => {
                let (gateways, authority) = (gateways.clone(), destination.authority().cloned());
                let connecting = tcp.call(destination);
                let begun = Instant::now();
                Box::pin(async move {
                    let stream = connecting.await?;
                    if let Some(address) = authority.and_then(|authority| authority.as_str().parse().ok()) {
                        gateways.connected(address, begun.elapsed());
                    }
                    Ok(stream)
                })
            }
            Dial::Proxy(tcp, proxy) => {
                let connecting = tcp.call(proxy.clone());
                Box::pin(async move { connecting.await.map_err(Into::into) })
            }
            Dial::Tunnel(tunnel) => {
                let connecting = tunnel.call(destination);
                Box::pin(async move { connecting.await.map_err(Into::into) })
            }
        }
    }
}

/// getaddrinfo on the blocking pool, for the names of proxies. A failure is marked, so that it can be told from a refused
/// connection.
#[derive(Clone)]
pub(super) struct Resolver(GaiResolver);

impl Service<Name> for Resolver {
    type Response = std::vec::IntoIter<SocketAddr>;
    type Error = ResolveError;
    type Future = Pin<Box<dyn Future<Output = std::result::Result<Self::Response, ResolveError>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<std::result::Result<(), ResolveError>> {
        self.0.poll_ready(cx).map_err(ResolveError)
    }

    fn call(&mut self, name: Name) -> Self::Future {
        let found = self.0.call(name);
        Box::pin(async move { Ok(found.await.map_err(ResolveError)?.collect::<Vec<_>>().into_iter()) })
    }
}

#[cfg(test)]
mod tests {
    use super::super::Proxies;
    use super::*;

    #[test]
    fn which_addresses_need_the_proxy() {
        let name = |text: &str| Some(text.to_owned());
        let proxies = Proxies {
            http: None,
            https: name("http://user:word@proxy.example.org:3128"),
            none_for: name(".inside.org"),
        };
        let network = Network { proxies, ..Network::default() };
        let proxy = |url: &str| proxy_for(&network, &url.parse().unwrap()).unwrap();
        let found = proxy("https://rgw.example.org").unwrap();
        assert_eq!(found.uri().host(), Some("proxy.example.org"));
        assert!(found.basic_auth().is_some());
        for direct in ["http://rgw.example.org", "https://rgw.inside.org", "https://localhost:1", "https://127.0.0.2"] {
            assert!(proxy(direct).is_none(), "{direct}");
        }
        let network = Network {
            proxies: Proxies { https: name("socks5://proxy:1080"), ..Proxies::default() },
            ..Network::default()
        };
        assert!(proxy_for(&network, &"https://rgw.example.org".parse().unwrap()).is_err());
    }
}
