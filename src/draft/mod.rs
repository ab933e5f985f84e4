//! The state of a file being written.
//!
//! A [`Draft`] belongs to an inode and is shared by its handles. It says for each byte where it comes from
//! ([`Extents`]), keeps the bytes that are only here ([`Scratch`]), and carries the multipart upload that a
//! sequential writer has running ([`Stream`]). How it is stored is decided by a pure function ([`plan`]) and done by
//! `fs::commit`. What could not be stored is written down ([`Record`], [`Lost`]) for after the daemon's end.

mod extents;
mod lanes;
pub mod lost;
mod plan;
mod record;
mod scratch;
mod stream;

pub use extents::{Extents, Source};
pub use lanes::{Lanes, Writer};
pub use lost::Lost;
pub use plan::{Growth, How, Limits, PartPlan, Plan, PlanError, part_range, part_size, plan};
pub use record::{About, Record};
pub use scratch::{Room, Scratch};
pub use stream::{PartState, Stream};

use crate::cache::Identity;
use crate::store::ETag;
use std::io;
use std::ops::Range;
use std::sync::Arc;
use std::time::Instant;

/// The object that a draft started from; `Source::Base` bytes are its.
#[derive(Clone, Debug)]
pub struct Base {
    /// Identity for the block cache.
    pub id: Arc<Identity>,
    /// Its tag: the commit is conditional on it.
    pub etag: ETag,
    /// Its size.
    pub size: u64,
    /// It can be appended to, and when the service said so last.
    pub appendable: Option<Instant>,
}

/// A file with bytes that are not stored yet.
#[derive(Debug)]
pub struct Draft {
    /// Where each byte comes from.
    pub extents: Extents,
    /// What it started from; `None`: a new file.
    pub base: Option<Base>,
    /// Bytes that are only here.
    pub scratch: Scratch,
    /// A multipart upload that is under way.
    pub stream: Option<Stream>,
    /// There is something to store.
    pub dirty: bool,
    /// The next offset of a program that writes in sequence.
    pub front: u64,
    /// Counts changes of the bytes.
    pub changes: u64,
}

impl Draft {
    /// A new, empty file: to be stored even if nothing is written.
    pub fn new_file() -> Draft {
        Draft {
            extents: Extents::empty(),
            base: None,
            scratch: Scratch::default(),
            stream: None,
            dirty: true,
            front: 0,
            changes: 0,
        }
    }

    /// A draft over a stored object; clean until something changes.
    pub fn over(base: Base) -> Draft {
        Draft { extents: Extents::of_base(base.size), base: Some(base), dirty: false, ..Draft::new_file() }
    }

    /// Takes `data` in at `offset`.
    pub fn write(&mut self, offset: u64, data: &[u8], room: Room<'_>) -> io::Result<()> {
        self.scratch.write(offset, data, room)?;
        let end = offset + data.len() as u64;
        self.extents.write(offset..end);
        self.changed();
        // In sequence means: goes on where the last write ended. A hole before it counts as sequence broken.
        self.front = if offset <= self.front && end >= self.front { end } else { self.front };
        Ok(())
    }

    /// Changes the size. Shrinking forgets what lay beyond.
    pub fn truncate(&mut self, size: u64) {
        if size < self.extents.size() {
            self.front = self.front.min(size);
        }
        self.extents.truncate(size);
        self.changed();
    }

    /// Makes a hole.
    pub fn punch(&mut self, range: Range<u64>) {
        self.extents.punch(range);
        self.changed();
    }

    fn changed(&mut self) {
        self.dirty = true;
        self.changes += 1;
    }

    /// Whether a range touches bytes that only the running upload holds. They can be neither read nor changed before
    /// the upload is completed.
    pub fn in_upload(&self, range: Range<u64>) -> bool {
        self.stream.is_some() && self.extents.pieces(range).any(|(_, source)| source.is_part())
    }
}
