//! One statement of an application: what it needs, and what it gives.

use std::ops::Range;

use crate::catalog::Catalog;
use crate::finding::Finding;
use crate::types::Type;

/// What a statement needs and gives.
#[derive(Clone, Debug)]
pub struct Query {
    /// What it does.
    pub kind: Kind,
    /// Its parameters `$1`, `$2`, …: one entry each, without gaps.
    pub parameters: Vec<Parameter>,
    /// The columns of its rows, `*` spelled out; empty if it gives no rows, `None` if it is not certain which they are.
    pub columns: Option<Vec<Output>>,
    /// What is wrong with it, in the order of the text.
    pub findings: Vec<Finding>,
}

/// What a statement does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `SELECT`, `VALUES`, `TABLE`, also after `WITH`.
    Select,
    /// `INSERT`.
    Insert,
    /// `UPDATE`.
    Update,
    /// `DELETE`.
    Delete,
    /// `MERGE`.
    Merge,
    /// Anything else: nothing is known of its columns and parameters.
    Other,
    /// Not exactly one statement.
    None,
}

/// A parameter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parameter {
    /// The `1` of `$1`.
    pub number: u32,
    /// The type that Postgres gives it, where that is certain: from a cast, or the column that it is written to or compared with.
    pub data_type: Option<Type>,
    /// Where it stands for the first time; empty if it does not (`$2` without a `$1`).
    pub range: Range<usize>,
}

/// A column of the rows that a statement gives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Output {
    /// Its name, as Postgres chooses it: `?column?` where nothing names it.
    pub name: String,
    /// Its type, where that is certain.
    pub data_type: Option<Type>,
    /// Whether it may be NULL, where that is certain: `Some(false)` never is.
    pub nullable: Option<bool>,
    /// The table and column that it is, if it is one as it stands.
    pub source: Option<(String, String)>,
    /// The target that gives it; that of a `*` gives several.
    pub range: Range<usize>,
}

/// Checks one statement with parameters `$1`, `$2`, … against `catalog`.
pub fn query(sql: &str, catalog: &dyn Catalog) -> Query {
    let _ = (sql, catalog);
    Query { kind: Kind::Other, parameters: Vec::new(), columns: None, findings: Vec::new() }
}
