//! The definitions of what hangs on a table's columns: enough to make the same again on other columns.

use serde::Serialize;

use super::{DependentKind, Grant, Key, TableName};

/// An SQL expression over one table's columns, as Postgres prints it, in which each column is a name that nothing else has: so it can be
/// put on other columns without understanding SQL.
///
/// **Invariant:** nothing but a column's place looks like [`Snippet::hole`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "client", derive(serde::Deserialize))]
#[serde(transparent)]
pub struct Snippet(pub String);

/// What every hole begins with; its number and one underscore follow.
const HOLE: &str = "__reshape_column_";

/// The relation whose columns are the holes: what an expression over the whole row mentions.
const ROW: &str = "__reshape_columns";

impl Snippet {
    /// The name that stands for the column of that number (`attnum`).
    pub fn hole(number: i16) -> String {
        format!("{HOLE}{number}_")
    }

    /// Whether the expression is over the whole row: then there is more in it than its columns.
    pub fn is_whole_row(&self) -> bool {
        self.0.contains(ROW)
    }

    /// The numbers of its columns, in the order of the text.
    pub fn columns(&self) -> Vec<i16> {
        self.pieces().filter_map(|(column, _)| column).collect()
    }

    /// The expression over the columns that `name` gives, each as SQL; `None` if it gives none for one of them.
    pub fn render(&self, name: impl Fn(i16) -> Option<String>) -> Option<String> {
        let mut sql = String::new();
        for (column, text) in self.pieces() {
            if let Some(column) = column {
                sql.push_str(&name(column)?);
            }
            sql.push_str(text);
        }
        Some(sql)
    }

    /// The single expressions of a list separated by commas. `texts` are the same ones, each with the columns' own names, which `name` gives;
    /// `None` if the two do not fit together.
    pub fn split(
        &self,
        texts: &[&str],
        name: impl Fn(i16) -> Option<String>,
    ) -> Option<Vec<Snippet>> {
        let plain = |text: &str| text.replace('"', "");
        let is = |candidate: &str, text: &str| {
            let rendered = Snippet(candidate.to_owned()).render(&name);
            rendered.is_some_and(|sql| {
                plain(&sql) == plain(text) || format!("({})", plain(&sql)) == plain(text)
            })
        };
        let (last, first) = texts.split_last()?;
        let mut rest = self.0.as_str();
        let mut found = Vec::new();
        for text in first {
            let (end, _) = rest.match_indices(", ").find(|(end, _)| is(&rest[..*end], text))?;
            found.push(Snippet(rest[..end].to_owned()));
            rest = &rest[end + 2..];
        }
        is(rest, last).then(|| found.push(Snippet(rest.to_owned())))?;
        Some(found)
    }

    /// Each hole with the text after it; the first piece is the text before all holes.
    fn pieces(&self) -> impl Iterator<Item = (Option<i16>, &str)> {
        let mut parts = self.0.split(HOLE);
        let first = parts.next().map(|text| (None, text));
        first.into_iter().chain(parts.map(|part| {
            let (number, text) = part.split_once('_').unwrap_or((part, ""));
            (number.parse().ok(), text)
        }))
    }
}

/// A constraint of a table of ours, or a foreign key to one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "client", derive(serde::Deserialize))]
pub struct LiveConstraint {
    /// Its name.
    pub name: String,
    /// What it is.
    pub kind: DependentKind,
    /// The schema of its table.
    pub schema: String,
    /// Its table: of a foreign key, the referencing one.
    pub table: String,
    /// Whether the migrator owns that table.
    pub owned: bool,
    /// Its columns, in its own order; of a check, in the table's.
    pub columns: Vec<String>,
    /// As `pg_get_constraintdef` prints it.
    pub definition: String,
    /// The expression of a check.
    pub expression: Option<Snippet>,
    /// What a foreign key refers to.
    pub references: Option<Reference>,
    /// The index behind a primary key, unique or exclusion constraint.
    pub index: Option<String>,
    /// Whether it can be deferred.
    pub deferrable: bool,
    /// Whether it is deferred unless the client says otherwise.
    pub deferred: bool,
    /// Whether it has been checked for all rows.
    pub validated: bool,
    /// Whether it does not go to children.
    pub no_inherit: bool,
    /// Whether it comes from a parent table.
    pub inherited: bool,
    /// Its comment.
    pub comment: Option<String>,
}

impl LiveConstraint {
    /// Schema and name of its table.
    pub fn table_key(&self) -> Key<'_> {
        (&self.schema, &self.table)
    }
}

impl Reference {
    /// Schema and name of the table.
    pub fn table_key(&self) -> Key<'_> {
        (&self.schema, &self.table)
    }
}

impl LivePolicy {
    /// Schema and name of its table.
    pub fn table_key(&self) -> Key<'_> {
        (&self.schema, &self.table)
    }
}

/// What a foreign key refers to, and how.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "client", derive(serde::Deserialize))]
pub struct Reference {
    /// The schema of the table.
    pub schema: String,
    /// The table.
    pub table: String,
    /// Its columns, in the order of the referencing ones.
    pub columns: Vec<String>,
    /// What follows `REFERENCES table (columns)`: `MATCH FULL`, `ON DELETE …`, as SQL.
    pub clauses: String,
    /// The columns that `ON DELETE SET NULL (…)` or `SET DEFAULT (…)` names, if it does.
    pub set_columns: Vec<String>,
}

/// One key of an index.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "client", derive(serde::Deserialize))]
pub struct LiveKey {
    /// The column; `None` for an expression.
    pub column: Option<String>,
    /// The expression as Postgres prints it, with the columns' own names.
    pub expression: Option<String>,
    /// The collation, quoted and qualified, where it is not the column's own.
    pub collation: Option<String>,
    /// The operator class, quoted and qualified, where it is not the type's default, or where it has parameters.
    pub opclass: Option<String>,
    /// The operator class's parameters, as `name=value`.
    pub opclass_options: Vec<String>,
    /// Whether it sorts downwards.
    pub descending: bool,
    /// Whether NULLs come first.
    pub nulls_first: bool,
    /// The statistics target of an expression.
    pub statistics: Option<i32>,
}

/// The sequence behind a serial or identity column.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "client", derive(serde::Deserialize))]
pub struct LiveSequence {
    /// Its schema.
    pub schema: String,
    /// Its name.
    pub name: String,
    /// The number type: `smallint`, `integer` or `bigint`.
    pub data_type: String,
    /// First value.
    pub start: i64,
    /// Step.
    pub increment: i64,
    /// Least value.
    pub min: i64,
    /// Greatest value.
    pub max: i64,
    /// Numbers that a connection takes at once.
    pub cache: i64,
    /// Whether it begins again at its end.
    pub cycle: bool,
    /// Rights on it, the migrator's left out.
    pub grants: Vec<Grant>,
    /// Its comment.
    pub comment: Option<String>,
}

/// Statistics over several columns or expressions (`CREATE STATISTICS`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "client", derive(serde::Deserialize))]
pub struct LiveStatistics {
    /// Their schema.
    pub schema: String,
    /// Their name.
    pub name: String,
    /// Their table.
    pub table: TableName,
    /// Whether the migrator owns them.
    pub owned: bool,
    /// The kinds that are kept, as SQL: `ndistinct`, `dependencies`, `mcv`; empty for statistics of one expression.
    pub kinds: Vec<String>,
    /// The columns.
    pub columns: Vec<String>,
    /// The expressions, separated by commas.
    pub expressions: Option<Snippet>,
    /// The same ones, each with the columns' own names.
    pub expression_texts: Vec<String>,
    /// The statistics target, where it is not the default.
    pub target: Option<i32>,
    /// Their comment.
    pub comment: Option<String>,
}

/// A trigger of the user's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "client", derive(serde::Deserialize))]
pub struct LiveTrigger {
    /// Its name.
    pub name: String,
    /// Its table.
    pub table: TableName,
    /// As `pg_get_triggerdef` prints it.
    pub definition: String,
    /// The columns of `UPDATE OF`, in its order.
    pub columns: Vec<String>,
    /// When it fires, as `pg_trigger.tgenabled`: `O`, `D`, `R` or `A`.
    pub enabled: String,
    /// Its comment.
    pub comment: Option<String>,
}

/// A row-level security policy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "client", derive(serde::Deserialize))]
pub struct LivePolicy {
    /// Its name.
    pub name: String,
    /// The schema of its table.
    pub schema: String,
    /// Its table.
    pub table: String,
    /// Whether the migrator owns the table.
    pub owned: bool,
    /// The tables of ours that it mentions.
    pub tables: Vec<TableName>,
    /// What follows `CREATE POLICY name ON table`, as SQL.
    pub definition: String,
    /// Its comment.
    pub comment: Option<String>,
}

/// A view of the user's that reads a table of ours, perhaps by way of other views.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "client", derive(serde::Deserialize))]
pub struct LiveView {
    /// Its schema.
    pub schema: String,
    /// Its name.
    pub name: String,
    /// Its query, as `pg_get_viewdef` prints it.
    pub definition: String,
    /// Its options, as `name=value`.
    pub options: Vec<String>,
    /// Its owner, where that is not the migrator.
    pub owner: Option<String>,
    /// Whether the migrator owns it, perhaps as a member of the owner.
    pub owned: bool,
    /// Rights on it, its owner's left out.
    pub grants: Vec<Grant>,
    /// The rights that its owner has by default, but not on it.
    #[serde(default)]
    pub revoked: Vec<String>,
    /// Its comment.
    pub comment: Option<String>,
    /// Its columns, in order.
    pub columns: Vec<LiveViewColumn>,
    /// The views that it reads: schema and name.
    pub reads: Vec<(String, String)>,
    /// The tables of ours that it reads.
    pub tables: Vec<TableName>,
    /// What depends on it other than views, as Postgres describes it.
    pub obstacles: Vec<String>,
}

/// A column of a [`LiveView`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "client", derive(serde::Deserialize))]
pub struct LiveViewColumn {
    /// Its name.
    pub name: String,
    /// Its view default.
    pub default: Option<String>,
    /// Its comment.
    pub comment: Option<String>,
    /// Rights on it alone.
    pub grants: Vec<Grant>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_expression_is_put_on_other_columns() {
        let sql =
            Snippet("((__reshape_column_2_)::text ~ 'x_2_'::text) AND __reshape_column_13_".into());
        assert_eq!(sql.columns(), [2, 13]);
        let names = |number| Some(format!("\"c{number}\""));
        assert_eq!(
            sql.render(names).as_deref(),
            Some("((\"c2\")::text ~ 'x_2_'::text) AND \"c13\"")
        );
        assert_eq!(sql.render(|number| (number == 2).then(String::new)), None);
    }

    #[test]
    fn a_list_is_split_where_its_parts_end() {
        let list =
            Snippet("concat(__reshape_column_1_, ', '), (__reshape_column_2_ || ', ')".into());
        let name = |number| Some(["", "a", "B"][usize::try_from(number).ok()?].to_owned());
        let parts = list.split(&["concat(a, ', ')", "((\"B\" || ', '))"], name).expect("two parts");
        assert_eq!(parts[1].0, "(__reshape_column_2_ || ', ')");
        assert_eq!(list.split(&["concat(a, ', ')", "x"], name), None);
    }

    #[test]
    fn a_whole_row_is_more_than_its_columns() {
        assert!(Snippet("(__reshape_columns.* IS NOT NULL)".into()).is_whole_row());
        assert!(!Snippet("__reshape_column_1_ > 0".into()).is_whole_row());
    }
}
