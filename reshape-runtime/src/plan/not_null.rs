//! NOT NULL without a long lock.
//!
//! A CHECK that is NOT VALID costs nothing and holds for every write from then on; VALIDATE reads the table under a lock that blocks
//! no client; SET NOT NULL then finds the valid CHECK and spares the scan
//! (<https://www.postgresql.org/docs/current/sql-altertable.html>, "SET NOT NULL").

use crate::plan::lineage::Table;
use crate::sql::ident::ident;
use crate::sql::names;

/// A shadow and a column that it does not replace may have the same name but for the prefix.
pub(crate) fn name(column: &str) -> String {
    let parts = match column.strip_prefix("__reshape_") {
        Some(shadow) => [shadow, "not_null"],
        None => [column, "set_not_null"],
    };
    names::generated(&parts)
}

fn constraint(column: &str) -> String {
    ident(&name(column))
}

/// Expand: a clause of ALTER TABLE.
pub(crate) fn add(column: &str) -> String {
    format!("ADD CONSTRAINT {} CHECK ({} IS NOT NULL) NOT VALID", constraint(column), ident(column))
}

/// Backfill: a statement.
pub(crate) fn validate(table: &Table, column: &str) -> String {
    format!("ALTER TABLE {} VALIDATE CONSTRAINT {}", table.sql(), constraint(column))
}

/// Contract: statements, once `table` and the column (till then `physical`) go by their last names `table` and `name`: PostgreSQL 18
/// names the constraint after them. The CHECK must still be there when NOT NULL is set.
pub(crate) fn finish(table: &str, physical: &str, name: &str) -> [String; 2] {
    [
        format!("ALTER TABLE {table} ALTER COLUMN {} SET NOT NULL", ident(name)),
        format!("ALTER TABLE {table} DROP CONSTRAINT {}", constraint(physical)),
    ]
}

/// A column constraint for ADD COLUMN, where the default spares the check. The name counts from PostgreSQL 18 on.
pub(crate) fn inline(table: &Table, column: &str, taken: bool) -> String {
    let name =
        names::fit(&format!("{}_{column}_not_null{}", table.name, if taken { "1" } else { "" }));
    format!("CONSTRAINT {} NOT NULL", ident(&name))
}

/// Rollback: a clause of ALTER TABLE.
pub(crate) fn remove(column: &str) -> String {
    format!("DROP CONSTRAINT IF EXISTS {}", constraint(column))
}
