//! A new table that is filled from another one, and follows it while old clients write.
//!
//! **Invariant:** the new table's rows are found by a key of its own, whose values `up` gives: the same row of the source makes the same row here.

use std::collections::BTreeSet;

use super::keep::fill_reads;
use super::lookup::{ROW, columns};
use super::plan::{changes, is_computed, not_generated};
use super::relay::{self, NEW_ROW, OLD_ROW};
use super::{Cross, Direction, Relay, key, unique};
use crate::plan::batch::Batch;
use crate::plan::facts::DependentKind;
use crate::plan::lineage::{Scope, Table, ValueId};
use crate::plan::mention::{mentions, mentions_beside_namesake};
use crate::plan::{Phase, Refusal, Step, Work};
use crate::sql::ident::{ident, idents};
use crate::sql::names::{self, ORIGIN};

/// `up` of `create_table`.
#[derive(Clone, Debug)]
pub(crate) struct Fill {
    /// The action, for refusals.
    pub(crate) at: (usize, usize),
    /// The new table's place in the batch, and the name that it is created with.
    pub(crate) table: usize,
    pub(crate) created_as: String,
    /// The table that rows come from, by its name and columns at this point of the batch.
    pub(crate) source: usize,
    pub(crate) scope: Scope,
    pub(crate) values: Vec<(ValueId, String)>,
    pub(crate) condition: Option<String>,
    pub(crate) constraint: Option<String>,
}

impl Fill {
    /// Whether an expression may refer to the column `name` of the source.
    pub(super) fn mentions(&self, name: &str) -> bool {
        let table = &self.scope.table;
        let is_namesake = self.scope.names.iter().any(|(name, _)| name == table);
        let mentions = if is_namesake { mentions_beside_namesake } else { mentions };
        let mut expressions = self.values.iter().map(|(_, sql)| sql).chain(&self.condition);
        expressions.any(|sql| mentions(sql, table, name))
    }
}

/// The fill with everything that it names found.
pub(super) struct Parts<'a> {
    pub(super) fill: &'a Fill,
    pub(super) table: &'a Table,
    pub(super) source: &'a Table,
    /// The new table's columns, and the expressions.
    pub(super) columns: Vec<(&'a str, &'a str)>,
    /// The columns that the upsert goes by.
    pub(super) key: Vec<&'a str>,
    /// Whether a row of the source makes at most one row that no other makes.
    one_to_one: bool,
}

/// Adds the step that fills the table and the trigger that follows the source.
pub(super) fn plan(batch: &Batch<'_>, cross: &mut Cross, fill: &Fill) -> Result<(), Refusal> {
    let (table, source) = (&batch.tables[fill.table], &batch.tables[fill.source]);
    if table.removed {
        return Ok(());
    }
    let columns: Vec<(&str, &str)> = fill
        .values
        .iter()
        .filter_map(|(id, sql)| {
            let column = table.columns.iter().find(|column| column.value == *id)?;
            Some((table.physical(column)?, sql.as_str()))
        })
        .collect();
    let by = upsert_key(batch, fill)?;
    if let Some(missing) = by.iter().find(|name| !columns.iter().any(|(column, _)| column == *name))
    {
        return Err(batch
            .refuse_at(
                fill.at,
                format!("`up` of `{}` gives no value for `{missing}`, by which its rows are found again", fill.created_as),
            )
            .with_help("give it one, or name another unique index with `upsert_constraint`"));
    }
    let mut reads: BTreeSet<&str> = BTreeSet::new();
    for (name, id) in fill_reads(fill) {
        let Some(column) = source.values[id].physical.as_deref() else {
            return Err(changes(batch, &fill.scope.table, name));
        };
        not_generated(batch, source, column)?;
        reads.insert(column);
        if source.created || is_computed(source, id) {
            cross.needs.push((fill.table, fill.source));
        }
    }
    let parts = Parts {
        fill,
        table,
        source,
        one_to_one: is_one_to_one(batch, fill, &columns, &by),
        columns,
        key: by,
    };
    if !parts.one_to_one {
        cross.notes.push(format!(
            "rows of `{}` stay when old clients delete or change the rows of `{}` that they came from: several may have made one",
            table.name, source.name
        ));
    }
    for column in table.columns.iter().filter(|column| column.generated) {
        if table.physical(column).is_some_and(|name| parts.columns.iter().any(|(c, _)| *c == name))
        {
            cross.notes.push(format!(
                "`up` gives values for `{}`.`{}`, of which its sequence does not know",
                table.name, column.name
            ));
        }
    }
    cross.members.extend([fill.table, fill.source]);
    cross.relays.push(Relay {
        number: cross.relays.len() + 1,
        source: fill.source,
        direction: Direction::Up,
        reads: reads.into_iter().map(str::to_owned).collect(),
        deletes: parts.one_to_one,
        when: None,
        fills: true,
        body: parts.body(),
    });
    let (statement, rest) = parts.statement();
    cross.proofs.push(format!("EXPLAIN {statement}{rest}"));
    let work = Work::Backfill {
        table: source.sql(),
        statement,
        ctid: format!("{ROW}.ctid"),
        rest,
        // Rows of different ranges may make the same row.
        parallel: false,
        // The rows of the source are only read.
        in_turns: false,
        xmin: String::new(),
        walks: String::new(),
    };
    let title = format!("fill `{}` from `{}`", table.name, source.name);
    let analyze = Work::Analyze { table: table.sql() };
    let step = |title: String, work| Step { work, ..Step::sql(Phase::Backfill, title, Vec::new()) };
    let filled = step(title, work).violated_by(parts.offenders(batch));
    let steps = vec![filled, step(format!("analyze `{}`", table.name), analyze)];
    cross.fills.push((fill.table, steps));
    Ok(())
}

/// The columns of the unique key that the upsert goes by.
fn upsert_key<'b>(batch: &'b Batch<'_>, fill: &Fill) -> Result<Vec<&'b str>, Refusal> {
    let table = &batch.tables[fill.table];
    let constraint = fill.constraint.as_deref();
    let found = match constraint {
        None => key(batch, fill.table),
        Some(name) if name == format!("{}_pkey", fill.created_as) => key(batch, fill.table),
        Some(name) => {
            let index = table.unique.iter().find(|(index, _)| index == name);
            let physical = |id: &ValueId| {
                let column = table.columns.iter().find(|column| column.value == *id)?;
                table.physical(column)
            };
            let columns: Option<Vec<&str>> =
                index.and_then(|(_, columns)| columns.iter().map(physical).collect());
            columns.unwrap_or_default()
        }
    };
    if !found.is_empty() {
        return Ok(found);
    }
    Err(batch
        .refuse_at(
            fill.at,
            match constraint {
                Some(name) => format!(
                    "`{}` has no unique index `{name}` on columns alone that this batch adds",
                    fill.created_as
                ),
                None => format!(
                    "`up` of `{}` needs a unique key to find its rows again, and there is no primary key",
                    fill.created_as
                ),
            },
        )
        .with_help("`upsert_constraint` is the primary key's name or that of a unique index of `add_index`"))
}

/// Whether the key has, as they are, the columns of a key of the source.
fn is_one_to_one(batch: &Batch<'_>, fill: &Fill, columns: &[(&str, &str)], by: &[&str]) -> bool {
    let source = &batch.tables[fill.source];
    let plain: BTreeSet<&str> = columns
        .iter()
        .filter(|(column, _)| by.contains(column))
        .filter_map(|(_, sql)| {
            let (_, id) = fill
                .scope
                .names
                .iter()
                .find(|(name, _)| is_column(sql, &fill.scope.table, name))?;
            source.values[*id].physical.as_deref()
        })
        .collect();
    let keys = if source.created {
        vec![key(batch, fill.source)]
    } else {
        unique(batch, source, &[DependentKind::PrimaryKey, DependentKind::Unique])
    };
    // The column that replaces one of a key gets the key.
    let replaced = |column: &str| {
        let mut shadows = source.shadows();
        shadows.any(|shadow| {
            shadow.ancestor.as_deref() == Some(column)
                && source.dropped.iter().any(|dropped| dropped == column)
                && source.physical(shadow).is_some_and(|physical| plain.contains(physical))
        })
    };
    let has = |column: &&str| plain.contains(column) || replaced(column);
    keys.iter().any(|key| !key.is_empty() && key.iter().all(has))
}

/// Whether the expression is nothing but the column, perhaps qualified.
fn is_column(sql: &str, table: &str, name: &str) -> bool {
    let is = |text: &str, name: &str| {
        let text = text.trim();
        let plain = text.chars().all(|c| c.is_alphanumeric() || c == '_');
        text == ident(name) || plain && text.to_lowercase() == name
    };
    let qualified =
        || sql.split_once('.').is_some_and(|(q, column)| is(q, table) && is(column, name));
    is(sql, name) || qualified()
}

impl Parts<'_> {
    pub(super) fn condition(&self) -> String {
        let condition = self.fill.condition.as_deref();
        condition.map(|sql| format!(" WHERE (\n{sql}\n)")).unwrap_or_default()
    }

    /// The backfill over the source: what stands before the range of blocks, and what after it. The rows are locked against changes,
    /// so what is inserted is what they have when the transaction ends.
    fn statement(&self) -> (String, String) {
        let names = idents(self.columns.iter().map(|(column, _)| *column));
        let values: Vec<String> =
            self.columns.iter().map(|(_, sql)| format!("(\n{sql}\n)")).collect();
        let [mark, _] = Direction::Up.marks();
        let statement = format!(
            "INSERT INTO {} ({names}, {}) OVERRIDING SYSTEM VALUE\n  SELECT {}, '{mark}'\n  FROM (SELECT {} FROM {} AS {ROW}",
            self.table.sql(),
            ident(ORIGIN),
            values.join(", "),
            columns(self.source, &self.fill.scope, ROW),
            self.source.sql()
        );
        let rest = format!(
            " FOR SHARE) AS {}{}\n  ON CONFLICT ({}) DO NOTHING",
            ident(&self.fill.scope.table),
            self.condition(),
            idents(self.key.iter().copied())
        );
        (statement, rest)
    }

    /// The trigger's body: the row that the source's row makes now, and, one to one, the row that it made before.
    fn body(&self) -> String {
        let on = self.table.sql();
        let variable = |row: &str, column: &str| ident(&names::generated(&[row, column]));
        let declare = |row: &str, columns: &[&str]| -> String {
            let variables = columns.iter().map(|column| {
                format!("  {} {on}.{}%TYPE;\n", variable(row, column), ident(column))
            });
            variables.collect::<Vec<_>>().concat()
        };
        let compute = |row: &str, flag: &str, record: &str, columns: &[&str]| -> String {
            let values = self.columns.iter().filter(|(column, _)| columns.contains(column));
            let (targets, values): (Vec<String>, Vec<String>) =
                values.map(|(column, sql)| (variable(row, column), format!("(\n{sql}\n)"))).unzip();
            format!(
                "    SELECT true, {} INTO {flag}, {}\n    FROM (SELECT {}) AS {}{};\n",
                values.join(", "),
                targets.join(", "),
                super::lookup::columns(self.source, &self.fill.scope, record),
                ident(&self.fill.scope.table),
                self.condition()
            )
        };
        let all: Vec<&str> = self.columns.iter().map(|(column, _)| *column).collect();
        let (was, is) = ("\"__reshape_was\"", "\"__reshape_is\"");
        let mut declarations = format!("  {is} boolean := false;\n{}", declare("new", &all));
        if self.one_to_one {
            declarations
                .push_str(&format!("  {was} boolean := false;\n{}", declare("old", &self.key)));
        }
        let mut body = relay::header(self.source, &declarations);
        body.push_str(&format!(
            "  IF TG_OP <> 'DELETE' THEN\n{}  END IF;\n",
            compute("new", is, NEW_ROW, &all)
        ));
        if self.one_to_one {
            let pairs = |left: &dyn Fn(&str) -> String, right: &str| -> String {
                let pairs =
                    self.key.iter().map(|c| format!("{} = {}", left(c), variable(right, c)));
                pairs.collect::<Vec<_>>().join(" AND ")
            };
            let of = |row: &'static str| move |column: &str| format!("{row}.{}", ident(column));
            let changed = self.key.iter().map(|column| {
                format!("{} IS DISTINCT FROM {}", variable("old", column), variable("new", column))
            });
            let set = self
                .key
                .iter()
                .map(|column| format!("{} = {}", ident(column), variable("new", column)))
                .chain([relay::mark(Direction::Up)]);
            body.push_str(&format!(
                "  IF TG_OP <> 'INSERT' THEN\n{}  END IF;\n",
                compute("old", was, OLD_ROW, &self.key)
            ));
            // What else the row has goes along with it, unless there is one already where it would go. An identity cannot be changed.
            let fixed = self.table.columns.iter().any(|column| {
                column.generated
                    && self.table.physical(column).is_some_and(|c| self.key.contains(&c))
            });
            let moves = if fixed { String::from("false") } else { String::from(is) };
            body.push_str(&format!(
                "  IF {was} AND ({is} IS NOT TRUE OR {}) THEN\n    IF {moves} THEN\n      UPDATE {on} AS {ROW} SET {}\n      \
                 WHERE {} AND NOT EXISTS (SELECT FROM {on} AS \"__reshape_u\" WHERE {});\n    END IF;\n    \
                 DELETE FROM {on} AS {ROW} WHERE {};\n  END IF;\n",
                changed.collect::<Vec<_>>().join(" OR "),
                set.collect::<Vec<_>>().join(", "),
                pairs(&of(ROW), "old"),
                pairs(&of("\"__reshape_u\""), "new"),
                pairs(&of(ROW), "old"),
            ));
        }
        let values: Vec<String> = all.iter().map(|column| variable("new", column)).collect();
        let set = all
            .iter()
            .filter(|column| !self.key.contains(column))
            .map(|column| format!("{0} = excluded.{0}", ident(column)))
            .chain([relay::mark(Direction::Up)]);
        let [mark, _] = Direction::Up.marks();
        body.push_str(&format!(
            "  IF {is} THEN\n    INSERT INTO {on} AS {ROW} ({}, {}) OVERRIDING SYSTEM VALUE\n      VALUES ({}, '{mark}')\n      \
             ON CONFLICT ({}) DO UPDATE SET {};\n  END IF;\n  RETURN NULL;\nEND\n",
            idents(all.iter().copied()),
            ident(ORIGIN),
            values.join(", "),
            idents(self.key.iter().copied()),
            set.collect::<Vec<_>>().join(", "),
        ));
        body
    }
}
