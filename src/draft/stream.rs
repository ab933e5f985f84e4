//! The multipart upload of a file that is written in sequence: parts go up while the program still writes.

use super::Writer;
use crate::store::PartDone;
use std::collections::BTreeMap;
use std::sync::{Arc, Weak};
use tokio::sync::{Notify, OnceCell};

/// An upload under way. Its parts cover `0..part_range(next).start` without a gap.
#[derive(Debug)]
pub struct Stream {
    /// The key that the upload was begun for.
    pub key: String,
    /// Upload id, once the service has given one.
    pub upload: Arc<OnceCell<String>>,
    /// The inode's count of attribute changes that the upload's headers carry.
    pub meta_changes: u64,
    /// Parts handed out so far, by number.
    pub parts: BTreeMap<u32, PartState>,
    /// Number of the next part, from 1.
    pub next: u32,
    /// Rung whenever a part's state changes.
    pub changed: Arc<Notify>,
    /// Held by its parts that are on their way.
    pub writer: Weak<Writer>,
}

/// How far a part is.
#[derive(Clone, Debug)]
pub enum PartState {
    /// On its way; its bytes are still in the scratch space.
    Sending,
    /// Stored by the service; the scratch space has given them up.
    Sent(PartDone),
    /// Refused until the deadline; its bytes are still in the scratch space.
    Failed,
}

impl Stream {
    /// An upload that is about to begin.
    pub fn new(key: String, meta_changes: u64) -> Stream {
        let (upload, changed) = (Arc::new(OnceCell::new()), Arc::new(Notify::new()));
        Stream { key, upload, meta_changes, parts: BTreeMap::new(), next: 1, changed, writer: Weak::new() }
    }

    /// Parts on their way.
    pub fn sending(&self) -> usize {
        self.parts.values().filter(|part| matches!(part, PartState::Sending)).count()
    }

    /// A part was refused: no further ones are handed out before it is stored.
    pub fn broken(&self) -> bool {
        self.parts.values().any(|part| matches!(part, PartState::Failed))
    }
}
