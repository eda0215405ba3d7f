//! Identity and serial columns that are added to a table that exists.
//!
//! Added as such, they would number every row under an exclusive lock. So the shadow column is an ordinary one whose default draws from
//! a sequence: rows to come have a number at once, whoever inserts them, and the backfill numbers the others. In contract an
//! identity column gets a sequence of its own, which goes on where this one stopped; a serial column keeps it.
//!
//! **Invariant:** whoever may write to the table may draw from the sequence: a default is computed with the rights of the client.

use std::collections::BTreeSet;

use crate::model;
use crate::plan::batch::Batch;
use crate::plan::facts::LiveTable;
use crate::plan::lineage::Table;
use crate::plan::view::role;
use crate::plan::{Refusal, assemble};
use crate::schema::{TypeName, is_identity};
use crate::sql::ident::{dollar, ident, literal, qualified};
use crate::sql::names;

/// How a column gets its numbers.
#[derive(Clone, Debug)]
pub(crate) struct Numbers {
    /// The sequence, qualified.
    sequence: String,
    /// The integer type.
    pub(crate) data_type: String,
    /// What `ADD GENERATED` wants for an identity column; `None` for a serial one.
    identity: Option<String>,
}

impl Numbers {
    /// The default that draws a number.
    pub(crate) fn default(&self) -> String {
        format!("pg_catalog.nextval({}::pg_catalog.regclass)", literal(&self.sequence))
    }
}

/// How `column` gets its numbers, if it is an identity or serial column.
pub(crate) fn of(batch: &Batch<'_>, table: &Table, column: &model::Column) -> Option<Numbers> {
    let data_type = TypeName::parse(&column.data_type);
    let serial = data_type.serial().filter(|_| !data_type.array);
    let identity = column.generated.as_deref().filter(|sql| is_identity(sql));
    let sequence = match (serial, identity) {
        (None, None) => return None,
        (_, Some(_)) => names::generated(&[&table.name, &column.name, "numbers"]),
        // Nothing but its owner changes in contract, so it has its last name from the beginning, as an index has.
        (Some(_), None) => {
            free_name(batch, &table.schema, &format!("{}_{}_seq", table.name, column.name))
        }
    };
    Some(Numbers {
        sequence: qualified(&table.schema, &sequence),
        data_type: serial.map_or_else(|| column.data_type.to_string(), str::to_owned),
        identity: identity.map(str::to_owned),
    })
}

fn free_name(batch: &Batch<'_>, schema: &str, wanted: &str) -> String {
    let taken = |name: &String| batch.facts().is_taken((schema, name));
    let mut name = names::fit(wanted);
    let mut number = 0;
    while taken(&name) {
        number += 1;
        name = names::fit(&format!("{wanted}{number}"));
    }
    name
}

/// Children take no part in an identity column, and the numbers of a serial one have one owner.
pub(crate) fn require_possible(
    batch: &Batch<'_>,
    live: Option<&LiveTable>,
    column: &model::Column,
    has_up: bool,
) -> Result<(), Refusal> {
    if live.is_some_and(|live| !live.children.is_empty()) {
        return Err(batch
            .not_supported("adding an identity or serial column to a table that is inherited from")
            .with_help("add an ordinary column whose `default` draws from a sequence of yours"));
    }
    if has_up {
        return Err(batch
            .refuse(format!(
                "column `{}` draws its numbers from a sequence: it has no `up`",
                column.name
            ))
            .with_help("leave `up` out, or make it an ordinary column"));
    }
    Ok(())
}

/// Expand: before the columns are there.
pub(crate) fn create(table: &Table) -> Vec<String> {
    let numbered = table.shadows().filter_map(|column| column.numbers.as_ref());
    numbered
        .map(|numbers| {
            let options = numbers.identity.as_deref().and_then(options).unwrap_or_default();
            format!("CREATE SEQUENCE {} AS {}{options}", numbers.sequence, numbers.data_type)
        })
        .collect()
}

/// The sequence's options in `ALWAYS AS IDENTITY (…)`.
fn options(identity: &str) -> Option<String> {
    let (_, rest) = identity.split_once('(')?;
    Some(format!(" {}", rest.trim_end().strip_suffix(')')?))
}

/// Expand: once the columns are there.
pub(crate) fn own(table: &Table, live: &LiveTable) -> Vec<String> {
    let mut sql = Vec::new();
    for column in table.shadows() {
        let (Some(numbers), Some(physical)) = (&column.numbers, table.physical(column)) else {
            continue;
        };
        // A sequence and the column that owns it belong to one role, which need not be the migrator.
        let owner = format!(
            "\nBEGIN\n  EXECUTE format('ALTER SEQUENCE %s OWNER TO %I', {}, \
             (SELECT pg_catalog.pg_get_userbyid(relowner) FROM pg_catalog.pg_class WHERE oid = {}::regclass));\nEND\n",
            literal(&numbers.sequence),
            literal(&table.sql()),
        );
        sql.extend(writers(live).into_iter().map(|grantee| {
            format!("GRANT USAGE ON SEQUENCE {} TO {}", numbers.sequence, role(grantee))
        }));
        sql.push(format!("DO {}", dollar(&owner)));
        sql.push(format!(
            "ALTER SEQUENCE {} OWNED BY {}.{}",
            numbers.sequence,
            table.sql(),
            ident(physical)
        ));
    }
    sql
}

/// Everyone who may write to the table or to some columns of it.
fn writers(live: &LiveTable) -> BTreeSet<Option<&str>> {
    let all = live.grants.iter().chain(live.columns.iter().flat_map(|column| &column.grants));
    all.filter(|grant| matches!(grant.privilege.as_str(), "INSERT" | "UPDATE"))
        .map(|grant| grant.grantee.as_deref())
        .collect()
}

/// Rollback: the sequences have gone with their columns, if these were there.
pub(crate) fn remove(table: &Table) -> Vec<String> {
    let numbered = table.shadows().filter_map(|column| column.numbers.as_ref());
    numbered.map(|numbers| format!("DROP SEQUENCE IF EXISTS {}", numbers.sequence)).collect()
}

/// Contract: the identity takes over, once table and column have their last names and the column is NOT NULL.
pub(crate) fn finish(table: &Table, name: &str) -> Vec<String> {
    let mut sql = Vec::new();
    for column in table.shadows() {
        let Some(numbers) = &column.numbers else { continue };
        let Some(identity) = &numbers.identity else { continue };
        let alter = format!("ALTER TABLE {name} ALTER COLUMN {}", ident(&column.name));
        sql.push(format!("{alter} DROP DEFAULT"));
        // Or it would be taken for the identity's.
        sql.push(format!("ALTER SEQUENCE {} OWNED BY NONE", numbers.sequence));
        sql.push(format!("{alter} ADD GENERATED {identity}"));
        sql.push(format!(
            "SELECT pg_catalog.setval(pg_catalog.pg_get_serial_sequence({}, {}), last_value, is_called) FROM {}",
            literal(name),
            literal(&column.name),
            numbers.sequence
        ));
        sql.push(format!("DROP SEQUENCE {}", numbers.sequence));
    }
    sql
}

/// A column whose numbers come from a sequence is not replaced in the batch that adds it.
pub(crate) fn require_kept(
    batch: &Batch<'_>,
    table: &Table,
    name: &str,
    is_numbered: bool,
) -> Result<(), Refusal> {
    if !is_numbered {
        return Ok(());
    }
    Err(batch
        .not_supported(&format!(
            "replacing column `{name}` of {}, which the same batch adds as an identity or serial column,",
            assemble::shown(table)
        ))
        .with_help("add it with the type that it is to have"))
}
