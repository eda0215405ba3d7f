//! Histories of columns: tables that have no relations, whose columns take every way from base to target that expressions can go.
//!
//! The model keeps a row once per action, from the base's columns to the target's. It knows nothing of columns, triggers or views.

mod action;
mod oracle;
mod play;
mod table;
mod write;

pub(crate) use play::play;
