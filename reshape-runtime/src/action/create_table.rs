//! `create_table`

use serde::{Serialize, Serializer};

use crate::model::{Check, Column, ForeignKey, List, Str};
use crate::plan::constraint::foreign_key::{self, Made};
use crate::plan::cross::{Fill, fill_directly};
use crate::plan::define;
use crate::plan::lineage::Table;
use crate::plan::{Batch, Phase, Refusal, Step, own, schema};
use crate::schema::{At, Problem, Schema};
use crate::sql::ident::{ident, idents, literal};

/// Creates a table.
///
/// # What it does
///
/// The new version gets a table with columns, primary key, foreign keys, checks and comments. Old clients do not see it. With
/// `up` it starts with rows computed from another table, and follows that table while both versions are in use: each row is
/// inserted, or updated where the primary key (or `upsert_constraint`) says that it is there already.
///
/// A column is nullable unless the file says `nullable = false` or the column is in the primary key. `default` and `up` are SQL
/// expressions: a text is `"'text'"`. A foreign key or check without a name gets the one that Postgres chooses, e.g.
/// `orders_user_id_fkey`.
///
/// The name may be one that the same batch takes from another table, by removing or renaming that. Until the batch is complete the new table,
/// its sequences and its constraints have generated names in the catalog; clients of the new version do not see these, but custom SQL that says
/// the table's name means the old one.
///
/// In `up`, `values` has an expression over the other table's columns for each column that is filled; the rest get their defaults. It must have
/// the columns of the key by which rows are found again: the primary key, or the unique index of the same migrations that `upsert_constraint` names.
/// What old clients write to the other table is carried over, what new clients write there is not: they write the new table themselves, and `down`
/// of another column can take its value from there. Where the key has, as they are, the columns of a primary key or unique constraint of the
/// other table, the new row goes when its row goes or `where` is true no more, and moves when the key changes (a generated key is made anew); otherwise
/// several rows may have made it, so it stays, and a note says so. A sequence of the new table does not know the values that `up` gives.
/// Columns of such a table cannot be given other values in the same batch. A foreign key from one such table to another, or to itself, is made when
/// both are filled, as `add_foreign_key` does it.
///
/// A revert drops the table, with its rows. With `up` it is refused: while both versions are in use, what clients of the older one write to the other
/// table would be missing in this one.
///
/// # Expand
///
/// `CREATE TABLE`, with everything that belongs to it. A table that nobody uses yet needs no backfill; a foreign key locks the
/// table it refers to, for the moment of its creation alone. With `up`: a trigger on the other table, then a pass over that table's rows, which
/// locks those of a range against changes until they are copied.
///
/// # Contract
///
/// Nothing: the table is what it should be. With `up`, the trigger goes. A table whose name was not free gets it, and with it come the names that
/// Postgres would have chosen for its parts: locks for a change of the catalog.
///
/// # Rollback
///
/// The table is dropped, with the rows that new clients have written to it.
///
/// # Example
///
/// ```toml
/// [[actions]]
/// type = "create_table"
/// name = "notes"
/// primary_key = ["id"]
/// comment = "what users write down"
///
///     [[actions.columns]]
///     name = "id"
///     type = "bigint"
///     generated = "ALWAYS AS IDENTITY"
///
///     [[actions.columns]]
///     name = "user_id"
///     type = "bigint"
///     nullable = false
///
///     [[actions.columns]]
///     name = "body"
///     type = "text"
///     nullable = false
///     default = "''"
///
///     [[actions.foreign_keys]]
///     columns = ["user_id"]
///     referenced_table = "users"
///     referenced_columns = ["id"]
///     on_delete = "CASCADE"
///
///     [[actions.checks]]
///     name = "notes_body_is_short"
///     expression = "length(body) <= 10000"
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "client", derive(serde::Deserialize))]
pub struct CreateTable {
    /// The table's name.
    pub name: Str,
    /// The table's schema, which is created if it does not exist; `public` if there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schema: Option<Str>,
    /// Its columns, in order.
    pub columns: List<Column>,
    /// The columns of its primary key; a single string in a file is a list of one.
    #[serde(deserialize_with = "one_or_many")]
    pub primary_key: List<Str>,
    /// Its foreign keys.
    #[serde(default, skip_serializing_if = "is_empty")]
    pub foreign_keys: List<ForeignKey>,
    /// Its check constraints.
    #[serde(default, skip_serializing_if = "is_empty")]
    pub checks: List<Check>,
    /// Its comment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<Str>,
    /// How it is filled from another table.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub up: Option<TableUp>,
}

/// How `create_table` fills the new table from an existing one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "client", derive(serde::Deserialize))]
pub struct TableUp {
    /// The table that rows come from.
    pub table: Str,
    /// That table's schema; the new table's if there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schema: Option<Str>,
    /// The new table's columns and, for each, an SQL expression over the other table's columns; in the file a table.
    #[serde(with = "assignments")]
    pub values: List<(Str, Str)>,
    /// Which rows of the other table are taken.
    #[serde(default, rename = "where", skip_serializing_if = "Option::is_none")]
    pub condition: Option<Str>,
    /// The unique constraint that the upsert goes by; the primary key if there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub upsert_constraint: Option<Str>,
}

fn is_empty<T: Clone>(list: &List<T>) -> bool {
    list.is_empty()
}

#[cfg(feature = "client")]
fn one_or_many<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<List<Str>, D::Error> {
    use serde::Deserialize;

    #[derive(Deserialize)]
    #[serde(untagged)]
    enum OneOrMany {
        One(String),
        Many(Vec<String>),
    }
    Ok(match OneOrMany::deserialize(deserializer)? {
        OneOrMany::One(name) => vec![Str::Owned(name)].into(),
        OneOrMany::Many(names) => names.into_iter().map(Str::Owned).collect(),
    })
}

/// A map in JSON, an ordered list here: `const` has no maps.
mod assignments {
    use super::{List, Serializer, Str};

    pub(super) fn serialize<S: Serializer>(
        list: &List<(Str, Str)>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.collect_map(list.iter().map(|(column, value)| (column, value)))
    }

    #[cfg(feature = "client")]
    pub(super) fn deserialize<'de, D: serde::Deserializer<'de>>(
        deserializer: D,
    ) -> Result<List<(Str, Str)>, D::Error> {
        use std::collections::BTreeMap;

        use serde::Deserialize;

        let map = BTreeMap::<String, String>::deserialize(deserializer)?;
        Ok(map.into_iter().map(|(column, value)| (Str::Owned(column), Str::Owned(value))).collect())
    }
}

// --- check: the simulated schema -------------------------------------------------------------------------------

use crate::rule::Rule;
use crate::schema::{Relation, Review, list, nearest, place};

impl CreateTable {
    pub(super) fn check(&self, schema: &mut Schema, at: At, problems: &mut Vec<Problem>) {
        let mut review = Review::new(schema, at, problems);
        if let Some(up) = &self.up {
            review.table(
                up.schema.as_deref().or(self.schema.as_deref()),
                &up.table,
                place!["up", "table"],
            );
        }
        let home = review.schema.home().to_owned();
        let within = self.schema.as_deref().unwrap_or(&home);
        if self.schema.is_some() {
            review.own_schema(within, place!["schema"]);
        }
        if !review.free(within, &self.name, place!["name"], Relation::Table)
            && let Some(known) = review.find(&self.name)
        {
            // What follows may mean either of the two: there is one table with the columns of both.
            self.check_columns(&mut review, known);
            return;
        }
        review.identifier("table", &self.name, place!["name"]);
        let table = review.add_table(within, &self.name, self.comment.as_deref(), place!["name"]);
        if self.columns.is_empty() {
            review.report(
                Rule::NoColumns,
                place!["columns"],
                format!("table `{}` has no columns", self.name),
            );
        } else {
            self.check_columns(&mut review, table);
            self.check_primary_key(&mut review, table);
        }
        for (number, key) in self.foreign_keys.iter().enumerate() {
            review.foreign_key(table, key, &place!["foreign_keys", number]);
        }
        for (number, check) in self.checks.iter().enumerate() {
            review.check(table, check, &place!["checks", number]);
        }
        for (column, _) in self.up.iter().flat_map(|up| up.values.iter()) {
            review.column(table, column, place!["up", "values", column.to_string()]);
        }
        if let Some(up) = &self.up {
            let values = up.values.iter().map(|(column, sql)| (column.as_ref(), sql.as_ref()));
            review.note_fill(table, &up.table, values, up.condition.as_deref(), &place!["up"]);
        }
    }

    fn check_columns(&self, review: &mut Review<'_>, table: usize) {
        for (number, column) in self.columns.iter().enumerate() {
            let base = place!["columns", number];
            let mut earlier = self.columns[..number].iter();
            if let Some(first) = earlier.position(|earlier| earlier.name == column.name) {
                let message = format!("column `{}` is listed twice", column.name);
                review.report(Rule::ListedTwice, place!["columns", number, "name"], message);
                review.listed_first(place!["columns", first, "name"]);
                continue;
            }
            let column = review.new_column(&self.name, column, &base);
            review.add_column(table, column, place!["columns", number, "name"]);
        }
        for (number, column) in self.columns.iter().enumerate() {
            review.note_generated(table, column, &place!["columns", number]);
        }
    }

    fn check_primary_key(&self, review: &mut Review<'_>, table: usize) {
        let mut key: Vec<String> = Vec::new();
        for (number, name) in self.primary_key.iter().enumerate() {
            let path = place!["primary_key", number];
            let names = || self.columns.iter().map(|column| column.name.as_ref());
            let name = if names().any(|known| known == name) {
                name.as_ref()
            } else {
                let message =
                    format!("the primary key names `{name}`, which is no column of the table");
                let problem = review.report(Rule::UnknownColumn, path.clone(), message);
                let Some(near) = nearest(name, names()) else {
                    problem.help(format!("it has {}", list(names())));
                    continue;
                };
                problem.help(format!("did you mean `{near}`?"));
                near
            };
            if key.iter().any(|known| known == name) {
                review.report(
                    Rule::ListedTwice,
                    path,
                    format!("the primary key names `{name}` twice"),
                );
                if let Some(first) = self.primary_key.iter().position(|first| first == name) {
                    review.listed_first(place!["primary_key", first]);
                }
            } else {
                key.push(name.to_owned());
            }
        }
        review.set_primary_key(table, key);
    }
}

// --- plan: the steps -------------------------------------------------------------------------------------------

impl CreateTable {
    pub(super) fn plan(&self, batch: &mut Batch<'_>) -> Result<(), Refusal> {
        let within = self.schema.as_deref().unwrap_or(batch.home());
        batch.require_free(within, &self.name)?;
        schema::create(batch, within)?;
        let mut table = Table::new(within, &batch.name_to_create(within, &self.name));
        table.name = self.name.to_string();
        table.by_way_of = (table.physical != table.name).then(|| table.physical.clone());
        let made_as = |column: &Column| (self.name.to_string(), column.name.to_string());
        table.made_as = self.columns.iter().map(made_as).collect();
        table.created = true;
        table.filled = self.up.is_some();
        table.comment = self.comment.as_deref().map(str::to_owned);
        table.touched = Some(batch.order);
        for column in self.columns.iter() {
            let value = table.add_value(&column.data_type, Some(&column.name), false);
            let key = self.primary_key.contains(&column.name);
            table.columns.push(define::lineage_column(column, value, key));
        }
        let key = self.primary_key.iter().filter_map(|name| table.column(name));
        table.key = key.map(|column| column.value).collect();
        let mut clauses: Vec<String> = self.columns.iter().map(define::column).collect();
        if !self.primary_key.is_empty() {
            let key = idents(self.primary_key.iter().map(AsRef::as_ref));
            clauses.push(format!("PRIMARY KEY ({key})"));
        }
        for check in self.checks.iter() {
            batch.require_unnamed(&table, &check.expression)?;
            let name = check
                .name
                .as_deref()
                .map(|name| format!("CONSTRAINT {} ", ident(name)))
                .unwrap_or_default();
            clauses.push(format!("{name}CHECK (\n{}\n)", check.expression));
        }
        let number = batch.tables.len();
        let checks = self.checks.iter().filter_map(|check| check.name.as_deref());
        batch.constraints.names.extend(checks.map(|name| (number, name.to_owned())));
        let mut lock = Vec::new();
        // After everything else, so that what they refer to is locked only for the end of the transaction.
        let mut keys = Vec::new();
        for key in self.foreign_keys.iter() {
            match foreign_key::add(batch, number, Some(&table), key)? {
                Made::Clause(clause, _) => clauses.push(clause),
                Made::Statement(statement, locked) => {
                    keys.push(statement);
                    lock.push(locked);
                }
                Made::Later => {}
            }
        }
        let name = table.sql();
        let mut statements = vec![format!("CREATE TABLE {name} (\n  {}\n)", clauses.join(",\n  "))];
        if let Some(comment) = &self.comment {
            statements.push(format!("COMMENT ON TABLE {name} IS {}", literal(comment)));
        }
        for column in self.columns.iter() {
            if let Some(comment) = &column.comment {
                let column = ident(&column.name);
                statements
                    .push(format!("COMMENT ON COLUMN {name}.{column} IS {}", literal(comment)));
            }
        }
        statements.append(&mut keys);
        statements.extend(own::claim(batch, &name));
        let title = format!("create `{}`", self.name);
        let undo = vec![format!("DROP TABLE IF EXISTS {name}")];
        if lock.is_empty() {
            batch.push_fresh(title, statements, undo);
        } else {
            let lock = format!(
                "SHARE ROW EXCLUSIVE on {}: the new table is empty, nothing is read",
                lock.join(", ")
            );
            batch.push(Step::sql(Phase::Expand, title, statements).locking(lock).undone_by(undo));
        }
        batch.tables.push(table);
        match &self.up {
            Some(up) => self.plan_up(batch, up),
            None => Ok(()),
        }
    }
}

impl CreateTable {
    /// The table that was just added is filled from another.
    fn plan_up(&self, batch: &mut Batch<'_>, up: &TableUp) -> Result<(), Refusal> {
        let table = batch.tables.len() - 1;
        let source = batch.table(up.schema.as_deref().or(self.schema.as_deref()), &up.table)?;
        if source == table {
            return Err(batch.refuse(format!("table `{}` is filled from itself", self.name)));
        }
        batch.require_plain(&batch.tables[source])?;
        let values = up.values.iter().map(|(name, sql)| {
            let column = batch.column(&batch.tables[table], name)?;
            Ok((column.value, sql.to_string()))
        });
        let fill = Fill {
            at: batch.at,
            table,
            created_as: self.name.to_string(),
            source,
            scope: batch.tables[source].scope(),
            values: values.collect::<Result<_, Refusal>>()?,
            condition: up.condition.as_deref().map(str::to_owned),
            constraint: up.upsert_constraint.as_deref().map(str::to_owned),
        };
        if !fill_directly(batch, &fill) {
            batch.fills.push(fill);
        }
        Ok(())
    }
}
