//! Faults that tests ask for, and the answer's body that can carry them out.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use s3s::StdError;

/// A request as a fault hook sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestInfo {
    /// The operation's name in S3, such as `GetObject`.
    pub op: &'static str,
    /// The bucket, empty for the service itself.
    pub bucket: String,
    /// The key, empty for a bucket; for a listing its prefix.
    pub key: String,
    /// The query, percent-encoded.
    pub query: String,
    /// The Range header.
    pub range: Option<String>,
    /// The stated length of the body.
    pub length: u64,
}

/// What goes wrong with a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Fault {
    /// Nothing.
    #[default]
    Pass,
    /// The work begins only after that time.
    Delay(Duration),
    /// The answer is this status with this error code; nothing is done.
    Status(u16, &'static str),
    /// All is done, but the connection is dropped in place of the answer.
    AfterWork,
    /// The connection is dropped when so many bytes of the answer's body were sent.
    CutBodyAt(u64),
}

/// A fault hook.
pub type Hook = dyn Fn(&RequestInfo) -> Fault + Send + Sync;

/// The body of an answer: it counts what it sends, and may end too early.
pub(crate) struct CountedBody {
    inner: s3s::Body,
    sent: Arc<AtomicU64>,
    left: u64,
}

impl CountedBody {
    pub(crate) fn new(inner: s3s::Body, sent: Arc<AtomicU64>, fault: Fault) -> Self {
        let left = if let Fault::CutBodyAt(limit) = fault { limit } else { u64::MAX };
        Self { inner, sent, left }
    }
}

impl Body for CountedBody {
    type Data = Bytes;
    type Error = StdError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, StdError>>> {
        if self.left == 0 {
            return Poll::Ready(Some(Err("cut by a fault hook".into())));
        }
        let frame = match Pin::new(&mut self.inner).poll_frame(cx) {
            Poll::Ready(Some(Ok(frame))) => frame,
            other => return other,
        };
        let Ok(mut data) = frame.into_data() else { return Poll::Ready(None) };
        data.truncate(usize::try_from(self.left).unwrap_or(usize::MAX));
        if self.left != u64::MAX {
            self.left -= data.len() as u64;
        }
        self.sent.fetch_add(data.len() as u64, Ordering::Relaxed);
        Poll::Ready(Some(Ok(Frame::data(data))))
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
