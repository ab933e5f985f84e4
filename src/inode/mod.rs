//! Who is where: inode numbers, names, lookup counts, and what is known of each inode.
//!
//! [`Table`] owns the tree (numbers, parents, names, how often the kernel holds a number); [`Inode`] owns the content
//! (attributes, stored object, draft, listing). A key is never kept: it is computed from the parents, so that renaming
//! a directory moves one entry.

mod dir;
mod state;
mod table;
mod walk;

pub use dir::{DirEntry, DirState, Listed, Listing, LocalChange, Look, Marker, Seen};
pub use state::{Inode, Knowledge, Object, State};
pub use table::{ROOT, Table, likely_number};
pub use walk::Walks;
