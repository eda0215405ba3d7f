//! Tests of reshape.
