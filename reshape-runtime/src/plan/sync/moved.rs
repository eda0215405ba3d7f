//! Rows that an UPDATE moves to another partition.
//!
//! Postgres fires the UPDATE triggers of the partition that the row leaves, and then the INSERT triggers of the one that it enters
//! (<https://www.postgresql.org/docs/current/trigger-definition.html>). The former translate; the latter must not do so again, as for a
//! row of an old client: `up` of an old value is not what a new client has written. So the UPDATE trigger leaves a note in the
//! marker where the row is about to leave its partition, which only the partition's own constraint can tell.
//!
//! **Invariant:** a note is written only if the INSERT that erases it follows in the same statement: it is never stored.

use super::body::SEEN;
use super::{Sync, changed};
use crate::plan::flow::Computation;
use crate::sql::ident::{ident, literal};
use crate::sql::names::ORIGIN;

/// What the note begins with; what follows is an array of the old columns as the UPDATE left them.
const NOTE: &str = "__reshape_moved ";

/// The variable that says whether the row is about to leave its partition.
const LEAVES: &str = "\"__reshape_leaves\"";

impl Sync<'_> {
    /// Whether an UPDATE can move a row to another partition.
    pub(super) fn rows_move(&self) -> bool {
        !self.table.partition_key.is_empty()
    }

    /// When an UPDATE may do so.
    pub(super) fn may_leave(&self) -> String {
        let key: Vec<&str> = self.table.partition_key.iter().map(String::as_str).collect();
        changed(&key)
    }

    /// The condition of a new client's INSERT, `marked` without rows that move.
    pub(super) fn inserted_by_new(&self, marked: &str) -> String {
        if !self.rows_move() {
            return marked.to_owned();
        }
        format!("{marked} AND NOT pg_catalog.starts_with(NEW.{}, {})", ident(ORIGIN), literal(NOTE))
    }

    /// The old columns that `up` reads: what a user's trigger may change while the row enters its new partition.
    fn noted(&self) -> Vec<&str> {
        self.up.feeds().into_iter().filter(|name| self.is_base(name)).collect()
    }

    /// The last trigger of an UPDATE, which has been translated.
    pub(super) fn moved_body(&self) -> String {
        let noted: Vec<String> = self
            .noted()
            .iter()
            .map(|column| format!("NEW.{}::pg_catalog.text", ident(column)))
            .collect();
        // Dynamic, because the constraint is each partition's own, and may change with its neighbours.
        format!(
            "\nDECLARE\n  {LEAVES} boolean;\nBEGIN\n  \
             EXECUTE 'SELECT NOT coalesce((' || coalesce(pg_catalog.pg_get_partition_constraintdef(TG_RELID), 'true') || \
             '), true) FROM (SELECT ($1).*) AS t'\n    INTO {LEAVES} USING NEW;\n  \
             IF {LEAVES} THEN\n    NEW.{} := {} || ARRAY[{}]::pg_catalog.text[]::pg_catalog.text;\n  END IF;\n  \
             RETURN NEW;\nEND\n",
            ident(ORIGIN),
            literal(NOTE),
            noted.join(", "),
        )
    }

    /// For `last`, first of all: a row that comes from another partition has been translated, but for what triggers have changed since.
    pub(super) fn arrive(&self, body: &mut String) {
        let marker = ident(ORIGIN);
        let noted = self.noted();
        body.push_str(&format!(
            "  IF TG_OP = 'INSERT' AND pg_catalog.starts_with(NEW.{marker}, {}) THEN\n  \
             {SEEN} := pg_catalog.substr(NEW.{marker}, {})::pg_catalog.text[];\n",
            literal(NOTE),
            NOTE.len() + 1,
        ));
        for computation in &self.up.stages {
            if let Some(differs) = seen_differs(computation, &noted) {
                self.compute(body, &self.up, computation, Some(&differs));
            }
        }
        body.push_str(&format!("    NEW.{marker} := NULL;\n    RETURN NEW;\n  END IF;\n"));
    }
}

/// The condition that a column which feeds the computation is not what was noted, in the order of `noted`.
pub(super) fn seen_differs(computation: &Computation<'_>, noted: &[&str]) -> Option<String> {
    let differs: Vec<String> = noted
        .iter()
        .enumerate()
        .filter(|(_, column)| computation.feeds.contains(*column))
        .map(|(place, column)| {
            let (place, column) = (place + 1, ident(column));
            format!("{SEEN}[{place}] IS DISTINCT FROM NEW.{column}::pg_catalog.text")
        })
        .collect();
    (!differs.is_empty()).then(|| differs.join(" OR "))
}
