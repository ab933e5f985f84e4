//! osirisfs mounts S3 buckets of OSiRIS (Ceph RADOS Gateway) as a file system.
//!
//! `docs/ARCHITECTURE.md` says which room owns what and which may use which.

pub mod cache;
pub mod cli;
pub mod config;
pub mod draft;
pub mod fs;
pub mod fuse;
pub mod inode;
pub mod meta;
pub mod mount;
pub mod names;
pub mod patience;
pub mod server;
pub mod store;
pub mod sync;
pub mod sys;
