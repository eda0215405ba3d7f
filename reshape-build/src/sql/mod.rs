//! The SQL in a history, checked with `reshape-sql`.
//!
//! **Invariant:** this crate knows of SQL what `reshape-sql` says, and of the schema what `reshape-runtime` says; here the one is put in terms of the other.

use std::rc::Rc;

use reshape_runtime::model::Column;
use reshape_runtime::rule::Rule;
use reshape_runtime::schema::{Inspect, Missing, Remark, Scene, Seen, Snippet, SnippetRole};
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
        let own = (snippet.role != SnippetRole::Custom).then_some(&*snippet.visible);
        let catalog = View { scene: *scene, own };
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
            SnippetRole::Custom => {
                return remarks(&snippet.sql, statements(&snippet.sql, &catalog));
            }
        };
        let visible: Vec<Visible> =
            snippet.visible.iter().map(|seen| visible(seen, scene)).collect();
        let wanted = snippet.wanted.as_deref().and_then(Type::parse);
        let scope = Scope { catalog: &catalog, visible: &visible, role, wanted: wanted.as_ref() };
        remarks(&snippet.sql, expression(&snippet.sql, &scope))
    }
}

fn visible(seen: &Seen, scene: &Scene<'_>) -> Visible {
    let columns = seen.columns.iter().map(|column| catalog::column(&seen.name, column, scene));
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
