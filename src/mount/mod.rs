//! Getting a /dev/fuse descriptor, becoming a daemon, ending a mount.
