//! One exchange with a gateway: given up when the gateway is, also in the middle of a body.

use super::gateways::{Flight, Gateway, Gateways, SUSPECT};
use aws_smithy_types::body::SdkBody;
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use std::error::Error;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use tokio::sync::watch;
use tokio::time::{Instant, Sleep, sleep};

type BoxError = Box<dyn Error + Send + Sync>;

/// Why an exchange was given up.
#[derive(Debug, thiserror::Error)]
#[error("the gateway {0} has gone")]
pub(super) struct Gone(pub(super) std::net::SocketAddr);

/// Waits for an answer as long as the gateway lives. One that says nothing is looked at.
pub(super) async fn answer_of<T>(
    gateways: &Arc<Gateways>,
    gateway: &Arc<Gateway>,
    exchange: impl Future<Output = T>,
) -> Result<T, Gone> {
    let mut deaths = gateway.deaths();
    let mut exchange = std::pin::pin!(exchange);
    loop {
        tokio::select! {
            answer = &mut exchange => return Ok(answer),
            _ = deaths.changed() => return Err(Gone(gateway.address)),
            () = sleep(SUSPECT) => gateways.suspect(gateway),
        }
    }
}

/// The body of an answer, watched in the same way.
pub(super) struct Watched<B> {
    body: B,
    gateways: Arc<Gateways>,
    gateway: Arc<Gateway>,
    dead: Pin<Box<dyn Future<Output = ()> + Send + Sync>>,
    silence: Option<Pin<Box<Sleep>>>,
    _flight: Flight,
}

impl<B> Watched<B> {
    pub(super) fn new(body: B, gateways: Arc<Gateways>, gateway: Arc<Gateway>, flight: Flight) -> Watched<B> {
        let deaths = gateway.deaths();
        Watched { body, gateways, gateway, dead: Box::pin(death(deaths)), silence: None, _flight: flight }
    }
}

async fn death(mut deaths: watch::Receiver<u32>) {
    if deaths.changed().await.is_err() {
        std::future::pending().await
    }
}

impl<B> Body for Watched<B>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: Into<BoxError>,
{
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        if let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(cx) {
            self.silence = None;
            return Poll::Ready(frame.map(|frame| frame.map_err(Into::into)));
        }
        if self.dead.as_mut().poll(cx).is_ready() {
            return Poll::Ready(Some(Err(Gone(self.gateway.address).into())));
        }
        let silence = self.silence.get_or_insert_with(|| Box::pin(sleep(SUSPECT)));
        if silence.as_mut().poll(cx).is_ready() {
            silence.as_mut().reset(Instant::now() + SUSPECT);
            // It wakes this task again.
            let _ = silence.as_mut().poll(cx);
            self.gateways.suspect(&self.gateway);
        }
        Poll::Pending
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// The same request once more, if its body can be had once more.
pub(super) fn again(request: &::http::Request<SdkBody>) -> Option<::http::Request<SdkBody>> {
    let mut copy = ::http::Request::new(request.body().try_clone()?);
    *copy.method_mut() = request.method().clone();
    *copy.uri_mut() = request.uri().clone();
    *copy.headers_mut() = request.headers().clone();
    *copy.extensions_mut() = request.extensions().clone();
    Some(copy)
}
