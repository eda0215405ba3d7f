//! Values that a column needs, and those that it does not take.
//!
//! **Invariant:** only what the history alone says of a table counts: a trigger may give a value to a column that gets none.

use std::ops::Range;

use squawk_syntax::{SyntaxKind, SyntaxNode};

use crate::catalog::{Column, Fill, Relation};
use crate::finding::{Finding, Rule};
use crate::name::{list, quote};
use crate::walk::{Walk, expressions, has_token};

impl Walk<'_> {
    /// Reports the columns that need a value, and get none from an INSERT into `given`.
    pub(crate) fn all_given(&mut self, relation: &Relation, given: &[String], range: Range<usize>) {
        let missing: Vec<&Column> = relation
            .columns
            .iter()
            .filter(|column| self.must_be_given(relation, column))
            .filter(|column| !given.contains(&column.name))
            .collect();
        let names: Vec<&str> = missing.iter().map(|column| column.name.as_str()).collect();
        let (message, it) = match names[..] {
            [] => return,
            [name] => (format!("`{name}` gets no value, is NOT NULL and has no default"), "it"),
            [..] => {
                (format!("{} get no value, are NOT NULL and have no default", list(&names)), "them")
            }
        };
        let quoted: Vec<String> = names.iter().map(|name| quote(name)).collect();
        let help = format!(
            "add {it} to the columns of the INSERT, with a value each: `({}{})`",
            if given.is_empty() { "" } else { "…, " },
            quoted.join(", ")
        );
        self.report(Finding::new(Rule::MissingValue, range, message).help(help));
    }

    /// Reports a NULL, or a default that there is not, for a column that is NOT NULL.
    pub(crate) fn has_value(&mut self, relation: &Relation, column: &Column, node: &SyntaxNode) {
        let name = &column.name;
        let message = if is_null(node) && self.is_never_null(relation, column) {
            format!("column `{name}` is NOT NULL")
        } else if is_default(node) && self.must_be_given(relation, column) {
            format!("column `{name}` is NOT NULL and has no default")
        } else {
            return;
        };
        self.report(
            Finding::new(Rule::MissingValue, self.range(node), message).help("give it a value"),
        );
    }

    fn must_be_given(&self, relation: &Relation, column: &Column) -> bool {
        column.fill == Fill::Nothing && self.is_never_null(relation, column)
    }

    /// Whether the server refuses a NULL for the column: no trigger puts something in its place. A type that somebody made may have a default of its own.
    fn is_never_null(&self, relation: &Relation, column: &Column) -> bool {
        !column.nullable
            && column.data_type.as_ref().is_some_and(|data_type| self.is_certain(data_type))
            && self.catalog.keys(&relation.name).is_some()
    }

    /// A generated column gets a value, by an INSERT or an UPDATE.
    pub(crate) fn generated(&mut self, column: &str, node: &SyntaxNode, help: &str) {
        let message = format!("column `{column}` is generated, and takes no value");
        self.report(Finding::new(Rule::Generated, self.range(node), message).help(help));
    }
}

/// The keyword DEFAULT in the place of a value.
pub(crate) fn is_default(node: &SyntaxNode) -> bool {
    matches!(node.kind(), SyntaxKind::LITERAL | SyntaxKind::SET_EXPR)
        && has_token(node, SyntaxKind::DEFAULT_KW)
}

/// The keyword NULL, also in parentheses and with a type.
fn is_null(node: &SyntaxNode) -> bool {
    match node.kind() {
        SyntaxKind::LITERAL => has_token(node, SyntaxKind::NULL_KW),
        SyntaxKind::PAREN_EXPR | SyntaxKind::CAST_EXPR => {
            expressions(node).next().is_some_and(|inner| is_null(&inner))
        }
        _ => false,
    }
}
