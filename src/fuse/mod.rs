//! The FUSE adapter: decode, call, reply, map the error to an errno.
