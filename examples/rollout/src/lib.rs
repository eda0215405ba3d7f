//! A small service in two versions, and what is needed to replace the one by the other while both are serving.
//!
//! `rollout-v1` and `rollout-v2` are the two versions: programs of their own, which know the table `users` in two
//! different shapes. `rollout` runs them and measures.
//!
//! **Invariant:** the two versions share no SQL and no memory; what one writes reaches the other through the database alone.

pub mod person;
pub mod service;
pub mod stats;
pub mod traffic;

// One package has one folder of migrations, so both binaries embed both. A real version 1 would have been built before
// the second file existed; here it says up to where its knowledge goes: `SET.up_to("0001_users")`.
reshape_runtime::migrations!();
