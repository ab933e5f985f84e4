//! Where bytes wait that are not stored yet: in memory while few, else in an unlinked sparse file, always at the same
//! offset as in the file being written.

use crate::store::Segment;
use bytes::Bytes;
use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;

/// Up to this end offset bytes stay in memory.
const IN_MEMORY: u64 = 256 * 1024;

/// Local bytes of a draft.
#[derive(Debug)]
pub enum Scratch {
    /// All of `0..len`; what was never written is zero.
    Memory(Vec<u8>),
    /// A nameless sparse file in the cache folder. It vanishes with the process.
    File(Arc<File>),
}

impl Default for Scratch {
    fn default() -> Scratch {
        Scratch::Memory(Vec::new())
    }
}

impl Scratch {
    /// Keeps `data` for `offset`. A full disk shows here (ENOSPC), not at a later moment.
    pub fn write(&mut self, offset: u64, data: &[u8], folder: &Path) -> io::Result<()> {
        let end = offset + data.len() as u64;
        if let Scratch::Memory(memory) = self {
            if end <= IN_MEMORY {
                if memory.len() < end as usize {
                    memory.resize(end as usize, 0);
                }
                memory[offset as usize..end as usize].copy_from_slice(data);
                return Ok(());
            }
            let file = tempfile::tempfile_in(folder)?;
            file.write_all_at(memory, 0)?;
            *self = Scratch::File(Arc::new(file));
        }
        match self {
            Scratch::File(file) => file.write_all_at(data, offset),
            Scratch::Memory(_) => Ok(()),
        }
    }

    /// The bytes of a range that was written before.
    pub fn read(&self, range: Range<u64>) -> io::Result<Bytes> {
        match self {
            Scratch::Memory(memory) => {
                let held = memory.get(range.start as usize..range.end as usize);
                held.map(Bytes::copy_from_slice).ok_or_else(|| io::Error::other("scratch holds less than was written"))
            }
            Scratch::File(file) => {
                let mut bytes = vec![0; (range.end - range.start) as usize];
                file.read_exact_at(&mut bytes, range.start)?;
                Ok(bytes.into())
            }
        }
    }

    /// The same bytes as a piece of a body, without reading a file now. They must not be written until it is sent.
    pub fn segment(&self, range: Range<u64>) -> io::Result<Segment> {
        match self {
            Scratch::Memory(_) => Ok(Segment::Bytes(self.read(range)?)),
            Scratch::File(file) => {
                Ok(Segment::File { file: file.clone(), offset: range.start, len: range.end - range.start })
            }
        }
    }

    /// Gives the disk space of a range back. Only a courtesy: a file system without holes keeps the space.
    pub fn forget(&self, range: Range<u64>) {
        if let Scratch::File(file) = self {
            use nix::fcntl::{FallocateFlags, fallocate};
            let (offset, len) = (range.start as i64, (range.end - range.start) as i64);
            let how = FallocateFlags::FALLOC_FL_PUNCH_HOLE | FallocateFlags::FALLOC_FL_KEEP_SIZE;
            let _ = fallocate(file, how, offset, len);
        }
    }
}
