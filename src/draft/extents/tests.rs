//! Tests of the interval map.
