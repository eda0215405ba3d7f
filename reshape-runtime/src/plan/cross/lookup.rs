//! A value that comes from a row of another table, as SQL in the scope of this table's row.
//!
//! **Invariant:** the other table's columns are the innermost scope, so its names win over this table's, and both can be qualified.

use crate::model::Transform;
use crate::plan::Refusal;
use crate::plan::batch::Batch;
use crate::plan::lineage::{Formula, Scope, Table};
use crate::plan::mention::mentions_beside;
use crate::sql::ident::ident;

/// What is known as a row of a table inside a generated query.
pub(super) const ROW: &str = "\"__reshape_t\"";

/// `{ table, value, where }` of an `up` or a `down`.
#[derive(Clone, Debug)]
pub(crate) struct Lookup {
    /// The other table's place in the batch.
    pub(crate) table: usize,
    /// The other table's name and columns at this point of the batch.
    pub(crate) scope: Scope,
    pub(crate) value: String,
    pub(crate) condition: String,
    /// The column's default: what it has if there is no row.
    pub(crate) otherwise: Option<String>,
    /// What it selects from, and how strongly it locks what it has found: known when all actions are.
    pub(crate) source: String,
    pub(crate) lock: &'static str,
}

/// Whether the row that is found is locked until the transaction ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Locking {
    /// In a trigger: whoever changes the row at the same time waits, and then sees what the trigger's transaction wrote.
    Yes,
    /// In a backfill, where the lock of the row that is written is enough.
    No,
}

impl Lookup {
    /// Whether it may refer to the column `name` of the table that has the value.
    pub(crate) fn uses(&self, scope: &Scope, name: &str) -> bool {
        let hidden = self.scope.names.iter().any(|(other, _)| other == name);
        let namesake = self.is_column(scope, &scope.table);
        [&self.value, &self.condition].into_iter().any(|sql| {
            mentions_beside(sql, (&scope.table, namesake), &self.scope.table, (name, hidden))
        })
    }

    /// Whether `sql`, its value or its condition, may refer to the column `name` of the other table.
    pub(crate) fn reads(&self, sql: &str, scope: &Scope, name: &str) -> bool {
        let namesake = self.is_column(scope, &self.scope.table);
        mentions_beside(sql, (&self.scope.table, namesake), &scope.table, (name, false))
    }

    fn is_column(&self, scope: &Scope, name: &str) -> bool {
        self.scope.names.iter().chain(&scope.names).any(|(column, _)| column == name)
    }

    /// The expression.
    pub(crate) fn sql(&self, locking: Locking) -> String {
        let Self { value, condition, source, .. } = self;
        let name = ident(&self.scope.table);
        let lock = match locking {
            Locking::Yes => self.lock,
            Locking::No => "",
        };
        let rest = format!("FROM ({source}) AS {name} WHERE (\n{condition}\n) LIMIT 1{lock}");
        match &self.otherwise {
            None => format!("(SELECT (\n{value}\n) {rest})"),
            // A row with a NULL is something else than no row.
            Some(default) => format!(
                "(SELECT CASE WHEN \"__reshape_found\".\"__reshape_is\" THEN \"__reshape_found\".\"__reshape_value\" ELSE (\n{default}\n) END\n  \
                 FROM (SELECT 1 AS \"__reshape_one\") AS \"__reshape_one\" LEFT JOIN LATERAL (\n  \
                 SELECT true AS \"__reshape_is\", (\n{value}\n) AS \"__reshape_value\" {rest}) AS \"__reshape_found\" ON true)"
            ),
        }
    }

    /// Rows of the other table, taken from a record, that satisfy the condition: with the value, or with nothing.
    pub(super) fn of_record(&self, table: &Table, record: &str, with_value: bool) -> String {
        let value = if with_value {
            format!("(\n{}\n) AS \"__reshape_value\" ", self.value)
        } else {
            String::new()
        };
        format!(
            "SELECT {value}FROM (SELECT {}) AS {} WHERE (\n{}\n)",
            columns(table, &self.scope, record),
            ident(&self.scope.table),
            self.condition
        )
    }
}

/// The columns of a scope that the table has, by the scope's names; `row` is the table, or a record of its type.
pub(super) fn columns(table: &Table, scope: &Scope, row: &str) -> String {
    // What the batch takes from a table of its own is gone before anything reads it.
    let stays = |id| !table.created || table.columns.iter().any(|column| column.value == id);
    let there = scope.names.iter().filter(|(_, id)| stays(*id));
    let columns = there.filter_map(|(name, id)| {
        let column = table.values[*id].physical.as_deref()?;
        Some(format!("{row}.{} AS {}", ident(column), ident(name)))
    });
    columns.collect::<Vec<_>>().join(", ")
}

/// The table's rows by the scope's names.
pub(super) fn rows(table: &Table, scope: &Scope) -> String {
    format!("SELECT {} FROM {} AS {ROW}", columns(table, scope, ROW), table.sql())
}

impl Batch<'_> {
    /// The formula of an `up` or `down` of the table with that number; `default` is what the column has where no row is found.
    pub(crate) fn formula(
        &mut self,
        table: usize,
        transform: &Transform,
        default: Option<&str>,
    ) -> Result<Formula, Refusal> {
        let (schema, name, value, condition) = match transform {
            Transform::Expression(sql) => return Ok(Formula::Expression(sql.to_string())),
            Transform::Table { table, schema, value, condition } => {
                (schema, table, value, condition)
            }
        };
        let within = schema.as_deref().unwrap_or(&self.tables[table].schema).to_owned();
        let other = self.table(Some(&within), name)?;
        if other == table {
            return Err(self
                .not_supported(&format!("a value of `{name}` from another row of `{name}`"))
                .with_help("write a sub-select, whose table has an alias, as the expression"));
        }
        self.require_plain(&self.tables[other])?;
        Ok(Formula::Lookup(Box::new(Lookup {
            table: other,
            scope: self.tables[other].scope(),
            value: value.to_string(),
            condition: condition.to_string(),
            otherwise: default.map(str::to_owned),
            source: String::new(),
            lock: "",
        })))
    }

    /// A table that the batch fills has its rows later: nothing could compute another value for them.
    pub(crate) fn require_not_filled(&self, table: usize, changes: bool) -> Result<(), Refusal> {
        if !changes || !self.fills.iter().any(|fill| fill.table == table) {
            return Ok(());
        }
        let what = format!(
            "changing a column of `{}`, which the same batch fills,",
            self.tables[table].name
        );
        Err(self.not_supported(&what).with_help("let `up` of create_table give the values"))
    }
}
