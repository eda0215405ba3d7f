//! JSON to a tree: strict, as the `reshape` command line reads it. Comments and trailing commas are errors.

use jsonc_parser::ast;
use jsonc_parser::common::Ranged;
use jsonc_parser::{CollectOptions, ParseOptions};
use reshape_runtime::Rule;

use super::tree::{Entry, Node, Value};
use crate::text::Span;

const STRICT: ParseOptions = ParseOptions {
    allow_comments: false,
    allow_loose_object_property_names: false,
    allow_trailing_commas: false,
    allow_missing_commas: false,
    allow_single_quoted_strings: false,
    allow_hexadecimal_numbers: false,
    allow_unary_plus_numbers: false,
    allow_bare_decimal_point_numbers: false,
    allow_non_finite_numbers: false,
    allow_extended_string_escapes: false,
};

/// Parses a document. The parser stops at the first syntax error; keys that are written twice are all found.
pub(super) fn parse(text: &str) -> Result<Node, Vec<(Rule, Span, String)>> {
    let parsed = jsonc_parser::parse_to_ast(text, &CollectOptions::default(), &STRICT);
    let root = match parsed.map(|result| result.value) {
        Ok(Some(root)) => root,
        Ok(None) => return Err(vec![(Rule::InvalidJson, 0..0, "the file is empty".to_owned())]),
        Err(error) => {
            let range = error.range();
            return Err(vec![(
                Rule::InvalidJson,
                range.start..range.end,
                format!("invalid JSON: {}", lower(&error)),
            )]);
        }
    };
    let mut errors = Vec::new();
    let root = node(root, &mut errors);
    if errors.is_empty() { Ok(root) } else { Err(errors) }
}

/// The parser's messages begin with a capital, ours do not.
fn lower(error: &jsonc_parser::errors::ParseError) -> String {
    let message = error.kind().to_string();
    let mut chars = message.chars();
    chars.next().map_or_else(String::new, |first| {
        first.to_lowercase().chain(chars).collect::<String>().trim_end_matches('.').to_owned()
    })
}

fn node(value: ast::Value<'_>, errors: &mut Vec<(Rule, Span, String)>) -> Node {
    let range = value.range();
    let value = match value {
        ast::Value::StringLit(text) => Value::String(text.value.into_owned()),
        ast::Value::NumberLit(number) if number.value.contains(['.', 'e', 'E']) => Value::Float,
        ast::Value::NumberLit(_) => Value::Integer,
        ast::Value::BooleanLit(boolean) => Value::Boolean(boolean.value),
        ast::Value::NullKeyword(_) => Value::Null,
        ast::Value::Array(array) => {
            Value::Array(array.elements.into_iter().map(|item| node(item, errors)).collect())
        }
        ast::Value::Object(object) => {
            let mut entries: Vec<Entry> = Vec::new();
            for property in object.properties {
                let range = property.name.range();
                let key_span = range.start..range.end;
                let key = property.name.into_string();
                if entries.iter().any(|entry| entry.key == key) {
                    errors.push((
                        Rule::DuplicateKey,
                        key_span.clone(),
                        format!("duplicate key `{key}`"),
                    ));
                }
                entries.push(Entry { key, key_span, node: node(property.value, errors) });
            }
            Value::Table(entries)
        }
    };
    Node { span: range.start..range.end, value }
}
