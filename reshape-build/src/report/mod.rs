//! What a check found, for programs: JSON, the commands of GitHub's workflows, SARIF.
//!
//! **Invariant:** nothing is left out that people are told, and places are those that people are told.

mod github;
mod json;
mod sarif;

pub use github::github;
pub use json::json;
pub use sarif::sarif;
