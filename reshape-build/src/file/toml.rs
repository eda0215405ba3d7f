//! TOML to a tree.

use reshape_runtime::Rule;
use toml::Spanned;
use toml::de::{DeTable, DeValue, Error};

use super::tree::{Entry, Node, Value};
use crate::text::Span;

/// Parses a document. All syntax errors are found, each with its place; with any of them the tree is of no use.
pub(super) fn parse(text: &str) -> Result<Node, Vec<(Rule, Span, String)>> {
    let (table, errors) = DeTable::parse_recoverable(text);
    if errors.is_empty() {
        return Ok(Node { span: table.span(), value: entries(table.into_inner()) });
    }
    Err(errors.iter().map(|error| located(text, error)).collect())
}

fn located(text: &str, error: &Error) -> (Rule, Span, String) {
    let span = error.span().unwrap_or(0..0);
    let message = error.message().replace('\n', ", ");
    if message != "duplicate key" {
        return (Rule::InvalidToml, span, format!("invalid TOML: {message}"));
    }
    let key = text.get(span.clone()).map(|key| format!(" `{key}`")).unwrap_or_default();
    (Rule::DuplicateKey, span, format!("duplicate key{key}"))
}

fn entries(table: DeTable<'_>) -> Value {
    let mut entries: Vec<Entry> = table
        .into_iter()
        .map(|(key, value)| Entry {
            key_span: key.span(),
            key: key.into_inner().into_owned(),
            node: node(value),
        })
        .collect();
    // The parser sorts by key; problems are reported in the order of the file.
    entries.sort_by_key(|entry| entry.key_span.start);
    Value::Table(entries)
}

fn node(value: Spanned<DeValue<'_>>) -> Node {
    let span = value.span();
    let value = match value.into_inner() {
        DeValue::String(text) => Value::String(text.into_owned()),
        DeValue::Integer(_) => Value::Integer,
        DeValue::Float(_) => Value::Float,
        DeValue::Boolean(value) => Value::Boolean(value),
        DeValue::Datetime(_) => Value::Date,
        DeValue::Array(items) => Value::Array(items.into_iter().map(node).collect()),
        DeValue::Table(table) => entries(table),
    };
    Node { span, value }
}
