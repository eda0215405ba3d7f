//! Decoding of tables: required and optional keys, and what is left over.
//!
//! **Invariant:** every key of a table is decoded, reported as unknown, or reported as not supported yet; none is ignored.

use reshape_runtime::Rule;

use super::field::{Context, Field, Label};
use super::tree::{Entry, Node, Value};
use super::{names, suggest};
use crate::text::Span;

/// A table that is being decoded.
pub(super) struct Fields<'a> {
    context: &'a Context,
    entries: &'a [Entry],
    /// Where a missing key is reported.
    anchor: Span,
    /// What the table is, for people, e.g. "action `add_column`".
    what: String,
    known: Vec<&'static str>,
    missing: Vec<&'static str>,
}

impl<'a> Fields<'a> {
    /// The fields of a value that must be a table.
    pub(super) fn of(field: Field<'a>, what: impl Into<String>) -> Option<Self> {
        let Value::Table(entries) = &field.node.value else {
            field.context.report(field.wrong_type("a table"));
            return None;
        };
        Some(Self {
            context: field.context,
            entries,
            anchor: anchor(field.node),
            what: what.into(),
            known: Vec::new(),
            missing: Vec::new(),
        })
    }

    /// Whether the file is a baseline.
    pub(super) fn in_baseline(&self) -> bool {
        self.context.baseline
    }

    /// What the table is, once that is known.
    pub(super) fn call(&mut self, what: impl Into<String>) {
        self.what = what.into();
    }

    /// A key without which the table means nothing.
    pub(super) fn required<T>(
        &mut self,
        key: &'static str,
        decode: impl Fn(Field<'a>) -> Option<T>,
    ) -> Option<T> {
        let Some(field) = self.field(key) else {
            self.missing.push(key);
            return None;
        };
        decode(field)
    }

    /// A key that may be absent, or `null` in JSON: the inner `None`. The outer one is a problem, which has been reported.
    #[expect(
        clippy::option_option,
        reason = "`?` on the outer, a field of the model for the inner"
    )]
    pub(super) fn optional<T>(
        &mut self,
        key: &'static str,
        decode: impl Fn(Field<'a>) -> Option<T>,
    ) -> Option<Option<T>> {
        match self.field(key) {
            Some(field) if !matches!(field.node.value, Value::Null) => decode(field).map(Some),
            Some(_) | None => Some(None),
        }
    }

    /// A key that has a default.
    pub(super) fn or<T>(
        &mut self,
        key: &'static str,
        default: T,
        decode: impl Fn(Field<'a>) -> Option<T>,
    ) -> Option<T> {
        self.optional(key, decode).map(|value| value.unwrap_or(default))
    }

    fn field(&mut self, key: &'static str) -> Option<Field<'a>> {
        self.known.push(key);
        let entry = self.entries.iter().find(|entry| entry.key == key)?;
        Some(Field { label: Label::Key(key), node: &entry.node, context: self.context })
    }

    /// Reports what is missing and what is left over. `later` are keys of the format that do not work yet.
    pub(super) fn finish(mut self, later: &[&str]) {
        for entry in self.entries {
            let key = entry.key.as_str();
            if self.known.contains(&key) {
                continue;
            }
            if later.contains(&key) {
                let message = format!("`{key}` is not supported yet in {}", self.what);
                self.context.report(self.context.problem(
                    Rule::NotSupportedYet,
                    &entry.key_span,
                    message,
                ));
                continue;
            }
            let message = format!("unknown key `{key}` in {}", self.what);
            let mut problem = self.context.problem(Rule::UnknownKey, &entry.key_span, message);
            let free = self.known.iter().filter(|known| !self.written(known)).copied();
            if let Some(meant) = suggest(key, free) {
                // A misspelt key is one mistake, not an unknown key and a missing one.
                self.missing.retain(|missing| *missing != meant);
                problem = problem.help(format!("did you mean `{meant}`?"));
            }
            let allowed = names(self.known.iter().copied());
            self.context.report(problem.help(format!("the keys are {allowed}")));
        }
        for key in &self.missing {
            let message = format!("missing key `{key}` in {}", self.what);
            self.context.report(self.context.problem(Rule::MissingKey, &self.anchor, message));
        }
    }

    fn written(&self, key: &str) -> bool {
        self.entries.iter().any(|entry| entry.key == key)
    }
}

/// Where a table is pointed at: a TOML header or inline table as a whole, but of a JSON object over several lines, which shows
/// nothing but a brace, the `type` if there is one.
pub(super) fn anchor(node: &Node) -> Span {
    match (&node.value, node.get("type")) {
        (Value::Table(entries), Some(kind)) if entries.iter().all(|e| inside(node, e)) => {
            kind.span.clone()
        }
        _ => node.span.clone(),
    }
}

/// Whether an entry is written inside its table's own span, as in JSON and inline tables, not below a `[header]`.
fn inside(node: &Node, entry: &Entry) -> bool {
    node.span.start <= entry.key_span.start && entry.key_span.end <= node.span.end
}
