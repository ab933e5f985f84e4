//! The state of a file being written.
