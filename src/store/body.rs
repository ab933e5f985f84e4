//! What an upload sends: bytes in memory, a range of a local file, or zeros, without joining them first.

use bytes::Bytes;
use std::fs::File;
use std::sync::Arc;

/// A piece of a [`Body`].
#[derive(Clone, Debug)]
pub enum Segment {
    /// Bytes in memory.
    Bytes(Bytes),
    /// `len` bytes of a local file from `offset`. They must not change while the body is in use.
    File {
        /// Open for reading.
        file: Arc<File>,
        /// First byte.
        offset: u64,
        /// Bytes.
        len: u64,
    },
    /// So many zero bytes.
    Zeros(u64),
}

/// The body of a PUT or a part. Cheap to clone; can be sent again from the start.
#[derive(Clone, Debug, Default)]
pub struct Body {
    segments: Vec<Segment>,
    len: u64,
}

impl Body {
    /// An empty body.
    pub fn new() -> Body {
        Body::default()
    }

    /// Appends a piece.
    pub fn push(&mut self, segment: Segment) {
        self.len += segment.len();
        self.segments.push(segment);
    }

    /// The pieces in order.
    pub fn segments(&self) -> &[Segment] {
        &self.segments
    }

    /// Bytes in all.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Whether there is nothing to send.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }
}

impl Segment {
    /// Bytes in this piece.
    pub fn len(&self) -> u64 {
        match self {
            Segment::Bytes(bytes) => bytes.len() as u64,
            Segment::File { len, .. } | Segment::Zeros(len) => *len,
        }
    }

    /// Whether the piece has no bytes.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl From<Bytes> for Body {
    fn from(bytes: Bytes) -> Body {
        let mut body = Body::new();
        body.push(Segment::Bytes(bytes));
        body
    }
}
