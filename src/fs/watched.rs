//! What a mount is doing, for those who watch it. Asks nobody.

use super::Fs;
use crate::cache::Used;
use crate::draft::{PartState, part_range};
use std::sync::atomic::Ordering;

/// One moment of a mount.
#[derive(Clone, Debug)]
pub struct Watched {
    /// The S3 user id, if it is known.
    pub user: Option<String>,
    /// Memory of clean blocks: bytes, upper bound, and how often it helped.
    pub cache: (u64, u64, Used),
    /// What is to be stored.
    pub todo: Vec<Todo>,
    /// Files that another client changed while they were changed here.
    pub conflicts: u64,
    /// Inodes in the table.
    pub inodes: usize,
}

/// A file or directory that is not stored yet.
#[derive(Clone, Debug)]
pub struct Todo {
    /// Path below the mount point.
    pub path: String,
    /// Its size; 0 if only attributes are to be stored.
    pub bytes: u64,
    /// How much of it the service has already.
    pub sent: u64,
}

impl Fs {
    /// Looks.
    pub fn watched(&self) -> Watched {
        let dirty = self.all_dirty();
        let todo = dirty.iter().map(|inode| {
            let path = self.table.path(inode.ino);
            let state = inode.state();
            let Some(draft) = state.draft.as_ref().filter(|draft| draft.dirty) else {
                return Todo { path, bytes: 0, sent: 0 };
            };
            let parts = draft.stream.iter().flat_map(|stream| &stream.parts);
            let sent = parts.filter(|(_, part)| matches!(part, PartState::Sent(_))).map(|(number, _)| {
                let range = part_range(*number);
                range.end - range.start
            });
            Todo { path, bytes: state.size, sent: sent.sum() }
        });
        let todo = todo.collect();
        let cache = self.fetch.cache();
        Watched {
            user: self.options.me.clone(),
            cache: (cache.bytes(), cache.capacity(), cache.used()),
            todo,
            conflicts: self.conflicts.load(Ordering::Relaxed),
            inodes: self.known_inodes(),
        }
    }
}
