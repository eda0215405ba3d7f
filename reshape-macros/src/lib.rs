//! The macros of `reshape-runtime`.
