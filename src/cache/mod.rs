//! Clean bytes: the LRU block cache.
