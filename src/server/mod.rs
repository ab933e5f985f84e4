//! The embedded S3 server: a small RGW for trying things out and for tests.
