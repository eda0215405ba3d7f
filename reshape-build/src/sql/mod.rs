//! The SQL in a history, checked with `reshape-sql`.
//!
//! **Invariant:** this crate knows of SQL what `reshape-sql` says, and of the schema what `reshape-runtime` says; here the one is put in terms of the other.

use std::collections::BTreeSet;
use std::rc::Rc;

use reshape_runtime::model::Column;
use reshape_runtime::rule::Rule;
use reshape_runtime::schema::{Inspect, Missing, Remark, Scene, Seen, Snippet, SnippetRole, words};
use reshape_sql::{
    Checked, Finding, Related, Relation, Role, Scope, Type, Visible, expression, statements,
};

use catalog::View;

mod catalog;

/// What looks at the SQL of a history.
#[derive(Debug, Default)]
pub(crate) struct Inspector;

impl Inspect for Inspector {
    fn inspect(&mut self, snippet: &Snippet, scene: &Scene<'_>) -> Vec<Remark> {
        let role = match snippet.role {
            SnippetRole::Default => Role::Default,
            SnippetRole::Generated => Role::Generated,
            SnippetRole::Check => Role::Check,
            SnippetRole::IndexKey => Role::IndexKey,
            SnippetRole::IndexPredicate => Role::IndexPredicate,
            SnippetRole::Value => Role::Value,
            SnippetRole::Back => Role::Back,
            SnippetRole::Lookup => Role::Lookup,
            SnippetRole::Fill => Role::Fill,
            SnippetRole::Condition => Role::Condition,
            SnippetRole::Custom => return remarks(&snippet.sql, statements(&snippet.sql)),
        };
        let catalog = View { scene: *scene, own: &snippet.visible };
        let wanted = snippet.wanted.as_deref().and_then(Type::parse);
        let check = |keep: &dyn Fn(&str) -> bool| {
            let seen = snippet.visible.iter();
            let visible: Vec<Visible> = seen.map(|seen| visible(seen, keep, scene)).collect();
            let wanted = wanted.as_ref();
            expression(&snippet.sql, &Scope { catalog: &catalog, visible: &visible, role, wanted })
        };
        // A table may have a thousand columns: those that are not named matter only to what is said of mistakes.
        let words = words(&snippet.sql).collect();
        let mut checked = check(&|name| may_be_named(name, &words));
        if !checked.findings.is_empty() {
            checked = check(&|_| true);
        }
        remarks(&snippet.sql, checked)
    }
}

/// Whether SQL of these words may name the column. A name that is no single word may be written in ways that are not looked for.
fn may_be_named(name: &str, words: &BTreeSet<String>) -> bool {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    !name.chars().all(plain) || name.len() > 60 || words.contains(name)
}

/// A relation that has of its columns those that are kept.
fn visible(seen: &Seen, keep: &dyn Fn(&str) -> bool, scene: &Scene<'_>) -> Visible {
    let columns = seen.columns.iter().filter(|column| keep(&column.name));
    let columns = columns.map(|column| catalog::column(&seen.name, column, scene));
    let relation = Relation { name: seen.name.clone(), columns: columns.collect(), complete: true };
    Visible { name: seen.name.clone(), relation: Rc::new(relation) }
}

fn remarks(sql: &str, checked: Checked) -> Vec<Remark> {
    checked.findings.into_iter().map(|finding| remark(sql, finding)).collect()
}

fn remark(sql: &str, finding: Finding) -> Remark {
    let rule = match finding.rule {
        reshape_sql::Rule::Syntax => Rule::SqlSyntax,
        reshape_sql::Rule::UnknownColumn => Rule::SqlUnknownColumn,
        reshape_sql::Rule::AmbiguousColumn => Rule::SqlAmbiguousColumn,
        reshape_sql::Rule::UnknownTable => Rule::SqlUnknownTable,
        reshape_sql::Rule::UnknownFunction => Rule::SqlUnknownFunction,
        reshape_sql::Rule::TypeMismatch => Rule::SqlTypeMismatch,
        reshape_sql::Rule::UnknownEnumValue => Rule::SqlUnknownEnumValue,
        reshape_sql::Rule::NotAllowed => Rule::SqlNotAllowedHere,
        reshape_sql::Rule::MissingValue => Rule::QueryMissingValue,
        reshape_sql::Rule::Generated => Rule::QueryGeneratedColumn,
        reshape_sql::Rule::Conflict => Rule::QueryConflictTarget,
        reshape_sql::Rule::Ungrouped => Rule::QueryUngroupedColumn,
        reshape_sql::Rule::TypeSchema => Rule::QueryTypeSchema,
        // Also the queries of a UNION in a sub-select.
        reshape_sql::Rule::Count => Rule::SqlNotAllowedHere,
        reshape_sql::Rule::Volatile => Rule::SqlNotImmutable,
    };
    let missing = match finding.related {
        Some(Related::Table(name)) => Some(Missing::Table(name)),
        Some(Related::Column(table, name)) => Some(Missing::Column(table, name)),
        None if matches!(rule, Rule::SqlUnknownColumn | Rule::SqlUnknownTable) => {
            sql.get(finding.range.clone()).map(|name| Missing::Name(name.trim_matches('"').into()))
        }
        None => None,
    };
    Remark { rule, range: finding.range, message: finding.message, help: finding.help, missing }
}

/// Whether the column's type is what the history says: no `custom` SQL may have changed it.
fn is_certain(table: &str, column: &Column, scene: &Scene<'_>) -> bool {
    !(scene.is_mentioned(table) && scene.is_mentioned(&column.name))
}

#[cfg(test)]
mod tests {
    use super::{may_be_named, words};

    #[test]
    fn a_column_that_is_named_is_never_left_out() {
        let words = words("Lower(users.NAME) || \"E mail\" || 'é' || a$b").collect();
        for named in ["name", "E mail", "Upper", "é", "a$b", "lower", &"x".repeat(63)] {
            assert!(may_be_named(named, &words), "{named}");
        }
        for other in ["nam", "ab", "age"] {
            assert!(!may_be_named(other, &words), "{other}");
        }
    }
}
