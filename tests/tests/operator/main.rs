//! The operator's view: the commands as processes, which are killed and interrupted, and what each command does in each
//! state. README, section "What happens when…", is the table of it.
//!
//! Nothing here is timed: a batch is held at a place of the test's choice by an advisory lock that its own SQL takes.

#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod databases;
mod desk;
mod killed;
mod leases;
mod states;
mod table;
