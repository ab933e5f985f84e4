//! Settings and credentials: from options, environment and files to one immutable value.

pub mod settings;

pub use settings::{Conflict, ExclusiveCreate, Metadata, MountFlags, Settings};
