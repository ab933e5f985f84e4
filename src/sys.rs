//! The only module with unsafe code: the system calls that no crate wraps safely, each with its reason.
#![allow(unsafe_code)]
