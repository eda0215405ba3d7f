//! Who writes a row, where neither the row nor the statement tells: what the client said, or the first of the two versions in its `search_path`.
//!
//! WHEN conditions ask it by calling a function. The server keeps a condition as text, and reads and plans it again in every statement that can fire the
//! trigger, also where the answer is not needed; a function is called only where it is.
//!
//! **Invariant:** the functions have no `search_path` of their own, so they see the client's; every name in them is qualified, so whatever that path is, they
//! mean the same. They are called with the client's rights, whoever that is.

use super::Sync;
use crate::plan::cross::Direction;
use crate::sql::ident::{dollar, literal};
use crate::sql::names;

const BY_NEW: &str = "by_new";
const BY_OLD: &str = "by_old";

impl Sync<'_> {
    /// The condition that a new client writes.
    pub(super) fn by_new(&self) -> String {
        format!("{}()", self.function_name(BY_NEW))
    }

    /// The condition that an old client writes; none where old clients have no version to name.
    pub(super) fn by_old(&self) -> Option<String> {
        self.base.map(|_| format!("{}()", self.function_name(BY_OLD)))
    }

    /// Creates or replaces the functions that conditions call once both versions are live.
    pub(super) fn install_writers(&self) -> Vec<String> {
        let wanted = self.writers();
        wanted.iter().flat_map(|(role, body)| self.writer(role, body)).collect()
    }

    /// Drops whatever of them there is.
    pub(super) fn remove_writers(&self) -> Vec<String> {
        let drop = |role| format!("DROP FUNCTION IF EXISTS {}()", self.function_name(role));
        self.writers().into_iter().map(|(role, _)| drop(role)).collect()
    }

    /// What is asked, and the answer as an expression.
    fn writers(&self) -> Vec<(&'static str, String)> {
        let mut all = Vec::new();
        // Nobody but old clients writes to a table that goes.
        if self.table.removed {
            return all;
        }
        if self.is_shared_written() || self.part.relays.iter().any(|relay| relay.deletes) {
            all.push((BY_NEW, is_first(self.target, self.base)));
        }
        let follows = self.part.relays.iter().any(|relay| relay.direction == Direction::Down);
        if let Some(base) = self.base.filter(|_| follows && self.table.created) {
            all.push((BY_OLD, is_first(base, Some(self.target))));
        }
        all
    }

    /// Whether a write of nothing but columns that both versions have makes a difference.
    fn is_shared_written(&self) -> bool {
        let watched = [self.up.feeds(), self.watched()];
        !self.table.created && watched.iter().any(|columns| !self.shared(columns).is_empty())
    }

    fn writer(&self, role: &str, answer: &str) -> [String; 2] {
        let name = self.function_name(role);
        // A function in SQL would be put into the condition, and be planned with it.
        let body = format!("\nBEGIN\n  RETURN {answer};\nEND\n");
        [
            format!(
                "CREATE OR REPLACE FUNCTION {name}() RETURNS boolean LANGUAGE plpgsql STABLE AS {}",
                dollar(&body)
            ),
            // Unlike a trigger's own function it is called with the client's rights; default privileges may have taken this one away.
            format!("GRANT EXECUTE ON FUNCTION {name}() TO PUBLIC"),
        ]
    }
}

/// Whether the client said that it is of `version`, or else finds it before the `other` one.
fn is_first(version: &str, other: Option<&str>) -> String {
    let other = match other {
        Some(other) => format!("coalesce({}, 2147483647)", position(other)),
        None => String::from("2147483647"),
    };
    format!(
        "CASE WHEN pg_catalog.current_setting('reshape.version', true) OPERATOR(pg_catalog.<>) ''\n    \
         THEN pg_catalog.current_setting('reshape.version', true) OPERATOR(pg_catalog.=) {}\n    \
         ELSE coalesce({} OPERATOR(pg_catalog.<) {other}, false) END",
        literal(version),
        position(version),
    )
}

/// Where the version is in the `search_path`.
fn position(version: &str) -> String {
    format!(
        "pg_catalog.array_position(pg_catalog.current_schemas(false), {}::pg_catalog.name)",
        literal(&names::version_schema(version))
    )
}
