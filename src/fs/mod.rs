//! The file system core: POSIX verbs over the rooms below. Knows nothing of FUSE.
