//! An expression of a migration.

use std::rc::Rc;

use squawk_syntax::SyntaxKind;

use crate::catalog::{Catalog, Relation};
use crate::finding::{Finding, Rule};
use crate::frame::{Frame, Item};
use crate::parse::parse;
use crate::types::Type;
use crate::walk::{Walk, expressions};

/// Where an expression stands, and what it may use there.
#[derive(Clone, Copy)]
pub struct Scope<'a> {
    /// What there is besides.
    pub catalog: &'a dyn Catalog,
    /// The relations whose rows it is computed from. A column without a qualifier is that of the first that has it.
    pub visible: &'a [Visible],
    /// What the expression is for.
    pub role: Role,
    /// The type of the column that the value is for.
    pub wanted: Option<&'a Type>,
}

/// A relation whose columns an expression may use, under a name.
#[derive(Clone, Debug)]
pub struct Visible {
    /// What qualifies its columns.
    pub name: String,
    /// Its columns.
    pub relation: Rc<Relation>,
}

/// What an expression is for, which decides what it may contain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// A column's default: no columns, no sub-selects, no aggregates.
    Default,
    /// What computes a generated column: immutable.
    Generated,
    /// A check.
    Check,
    /// A key of an index: immutable.
    IndexKey,
    /// The `where` of an index: immutable.
    IndexPredicate,
    /// A value that `up` or `down` computes.
    Value,
    /// The `where` of `up` or `down`.
    Condition,
}

impl Role {
    /// Whether the result is kept, so that it must not change: the expression is immutable.
    pub(crate) fn is_kept(self) -> bool {
        match self {
            Self::Generated | Self::IndexKey | Self::IndexPredicate => true,
            Self::Default | Self::Check | Self::Value | Self::Condition => false,
        }
    }

    /// What it is called, where sub-selects are not allowed.
    pub(crate) fn without_selects(self) -> Option<&'static str> {
        Some(match self {
            Self::Default => "a default",
            Self::Generated => "a generated column",
            Self::Check => "a check",
            Self::IndexKey => "an index",
            Self::IndexPredicate => "the condition of an index",
            Self::Value | Self::Condition => return None,
        })
    }

    /// What it is called, where aggregates, window functions and functions that return rows are not allowed.
    pub(crate) fn without_aggregates(self) -> Option<&'static str> {
        self.without_selects()
    }

    fn is_condition(self) -> bool {
        matches!(self, Self::Check | Self::IndexPredicate | Self::Condition)
    }
}

/// What a check found.
#[derive(Clone, Debug, Default)]
pub struct Checked {
    /// What is wrong, in the order of the text.
    pub findings: Vec<Finding>,
    /// The type of an expression, where that is certain.
    pub data_type: Option<Type>,
}

/// What makes a statement of an expression. Everywhere the expression ends up, there are parentheses around it, and line breaks: it may end in a comment.
const PREFIX: &str = "SELECT (\n";
const SUFFIX: &str = "\n)";

/// Checks one expression.
pub fn expression(sql: &str, scope: &Scope<'_>) -> Checked {
    if sql.trim().is_empty() {
        let finding = Finding::new(Rule::Syntax, 0..sql.len(), "the expression is empty");
        return Checked { findings: vec![finding], data_type: None };
    }
    if is_obvious(sql, scope) {
        return Checked::default();
    }
    let root = match parse(sql, PREFIX, SUFFIX) {
        None => return Checked::default(),
        Some(Err(finding)) => return Checked { findings: vec![finding], data_type: None },
        Some(Ok(root)) => root,
    };
    let mut targets = root.descendants().filter(|node| node.kind() == SyntaxKind::TARGET);
    let Some(target) = targets.next() else { return Checked::default() };
    let Some(outer) = expressions(&target).next() else { return Checked::default() };
    let mut walk = Walk::new(scope.catalog, PREFIX.len(), sql.len());
    walk.role = Some(scope.role);
    let mut frame = Frame { first_wins: true, ..Frame::default() };
    for visible in scope.visible {
        frame.add(Item::from_relation(&visible.name, &visible.relation));
    }
    let value = walk.expression(&outer, &frame);
    let inner = expressions(&outer).next();
    let inner = inner.unwrap_or(outer);
    if scope.role.is_condition() {
        walk.boolean(&value, &walk.range(&inner));
    } else if let Some(wanted) = scope.wanted {
        walk.assign(&value, wanted, &inner);
    }
    let mut findings = walk.findings;
    findings.sort_by_key(|finding| finding.range.start);
    // Where a name is wrong, the types that follow from it are not worth a word.
    if findings.iter().any(|finding| finding.rule != Rule::TypeMismatch) {
        findings.retain(|finding| finding.rule != Rule::TypeMismatch);
    }
    Checked { findings, data_type: value.data_type().cloned() }
}

/// What needs no parser: a number or plain string where nothing is known of the type, the name of a column that is there. Most defaults and many other
/// snippets are such, and a build script parses them in a debug build.
fn is_obvious(sql: &str, scope: &Scope<'_>) -> bool {
    if scope.role.is_condition() {
        return false;
    }
    let sql = sql.trim();
    if let Some(wanted) = scope.wanted
        && !wanted.array
    {
        let digits = sql.chars().all(|c| c.is_ascii_digit()) && sql.len() < 10;
        let name = &*wanted.name;
        if digits && matches!(name, "int4" | "int8" | "numeric" | "text" | "float8") {
            return true;
        }
        let is = |word: &str| sql.eq_ignore_ascii_case(word);
        if is("true") || is("false") {
            return name == "bool";
        }
        if is("now()") || is("current_timestamp") {
            return scope.role == Role::Default
                && matches!(name, "timestamptz" | "timestamp" | "date");
        }
        if let Some(inner) = sql.strip_prefix('\'').and_then(|rest| rest.strip_suffix('\'')) {
            return name == "text" && sql.len() > 1 && !inner.contains(['\'', '\\']);
        }
        return scope.role == Role::Default && is("gen_random_uuid()") && name == "uuid";
    }
    false
}
