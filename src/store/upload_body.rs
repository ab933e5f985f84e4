//! Sends a [`Body`] without joining its pieces.

use super::{Body, Segment};
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::byte_stream::ByteStream;
use bytes::Bytes;
use http_body::{Frame, SizeHint};
use std::collections::VecDeque;
use std::fs::File;
use std::future::Future;
use std::io;
use std::os::unix::fs::FileExt;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use tokio::task::JoinHandle;

/// What of a file is in memory for each body that is being sent.
const PIECE: u64 = 256 << 10;
pub(super) static ZEROS: [u8; 256 << 10] = [0; 256 << 10];

/// What is left of a body that is gone through from its front.
pub(super) struct Rest(VecDeque<Segment>);

/// The pieces that are still to be sent.
struct Sending {
    rest: Rest,
    left: u64,
    reading: Option<JoinHandle<io::Result<Bytes>>>,
    sent: Arc<AtomicU64>,
}

/// The body for one SDK call. It is a stream to the SDK, which therefore signs it as `UNSIGNED-PAYLOAD` instead of
/// hashing it; Content-MD5 guards it.
pub(super) fn stream(body: &Body, sent: &Arc<AtomicU64>) -> ByteStream {
    let (body, sent) = (body.clone(), sent.clone());
    ByteStream::new(SdkBody::retryable(move || {
        SdkBody::from_body_1_x(Sending { rest: Rest::of(&body), left: body.len(), reading: None, sent: sent.clone() })
    }))
}

impl Rest {
    /// All of a body.
    pub(super) fn of(body: &Body) -> Rest {
        Rest(body.segments().iter().cloned().collect())
    }

    /// Takes up to so many bytes from the front, of zeros no more than [`ZEROS`] has. `None`: nothing is left.
    pub(super) fn take(&mut self, most: u64) -> Option<Segment> {
        let front = self.0.front_mut()?;
        let len = front.len().min(most);
        let piece = match front {
            Segment::Bytes(bytes) => Segment::Bytes(bytes.split_to(len as usize)),
            Segment::File { file, offset, len: left } => {
                let piece = Segment::File { file: file.clone(), offset: *offset, len };
                *offset += len;
                *left -= len;
                piece
            }
            Segment::Zeros(left) => {
                let len = len.min(ZEROS.len() as u64);
                *left -= len;
                Segment::Zeros(len)
            }
        };
        if front.is_empty() {
            self.0.pop_front();
        }
        Some(piece)
    }
}

impl Sending {
    fn emit(&mut self, bytes: Bytes) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        self.left -= bytes.len() as u64;
        self.sent.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        Poll::Ready(Some(Ok(Frame::data(bytes))))
    }
}

impl http_body::Body for Sending {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        loop {
            if let Some(reading) = &mut self.reading {
                let Poll::Ready(read) = Pin::new(reading).poll(cx) else { return Poll::Pending };
                self.reading = None;
                return match read.map_err(io::Error::other).flatten() {
                    Ok(bytes) => self.emit(bytes),
                    Err(error) => Poll::Ready(Some(Err(error))),
                };
            }
            match self.rest.take(PIECE) {
                None => return Poll::Ready(None),
                Some(Segment::Bytes(bytes)) if bytes.is_empty() => {}
                Some(Segment::Bytes(bytes)) => return self.emit(bytes),
                Some(Segment::Zeros(0)) => {}
                Some(Segment::Zeros(len)) => return self.emit(Bytes::from_static(&ZEROS[..len as usize])),
                Some(Segment::File { len: 0, .. }) => {}
                Some(Segment::File { file, offset, len }) => {
                    self.reading = Some(tokio::task::spawn_blocking(move || read_exact(&file, offset, len)));
                }
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}

pub(super) fn read_exact(file: &File, offset: u64, len: u64) -> io::Result<Bytes> {
    let mut buffer = vec![0; len as usize];
    file.read_exact_at(&mut buffer, offset)?;
    Ok(buffer.into())
}

#[cfg(test)]
mod tests;
