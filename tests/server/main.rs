//! The embedded S3 server over HTTP: what it answers is what was measured on radosgw.

mod access;
mod client;
mod disk;
mod faults;
mod lists;
mod login;
mod multipart;
mod objects;
mod styles;
