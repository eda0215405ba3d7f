//! Decoding of single values: strings, lists, choices. Each decoder either gives a value or says what is wrong.
//!
//! **Invariant:** `None` means that the problem has been reported; no decoder reports twice or fails in silence.

use std::cell::RefCell;
use std::sync::Arc;

use reshape_runtime::model::{List, Str};

use super::tree::{Node, Value};
use crate::diagnostic::{Diagnostic, Place};
use crate::text::{Source, Span};

/// What decoding a file shares: its text and the problems found so far.
pub(super) struct Context {
    pub(super) source: Arc<Source>,
    pub(super) problems: RefCell<Vec<Diagnostic>>,
}

impl Context {
    pub(super) fn problem(&self, span: &Span, message: impl Into<String>) -> Diagnostic {
        Diagnostic::new(Place::at(&self.source, span), message)
    }

    pub(super) fn report(&self, problem: Diagnostic) {
        self.problems.borrow_mut().push(problem);
    }
}

/// A value that is being decoded, under the key it is known by.
#[derive(Clone, Copy)]
pub(super) struct Field<'a> {
    pub(super) key: &'a str,
    pub(super) node: &'a Node,
    pub(super) context: &'a Context,
}

impl<'a> Field<'a> {
    /// Reports a problem at the value.
    pub(super) fn fail<T>(self, message: impl Into<String>) -> Option<T> {
        self.context.report(self.context.problem(&self.node.span, message));
        None
    }

    fn fail_with_help<T>(self, message: impl Into<String>, help: impl Into<String>) -> Option<T> {
        self.context.report(self.context.problem(&self.node.span, message).help(help));
        None
    }

    /// "expected a string for `table`, found an integer"
    pub(super) fn wrong_type(self, expected: &str) -> Diagnostic {
        let message = format!("expected {expected} for `{}`, found {}", self.key, self.node.kind());
        self.context.problem(&self.node.span, message)
    }

    fn reject<T>(self, expected: &str) -> Option<T> {
        self.context.report(self.wrong_type(expected));
        None
    }

    /// The value as it is written in the file.
    pub(super) fn written(self) -> &'a str {
        self.context.source.slice(&self.node.span)
    }

    fn as_string(self) -> Option<&'a str> {
        match &self.node.value {
            Value::String(text) => Some(text),
            _ => None,
        }
    }
}

/// Any text, also an empty one.
pub(super) fn text(field: Field<'_>) -> Option<Str> {
    match field.as_string() {
        Some(text) => Some(Str::Owned(text.to_owned())),
        None => field.reject("a string"),
    }
}

/// The name of something in the database.
pub(super) fn name(field: Field<'_>) -> Option<Str> {
    let name = text(field)?;
    if name.is_empty() {
        return field.fail(format!("`{}` is empty", field.key));
    }
    if name.contains('\0') {
        return field.fail(format!("`{}` contains a NUL character", field.key));
    }
    Some(name)
}

/// An SQL expression, condition or type: a string that is not blank.
pub(super) fn sql(field: Field<'_>) -> Option<Str> {
    match &field.node.value {
        Value::String(text) if text.trim().is_empty() => field.fail_with_help(
            format!("`{}` is empty", field.key),
            "it holds SQL: an empty text is written `\"''\"`",
        ),
        Value::String(text) => Some(Str::Owned(text.clone())),
        Value::Integer | Value::Float | Value::Boolean(_) | Value::Date => {
            let quote = if matches!(field.node.value, Value::Date) { "'" } else { "" };
            let help = format!(
                "it holds an SQL expression, written as a string: `\"{quote}{}{quote}\"`",
                field.written()
            );
            field.context.report(field.wrong_type("a string").help(help));
            None
        }
        Value::Null => {
            let help = "the SQL expression NULL is written as a string: `\"NULL\"`";
            field.context.report(field.wrong_type("a string").help(help));
            None
        }
        Value::Array(_) | Value::Table(_) => field.reject("a string"),
    }
}

/// `true` or `false`.
pub(super) fn boolean(field: Field<'_>) -> Option<bool> {
    match &field.node.value {
        Value::Boolean(value) => Some(*value),
        Value::String(text) if matches!(text.as_str(), "true" | "false") => {
            let help = format!("write it without quotes: `{text}`");
            field.context.report(field.wrong_type("a boolean").help(help));
            None
        }
        _ => field.reject("a boolean (`true` or `false`)"),
    }
}

/// A list; every item is decoded, so that all problems are found.
pub(super) fn list<T: Clone + 'static>(
    item: impl Fn(Field<'_>) -> Option<T>,
) -> impl Fn(Field<'_>) -> Option<List<T>> {
    move |field| {
        let Value::Array(items) = &field.node.value else {
            let mut problem = field.wrong_type("an array");
            if let Some(text) = field.as_string() {
                problem = problem.help(format!("write `[{text:?}]`"));
            }
            field.context.report(problem);
            return None;
        };
        let decoded: Vec<Option<T>> =
            items.iter().map(|node| item(Field { node, ..field })).collect();
        decoded.into_iter().collect()
    }
}

/// A list with at least one item.
pub(super) fn non_empty<T: Clone + 'static>(
    item: impl Fn(Field<'_>) -> Option<T>,
) -> impl Fn(Field<'_>) -> Option<List<T>> {
    let list = list(item);
    move |field| {
        let items = list(field)?;
        if items.is_empty() {
            return field.fail(format!("`{}` is empty", field.key));
        }
        Some(items)
    }
}

/// A list of names, or a single name.
pub(super) fn one_or_many(field: Field<'_>) -> Option<List<Str>> {
    if matches!(field.node.value, Value::String(_)) {
        return name(field).map(|name| List::Owned(vec![name]));
    }
    non_empty(name)(field)
}

/// One of a few keywords, in either case.
pub(super) fn keyword<T: Copy + 'static>(
    choices: &'static [(&'static str, T)],
) -> impl Fn(Field<'_>) -> Option<T> {
    move |field| {
        let Some(text) = field.as_string() else { return field.reject("a string") };
        let found = choices.iter().find(|(word, _)| word.eq_ignore_ascii_case(text));
        if let Some((_, value)) = found {
            return Some(*value);
        }
        let words: Vec<&str> = choices.iter().map(|(word, _)| *word).collect();
        let mut problem = field
            .context
            .problem(&field.node.span, format!("`{text}` is not a value of `{}`", field.key));
        if let Some(word) = super::suggest(text, words.iter().copied()) {
            problem = problem.help(format!("did you mean `{word}`?"));
        }
        field.context.report(problem.help(format!("it is one of {}", super::names(words))));
        None
    }
}
