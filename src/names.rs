//! Keys and paths: which object key stands for which name in which directory.
