//! Settings and credentials: from options, environment and files to one immutable value.
