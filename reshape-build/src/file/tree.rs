//! What TOML and JSON have in common: a tree of values, each with the place it was written at.
//!
//! **Invariant:** the tree says what is written, not what is allowed; only the decoder knows migrations.

use reshape_runtime::schema::Segment;

use crate::text::Span;

/// A value and where it is written.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub(crate) span: Span,
    pub(crate) value: Value,
}

/// A value. Numbers and dates are only ever refused or shown, so they are not kept: their text is that of the span.
#[derive(Clone, Debug)]
pub(crate) enum Value {
    String(String),
    Integer,
    Float,
    Boolean(bool),
    Date,
    Null,
    Array(Vec<Node>),
    Table(Vec<Entry>),
}

/// A key of a table and its value, in the order of the file.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) key: String,
    pub(crate) key_span: Span,
    pub(crate) node: Node,
}

impl Node {
    /// The value's kind for people, with its article.
    pub(crate) fn kind(&self) -> &'static str {
        match self.value {
            Value::String(_) => "a string",
            Value::Integer => "an integer",
            Value::Float => "a float",
            Value::Boolean(_) => "a boolean",
            Value::Date => "a date",
            Value::Null => "null",
            Value::Array(_) => "an array",
            Value::Table(_) => "a table",
        }
    }

    /// The value of a key of a table.
    pub(crate) fn get(&self, key: &str) -> Option<&Self> {
        match &self.value {
            Value::Table(entries) => entries.iter().find(|e| e.key == key).map(|e| &e.node),
            Value::String(_)
            | Value::Integer
            | Value::Float
            | Value::Boolean(_)
            | Value::Date
            | Value::Null
            | Value::Array(_) => None,
        }
    }

    /// The value at `path`, or its nearest ancestor that is written in the file.
    pub(crate) fn resolve(&self, path: &[Segment]) -> &Self {
        let Some((first, rest)) = path.split_first() else { return self };
        let child = match (first, &self.value) {
            (Segment::Index(index), Value::Array(items)) => items.get(*index),
            (Segment::Key(key), _) => self.get(key),
            (Segment::Index(_), _) => None,
        };
        child.map_or(self, |child| child.resolve(rest))
    }
}
