//! Other tables as the sub-selects of an expression see them: with the names, columns and values that the actions before have left.
//!
//! Until contract the catalog has the names of before, and values that change are in shadow columns. So the expression is evaluated under a
//! WITH clause: what it calls `b` is a query over the table that is to be `b`. Nothing in the user's SQL is rewritten, and
//! `NOT MATERIALIZED` lets Postgres put the table in its place.
//!
//! **Invariant:** an expression reads what it would read if each migration had been completed before the next one, or the batch is refused:
//! never something else. `up` is computed while shadow columns are being filled, so it reads none that has to be computed; for `down` they are
//! all filled.

use std::collections::BTreeSet;

use crate::action::Action;
use crate::model::Transform;
use crate::plan::batch::Batch;
use crate::plan::flow::Flow;
use crate::plan::lineage::{Formula, Stage, Table, ValueId};
use crate::plan::mention::{has_sub_select, relation, says};
use crate::plan::{Refusal, inherit};
use crate::sql::ident::ident;
use crate::sql::names::DEFAULT_SCHEMA;

mod render;

use render::{When, render};

/// What an expression is evaluated under.
#[derive(Clone, Debug, Default)]
pub(crate) struct Beside {
    /// Its action; `None` until that is known, and for expressions that have no sub-select.
    at: Option<(usize, usize)>,
    tables: Vec<Seen>,
    /// The WITH clause; empty where the catalog has what the expression sees. Known when all actions are.
    with: String,
}

/// A table at some point of the batch.
#[derive(Clone, Debug)]
struct Seen {
    table: usize,
    schema: String,
    name: String,
    columns: Vec<(String, ValueId)>,
    /// Whether its name alone means it; where the expression is known, whether it says that.
    alone: bool,
    /// Whether the expression has its schema before its name.
    with_schema: bool,
    /// Whether the expression names the type of its rows.
    row_type: bool,
    /// The migration of the batch that has changed it last.
    changed_by: Option<usize>,
}

/// Where the values of the batch's tables come from.
#[derive(Debug, Default)]
pub(crate) struct Origins(Vec<Vec<Option<usize>>>);

impl Origins {
    /// Notes what is new since the last time, or that it was there before.
    pub(crate) fn note(&mut self, tables: &[Table], migration: Option<usize>) {
        self.0.resize_with(tables.len(), Vec::new);
        for (known, table) in self.0.iter_mut().zip(tables) {
            known.resize(table.values.len(), migration);
        }
    }

    fn of(&self, table: usize, value: ValueId) -> Option<usize> {
        *self.0.get(table)?.get(value)?
    }
}

impl Beside {
    /// The expression as it is to be evaluated.
    pub(crate) fn evaluated(&self, sql: &str) -> String {
        under(&self.with, sql)
    }
}

fn under(with: &str, sql: &str) -> String {
    if with.is_empty() { sql.to_owned() } else { format!("(WITH {with}\nSELECT (\n{sql}\n))") }
}

/// The tables that the action's sub-selects may name, as they are before it.
#[derive(Debug)]
pub(crate) struct Point(Vec<Seen>);

/// What to keep in mind of the batch for the action that is about to be planned.
pub(crate) fn before(action: &Action, batch: &Batch<'_>) -> Result<Option<Point>, Refusal> {
    let (own, others) = expressions(action);
    for sql in others.into_iter().filter(|sql| has_sub_select(sql)) {
        let seen = named(&reachable(batch, &[sql]), sql);
        if let Some(other) = seen.iter().find(|seen| render::differs(batch, seen, When::Now)) {
            let what = format!(
                "a sub-select on `{}`, which the same batch changes, in a value from another table",
                other.name
            );
            return Err(render::not_supported(batch, batch.at, &what, other.changed_by));
        }
    }
    let own: Vec<&str> = own.into_iter().filter(|sql| has_sub_select(sql)).collect();
    Ok((!own.is_empty()).then(|| Point(reachable(batch, &own))))
}

/// Has the expressions that the action has brought see what was there before it.
pub(crate) fn after(point: &Point, batch: &mut Batch<'_>) {
    let at = batch.at;
    for (number, table) in batch.tables.iter_mut().enumerate() {
        for stage in table.ups.iter_mut().chain(&mut table.downs) {
            let Formula::Expression(sql) = &stage.formula else { continue };
            if stage.scope.beside.at.is_some() || !has_sub_select(sql) {
                continue;
            }
            let mut tables = named(&point.0, sql);
            for seen in tables.iter_mut().filter(|seen| seen.table == number) {
                // `down` sees its own table as the action leaves it.
                seen.columns.clone_from(&stage.scope.names);
            }
            stage.scope.beside = Beside { at: Some(at), tables, with: String::new() };
        }
    }
}

/// What the action computes from rows of its own table, and from those of others.
fn expressions(action: &Action) -> (Vec<&str>, Vec<&str>) {
    let (mut own, mut others) = (Vec::new(), Vec::new());
    if let Action::CreateTable(create) = action {
        let up = create.up.iter();
        let all = up.flat_map(|up| up.values.iter().map(|(_, sql)| sql).chain(&up.condition));
        others.extend(all.map(AsRef::as_ref));
    }
    for transform in action.transforms().into_iter().flatten() {
        match transform {
            Transform::Expression(sql) => own.push(sql.as_ref()),
            Transform::Table { value, condition, .. } => {
                others.extend([value.as_ref(), condition.as_ref()]);
            }
        }
    }
    (own, others)
}

/// The tables whose names one of the expressions says, as they are now.
fn reachable(batch: &Batch<'_>, expressions: &[&str]) -> Vec<Seen> {
    let path = &batch.facts().search_path;
    // The name alone means the table in the first schema of the `search_path` that has one.
    let rank = |schema: &str| match path.iter().position(|name| name == schema) {
        _ if schema == batch.home() => Some(0),
        None if schema == DEFAULT_SCHEMA => Some(path.len() + 1),
        place => place.map(|place| place + 1),
    };
    let there = batch.tables.iter().enumerate().filter(|(_, table)| !table.removed);
    let there = there.filter(|(_, table)| expressions.iter().any(|sql| says(sql, &table.name)));
    let is_hidden = |number: usize, table: &Table, own: usize| {
        there.clone().any(|(other, hiding)| {
            other != number
                && hiding.name == table.name
                && rank(&hiding.schema).is_some_and(|rank| rank < own)
        })
    };
    let seen = there.clone().map(|(number, table)| Seen {
        table: number,
        schema: table.schema.clone(),
        name: table.name.clone(),
        columns: table.scope().names,
        alone: rank(&table.schema).is_some_and(|own| !is_hidden(number, table, own)),
        with_schema: false,
        row_type: false,
        changed_by: table.touched.map(|order| migration(batch, order)),
    });
    seen.collect()
}

/// Those of the tables that sub-selects of `sql` may name, and how.
fn named(tables: &[Seen], sql: &str) -> Vec<Seen> {
    let mut tables = tables.to_vec();
    tables.retain_mut(|seen| {
        let named = relation(sql, &seen.schema, &seen.name);
        // Where the name alone means another table, it means the type of another one's rows, too.
        seen.row_type = seen.alone && named.row_type;
        seen.alone &= named.alone;
        seen.with_schema = named.with_schema;
        seen.alone || seen.with_schema || seen.row_type
    });
    tables
}

/// The migration of the action with that place in the batch.
fn migration(batch: &Batch<'_>, order: usize) -> usize {
    let mut rest = order;
    for (number, migration) in batch.request.pending.iter().enumerate() {
        match rest.checked_sub(migration.actions.len()) {
            None => return number,
            Some(left) => rest = left,
        }
    }
    batch.at.0
}

/// What to do about a change that comes too early.
fn complete_first(batch: &Batch<'_>, at: (usize, usize), migration: Option<usize>) -> String {
    match migration.filter(|number| *number != at.0) {
        Some(number) => {
            format!("start and complete `{}` first", batch.request.pending[number].name)
        }
        None => String::from("make the change in an earlier migration, and complete that first"),
    }
}

impl Batch<'_> {
    /// An expression of a table that the batch creates as it is to be evaluated at once, before anything else is changed.
    pub(crate) fn evaluated_now(&self, sql: &str) -> Result<String, Refusal> {
        if !has_sub_select(sql) {
            return Ok(sql.to_owned());
        }
        let tables = named(&reachable(self, &[sql]), sql);
        let rendered = render(self, self.at, sql, &tables, When::Now)?;
        Ok(under(&rendered.with, sql))
    }
}

/// Works out what every expression is evaluated under, and which tables have to be expanded in one transaction because of that. Called once,
/// when all actions are known and the shadow columns have their names.
pub(crate) fn resolve(batch: &mut Batch<'_>) -> Result<BTreeSet<usize>, Refusal> {
    let mut together = BTreeSet::new();
    let mut clauses: Vec<(usize, When, usize, String)> = Vec::new();
    let mut links: BTreeSet<(usize, usize)> = BTreeSet::new();
    let existing = batch.tables.iter().enumerate().filter(|(_, t)| !t.created && !t.removed);
    for (number, table) in existing {
        for (place, stage, when) in in_effect(table) {
            let Formula::Expression(sql) = &stage.formula else { continue };
            let beside = &stage.scope.beside;
            let Some(at) = beside.at else { continue };
            let rendered = render(batch, at, sql, &beside.tables, when)?;
            if !rendered.shadows_of.is_subset(&BTreeSet::from([number])) {
                together.insert(number);
                together.extend(&rendered.shadows_of);
                require_alone(batch, at, &together, beside, &rendered.shadows_of)?;
            }
            if !rendered.with.is_empty() {
                clauses.push((number, when, place, rendered.with));
            }
            let others = beside.tables.iter().map(|seen| seen.table);
            links.extend(others.filter(|other| *other != number).map(|other| (number, other)));
        }
    }
    for (number, when, place, with) in clauses {
        let table = &mut batch.tables[number];
        let stages = if when == When::Down { &mut table.downs } else { &mut table.ups };
        stages[place].scope.beside.with = with;
    }
    // Contract takes the columns away that a trigger of another table reads: not before the trigger.
    for (reader, other) in links {
        if batch.tables[other].removed {
            let last = batch.tables[reader].touched;
            let other = &mut batch.tables[other];
            other.touched = other.touched.max(last);
        } else if render::moves(&batch.tables[other]) {
            batch.asked.links.push((reader, other));
        }
    }
    Ok(together)
}

/// None of the tables that are expanded together is one of a tree.
fn require_alone(
    batch: &Batch<'_>,
    at: (usize, usize),
    together: &BTreeSet<usize>,
    beside: &Beside,
    shadows_of: &BTreeSet<usize>,
) -> Result<(), Refusal> {
    let of_tree = together.iter().find(|number| inherit::root(batch, **number).is_some());
    let Some(number) = of_tree else { return Ok(()) };
    let what = format!(
        "a sub-select on a column that the same batch adds, where `{}` inherits or has children,",
        batch.tables[*number].name
    );
    let read = beside.tables.iter().find(|seen| shadows_of.contains(&seen.table));
    Err(render::not_supported(batch, at, &what, read.and_then(|seen| seen.changed_by)))
}

/// The stages whose results anything needs, with their places among the `ups` or `downs`.
fn in_effect(table: &Table) -> Vec<(usize, &Stage, When)> {
    let mut found = Vec::new();
    for (when, flow, stages) in
        [(When::Up, Flow::up(table), &table.ups), (When::Down, Flow::down(table), &table.downs)]
    {
        for (place, stage) in stages.iter().enumerate() {
            if flow.stages.iter().any(|computation| std::ptr::eq(computation.stage, stage)) {
                found.push((place, stage, when));
            }
        }
    }
    found
}

/// A WITH query: the rows of `table`, and of its columns what is given.
fn query(name: &str, table: &Table, columns: &[(String, String)]) -> String {
    let columns: Vec<String> =
        columns.iter().map(|(name, source)| format!("{source} AS {}", ident(name))).collect();
    format!(
        "{} AS NOT MATERIALIZED (SELECT {} FROM {} AS {ROW})",
        ident(name),
        columns.join(", "),
        table.sql()
    )
}

/// What a row of another table is known as inside the WITH clause.
const ROW: &str = "\"__reshape_s\"";
