//! What a child does itself in contract if it is none any more.
//!
//! Statements about a parent's columns reach its children. A child that somebody has taken away meanwhile (`ALTER TABLE … NO INHERIT`) keeps
//! the columns and constraints as its own, and nothing reaches it. So its part of contract repeats what the parent's has done before, where
//! that has not arrived: Postgres knows which columns and constraints are inherited.
//!
//! The other way round, a table that becomes a child meanwhile (`ALTER TABLE … INHERIT`) has columns and constraints that are its own as well,
//! and stay when the parent's go. They are dropped after those.
//!
//! **Invariant:** these statements stand after those of the parent, in the same transaction, and do nothing for a child that still is one.

use crate::plan::contract;
use crate::plan::lineage::Table;
use crate::plan::not_null;
use crate::sql::ident::{dollar, ident, literal};

/// Renames columns that are not inherited any more.
pub(crate) fn rename_columns(table: &Table, wanted: &[(&str, &str)]) -> Vec<String> {
    let on = table.sql();
    contract::renames(wanted)
        .into_iter()
        .map(|(from, to)| {
            let own = format!(
                "SELECT FROM pg_catalog.pg_attribute WHERE attrelid = {}::regclass AND attname = {} AND attinhcount = 0",
                literal(&on),
                literal(&from)
            );
            let rename = format!("ALTER TABLE {on} RENAME COLUMN {} TO {}", ident(&from), ident(&to));
            only_if(&own, &[rename])
        })
        .collect()
}

/// NOT NULL of a column whose check is not inherited any more; `table` is the last name.
pub(crate) fn finish_not_null(table: &str, physical: &str, name: &str) -> String {
    let own = own_constraint(table, &not_null::name(physical));
    only_if(&own, &not_null::finish(table, physical, name))
}

/// The name of a constraint that is not inherited any more; `table` is the last name.
pub(crate) fn rename_constraint(table: &str, from: &str, to: &str) -> String {
    let rename = format!("ALTER TABLE {table} RENAME CONSTRAINT {} TO {}", ident(from), ident(to));
    only_if(&own_constraint(table, from), &[rename])
}

fn own_constraint(table: &str, name: &str) -> String {
    format!(
        "SELECT FROM pg_catalog.pg_constraint WHERE conrelid = {}::regclass AND conname = {} AND coninhcount = 0",
        literal(table),
        literal(name)
    )
}

fn only_if(found: &str, statements: &[String]) -> String {
    let body: Vec<String> =
        statements.iter().map(|sql| format!("    EXECUTE {};\n", literal(sql))).collect();
    let body = format!("\nBEGIN\n  IF EXISTS ({found}) THEN\n{}  END IF;\nEND\n", body.concat());
    format!("DO {}", dollar(&body))
}

/// Clauses of ALTER TABLE, once more for every child that there is by then: none of them minds if there is nothing left to do.
pub(crate) fn left_in_children(on: &str, clauses: &[String]) -> String {
    let body = format!(
        "\nDECLARE\n  child regclass;\nBEGIN\n  FOR child IN\n    WITH RECURSIVE family(oid, level) AS (\n      \
         SELECT inhrelid, 1 FROM pg_catalog.pg_inherits WHERE inhparent = {}::regclass\n      \
         UNION ALL SELECT i.inhrelid, f.level + 1 FROM family f JOIN pg_catalog.pg_inherits i ON i.inhparent = f.oid)\n    \
         SELECT oid FROM family ORDER BY level\n  LOOP\n    \
         EXECUTE 'ALTER TABLE ' || child || {};\n  END LOOP;\nEND\n",
        literal(on),
        literal(&format!(" {}", clauses.join(", "))),
    );
    format!("DO {}", dollar(&body))
}
