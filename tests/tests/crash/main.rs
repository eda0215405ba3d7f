//! A migrator that dies, is cut off, or is frozen. Whatever it leaves behind, the next command finishes the job: what is there afterwards is what an
//! undisturbed run leaves.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod batch;
mod crowd;
mod events;
mod line;
mod processes;
mod server;
