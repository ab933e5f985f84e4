//! The state of a file being written.

pub mod extents;
pub mod plan;
