//! What the core needs to know of the settings.

use crate::meta::Defaults;
use std::path::PathBuf;
use std::time::Duration;

/// Options of a mounted bucket, fixed for its life.
#[derive(Clone, Debug)]
pub struct Options {
    /// Key prefix that the mount shows: empty or ending in `/`.
    pub prefix: String,
    /// Refuse every change with EROFS.
    pub read_only: bool,
    /// What objects without attributes of their own show.
    pub defaults: Defaults,
    /// How long names and attributes may be used without asking again.
    pub max_age: Duration,
    /// Read no object headers for attributes: kind, mode and owner are then guesses.
    pub listing_only: bool,
    /// Bytes of clean blocks in memory.
    pub cache_size: u64,
    /// Folder for scratch files of drafts and for what could not be stored.
    pub scratch: PathBuf,
    /// When O_EXCL takes effect.
    pub exclusive_create: ExclusiveCreate,
    /// What happens to a commit over an object that another client changed.
    pub conflict: Conflict,
    /// Our S3 user id, if it is known (an OSiRIS token tells it).
    pub me: Option<String>,
    /// This machine's name, for names of kept conflicts.
    pub host: String,
}

/// When a create with O_EXCL is decided between clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExclusiveCreate {
    /// At open, except for programs that only copy (see [`Options::exclusive_create`] in SEMANTICS.md).
    Auto,
    /// At open.
    Open,
    /// When the file is stored.
    Close,
}

/// What a commit does when the object is no longer the one that was opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Conflict {
    /// Store ours beside it and report an error.
    KeepBoth,
    /// Report an error, store nothing.
    Fail,
    /// Store over it.
    Overwrite,
}
