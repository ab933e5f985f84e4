//! The multipart upload of a file that is written in sequence: parts go up while the program still writes.

use crate::store::{PartDone, StoreError};
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio::sync::Notify;

/// An upload under way. Its parts cover `0..part_range(next).start` without a gap.
#[derive(Debug)]
pub struct Stream {
    /// The key that the upload was begun for.
    pub key: String,
    /// Upload id, once the service has given one.
    pub upload: Option<String>,
    /// Why no upload could be begun.
    pub refused: Option<StoreError>,
    /// Parts handed out so far, by number.
    pub parts: BTreeMap<u32, PartState>,
    /// Number of the next part, from 1.
    pub next: u32,
    /// Rung whenever a part's state changes.
    pub changed: Arc<Notify>,
}

/// How far a part is.
#[derive(Clone, Debug)]
pub enum PartState {
    /// On its way; its bytes are still in the scratch file.
    Sending,
    /// Stored by the service; the scratch file has given them up.
    Sent(PartDone),
    /// Refused until the deadline; its bytes are still in the scratch file.
    Failed(StoreError),
}

impl Stream {
    /// An upload that is about to begin.
    pub fn new(key: String) -> Stream {
        Stream { key, upload: None, refused: None, parts: BTreeMap::new(), next: 1, changed: Arc::new(Notify::new()) }
    }

    /// Parts on their way.
    pub fn sending(&self) -> usize {
        self.parts.values().filter(|part| matches!(part, PartState::Sending)).count()
    }
}
