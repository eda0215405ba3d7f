//! Queries for the rows that break a rule: how many there are, and one of them as text.
//!
//! They run when a step has failed, to say more than Postgres does. **Invariant:** they only read, and counting ends at
//! [`Offenders::LIMIT`].

use crate::model::{Index, IndexColumn};
use crate::plan::assemble::shown;
use crate::plan::backfill;
use crate::plan::batch::Batch;
use crate::plan::columns::checked_columns;
use crate::plan::constraint;
use crate::plan::facts::DependentKind;
use crate::plan::flow::Flow;
use crate::plan::lineage::{Column, Table};
use crate::plan::{Offenders, not_null};
use crate::sql::ident::{ident, literal};

/// How much of a value is shown, in characters.
const SHOWN: usize = 60;

/// The alias of the row.
const ROW: &str = "__reshape_t";

/// The rows of one table, with the values that are stored or, for a backfill that fails, with those that it computes.
#[derive(Debug)]
pub(crate) struct Source<'a> {
    batch: &'a Batch<'a>,
    table: &'a Table,
    from: String,
    /// Columns that are computed, quoted, and their values.
    computed: Vec<(String, String)>,
}

impl<'a> Source<'a> {
    pub(crate) fn new(batch: &'a Batch<'a>, table: &'a Table, computed: bool) -> Self {
        let row = format!("{} AS {}", table.sql(), ident(ROW));
        let up = Flow::up(table);
        if !computed || up.is_empty() {
            return Self { batch, table, from: row, computed: Vec::new() };
        }
        let (columns, values, chain) = backfill::chain(table, &up);
        Self {
            batch,
            table,
            from: format!("{row} CROSS JOIN LATERAL {chain}"),
            computed: columns.into_iter().zip(values).collect(),
        }
    }

    fn value(&self, physical: &str) -> String {
        let column = ident(physical);
        match self.computed.iter().find(|(name, _)| *name == column) {
            Some((_, value)) => value.clone(),
            None => format!("{}.{column}", ident(ROW)),
        }
    }

    /// A query for one row as text, with those of its columns that others are computed from; the executor adds a WHERE clause.
    pub(crate) fn row(&self) -> String {
        let up = Flow::up(self.table);
        let feeds = up.feeds();
        let feeds = self
            .table
            .values
            .iter()
            .filter_map(|value| value.physical.as_deref())
            .filter(|p| feeds.contains(p));
        let columns: Vec<(&str, &str)> = feeds.map(|name| (name, name)).collect();
        format!("SELECT {} FROM {}", self.shown(&columns), self.from)
    }

    /// The primary key, or else the place, of a row, and its columns: `id = 3, email = NULL`.
    fn shown(&self, columns: &[(&str, &str)]) -> String {
        let mut parts = key(self.batch, self.table, ROW);
        let has = |physical: &str| {
            self.batch.facts().constraints_of(self.table.key()).any(|live| {
                live.kind == DependentKind::PrimaryKey
                    && live.columns.iter().any(|column| column == physical)
            })
        };
        parts.extend(
            columns
                .iter()
                .filter(|(_, physical)| !has(physical))
                .map(|(name, physical)| labelled(name, &self.value(physical))),
        );
        format!("pg_catalog.concat_ws(', ', {})", parts.join(", "))
    }

    fn query(&self, columns: &[(&str, &str)], condition: &str) -> String {
        format!(
            "SELECT pg_catalog.count(*), (pg_catalog.array_agg(x))[1] FROM (SELECT {} AS x FROM {} WHERE {condition} LIMIT {}) AS o",
            self.shown(columns),
            self.from,
            Offenders::LIMIT
        )
    }

    /// Rows that have NULL in a column.
    pub(crate) fn not_null(&self, name: &str, physical: &str) -> String {
        self.query(&[(name, physical)], &format!("{} IS NULL", self.value(physical)))
    }

    /// Rows for which a check is false; the expression calls the table `scope` and each column as its first name says.
    pub(crate) fn check(
        &self,
        expression: &str,
        scope: &str,
        columns: &[(&str, &Column, &str)],
    ) -> String {
        let names: Vec<String> = columns
            .iter()
            .map(|(name, _, physical)| format!("{} AS {}", self.value(physical), ident(name)))
            .collect();
        let shown: Vec<(&str, &str)> =
            columns.iter().map(|(_, column, physical)| (column.name.as_str(), *physical)).collect();
        let condition = format!(
            "(SELECT (\n{expression}\n) FROM (SELECT {}) AS {}) IS FALSE",
            names.join(", "),
            ident(scope)
        );
        self.query(&shown, &condition)
    }

    /// Rows that refer to none; pairs of columns, by their names in the tables.
    pub(crate) fn foreign_key(&self, target: &Table, pairs: &[(&str, &str)]) -> String {
        let other = ident("__reshape_r");
        let complete: Vec<String> =
            pairs.iter().map(|(own, _)| format!("{} IS NOT NULL", self.value(own))).collect();
        let equal: Vec<String> = pairs
            .iter()
            .map(|(own, to)| format!("{other}.{} = {}", ident(to), self.value(own)))
            .collect();
        let names: Vec<(&str, &str)> =
            pairs.iter().map(|(own, _)| (last_name(self.table, own), *own)).collect();
        self.query(
            &names,
            &format!(
                "{} AND NOT EXISTS (SELECT FROM {} AS {other} WHERE {})",
                complete.join(" AND "),
                target.sql(),
                equal.join(" AND ")
            ),
        )
    }
}

/// NOT NULL of the column that is `physical` in the table.
pub(crate) fn not_null(
    batch: &Batch<'_>,
    table: &Table,
    physical: &str,
    computed: bool,
) -> Offenders {
    let name = last_name(table, physical);
    let help = if table.ups.is_empty() {
        "give those rows a value, then start again"
    } else {
        "give those rows a value, or let `up` do so, then start again"
    };
    Offenders {
        constraint: not_null::name(physical),
        rule: format!("NOT NULL of `{}`.`{name}`", table.name),
        query: Source::new(batch, table, computed).not_null(name, physical),
        help: help.to_owned(),
    }
}

/// What may stop a backfill: the rules for what it writes, and checks of the user's that not all rows satisfy.
pub(crate) fn backfill(batch: &Batch<'_>, number: usize) -> Vec<Offenders> {
    let table = &batch.tables[number];
    let mut all: Vec<Offenders> = checked_columns(table)
        .iter()
        .map(|physical| not_null(batch, table, physical, true))
        .collect();
    for check in batch.constraints.checks.iter().filter(|check| check.table == number) {
        let (working, _) = batch.working_name(number, &check.name);
        all.push(constraint::check::offenders(batch, check, &working, true));
    }
    let live = batch.facts().constraints_of(table.key());
    for known in live.filter(|live| live.kind == DependentKind::Check && !live.validated) {
        let source = Source::new(batch, table, false);
        let number = |number: i16| batch.live(table)?.numbered(number);
        let sql = known.expression.as_ref().and_then(|expression| {
            expression
                .render(|column| Some(format!("{}.{}", ident(ROW), ident(&number(column)?.name))))
        });
        let Some(sql) = sql else { continue };
        let columns: Vec<(&str, &str)> =
            known.columns.iter().map(|name| (last_name(table, name), name.as_str())).collect();
        all.push(Offenders {
            constraint: known.name.clone(),
            rule: format!("the check `{}` of {}, which is NOT VALID,", known.name, shown(table)),
            query: source.query(&columns, &format!("({sql}) IS FALSE")),
            help: String::from(
                "what the batch writes into a row makes Postgres check all of it: correct those rows, or drop the check, then start again",
            ),
        });
    }
    all
}

/// A unique index that is built as `name`: its columns and expressions go by their names in the table.
pub(crate) fn unique(
    batch: &Batch<'_>,
    table: &Table,
    index: &Index,
    name: &str,
) -> Option<Offenders> {
    if !index.unique {
        return None;
    }
    let row = ident(&table.name);
    let mut keys: Vec<(String, String)> = Vec::new();
    for key in index.columns.iter() {
        keys.push(match key {
            IndexColumn::Name(column) | IndexColumn::Column { column, .. } => {
                let physical = table.physical(table.column(column)?)?;
                (column.to_string(), format!("{row}.{}", ident(physical)))
            }
            IndexColumn::Expression { expression, .. } => {
                (expression.to_string(), format!("(\n{expression}\n)"))
            }
        });
    }
    let mut conditions: Vec<String> =
        keys.iter().map(|(_, sql)| format!("{sql} IS NOT NULL")).collect();
    conditions.extend(index.predicate.as_ref().map(|sql| format!("(\n{sql}\n)")));
    let groups: Vec<&str> = keys.iter().map(|(_, sql)| sql.as_str()).collect();
    let values: Vec<String> = keys.iter().map(|(label, sql)| labelled(label, sql)).collect();
    let first = |sql: &str, number: u8| {
        format!("(pg_catalog.array_agg({sql} ORDER BY {row}.ctid))[{number}]")
    };
    let own = format!("pg_catalog.concat_ws(', ', {})", key(batch, table, &table.name).join(", "));
    let query = format!(
        "SELECT least(pg_catalog.sum(n), {limit}), (pg_catalog.array_agg(x))[1] FROM (SELECT pg_catalog.count(*) AS n, \
         pg_catalog.concat({}, ' and ', {}, ', both with ', {}) AS x FROM {} AS {row} WHERE {} GROUP BY {} \
         HAVING pg_catalog.count(*) > 1 LIMIT {limit}) AS o",
        first(&own, 1),
        first(&own, 2),
        first(&format!("pg_catalog.concat_ws(', ', {})", values.join(", ")), 1),
        table.itself(),
        conditions.join(" AND "),
        groups.join(", "),
        limit = Offenders::LIMIT,
    );
    Some(Offenders {
        constraint: name.to_owned(),
        rule: format!("the unique index `{}` of {}", index.name, shown(table)),
        query,
        help: String::from("make those rows differ, then start again"),
    })
}

/// What tells a row from the others, each as `name = value`.
fn key(batch: &Batch<'_>, table: &Table, row: &str) -> Vec<String> {
    let row = ident(row);
    let mut constraints = batch.facts().constraints_of(table.key());
    let key = constraints.find(|live| live.kind == DependentKind::PrimaryKey && !table.created);
    let columns = key.map_or(&[][..], |live| &live.columns);
    if columns.is_empty() {
        return vec![labelled("ctid", &format!("{row}.ctid"))];
    }
    let value = |physical: &String| {
        labelled(last_name(table, physical), &format!("{row}.{}", ident(physical)))
    };
    columns.iter().map(value).collect()
}

/// What the column is called at the end of the batch; one that goes keeps its name.
fn last_name<'t>(table: &'t Table, physical: &'t str) -> &'t str {
    let named = table.columns.iter().find(|column| table.physical(column) == Some(physical));
    named.map_or(physical, |column| &column.name)
}

/// `name = value` as an SQL expression; texts are in quotes, so that one can tell them from NULL and from nothing.
pub(crate) fn labelled(name: &str, value: &str) -> String {
    let text = format!("({value})::text");
    let cut = format!(
        "CASE WHEN pg_catalog.length({text}) > {SHOWN} THEN pg_catalog.left({text}, {SHOWN}) || '…' ELSE {text} END"
    );
    let quoted = format!(
        "CASE WHEN {text} ~ '^-?[0-9.]+$' OR ({value}) IS NULL THEN coalesce({text}, 'NULL') ELSE pg_catalog.concat('''', {cut}, '''') END"
    );
    format!("pg_catalog.concat({}, {quoted})", literal(&format!("{name} = ")))
}
