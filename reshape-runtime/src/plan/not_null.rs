//! NOT NULL without a long lock.
//!
//! A CHECK that is NOT VALID costs nothing and holds for every write from then on; VALIDATE reads the table under a lock that blocks
//! no client; SET NOT NULL then finds the valid CHECK and spares the scan
//! (<https://www.postgresql.org/docs/current/sql-altertable.html>, "SET NOT NULL").

use crate::plan::lineage::Table;
use crate::sql::ident::ident;
use crate::sql::names;

fn constraint(column: &str) -> String {
    let column = column.strip_prefix("__reshape_").unwrap_or(column);
    ident(&names::generated(&[column, "not_null"]))
}

/// Expand: a clause of ALTER TABLE.
pub(crate) fn add(column: &str) -> String {
    format!("ADD CONSTRAINT {} CHECK ({} IS NOT NULL) NOT VALID", constraint(column), ident(column))
}

/// Backfill: a statement.
pub(crate) fn validate(table: &Table, column: &str) -> String {
    format!("ALTER TABLE {} VALIDATE CONSTRAINT {}", table.sql(), constraint(column))
}

/// Contract: statements. The CHECK must still be there when NOT NULL is set.
pub(crate) fn finish(table: &Table, column: &str) -> [String; 2] {
    [
        format!("ALTER TABLE {} ALTER COLUMN {} SET NOT NULL", table.sql(), ident(column)),
        format!("ALTER TABLE {} DROP CONSTRAINT {}", table.sql(), constraint(column)),
    ]
}

/// Rollback: a clause of ALTER TABLE.
pub(crate) fn remove(column: &str) -> String {
    format!("DROP CONSTRAINT IF EXISTS {}", constraint(column))
}
