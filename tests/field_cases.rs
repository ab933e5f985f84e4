//! Faults that users of other S3 file systems met in daily work, asked of this one: the embedded server, real mounts.

mod field;
mod ops;
mod support;
