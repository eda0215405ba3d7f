//! `alter_column`

use serde::Serialize;

use crate::model::{Str, Transform};
use crate::plan::direct::retype;
use crate::plan::foreign;
use crate::plan::lineage::{Column, Formula, Stage};
use crate::plan::mention::says;
use crate::plan::{Batch, Refusal, numbers};
use crate::schema::{At, Problem, Schema};
use crate::sql::ident::ident;

/// Changes a column's name, type, nullability or default.
///
/// # What it does
///
/// New clients see the column as it will be, old clients as it was. `up` computes the new value from a row that an old client wrote,
/// `down` the old value from a row that a new client wrote; without them the value is cast. Both are SQL expressions in which a
/// column goes by the name it has at that point of the batch. A column that becomes NOT NULL needs an `up` that replaces NULL; without, start
/// fails if a row has NULL, and old clients cannot write it any more.
///
/// A change of the name alone, or of the default alone, moves no data.
///
/// Where a column that is `GENERATED ALWAYS AS IDENTITY` is replaced, new clients may give numbers of their own until the batch is complete, as if they
/// said `OVERRIDING SYSTEM VALUE`, and `OVERRIDING USER VALUE` has no effect: a view does not see the difference. For old clients nothing changes.
///
/// The form `{ table, value, where }` of `up` and `down` takes the value from a row of another table, as described at `add_column` (`up`) and
/// `remove_column` (`down`).
///
/// Of tables that inherit (`INHERITS`), the column is changed in the table that it comes from, and its children follow: each has views, triggers
/// and a backfill of its own. A child that is created meanwhile takes no rows until the batch is over. Of a foreign table only names and
/// defaults are changed.
///
/// # Expand
///
/// Where values change: a shadow column `"__reshape_…"` with the new type, triggers that keep the old and the new column in step
/// in both directions, and for NOT NULL a check that is `NOT VALID` at first. The backfill computes the shadow for the rows that
/// exist, then the check is validated. What hangs on the column, like its indexes, is built on the shadow, too.
///
/// # Contract
///
/// The old column is dropped and the shadow takes its name and place; NOT NULL is set while the valid check spares the scan. A
/// new name or default alone is one change of the catalog. For a primary key or unique constraint of a partitioned table, indexes of the
/// partitions are built once more before, concurrently: Postgres makes a constraint only of an index that belongs to no other.
///
/// # Rollback
///
/// Triggers and shadow are dropped. The old column has all that old and new clients have written, as `down` translates it.
///
/// # Example
///
/// ```toml
/// [[actions]]
/// type = "alter_column"
/// table = "users"
/// column = "email"
/// up = "coalesce(email, 'N/A')"
/// down = "nullif(email, 'N/A')"
///
///     [actions.changes]
///     nullable = false
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "client", derive(serde::Deserialize))]
pub struct AlterColumn {
    /// The table.
    pub table: Str,
    /// The table's schema; `public` if there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schema: Option<Str>,
    /// The column, by its name before the change.
    pub column: Str,
    /// The new value, computed from a row that an old client wrote; the old value, cast, if there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub up: Option<Transform>,
    /// The old value, computed from a row that a new client wrote; the new value, cast, if there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub down: Option<Transform>,
    /// What changes.
    pub changes: ColumnChanges,
}

/// What `alter_column` changes; at least one of them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "client", derive(serde::Deserialize))]
pub struct ColumnChanges {
    /// The column's new name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<Str>,
    /// Its new type, as SQL.
    #[serde(default, rename = "type", skip_serializing_if = "Option::is_none")]
    pub data_type: Option<Str>,
    /// Whether it accepts NULL from then on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nullable: Option<bool>,
    /// Its new default, an SQL expression.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default: Option<Str>,
}

// --- check: the simulated schema -------------------------------------------------------------------------------

use crate::rule::Rule;
use crate::schema::{Review, SnippetRole, fills_itself, place};

impl AlterColumn {
    pub(super) fn check(&self, schema: &mut Schema, at: At, problems: &mut Vec<Problem>) {
        let mut review = Review::new(schema, at, problems);
        if self.changes == ColumnChanges::default() {
            review
                .report(Rule::ChangesNothing, place!["changes"], "`changes` changes nothing")
                .help("give at least one of `name`, `type`, `nullable` and `default`");
        }
        review.transform(self.schema.as_deref(), self.up.as_ref(), &place!["up"]);
        review.transform(self.schema.as_deref(), self.down.as_ref(), &place!["down"]);
        let Some(table) = review.table(self.schema.as_deref(), &self.table, place!["table"]) else {
            return;
        };
        let Some(column) = review.column(table, &self.column, place!["column"]) else {
            if let Some(name) = &self.changes.name {
                review.assume_column(table, name);
            }
            return;
        };
        if let Some(data_type) = &self.changes.data_type {
            review.known_type(data_type, place!["changes", "type"]);
        }
        self.check_nullable(&mut review, table, column);
        self.check_default(&mut review, table, column);
        let known = review.get(table).columns[column].clone();
        let new_name = self.changes.name.as_ref().unwrap_or(&known.name);
        let new_type = self.changes.data_type.as_ref().unwrap_or(&known.data_type);
        let seen = review.seen(table).also(&known.name, new_name);
        review.note_transform((self.up.as_ref(), SnippetRole::Value), place!["up"], seen, new_type);
        review.note_default(self.changes.default.as_deref(), new_type, &place!["changes"]);
        review.change_column(table, column, |column| {
            if let Some(data_type) = &self.changes.data_type {
                column.data_type.clone_from(data_type);
            }
            column.nullable = self.changes.nullable.unwrap_or(column.nullable);
            if let Some(default) = &self.changes.default {
                column.default = Some(default.clone());
            }
        });
        self.check_name(&mut review, table, column);
        if !review.is_new(table) {
            let now = review.get(table).columns[column].name.clone();
            let seen = review.seen(table).also(&now, &known.name);
            review.note_transform(
                (self.down.as_ref(), SnippetRole::Back),
                place!["down"],
                seen,
                &known.data_type,
            );
        }
    }

    fn check_nullable(&self, review: &mut Review<'_>, table: usize, column: usize) {
        let owner = review.get(table).name.clone();
        let known = review.get(table).columns[column].clone();
        let name = &known.name;
        let in_key = review.get(table).primary_key.iter().any(|key| key == name);
        let path = place!["changes", "nullable"];
        match self.changes.nullable {
            Some(true) if in_key && !review.uncertain(&[&owner]) => {
                review
                    .report(
                        Rule::ColumnInPrimaryKey,
                        path,
                        format!("column `{name}` is in the primary key of table `{owner}`"),
                    )
                    .help("a primary key's columns are always NOT NULL");
                review.relate_column(&owner, name);
            }
            Some(false)
                if known.nullable
                    && self.up.is_none()
                    && self.changes.default.is_none()
                    && !fills_itself(&known)
                    && !review.is_new(table)
                    && !review.uncertain(&[&owner, name]) =>
            {
                review
                    .report(Rule::NotNullWithoutValue, path, format!("column `{name}` becomes NOT NULL, but nothing replaces its NULLs"))
                    .help(format!(
                        "give `up`, e.g. `up = \"coalesce({name}, …)\"`; where there are no NULLs, `up = \"{name}\"` says so"
                    ));
            }
            Some(_) | None => {}
        }
    }

    fn check_default(&self, review: &mut Review<'_>, table: usize, column: usize) {
        let known = &review.get(table).columns[column];
        if self.changes.default.is_some() && known.generated.is_some() {
            let (owner, name) = (review.get(table).name.clone(), known.name.clone());
            if !review.uncertain(&[&owner, &name]) {
                let message = format!("column `{name}` is generated and cannot have a default");
                review.report(Rule::ConflictingDefault, place!["changes", "default"], message);
            }
        }
    }

    fn check_name(&self, review: &mut Review<'_>, table: usize, column: usize) {
        let Some(name) = &self.changes.name else { return };
        if review.get(table).columns[column].name == *name {
            let only =
                ColumnChanges { name: self.changes.name.clone(), ..ColumnChanges::default() };
            if self.changes == only && self.up.is_none() {
                review.report(
                    Rule::ChangesNothing,
                    place!["changes", "name"],
                    format!("column `{name}` is called so already"),
                );
            }
        } else if review.free_column(table, name, place!["changes", "name"]) {
            review.column_name(name, place!["changes", "name"]);
            review.rename_column(table, column, name, place!["changes", "name"]);
        }
    }
}

// --- plan: the steps -------------------------------------------------------------------------------------------

impl AlterColumn {
    pub(super) fn plan(&self, batch: &mut Batch<'_>) -> Result<(), Refusal> {
        // The column itself is what it would be without `up`: that alone replaces nothing and writes no row.
        let itself = |up: &&Transform| matches!(up, Transform::Expression(sql) if *sql == self.column || *sql == ident(&self.column));
        let up = self.up.as_ref().filter(|up| !itself(up));
        let down = self.down.as_ref();
        let index = batch.table(self.schema.as_deref(), &self.table)?;
        let table = &batch.tables[index];
        let column = batch.column(table, &self.column)?.clone();
        if let Some(name) = &self.changes.name
            && *name != column.name
            && table.column(name).is_some()
        {
            return Err(batch.refuse(format!(
                "table `{}` has a column `{name}` already in the database",
                self.table
            )));
        }
        if table.created {
            batch.require_not_filled(index, up.is_some() || self.changes.data_type.is_some())?;
            let up = match up {
                Some(Transform::Expression(up)) => Some(up.as_ref()),
                Some(Transform::Table { .. }) | None => None,
            };
            let up = up.map(|up| batch.evaluated_now(up)).transpose()?;
            self.plan_directly(batch, index, &column, up.as_deref());
            if let Some(new_name) = &self.changes.name {
                batch.rename_in_constraints(index, &self.column, new_name);
            }
            return Ok(());
        }
        let named = ColumnChanges { data_type: None, nullable: None, ..self.changes.clone() };
        if foreign::is_foreign(batch, table) && named == self.changes && up.or(down).is_none() {
            foreign::require_renamable(batch, table)?;
        } else {
            batch.require_plain(table)?;
        }
        let old_type = table.values[column.value].data_type.clone();
        let new_type = self.changes.data_type.as_deref().unwrap_or(&old_type).to_owned();
        let not_null = self.changes.nullable.map_or(column.not_null, |nullable| !nullable);
        // In quotes, upper and lower case differ.
        let same_type = new_type == old_type
            || !new_type.contains('"') && new_type.eq_ignore_ascii_case(&old_type);
        let replaced = up.is_some() || down.is_some() || !same_type;
        if self.changes.default.is_some() && column.generated {
            return Err(batch.refuse(format!(
                "column `{}`.`{}` is generated in the database and cannot have a default",
                self.table, self.column
            )));
        }
        if replaced {
            numbers::require_kept(batch, table, &column.name, column.numbers.is_some())?;
            if let Some(physical) = table.physical(&column) {
                let counts = self.changes.default.is_none();
                batch.require_replaceable(table, physical, &new_type, counts)?;
                if !not_null {
                    batch.require_nullable(table, physical)?;
                }
            }
            self.replace(batch, index, &column, &new_type, (up, down))?;
        } else if not_null != column.not_null {
            if let (Some(physical), false) = (table.physical(&column), not_null) {
                batch.require_nullable(table, physical)?;
            }
            self.constrain(batch, index, &column, not_null);
        }
        if let Some(new_name) = &self.changes.name {
            batch.rename_in_constraints(index, &self.column, new_name);
            for pending in batch.indexes.iter_mut().filter(|pending| pending.table == index) {
                pending.rename_column(&self.column, new_name);
            }
        }
        let table = &mut batch.tables[index];
        let physical = table.physical(&column).map(str::to_owned);
        if let (Some(default), Some(physical), false) = (&self.changes.default, physical, replaced)
            && table.values[column.value].in_base
        {
            table.new_defaults.retain(|(name, _)| *name != physical);
            table.new_defaults.push((physical, default.to_string()));
        }
        let keeps =
            !replaced && self.changes.default.is_some() && table.has_catalog_default(&column);
        if let Some(changed) = table.column_mut(&self.column) {
            if keeps && changed.added_default.is_none() {
                let default = changed.default.clone().unwrap_or_else(|| String::from("NULL"));
                changed.added_default = Some(default);
            }
            self.apply(changed, not_null);
        }
        Ok(())
    }

    /// The column as the next action sees it.
    fn apply(&self, column: &mut Column, not_null: bool) {
        column.not_null = not_null;
        if let Some(default) = &self.changes.default {
            column.default = Some(default.to_string());
            column.draws = false;
        }
        if let Some(name) = &self.changes.name {
            column.name = name.to_string();
        }
    }

    /// A new value for the column, computed from the old one, and the old one from it.
    fn replace(
        &self,
        batch: &mut Batch<'_>,
        index: usize,
        column: &Column,
        new_type: &str,
        (up, down): (Option<&Transform>, Option<&Transform>),
    ) -> Result<(), Refusal> {
        let default = self.changes.default.as_deref().or(column.default.as_deref());
        let up = up.map(|up| batch.formula(index, up, default)).transpose()?;
        let default = column.default.as_deref();
        let down = down.map(|down| batch.formula(index, down, default)).transpose()?;
        let table = &mut batch.tables[index];
        let mut before = table.scope();
        let new_name = self.changes.name.as_deref().unwrap_or(&column.name);
        // `up` may say the column's new name, and `down` the old one, where that means nothing else: each is the other when the change is reverted.
        let says_new =
            |up: &Transform| matches!(up, Transform::Expression(sql) if says(sql, new_name));
        if new_name != column.name && self.up.as_ref().is_some_and(says_new) {
            before.names.push((new_name.to_owned(), column.value));
        }
        table.compute_default(column);
        let value = table.add_value(new_type, None, false);
        let formula = up.unwrap_or(Formula::Copy(column.value));
        table.ups.push(Stage { result: value, formula, scope: before });
        if let Some(physical) = table.physical(column).map(str::to_owned) {
            // What was to become of the old column is the new one's business now.
            table.set_not_null.retain(|name| *name != physical);
            table.drop_not_null.retain(|name| *name != physical);
            table.new_defaults.retain(|(name, _)| *name != physical);
            table.dropped.push(physical);
        }
        let mut after = table.scope();
        for (name, id) in &mut after.names {
            if *name == column.name {
                *id = value;
                new_name.clone_into(name);
            }
        }
        if new_name != column.name {
            after.names.push((column.name.clone(), value));
        }
        let formula = down.unwrap_or(Formula::Copy(value));
        table.downs.push(Stage { result: column.value, formula, scope: after });
        if let Some(changed) = table.column_mut(&column.name) {
            changed.value = value;
            changed.added_default = None;
        }
        Ok(())
    }

    /// NOT NULL comes or goes, and the value stays what it is.
    fn constrain(&self, batch: &mut Batch<'_>, index: usize, column: &Column, not_null: bool) {
        let table = &mut batch.tables[index];
        let Some(physical) = table.physical(column).map(str::to_owned) else { return };
        if !table.values[column.value].in_base {
            return;
        }
        if not_null {
            let before = table.drop_not_null.len();
            table.drop_not_null.retain(|name| *name != physical);
            if table.drop_not_null.len() == before {
                table.set_not_null.push(physical);
            }
            return;
        }
        let before = table.set_not_null.len();
        table.set_not_null.retain(|name| *name != physical);
        if table.set_not_null.len() == before {
            table.drop_not_null.push(physical);
            batch.notes.push(format!(
                "`{}`.`{}` accepts NULL only when the batch is complete: without `down` there is no value \
                 that old clients could read instead",
                self.table, self.column
            ));
        }
    }

    fn plan_directly(
        &self,
        batch: &mut Batch<'_>,
        index: usize,
        column: &Column,
        up: Option<&str>,
    ) {
        let mut sql = match self.changes.data_type {
            Some(_) => batch.drop_checks_early(index),
            None => Vec::new(),
        };
        let table = &mut batch.tables[index];
        let on = table.sql();
        let name = ident(&column.name);
        let alter = |change: &str| format!("ALTER TABLE {on} ALTER COLUMN {name} {change}");
        if let Some(data_type) = &self.changes.data_type {
            if self.changes.default.is_some() {
                sql.push(alter("DROP DEFAULT"));
            }
            sql.extend(retype((&on, &table.name), &column.name, data_type, up));
            let value = table.add_value(data_type, Some(&column.name), false);
            if let Some(changed) = table.column_mut(&column.name) {
                changed.value = value;
            }
        } else if let Some(up) = up {
            sql.push(format!("UPDATE {on} AS {} SET {name} = (\n{up}\n)", ident(&table.name)));
        }
        match self.changes.nullable {
            Some(true) => sql.push(alter("DROP NOT NULL")),
            Some(false) => sql.push(alter("SET NOT NULL")),
            None => {}
        }
        if let Some(default) = &self.changes.default {
            sql.push(alter(&format!("SET DEFAULT {default}")));
        }
        if let Some(new_name) = self.changes.name.as_deref().filter(|new| *new != column.name) {
            sql.push(format!("ALTER TABLE {on} RENAME COLUMN {name} TO {}", ident(new_name)));
            let value = table.column(&column.name).map_or(column.value, |column| column.value);
            table.values[value].physical = Some(new_name.to_owned());
        }
        let not_null = self.changes.nullable.map_or(column.not_null, |nullable| !nullable);
        if let Some(changed) = table.column_mut(&column.name) {
            self.apply(changed, not_null);
        }
        let title = format!("alter `{}` of `{}`", self.column, self.table);
        batch.push_fresh(title, sql, Vec::new());
    }
}
