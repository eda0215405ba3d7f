//! An expression of a migration.

use std::rc::Rc;

use crate::catalog::{Catalog, Relation};
use crate::finding::Finding;
use crate::types::Type;

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

/// What a check found.
#[derive(Clone, Debug, Default)]
pub struct Checked {
    /// What is wrong, in the order of the text.
    pub findings: Vec<Finding>,
    /// The type of an expression, where that is certain.
    pub data_type: Option<Type>,
}

/// Checks one expression.
pub fn expression(sql: &str, scope: &Scope<'_>) -> Checked {
    let _ = (sql, scope);
    Checked::default()
}
