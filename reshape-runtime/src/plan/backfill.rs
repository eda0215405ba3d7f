//! The one statement that fills a table's shadow columns for the rows that exist.
//!
//! **Invariant:** one pass per table, however many actions; the executor walks it in ranges of blocks.

use crate::plan::Work;
use crate::plan::cross::Locking;
use crate::plan::facts::LiveTable;
use crate::plan::flow::{Computation, Flow};
use crate::plan::lineage::{Column, Formula, Table};
use crate::plan::mention::whole_row;
use crate::schema::TypeName;
use crate::sql::ident::{dollar, ident, literal};
use crate::sql::names::ORIGIN;

/// The alias under which the general form knows the row.
const ROW: &str = "__reshape_t";

/// The backfill of `table`, or of its partition `target`; `None` if no column has to be computed.
pub(crate) fn backfill(
    table: &Table,
    live: &LiveTable,
    target: &str,
    up: &Flow<'_>,
) -> Option<Work> {
    if up.is_empty() {
        return None;
    }
    let (alias, update) = update(table, up);
    let only = if table.family.has_children { "ONLY " } else { "" };
    let looks_up = up.stages.iter().any(Computation::is_lookup);
    let unfilled =
        unfilled(table, up).map(|columns| unfilled_sql(&alias, &columns)).unwrap_or_default();
    Some(Work::Backfill {
        table: target.to_owned(),
        statement: format!("UPDATE {only}{target}{update}"),
        // A row that a trigger has filled since the statement began has newer values of the other table than the statement sees.
        rest: if looks_up {
            format!(" AND {alias}.{} IS NULL", ident(ORIGIN))
        } else {
            unfilled.clone()
        },
        ctid: format!("{alias}.ctid"),
        // Where a trigger of the user's keeps a row from being written, each turn would try it.
        in_turns: live.before_update_triggers.is_empty(),
        xmin: if unfilled.is_empty() { format!("{alias}.xmin") } else { String::new() },
        // What triggers of the user's write, a counter say, several ranges might write in turns and wait for each other.
        parallel: !looks_up
            && live.before_update_triggers.is_empty()
            && live.after_update_triggers.is_empty(),
        walks: String::new(),
    })
}

/// The columns of which one at least is NULL in every row that has not been filled, if there are such: a client's row that the trigger has filled
/// need not be written once more.
///
/// Of columns that may not be NULL, and have no default by which a row could get a value without the trigger, one will do: all of a row's columns
/// are computed together. A computed default leaves alone what has a value; that is known of each column by itself.
fn unfilled(table: &Table, up: &Flow<'_>) -> Option<Vec<String>> {
    if table.family.has_children || up.stages.iter().any(Computation::is_lookup) {
        return None;
    }
    let is_certain = |column: &&Column| {
        let value = &table.values[column.value];
        column.not_null
            && column.default.is_none()
            && column.added_default.is_none()
            && !column.generated
            && value.inherited.is_none()
            // Another type may have a default, which the rows that exist then have.
            && TypeName::parse(&value.data_type).built_in().is_some()
            && up.stages.iter().any(|c| c.stage.result == column.value)
    };
    if let Some(column) = table.shadows().find(is_certain) {
        return Some(vec![table.physical(column)?.to_owned()]);
    }
    let default = |computation: &Computation<'_>| match &computation.stage.formula {
        Formula::Default(_) => computation.column.map(str::to_owned),
        Formula::Expression(_) | Formula::Copy(_) | Formula::Lookup(_) => None,
    };
    up.stages.iter().map(default).collect()
}

fn unfilled_sql(alias: &str, columns: &[String]) -> String {
    let columns: Vec<String> =
        columns.iter().map(|column| format!("{alias}.{} IS NULL", ident(column))).collect();
    match columns.as_slice() {
        [one] => format!(" AND {one}"),
        several => format!(" AND ({})", several.join(" OR ")),
    }
}

/// The alias, quoted, and what follows the relation in `UPDATE …`.
pub(crate) fn update(table: &Table, up: &Flow<'_>) -> (String, String) {
    let (alias, assignments) = match direct(table, up) {
        Some(direct) => direct,
        None => (String::from(ROW), general(table, up)),
    };
    let alias = ident(&alias);
    let update = format!(" AS {alias} SET {assignments}");
    (alias, update)
}

/// A statement that fails if the backfill has left a row out: a BEFORE trigger of the user's that returns NULL skips it without a word.
/// Such a row has no value in any of the columns although one at least should have one.
pub(crate) fn check(table: &Table, up: &Flow<'_>) -> String {
    let (columns, values, from) = chain(table, up);
    let row = ident(ROW);
    let empty: Vec<String> = columns.iter().map(|c| format!("{row}.{c} IS NULL")).collect();
    let body = format!(
        "\nBEGIN\n  IF EXISTS (SELECT FROM {} AS {row} WHERE {}\n    AND (SELECT pg_catalog.num_nonnulls({}) FROM {from}) > 0)\n  \
         THEN\n    RAISE EXCEPTION USING MESSAGE = {}, HINT = {};\n  END IF;\nEND\n",
        table.itself(),
        empty.join(" AND "),
        values.join(", "),
        literal(&format!("a trigger of table {} has kept rows from being filled", table.sql())),
        literal(
            "a BEFORE UPDATE trigger that returns NULL skips the row: change it, then start again"
        ),
    );
    format!("DO {}", dollar(&body))
}

/// Plain assignments, where every name that the expressions use is the row's own column of that name: no sub-select per row.
fn direct(table: &Table, up: &Flow<'_>) -> Option<(String, String)> {
    let alias = &up.stages.first()?.stage.scope.table;
    let assignments: Option<Vec<String>> = up
        .stages
        .iter()
        .map(|computation| {
            let same = computation.stage.scope.table == *alias
                && computation.used.iter().all(|(name, id)| {
                    let value = &table.values[*id];
                    value.in_base && value.physical.as_deref() == Some(*name)
                });
            let column = ident(computation.column?);
            let row = ident(alias);
            let value = match &computation.stage.formula {
                Formula::Copy(id) => {
                    format!("{row}.{}", ident(table.values[*id].physical.as_deref()?))
                }
                Formula::Default(sql) => format!("coalesce({row}.{column}, (\n{sql}\n))"),
                // The row itself has the shadow columns, too.
                Formula::Expression(sql) if same && !whole_row(sql, alias) => {
                    format!("(\n{}\n)", computation.stage.scope.beside.evaluated(sql))
                }
                Formula::Expression(_) | Formula::Lookup(_) => return None,
            };
            Some(format!("{column} = {value}"))
        })
        .collect();
    Some((alias.clone(), assignments?.join(", ")))
}

/// One assignment for all columns.
fn general(table: &Table, up: &Flow<'_>) -> String {
    let (columns, values, from) = chain(table, up);
    format!("({}) = (SELECT {} FROM {from})", columns.join(", "), values.join(", "))
}

/// The chain: one lateral sub-select per computation, each seeing the names and values of its own point of the batch. Returns the
/// columns, their values, and what to select those from, where the row is `__reshape_t`.
pub(crate) fn chain(table: &Table, up: &Flow<'_>) -> (Vec<String>, Vec<String>, String) {
    let row = ident(ROW);
    let value = |id: usize| ident(&format!("__reshape_{id}"));
    let sources: Vec<String> = (0..table.values.len())
        .filter(|id| !up.stages.iter().any(|c| c.stage.result == *id))
        .filter_map(|id| {
            let column = table.values[id].physical.as_deref()?;
            Some(format!("{row}.{} AS {}", ident(column), value(id)))
        })
        .collect();
    let mut from = format!("(SELECT {}) AS \"__reshape_row\"", sources.join(", "));
    // Those names that it uses, not all: Postgres substitutes each for what it stands for, and a name for all others in every stage would
    // double the query with each.
    let in_scope = |number: usize, computation: &Computation<'_>, sql: &str| {
        let names = computation.used.iter().filter(|(_, id)| is_known(table, up, number, *id));
        let names: Vec<String> =
            names.map(|(name, id)| format!("{} AS {}", value(*id), ident(name))).collect();
        format!(
            "(SELECT (\n{sql}\n) FROM (SELECT {}) AS {})",
            names.join(", "),
            ident(&computation.stage.scope.table)
        )
    };
    for (number, computation) in up.stages.iter().enumerate() {
        let stage = computation.stage;
        let result = match &stage.formula {
            Formula::Copy(id) => value(*id),
            Formula::Default(sql) => match computation.column {
                Some(column) => format!("coalesce({row}.{}, (\n{sql}\n))", ident(column)),
                None => typed(table, computation, &format!("(\n{sql}\n)")),
            },
            Formula::Expression(sql) => {
                let sql = stage.scope.beside.evaluated(sql);
                typed(table, computation, &in_scope(number, computation, &sql))
            }
            Formula::Lookup(lookup) => {
                let sql = lookup.sql(Locking::No);
                typed(table, computation, &in_scope(number, computation, &sql))
            }
        };
        from.push_str(&format!(
            "\n  CROSS JOIN LATERAL (SELECT {result} AS {}) AS {}",
            value(stage.result),
            ident(&format!("__reshape_stage_{number}"))
        ));
    }
    let finals: Vec<(&str, usize)> =
        up.stages.iter().filter_map(|c| Some((c.column?, c.stage.result))).collect();
    let columns = finals.iter().map(|(column, _)| ident(column)).collect();
    let values = finals.iter().map(|(_, id)| value(*id)).collect();
    (columns, values, from)
}

/// A value in between has the type that its action declared; a final one is cast by the assignment, which is stricter.
fn typed(table: &Table, computation: &Computation<'_>, expression: &str) -> String {
    match computation.column {
        Some(_) => expression.to_owned(),
        None => {
            format!("CAST({expression} AS {})", table.values[computation.stage.result].data_type)
        }
    }
}

/// Whether the value has been read from the row or computed before stage `number`.
fn is_known(table: &Table, up: &Flow<'_>, number: usize, id: usize) -> bool {
    match up.stages.iter().position(|computation| computation.stage.result == id) {
        Some(stage) => stage < number,
        None => table.values[id].physical.is_some(),
    }
}
