//! Where bytes wait that are not stored yet: in memory as far as the mount's memory reaches, else in an unlinked sparse
//! file, always at the same offset as in the file being written.

use crate::cache::{BlockCache, Lent};
use crate::store::Segment;
use crate::sys::{Slab, SlabWriter};
use bytes::Bytes;
use std::collections::{BTreeMap, HashSet};
use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;

/// Up to this end offset bytes stay in memory, in whatever order they are written.
const SMALL: u64 = 256 * 1024;
/// Bytes beyond that are kept by chunks of this size, each in memory or in the file.
const CHUNK: u64 = 1024 * 1024;

/// Where scratch bytes may be kept.
#[derive(Clone, Copy)]
pub struct Room<'a> {
    /// For files: the cache folder.
    pub folder: &'a Path,
    /// Lends memory.
    pub memory: &'a Arc<BlockCache>,
}

/// Local bytes of a draft.
#[derive(Debug)]
pub enum Scratch {
    /// All of `0..len`; what was never written is zero.
    Small(Vec<u8>),
    /// By chunks.
    Large(Large),
}

/// Chunks that a sequential writer fills stay in memory while some can be had; they are sent from there, without a copy on
/// disk. All others are in a nameless file, which vanishes with the process.
#[derive(Debug, Default)]
pub struct Large {
    memory: BTreeMap<u64, Chunk>,
    /// Chunks of which the file has bytes.
    filed: HashSet<u64>,
    file: Option<Arc<File>>,
}

/// The first bytes of a chunk.
#[derive(Debug)]
struct Chunk {
    filled: Arc<Filled>,
    writer: SlabWriter,
    len: u64,
}

#[derive(Debug)]
struct Filled {
    slab: Arc<Slab>,
    _lent: Lent,
}

/// A part of a chunk, on its way.
struct Piece {
    filled: Arc<Filled>,
    range: Range<usize>,
}

impl AsRef<[u8]> for Piece {
    fn as_ref(&self) -> &[u8] {
        self.filled.slab.get(self.range.clone())
    }
}

impl Default for Scratch {
    fn default() -> Scratch {
        Scratch::Small(Vec::new())
    }
}

impl Scratch {
    /// Bytes that are in a file already. What is open for reading only is neither changed nor given back.
    pub fn of_file(file: File, ranges: impl IntoIterator<Item = Range<u64>>) -> Scratch {
        let filed = ranges.into_iter().flat_map(by_chunk).map(|range| range.start / CHUNK).collect();
        Scratch::Large(Large { memory: BTreeMap::new(), filed, file: Some(Arc::new(file)) })
    }

    /// Keeps `data` for `offset`. A full disk shows here (ENOSPC), not at a later moment.
    pub fn write(&mut self, offset: u64, data: &[u8], room: Room<'_>) -> io::Result<()> {
        let end = offset + data.len() as u64;
        match self {
            Scratch::Small(memory) if end <= SMALL => {
                if memory.len() < end as usize {
                    memory.resize(end as usize, 0);
                }
                memory[offset as usize..end as usize].copy_from_slice(data);
                Ok(())
            }
            Scratch::Small(memory) => {
                let mut large = Large::default();
                large.write(0, memory, room)?;
                large.write(offset, data, room)?;
                *self = Scratch::Large(large);
                Ok(())
            }
            Scratch::Large(large) => large.write(offset, data, room),
        }
    }

    /// The bytes of a range that was written before.
    pub fn read(&self, range: Range<u64>) -> io::Result<Bytes> {
        let segments = self.segments(range.clone())?;
        if let [Segment::Bytes(bytes)] = &segments[..] {
            return Ok(bytes.clone());
        }
        let mut joined = Vec::with_capacity((range.end - range.start) as usize);
        for segment in segments {
            match segment {
                Segment::Bytes(bytes) => joined.extend_from_slice(&bytes),
                Segment::File { file, offset, len } => {
                    let at = joined.len();
                    joined.resize(at + len as usize, 0);
                    file.read_exact_at(&mut joined[at..], offset)?;
                }
                Segment::Zeros(len) => joined.resize(joined.len() + len as usize, 0),
            }
        }
        Ok(joined.into())
    }

    /// The same bytes as pieces of a body, without reading a file now. They must not be written until they are sent.
    pub fn segments(&self, range: Range<u64>) -> io::Result<Vec<Segment>> {
        match self {
            Scratch::Small(memory) => {
                let held = memory.get(range.start as usize..range.end as usize).ok_or_else(lacking)?;
                Ok(vec![Segment::Bytes(Bytes::copy_from_slice(held))])
            }
            Scratch::Large(large) => large.segments(range),
        }
    }

    /// Gives back what a range takes. Of disk space only a courtesy: a file system without holes keeps it.
    pub fn forget(&mut self, range: Range<u64>) {
        if let Scratch::Large(large) = self {
            large.forget(range);
        }
    }
}

impl Large {
    fn write(&mut self, offset: u64, data: &[u8], room: Room<'_>) -> io::Result<()> {
        for range in by_chunk(offset..offset + data.len() as u64) {
            let piece = &data[(range.start - offset) as usize..(range.end - offset) as usize];
            let number = range.start / CHUNK;
            if !self.append(number, range.start % CHUNK, piece, room) {
                self.move_to_file(number, room)?;
                self.filed.insert(number);
                self.file(room)?.write_all_at(piece, range.start)?;
            }
        }
        Ok(())
    }

    /// Takes bytes into memory if they go on where the chunk ends.
    fn append(&mut self, number: u64, at: u64, piece: &[u8], room: Room<'_>) -> bool {
        if let Some(chunk) = self.memory.get_mut(&number) {
            let follows = chunk.len == at;
            if follows {
                chunk.append(piece);
            }
            return follows;
        }
        if at > 0 || self.filed.contains(&number) {
            return false;
        }
        let Some(lent) = room.memory.lend(CHUNK) else { return false };
        let (slab, writer) = Slab::with_capacity(CHUNK as usize);
        let mut chunk = Chunk { filled: Arc::new(Filled { slab, _lent: lent }), writer, len: 0 };
        chunk.append(piece);
        self.memory.insert(number, chunk);
        true
    }

    /// Moves a chunk out of memory: there bytes can be appended but not changed.
    fn move_to_file(&mut self, number: u64, room: Room<'_>) -> io::Result<()> {
        if let Some(chunk) = self.memory.get(&number) {
            let (filled, len) = (chunk.filled.clone(), chunk.len);
            self.file(room)?.write_all_at(filled.slab.get(0..len as usize), number * CHUNK)?;
            self.memory.remove(&number);
        }
        Ok(())
    }

    fn file(&mut self, room: Room<'_>) -> io::Result<&File> {
        if self.file.is_none() {
            self.file = Some(Arc::new(tempfile::tempfile_in(room.folder)?));
        }
        self.file.as_deref().ok_or_else(lacking)
    }

    fn segments(&self, range: Range<u64>) -> io::Result<Vec<Segment>> {
        let mut segments = Vec::new();
        for range in by_chunk(range) {
            let number = range.start / CHUNK;
            let Some(chunk) = self.memory.get(&number) else {
                let file = self.file.as_ref().ok_or_else(lacking)?;
                let follows = match segments.last_mut() {
                    Some(Segment::File { offset, len, .. }) if *offset + *len == range.start => {
                        *len += range.end - range.start;
                        true
                    }
                    _ => false,
                };
                if !follows {
                    let (offset, len) = (range.start, range.end - range.start);
                    segments.push(Segment::File { file: file.clone(), offset, len });
                }
                continue;
            };
            let start = number * CHUNK;
            let range = (range.start - start) as usize..(range.end - start) as usize;
            if range.end as u64 > chunk.len {
                return Err(lacking());
            }
            let piece = Piece { filled: chunk.filled.clone(), range };
            segments.push(Segment::Bytes(Bytes::from_owner(piece)));
        }
        Ok(segments)
    }

    fn forget(&mut self, range: Range<u64>) {
        let whole = range.start.div_ceil(CHUNK)..range.end / CHUNK;
        for number in whole.clone() {
            self.memory.remove(&number);
            self.filed.remove(&number);
        }
        if let Some(file) = &self.file {
            use nix::fcntl::{FallocateFlags, fallocate};
            let (offset, len) = (whole.start * CHUNK, whole.end.saturating_sub(whole.start) * CHUNK);
            let how = FallocateFlags::FALLOC_FL_PUNCH_HOLE | FallocateFlags::FALLOC_FL_KEEP_SIZE;
            let _ = fallocate(&**file, how, offset as i64, len as i64);
        }
    }
}

impl Chunk {
    fn append(&mut self, piece: &[u8]) {
        self.len += self.writer.append(piece) as u64;
    }
}

/// A range, cut where chunks begin.
fn by_chunk(range: Range<u64>) -> impl Iterator<Item = Range<u64>> {
    let mut at = range.start;
    std::iter::from_fn(move || {
        let start = at;
        at = (start / CHUNK + 1).saturating_mul(CHUNK).min(range.end);
        (start < range.end).then_some(start..at)
    })
}

fn lacking() -> io::Error {
    io::Error::other("scratch holds less than was written")
}

#[cfg(test)]
mod tests;
