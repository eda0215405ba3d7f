//! A table of the model: its columns before each action and after the last, and one row for each of these.

use std::collections::BTreeMap;

use super::action::Op;
use crate::function::{Kind, value};
use crate::random::{Cell, Random, literal, s};

/// A row at one point of the batch.
pub(crate) type Row = BTreeMap<String, Cell>;

#[derive(Clone, Debug)]
pub(crate) struct Column {
    pub(crate) name: String,
    pub(crate) kind: Kind,
    pub(crate) sql_type: &'static str,
    pub(crate) not_null: bool,
    pub(crate) default: Cell,
    /// Not yet changed in this batch.
    pub(crate) untouched: bool,
}

#[derive(Clone, Debug)]
pub(crate) struct Table {
    pub(crate) old_name: String,
    pub(crate) name: String,
    /// The columns before each action and after the last.
    pub(crate) levels: Vec<Vec<Column>>,
    pub(crate) ops: Vec<Op>,
    /// By id; one row per level.
    pub(crate) rows: BTreeMap<i64, Vec<Row>>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Side {
    Old,
    New,
}

impl Table {
    pub(crate) fn new(name: &str) -> Self {
        let column = |name: &str, kind, sql_type, not_null, default: Option<&str>| Column {
            name: name.to_owned(),
            kind,
            sql_type,
            not_null,
            default: default.map(str::to_owned),
            untouched: true,
        };
        let columns = vec![
            column("a", Kind::Int, "integer", true, Some("7")),
            column("b", Kind::Text, "text", false, None),
            column("c", Kind::Int, "integer", false, None),
            column("old", Kind::Text, "text", true, None),
        ];
        Self {
            old_name: name.to_owned(),
            name: name.to_owned(),
            levels: vec![columns],
            ops: Vec::new(),
            rows: BTreeMap::new(),
        }
    }

    pub(crate) fn create(&self) -> String {
        let mut columns = String::from("{ name = 'id', type = 'integer' }");
        for c in &self.levels[0] {
            let default =
                c.default.as_ref().map(|_| format!(", default = {}", s(&literal(&c.default))));
            columns.push_str(&format!(
                ", {{ name = {}, type = '{}', nullable = {}{} }}",
                s(&c.name),
                c.sql_type,
                !c.not_null,
                default.unwrap_or_default()
            ));
        }
        format!(
            "[[actions]]\ntype = 'create_table'\nname = {}\nprimary_key = 'id'\ncolumns = [{columns}]\n",
            s(&self.name)
        )
    }

    pub(crate) fn last(&self) -> &[Column] {
        self.levels.last().expect("the base's columns")
    }
}

pub(crate) fn cell(random: &mut Random, column: &Column) -> Cell {
    (column.not_null || random.chance(80)).then(|| value(random, column.kind))
}
