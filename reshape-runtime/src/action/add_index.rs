//! `add_index`

use serde::Serialize;

use crate::model::{Index, Str};
use crate::plan::batch::{PendingIndex, rename_title};
use crate::plan::takeover::Renamed;
use crate::plan::{Batch, Phase, Refusal, Step, index, partition};
use crate::schema::{At, Problem, Schema};
use crate::sql::ident::{ident, qualified};
use crate::sql::names;

/// Adds an index to a table.
///
/// # What it does
///
/// The index serves old and new clients alike and is usable as soon as start has finished. Columns can be names, `{ column, direction,
/// nulls }` or `{ expression, direction, nulls }`; `type` is btree unless the file says otherwise; `where` makes it a partial
/// index. `unique = true` holds for old clients, too: start fails, and rolls itself back, if the rows that exist have duplicates.
///
/// On a partitioned table the index is built partition by partition; one that is created meanwhile has its share from the
/// beginning. A unique index must have the partition key among its columns.
///
/// An expression names columns as they are called at this point of the migrations. Where the same batch changes them, the server is asked how it reads over
/// the table's own columns, with the help of an empty temporary table.
///
/// # Expand
///
/// `CREATE INDEX CONCURRENTLY`, after the backfill of the columns that it covers. It blocks no reads or writes; an invalid index that an
/// interrupted build left behind is dropped and built again.
///
/// # Contract
///
/// Nothing, unless the index covers a shadow column: that gets its name, and the index with it.
///
/// # Rollback
///
/// `DROP INDEX CONCURRENTLY`.
///
/// # Example
///
/// ```toml
/// [[actions]]
/// type = "add_index"
/// table = "users"
///
///     [actions.index]
///     name = "users_by_name"
///     columns = ["name", { column = "id", direction = "DESC" }]
///     where = "email IS NOT NULL"
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "client", derive(serde::Deserialize))]
pub struct AddIndex {
    /// The table.
    pub table: Str,
    /// The table's schema; `public` if there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schema: Option<Str>,
    /// The index.
    pub index: Index,
}

// --- check: the simulated schema -------------------------------------------------------------------------------

use crate::model::{IndexColumn, IndexMethod};
use crate::rule::Rule;
use crate::schema::{Relation, Review, place};

impl AddIndex {
    pub(super) fn check(&self, schema: &mut Schema, at: At, problems: &mut Vec<Problem>) {
        let mut review = Review::new(schema, at, problems);
        let home = review.schema.home().to_owned();
        let within = self.schema.as_deref().unwrap_or(&home);
        let free = review.free(within, &self.index.name, place!["index", "name"], Relation::Index);
        if free {
            review.identifier("index", &self.index.name, place!["index", "name"]);
        }
        self.check_method(&mut review);
        let Some(table) = review.table(self.schema.as_deref(), &self.table, place!["table"]) else {
            return;
        };
        review.note_index(table, &self.index, &place!["index"]);
        let mut index = self.index.clone();
        for (number, key) in index.columns.to_mut().iter_mut().enumerate() {
            let (name, path) = match key {
                IndexColumn::Name(name) => (name, place!["index", "columns", number]),
                IndexColumn::Column { column, .. } => {
                    (column, place!["index", "columns", number, "column"])
                }
                IndexColumn::Expression { .. } => continue,
            };
            if let Some(found) = review.column(table, name, path) {
                *name = review.get(table).columns[found].name.clone();
            }
        }
        if free {
            review.add_index(table, index, place!["index", "name"]);
        }
    }

    /// What the access methods of Postgres itself cannot do.
    fn check_method(&self, review: &mut Review<'_>) {
        let index = &self.index;
        if index.columns.is_empty() {
            let message = format!("index `{}` has no columns", index.name);
            review.report(Rule::NoColumns, place!["index", "columns"], message);
        }
        let Some(method) = index.method.filter(|method| *method != IndexMethod::Btree) else {
            return;
        };
        let name = method.sql();
        if index.unique {
            review
                .report(
                    Rule::IndexMethod,
                    place!["index", "unique"],
                    format!("an index of type `{name}` cannot be unique"),
                )
                .help("only `btree` can");
        }
        if index.columns.len() > 1 && matches!(method, IndexMethod::Hash | IndexMethod::Spgist) {
            let message =
                format!("an index of type `{name}` has one column, not {}", index.columns.len());
            review.report(Rule::IndexMethod, place!["index", "columns"], message);
        }
        let ordered = index.columns.iter().position(|key| match key {
            IndexColumn::Name(_) => false,
            IndexColumn::Column { direction, nulls, .. }
            | IndexColumn::Expression { direction, nulls, .. } => {
                direction.is_some() || nulls.is_some()
            }
        });
        if let Some(number) = ordered {
            review
                .report(
                    Rule::IndexMethod,
                    place!["index", "columns", number],
                    format!("an index of type `{name}` has no order"),
                )
                .help("only `btree` knows `direction` and `nulls`");
        }
    }
}

// --- plan: the steps -------------------------------------------------------------------------------------------

impl AddIndex {
    pub(super) fn plan(&self, batch: &mut Batch<'_>) -> Result<(), Refusal> {
        let index = batch.table(self.schema.as_deref(), &self.table)?;
        let name = self.index.name.as_ref();
        let live = batch.facts();
        let schema = batch.tables[index].schema.clone();
        let key = (schema.as_str(), name);
        let there = live.index(key);
        let goes = there
            .is_some_and(|live| batch.removes_index(&schema, name) || batch.goes_with_table(live));
        let taken = live.is_taken(key) && !goes
            || batch.find(&schema, name).is_some()
            || batch.builds_index(key)
            || batch.renamed_indexes.iter().any(|renamed| {
                renamed.name == name && batch.tables[renamed.table].schema == schema
            });
        if taken {
            return Err(batch.refuse(format!("the name `{name}` is taken in schema `{schema}`")));
        }
        let table = &batch.tables[index];
        if table.created {
            let built = if there.is_some() { names::generated(&[name]) } else { name.to_owned() };
            let create = index::create(batch, table, &self.index, &built, false)?;
            if there.is_some() {
                let renamed = Renamed { table: index, name: name.to_owned(), built };
                batch.renamed_indexes.push(renamed);
            }
            let plain = self.index.unique && self.index.predicate.is_none();
            let value = |key: &IndexColumn| Some(table.column(key.name()?)?.value);
            let columns: Option<Vec<_>> = self.index.columns.iter().map(value).collect();
            if let (true, Some(columns)) = (plain, columns) {
                batch.tables[index].unique.push((name.to_owned(), columns));
            }
            batch.push_fresh(
                format!("build index `{name}` on `{}`", self.table),
                vec![create],
                Vec::new(),
            );
            return Ok(());
        }
        batch.require_plain(table)?;
        if let Some(live) = batch.live(table) {
            partition::require_key(batch, table, live, &self.index)?;
        }
        let at = batch.at;
        let replaced = there.is_some();
        let scope = table.name.clone();
        let names = table.columns.iter().map(|column| (column.name.clone(), column.name.clone()));
        let names = names.collect();
        let pending = PendingIndex { at, table: index, index: self.index.clone(), scope, names };
        batch.indexes.push(pending);
        if replaced {
            let built = qualified(&schema, &names::generated(&[name]));
            let rename = vec![format!("ALTER INDEX {built} RENAME TO {}", ident(name))];
            batch.push(
                Step::sql(Phase::Contract, rename_title(name), rename)
                    .patient()
                    .locking("SHARE UPDATE EXCLUSIVE on the index: blocks no client"),
            );
        }
        Ok(())
    }
}
