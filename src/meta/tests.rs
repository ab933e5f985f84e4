//! Tests of the attribute codec.
