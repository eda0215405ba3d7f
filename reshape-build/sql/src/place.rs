//! What Postgres takes at some places and not at others.
//!
//! **Invariant:** what stands in a sub-select belongs to that, and may be anything.

use squawk_syntax::{SyntaxKind, SyntaxNode};

use crate::expression::Visible;
use crate::finding::{Finding, Rule};
use crate::functions::Function;
use crate::role::Role;
use crate::walk::{Walk, child};

impl Walk<'_> {
    /// Reports a function that cannot stand here.
    pub(crate) fn allowed(
        &mut self,
        name: &str,
        function: Function,
        node: &SyntaxNode,
        callee: &SyntaxNode,
    ) {
        let windowed = child(node, SyntaxKind::OVER_CLAUSE).is_some();
        let role = self.own_role().filter(|role| *role != Role::Value || !self.of_row);
        if let Some(role) = role {
            let kind = if windowed || function.window {
                Some("a window function")
            } else if function.aggregate {
                Some("an aggregate")
            } else if function.set {
                Some("a function that returns rows")
            } else if name == "grouping" {
                Some("a grouping operation")
            } else {
                None
            };
            if let Some((kind, place)) = kind.zip(role.without_aggregates()) {
                let message = format!("{place} cannot contain {kind}, which `{name}` is");
                let finding = Finding::new(Rule::NotAllowed, self.range(callee), message);
                let one = "it is computed for one row at a time; a sub-select";
                let help = if function.set {
                    format!("{one} makes a value of rows: `(SELECT {name}(…) LIMIT 1)`")
                } else {
                    format!("{one} looks at others: `(SELECT {name}(…) FROM …)`")
                };
                let selects = role.without_selects().is_none() && name != "grouping";
                self.report(if selects { finding.help(help) } else { finding });
                return;
            }
        }
        if function.changes && function.ordinary && self.role.is_some_and(Role::is_kept) {
            self.changes(name, callee);
        }
    }

    /// A statement of an application reads views; a migration's expressions are computed from the tables themselves.
    pub(crate) fn system_column(&mut self, name: &str, node: &SyntaxNode) {
        if self.catalog.may_be_created(name) {
            return;
        }
        if self.role.is_some() {
            let place = self.own_role().and_then(|role| role.without_system_column(name));
            if let Some(place) = place {
                let message = format!("{place} cannot use the system column `{name}`");
                self.report(Finding::new(Rule::NotAllowed, self.range(node), message));
            }
            return;
        }
        let message = format!("a version's tables are views, which have no `{name}`");
        self.report(Finding::new(Rule::UnknownColumn, self.range(node), message).help(
            "identify rows by their primary key, and compare a column that each change writes",
        ));
    }
}

/// Whether the expression may be computed from a row as a whole, and so in a query of its own: it may name the row, as in `to_jsonb(users)`, or something has
/// the name of a trigger's row.
pub(crate) fn may_be_of_row(sql: &str, visible: &Visible) -> bool {
    let is_row = |name: &str| matches!(name, "new" | "old");
    is_row(&visible.name)
        || visible.relation.columns.iter().any(|column| is_row(&column.name))
        || names_row(sql, &visible.name)
}

/// Whether `name` stands anywhere without a column after it.
fn names_row(sql: &str, name: &str) -> bool {
    let (sql, name) = (sql.to_lowercase(), name.to_lowercase());
    let is_word = |c: char| c.is_alphanumeric() || matches!(c, '_' | '$');
    sql.match_indices(&name).any(|(at, _)| {
        let rest = &sql[at + name.len()..];
        let word = sql[..at].ends_with(is_word) || rest.starts_with(is_word);
        let rest = rest.trim_start_matches('"').trim_start();
        let column = rest.strip_prefix('.').map(str::trim_start);
        !word && column.is_none_or(|column| column.starts_with('*'))
    })
}

#[cfg(test)]
mod tests {
    use super::names_row;

    #[test]
    fn a_row_is_named_without_a_column() {
        for row in
            ["users", "to_jsonb(Users)", "\"users\".*", "f(users . *)", "(users).name", "'users'"]
        {
            assert!(names_row(row, "users"), "{row}");
        }
        for column in ["users.name", "\"users\" . \"name\"", "users2", "my_users", "name"] {
            assert!(!names_row(column, "users"), "{column}");
        }
    }
}
