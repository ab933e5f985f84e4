//! Tests of the names room.
