//! Object bodies: lists of shared pieces, in memory or in files. Copies, joins and slices share the pieces.

use std::fs::File;
use std::io::{self, Write};
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::{Bytes, BytesMut};
use futures::Stream;
use md5_many::{Digest, Md5};
use s3s::StdError;
use s3s::stream::{ByteStream, RemainingLength};

use super::super::persist::{Blob, Disk};

/// Bodies are cut into blocks of this size, so that a large one needs no large allocation.
const BLOCK: usize = 1 << 20;

/// How much of a file is read at once.
const FILE_READ: u64 = 512 << 10;

/// A piece of a body.
#[derive(Debug, Clone)]
pub(crate) enum Segment {
    Memory(Bytes),
    Disk { blob: Arc<Blob>, from: u64, len: u64 },
}

impl Segment {
    fn len(&self) -> u64 {
        match self {
            Self::Memory(bytes) => bytes.len() as u64,
            Self::Disk { len, .. } => *len,
        }
    }

    fn slice(&self, range: Range<u64>) -> Self {
        match self {
            Self::Memory(bytes) => Self::Memory(bytes.slice(range.start as usize..range.end as usize)),
            Self::Disk { blob, from, .. } => {
                Self::Disk { blob: blob.clone(), from: from + range.start, len: range.end - range.start }
            }
        }
    }
}

/// The content of an object or of a part.
#[derive(Debug, Clone, Default)]
pub(crate) struct Body {
    /// Each piece with the offset of its end.
    segments: Arc<Vec<(u64, Segment)>>,
}

impl Body {
    /// A body of these pieces.
    pub(crate) fn new(pieces: impl IntoIterator<Item = Segment>) -> Self {
        let mut end = 0;
        let segments = pieces.into_iter().filter(|piece| piece.len() > 0).map(|piece| {
            end += piece.len();
            (end, piece)
        });
        Self { segments: Arc::new(segments.collect()) }
    }

    /// Bytes in it.
    pub(crate) fn len(&self) -> u64 {
        self.segments.last().map_or(0, |(end, _)| *end)
    }

    /// Its pieces.
    pub(crate) fn segments(&self) -> impl Iterator<Item = &Segment> {
        self.segments.iter().map(|(_, segment)| segment)
    }

    /// Several bodies one after the other.
    pub(crate) fn concat<'a>(bodies: impl IntoIterator<Item = &'a Body>) -> Self {
        Self::new(bodies.into_iter().flat_map(Body::segments).cloned())
    }

    /// A range of it; the range lies within the body.
    pub(crate) fn slice(&self, range: Range<u64>) -> Self {
        if range == (0..self.len()) {
            return self.clone();
        }
        let first = self.segments.partition_point(|(end, _)| *end <= range.start);
        let pieces = self.segments.iter().skip(first).map_while(|(end, segment)| {
            let start = end - segment.len();
            (start < range.end).then(|| {
                let from = range.start.max(start) - start;
                segment.slice(from..range.end.min(*end) - start)
            })
        });
        Self::new(pieces)
    }

    /// Reads it all as a stream.
    pub(crate) fn into_reader(self) -> BodyReader {
        BodyReader { left: self.len(), body: self, index: 0, within: 0, file: None }
    }
}

/// Reads a body piece by piece.
#[derive(Debug)]
pub(crate) struct BodyReader {
    body: Body,
    index: usize,
    /// Offset within the piece, for pieces in files.
    within: u64,
    /// The file of the current piece, once opened.
    file: Option<File>,
    left: u64,
}

impl BodyReader {
    /// The next bytes, or `None` at the end.
    pub(crate) fn next_chunk(&mut self) -> Option<io::Result<Bytes>> {
        let (_, segment) = self.body.segments.get(self.index)?;
        let chunk = match segment {
            Segment::Memory(bytes) => {
                self.index += 1;
                bytes.clone()
            }
            Segment::Disk { blob, from, len } => {
                let size = FILE_READ.min(len - self.within);
                let mut chunk = BytesMut::zeroed(size as usize);
                let read = tokio::task::block_in_place(|| {
                    let file = match self.file.take() {
                        Some(file) => file,
                        None => blob.open()?,
                    };
                    file.read_exact_at(&mut chunk, from + self.within)?;
                    io::Result::Ok(file)
                });
                match read {
                    Ok(file) => self.file = Some(file),
                    Err(error) => return Some(Err(error)),
                }
                self.within += size;
                if self.within == *len {
                    self.within = 0;
                    self.file = None;
                    self.index += 1;
                }
                chunk.freeze()
            }
        };
        self.left -= chunk.len() as u64;
        Some(Ok(chunk))
    }
}

impl Stream for BodyReader {
    type Item = Result<Bytes, StdError>;

    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        Poll::Ready(self.next_chunk().map(|chunk| chunk.map_err(Into::into)))
    }
}

impl ByteStream for BodyReader {
    fn remaining_length(&self) -> RemainingLength {
        RemainingLength::new_exact(self.left as usize)
    }
}

/// Takes the bytes of an upload, hashes them once and makes a body of them.
pub(crate) struct Receiver {
    file: Option<(Arc<Blob>, File)>,
    pieces: Vec<Segment>,
    block: BytesMut,
    len: u64,
    expected: u64,
    md5: Md5,
}

impl Receiver {
    /// A receiver for an upload that is said to have `expected` bytes.
    pub(crate) fn new(disk: Option<&Arc<Disk>>, expected: u64) -> io::Result<Self> {
        let file = match disk {
            Some(disk) if expected > 0 => Some(Disk::create_blob(disk)?),
            _ => None,
        };
        Ok(Self { file, pieces: Vec::new(), block: BytesMut::new(), len: 0, expected, md5: Md5::new() })
    }

    /// Bytes taken so far.
    pub(crate) fn len(&self) -> u64 {
        self.len
    }

    /// Takes some bytes. They are copied into blocks of our own: the buffers that the HTTP layer hands out are parts of
    /// larger allocations, which would all stay in memory as long as a small part of them is kept.
    pub(crate) fn push(&mut self, mut data: &[u8]) -> io::Result<()> {
        self.md5.update(data);
        while !data.is_empty() {
            if self.block.capacity() == 0 {
                let left = self.expected.saturating_sub(self.len).max(data.len() as u64);
                self.block = BytesMut::with_capacity(left.min(BLOCK as u64) as usize);
            }
            let (now, later) = data.split_at(data.len().min(self.block.capacity() - self.block.len()));
            self.block.extend_from_slice(now);
            self.len += now.len() as u64;
            data = later;
            if self.block.len() == self.block.capacity() {
                self.flush()?;
            }
        }
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        match &mut self.file {
            None => self.pieces.push(Segment::Memory(std::mem::take(&mut self.block).freeze())),
            Some((_, file)) => {
                tokio::task::block_in_place(|| file.write_all(&self.block))?;
                self.block.clear();
            }
        }
        Ok(())
    }

    /// The body and its MD5.
    pub(crate) fn finish(mut self) -> io::Result<(Body, [u8; 16])> {
        if !self.block.is_empty() {
            self.flush()?;
        }
        if let Some((blob, _)) = self.file {
            self.pieces.push(Segment::Disk { blob, from: 0, len: self.len });
        }
        Ok((Body::new(self.pieces), self.md5.finalize().into()))
    }
}

/// The MD5 of a body that is already stored.
pub(crate) async fn md5_of(body: &Body) -> io::Result<[u8; 16]> {
    let mut md5 = Md5::new();
    let mut reader = body.clone().into_reader();
    while let Some(chunk) = reader.next_chunk() {
        md5.update(&chunk?);
        tokio::task::yield_now().await;
    }
    Ok(md5.finalize().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(pieces: &[&'static [u8]]) -> Body {
        Body::new(pieces.iter().map(|piece| Segment::Memory(Bytes::from_static(piece))))
    }

    fn read(body: &Body) -> Vec<u8> {
        let mut reader = body.clone().into_reader();
        let mut all = Vec::new();
        while let Some(chunk) = reader.next_chunk() {
            all.extend_from_slice(&chunk.expect("memory cannot fail"));
        }
        assert_eq!(reader.left, 0);
        all
    }

    #[test]
    fn every_slice_is_the_slice_of_the_whole() {
        let body = body(&[b"abc", b"", b"d", b"efgh"]);
        let whole = b"abcdefgh";
        assert_eq!(body.len(), 8);
        for start in 0..8 {
            for end in start..=8 {
                let slice = body.slice(start as u64..end as u64);
                assert_eq!(read(&slice), &whole[start..end], "{start}..{end}");
                assert_eq!(slice.len(), (end - start) as u64);
            }
        }
    }

    #[test]
    fn concat_shares_the_pieces() {
        let (a, b) = (body(&[b"ab", b"c"]), body(&[b"d"]));
        let joined = Body::concat([&a, &b, &a]);
        assert_eq!(read(&joined), b"abcdabc");
        assert_eq!(joined.segments().count(), 5);
    }

    #[test]
    fn received_bytes_come_out_again_with_their_md5() {
        for size in [0, 1, BLOCK - 1, BLOCK, BLOCK + 1, 3 * BLOCK + 7] {
            let data: Vec<u8> = (0..size).map(|i| (i * 7 + i / 256) as u8).collect();
            let mut receiver = Receiver::new(None, size as u64).expect("memory");
            for piece in data.chunks(100_000) {
                receiver.push(piece).expect("memory");
            }
            assert_eq!(receiver.len(), size as u64);
            let (body, md5) = receiver.finish().expect("memory");
            assert_eq!(read(&body), data);
            assert_eq!(md5, <[u8; 16]>::from(Md5::digest(&data)));
        }
    }

    #[test]
    fn a_wrong_expectation_costs_only_allocations() {
        let mut receiver = Receiver::new(None, 3).expect("memory");
        receiver.push(b"longer than three").expect("memory");
        receiver.push(b" and more").expect("memory");
        let (body, _) = receiver.finish().expect("memory");
        assert_eq!(read(&body), b"longer than three and more");
    }
}
