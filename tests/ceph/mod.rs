//! What only a Ceph can show.

pub mod gc;
pub mod sse;
