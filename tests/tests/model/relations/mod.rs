//! Histories of relations: tables with keys that come, go and are replaced, and foreign keys between them.
//!
//! The model keeps all rows once per action. What keys, foreign keys and sequences make of a write it works out itself, so it also knows
//! which writes fail. It knows nothing of columns, triggers or views.

mod batch;
mod catalog;
mod fill;
mod generate;
mod keys;
mod lookup;
mod op;
mod play;
mod player;
mod rollout;
mod schema;
mod toml;
mod world;
mod write;

pub(crate) use play::{Tally, play};
