//! Children that come while a batch is in progress.
//!
//! They inherit the columns, but no triggers: what old clients write there would have no value for new ones. A check is inherited, so one that
//! names the tables which have triggers keeps rows out of all others, until the batch is complete or taken back.

use crate::plan::lineage::Table;
use crate::sql::ident::{dollar, ident, literal};
use crate::sql::names;

fn name() -> String {
    names::generated(&["known_children"])
}

/// Expand, before anything else: nothing may have come since the plan was made.
pub(crate) fn guard(table: &Table) -> Option<String> {
    if table.family.known.is_empty() {
        return None;
    }
    let body = format!(
        "\nDECLARE\n  stranger regclass;\nBEGIN\n  WITH RECURSIVE family(oid) AS (\n    \
         SELECT {}::regclass::oid\n    \
         UNION SELECT i.inhrelid FROM family f JOIN pg_catalog.pg_inherits i ON i.inhparent = f.oid)\n  \
         SELECT oid INTO stranger FROM family WHERE oid <> ALL ({}) LIMIT 1;\n  \
         IF stranger IS NOT NULL THEN\n    \
         RAISE EXCEPTION USING MESSAGE = 'table ' || stranger || ' has begun to inherit from ' || {} || ' after the batch was planned',\n      \
         HINT = 'start again; if the batch itself creates it, do that in an earlier one';\n  END IF;\nEND\n",
        literal(&table.sql()),
        known(table),
        literal(&table.sql()),
    );
    Some(format!("DO {}", dollar(&body)))
}

/// Expand: only tables that have triggers have rows. By their numbers, since a name would be a dependency, and keep them from being dropped.
pub(crate) fn admit(table: &Table) -> Option<String> {
    if table.family.known.is_empty() {
        return None;
    }
    let add = format!(
        "ALTER TABLE {} ADD CONSTRAINT {} CHECK (tableoid = ANY (%L::pg_catalog.oid[])) NOT VALID",
        table.sql().replace('%', "%%"),
        ident(&name())
    );
    let body = format!(
        "\nBEGIN\n  EXECUTE pg_catalog.format({}, {});\nEND\n",
        literal(&add),
        known(table)
    );
    Some(format!("DO {}", dollar(&body)))
}

/// Contract and rollback: a clause of ALTER TABLE, also for a child that has been taken away.
pub(crate) fn drop_admission(table: &Table) -> Option<String> {
    table.family.guarded.then(|| format!("DROP CONSTRAINT IF EXISTS {}", ident(&name())))
}

fn known(table: &Table) -> String {
    let known: Vec<String> = table
        .family
        .known
        .iter()
        .map(|name| format!("pg_catalog.to_regclass({})", literal(name)))
        .collect();
    format!(
        "pg_catalog.array_remove(ARRAY[{}]::pg_catalog.regclass[], NULL)::pg_catalog.oid[]",
        known.join(", ")
    )
}
