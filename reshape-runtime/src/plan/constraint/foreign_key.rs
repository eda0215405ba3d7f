//! Foreign keys: NOT VALID once every table is filled and has its indexes, then VALIDATE.
//!
//! One from a table that the batch creates to one that exists is made with the table, unless a column that it refers to turns out to be replaced, or
//! the batch has yet to build the unique index that it needs.

use crate::model::{ForeignKey, ReferentialAction};
use crate::plan::assemble::shown;
use crate::plan::batch::Batch;
use crate::plan::contract::Stage;
use crate::plan::facts::Key;
use crate::plan::lineage::Table;
use crate::plan::partition;
use crate::plan::{Offenders, Phase, Refusal, Step, offenders};
use crate::schema::{list, object_name};
use crate::sql::ident::{ident, idents};

/// A foreign key that the batch adds and that does not belong to new tables alone.
#[derive(Clone, Debug)]
pub(crate) struct PendingKey {
    pub(crate) at: (usize, usize),
    pub(crate) table: usize,
    pub(crate) name: String,
    /// Its columns, as they are called now.
    pub(crate) columns: Vec<String>,
    pub(crate) referenced: usize,
    /// The columns that it refers to, as they are called now.
    pub(crate) referenced_columns: Vec<String>,
    /// `ON DELETE …`, as SQL.
    pub(crate) clauses: String,
    /// Whether a change of the row that it refers to changes its own columns.
    pub(crate) writes: bool,
    /// The statement that makes it at once: its table is new, and nothing has been done yet to what it refers to.
    pub(crate) direct: Option<String>,
}

/// What a foreign key asks for at its own point of the batch.
#[derive(Debug)]
pub(crate) enum Made {
    /// It belongs to new tables alone: a clause of CREATE TABLE or ALTER TABLE, and its name.
    Clause(String, String),
    /// The statement that makes it, and the table that exists already and is locked for it.
    Statement(String, String),
    /// Nothing: it has to wait until the columns are filled.
    Later,
}

/// Adds a foreign key to the table at `number`, which for CREATE TABLE is not among the batch's tables yet: `created`.
pub(crate) fn add(
    batch: &mut Batch<'_>,
    number: usize,
    created: Option<&Table>,
    key: &ForeignKey,
) -> Result<Made, Refusal> {
    let table = created.map_or_else(|| batch.tables[number].clone(), Table::clone);
    let within = key.referenced_schema.as_deref().unwrap_or(&table.schema);
    let referenced = if key.referenced_table == table.name && within == table.schema {
        number
    } else {
        batch.known(within, &key.referenced_table)?
    };
    let target =
        if referenced == number { table.clone() } else { batch.tables[referenced].clone() };
    for name in key.columns.iter() {
        batch.column(&table, name)?;
    }
    let mut there = Vec::new();
    for name in key.referenced_columns.iter() {
        there.push(batch.column(&target, name)?);
    }
    let columns: Vec<String> = key.columns.iter().map(ToString::to_string).collect();
    let name = name(batch, (&table.schema, &table.name), &columns);
    batch.constraints.names.push((number, name.clone()));
    let mut clauses = String::new();
    if let Some(action) = key.on_delete {
        clauses.push_str(&format!(" ON DELETE {}", action.sql()));
    }
    if let Some(action) = key.on_update {
        clauses.push_str(&format!(" ON UPDATE {}", action.sql()));
    }
    // A row that old clients make would be there before the one that it refers to is filled in.
    let waits = table.filled && target.filled;
    let at_once = table.created
        && !waits
        && there.iter().all(|column| target.created || !target.is_new(column));
    let clause = at_once.then(|| {
        let to: Vec<&str> = there.iter().filter_map(|column| target.physical(column)).collect();
        let columns: Vec<&str> = columns.iter().map(String::as_str).collect();
        clause(&name, &columns, &target, &to, &clauses)
    });
    let made = match clause {
        Some(clause) if target.created => return Ok(Made::Clause(clause, name)),
        Some(clause) => {
            Made::Statement(format!("ALTER TABLE {} ADD {clause}", table.sql()), shown(&target))
        }
        None => Made::Later,
    };
    let direct = match &made {
        Made::Statement(statement, _) => Some(statement.clone()),
        Made::Clause(..) | Made::Later => None,
    };
    batch.constraints.keys.push(PendingKey {
        at: batch.at,
        table: number,
        name,
        columns,
        referenced,
        referenced_columns: key.referenced_columns.iter().map(ToString::to_string).collect(),
        clauses,
        writes: writes(key),
        direct,
    });
    Ok(made)
}

fn clause(name: &str, columns: &[&str], target: &Table, to: &[&str], clauses: &str) -> String {
    format!(
        "CONSTRAINT {} FOREIGN KEY ({}) REFERENCES {} ({}){clauses}",
        ident(name),
        idents(columns.iter().copied()),
        target.sql(),
        idents(to.iter().copied()),
    )
}

fn writes(key: &ForeignKey) -> bool {
    use ReferentialAction::{Cascade, NoAction, Restrict, SetDefault, SetNull};
    let on_delete = match key.on_delete {
        Some(SetNull | SetDefault) => true,
        Some(NoAction | Restrict | Cascade) | None => false,
    };
    let on_update = match key.on_update {
        Some(Cascade | SetNull | SetDefault) => true,
        Some(NoAction | Restrict) | None => false,
    };
    on_delete || on_update
}

/// The name that Postgres would choose if the actions ran one after the other.
fn name(batch: &Batch<'_>, (schema, table): Key<'_>, columns: &[String]) -> String {
    let facts = batch.facts();
    let gone = |key: Key<'_>| {
        batch.tables.iter().any(|known| known.removed && !known.created && known.key() == key)
    };
    // A table that is being created is not among the batch's yet, and of the same schema.
    let within = |number: &usize| batch.tables.get(*number).is_none_or(|t| t.schema == schema);
    let taken = |name: &str| {
        let mut live = facts.constraints.iter().filter(|live| live.schema == schema);
        live.any(|live| live.name == name && !batch.is_removed(live) && !gone(live.table_key()))
            || batch.constraints.names.iter().any(|(of, other)| other == name && within(of))
    };
    let columns = columns.join("_");
    let mut name = object_name(table, &columns, "fkey");
    let mut count = 0;
    while taken(&name) {
        count += 1;
        name = object_name(table, &columns, &format!("fkey{count}"));
    }
    name
}

/// Asks for the steps of every foreign key that has to wait.
pub(super) fn resolve(batch: &mut Batch<'_>) -> Result<(), Refusal> {
    for key in std::mem::take(&mut batch.constraints.keys) {
        let is_there = has_unique(batch, &key)?;
        require_lasting(batch, &key)?;
        let target = &batch.tables[key.referenced];
        let stays = key.referenced_columns.iter().all(|name| {
            target.column(name).is_some_and(|column| target.created || !target.is_new(column))
        });
        match &key.direct {
            Some(_) if stays && is_there => {}
            Some(statement) => {
                batch.retract(statement);
                make(batch, &key)?;
            }
            None => make(batch, &key)?,
        }
        batch.constraints.keys.push(key);
    }
    Ok(())
}

fn make(batch: &mut Batch<'_>, key: &PendingKey) -> Result<(), Refusal> {
    partition::require_foreign_key(batch, key)?;
    let (working, rename) = batch.working_name(key.table, &key.name);
    let (table, target) = (&batch.tables[key.table], &batch.tables[key.referenced]);
    let columns = physical(batch, table, &key.columns)?;
    let to = physical(batch, target, &key.referenced_columns)?;
    let clause = clause(&working, &columns, target, &to, &key.clauses);
    let on = table.sql();
    let both = if key.table == key.referenced {
        shown(table)
    } else {
        format!("{} and {}", shown(table), shown(target))
    };
    let phase = if is_written(table, key) { Phase::Publish } else { Phase::Backfill };
    let add = Step::sql(
        phase,
        format!("add foreign key `{}` to {}", key.name, shown(table)),
        vec![format!("ALTER TABLE {on} ADD {clause} NOT VALID")],
    )
    .locking(format!(
        "SHARE ROW EXCLUSIVE on {both}: no row is read, what is written from then on is checked"
    ))
    .undone_by(vec![format!(
        "ALTER TABLE IF EXISTS {on} DROP CONSTRAINT IF EXISTS {}",
        ident(&working)
    )]);
    let pairs: Vec<_> = columns.iter().copied().zip(to.iter().copied()).collect();
    let offenders = Offenders {
        constraint: working.clone(),
        rule: format!("the foreign key `{}` of {}", key.name, shown(table)),
        query: offenders::Source::new(batch, table, false).foreign_key(target, &pairs),
        help: String::from(
            "correct those rows, or insert the rows that they refer to, then start again",
        ),
    };
    let validate = Step::sql(
        phase,
        format!("check that all rows of {} satisfy `{}`", shown(table), key.name),
        vec![format!("ALTER TABLE {on} VALIDATE CONSTRAINT {}", ident(&working))],
    )
    .patient()
    .violated_by([offenders]);
    let number = key.table;
    match phase {
        Phase::Publish => batch.asked.translated.extend([add, validate]),
        Phase::Expand | Phase::Backfill | Phase::Contract => {
            batch.asked.all_filled.extend([add, validate]);
        }
    }
    batch.asked.contract.extend(rename.map(|rename| (number, Stage::Finish, rename)));
    Ok(())
}

/// Whether the foreign key itself writes its columns (`ON DELETE SET NULL`, say) and the batch computes one of them. As long as the table is
/// being filled, the trigger would put the old version's value back after such a write, and nothing would check it again.
fn is_written(table: &Table, key: &PendingKey) -> bool {
    let mut columns = key.columns.iter().filter_map(|name| table.column(name));
    key.writes && !table.created && columns.any(|column| table.is_computed(column))
}

/// The names that the columns have in the table until contract.
fn physical<'t>(
    batch: &Batch<'_>,
    table: &'t Table,
    columns: &[String],
) -> Result<Vec<&'t str>, Refusal> {
    let physical = |name: &String| {
        let column = batch.column(table, name)?;
        table.physical(column).ok_or_else(|| batch.unknown_column(table, name))
    };
    columns.iter().map(physical).collect()
}

/// What a foreign key refers to must be unique by the time that it is made. Returns whether it is so from the beginning.
fn has_unique(batch: &Batch<'_>, key: &PendingKey) -> Result<bool, Refusal> {
    let target = &batch.tables[key.referenced];
    // What is created has been checked with the history.
    if target.created {
        return Ok(true);
    }
    let built = batch.indexes.iter().any(|pending| {
        let index = &pending.index;
        let names: Option<Vec<&str>> = index.columns.iter().map(|key| key.name()).collect();
        pending.table == key.referenced
            && index.unique
            && index.predicate.is_none()
            && names.is_some_and(|names| same_set(&names, &key.referenced_columns))
    });
    // An index goes along with a column that is replaced.
    let ancestors: Option<Vec<String>> = key
        .referenced_columns
        .iter()
        .map(|name| target.column(name).and_then(|column| column.ancestor.clone()))
        .collect();
    let facts = batch.facts();
    let deferrable = |index: &str| {
        let mut constraints = facts.constraints_of(target.key());
        constraints.any(|live| live.index.as_deref() == Some(index) && live.deferrable)
    };
    let exists = ancestors.is_some_and(|columns| {
        facts.indexes_of(target.key()).any(|index| {
            let names: Option<Vec<&str>> =
                index.keys.iter().map(|key| key.column.as_deref()).collect();
            index.unique
                && index.valid
                && index.predicate.is_none()
                && names.is_some_and(|names| same_set(&names, &columns))
                && !batch.removes_index(&index.schema, &index.name)
                && !deferrable(&index.name)
        })
    });
    // What the user's own SQL does is not known.
    if exists || built || batch.runs_custom_sql() {
        return Ok(exists || !built);
    }
    let columns = list(key.referenced_columns.iter().map(String::as_str));
    let message = format!(
        "no primary key or unique index of table `{}` in the database is over exactly {columns}",
        target.name
    );
    Err(batch.refuse_at(key.at, message).with_help(
        "a foreign key refers to a unique key: add one first, with `add_index` and `unique = true`",
    ))
}

/// Postgres takes any unique index over the columns for the one that the foreign key needs from then on: it must not be one that goes in
/// contract.
fn require_lasting(batch: &Batch<'_>, key: &PendingKey) -> Result<(), Refusal> {
    let target = &batch.tables[key.referenced];
    let columns = physical(batch, target, &key.referenced_columns)?;
    let columns: Vec<String> = columns.into_iter().map(str::to_owned).collect();
    let gone = batch.facts().indexes_of(target.key()).find(|index| {
        let names: Option<Vec<&str>> = index.keys.iter().map(|key| key.column.as_deref()).collect();
        !target.created
            && index.unique
            && batch.removes_index(&index.schema, &index.name)
            && names.is_some_and(|names| same_set(&names, &columns))
    });
    let Some(index) = gone else { return Ok(()) };
    let message = format!(
        "the foreign key `{}` would refer to the index `{}`, which the same batch removes",
        key.name, index.name
    );
    Err(batch
        .refuse_at(key.at, message)
        .with_help("complete the batch that removes the index first, then add the foreign key"))
}

fn same_set(a: &[&str], b: &[String]) -> bool {
    !a.is_empty()
        && a.iter().all(|name| b.iter().any(|other| other == name))
        && b.iter().all(|name| a.contains(&name.as_str()))
}
