//! An expression of a migration.

use std::rc::Rc;

use squawk_syntax::SyntaxKind;

use crate::catalog::{Catalog, Relation};
use crate::finding::{Finding, Rule};
use crate::frame::{Frame, Item};
use crate::parse::parse;
use crate::place::may_be_of_row;
use crate::role::Role;
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
    walk.of_row = scope.visible.first().is_some_and(|visible| may_be_of_row(sql, visible));
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
