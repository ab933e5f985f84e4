//! Clean bytes: the LRU block cache, shared by all handles.
//!
//! A block is [`BLOCK`] bytes of one version of one object. Its key is the identity of those bytes (bucket, key, etag)
//! and its number, so that a new etag never meets an old block. One fetch serves several waiters, and each block is
//! visible as soon as its bytes are there.

mod blocks;
mod fetch;
mod lent;
mod line;
mod readahead;
mod slice;
#[cfg(test)]
mod tests;

pub use blocks::{BLOCK, BlockCache, Identity, SMALL, Used};
pub use fetch::{Fetcher, Origin};
pub use lent::Lent;
pub use readahead::ReadAhead;
