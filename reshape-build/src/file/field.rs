//! Decoding of single values: strings, lists, choices. Each decoder either gives a value or says what is wrong.
//!
//! **Invariant:** `None` means that the problem has been reported; no decoder reports twice or fails in silence.

use std::cell::RefCell;
use std::fmt;
use std::sync::Arc;

use reshape_runtime::Rule;
use reshape_runtime::model::{List, Str};

use super::tree::{Node, Value};
use crate::diagnostic::{Diagnostic, Place};
use crate::text::{Source, Span};

/// What decoding a file shares: its text and the problems found so far.
pub(super) struct Context {
    pub(super) source: Arc<Source>,
    pub(super) problems: RefCell<Vec<Diagnostic>>,
    /// Whether the file is a baseline, which describes what is there.
    pub(super) baseline: bool,
}

impl Context {
    pub(super) fn new(source: &Arc<Source>) -> Self {
        Self { source: Arc::clone(source), problems: RefCell::default(), baseline: false }
    }

    /// What a parser has found.
    pub(super) fn report_all(&self, errors: Vec<(Rule, Span, String)>) {
        for (rule, span, message) in errors {
            self.report(self.problem(rule, &span, message));
        }
    }

    pub(super) fn problem(
        &self,
        rule: Rule,
        span: &Span,
        message: impl Into<String>,
    ) -> Diagnostic {
        Diagnostic::new(rule, Place::at(&self.source, span), message)
    }

    pub(super) fn report(&self, problem: Diagnostic) {
        self.problems.borrow_mut().push(problem);
    }
}

/// What a value is called in messages.
#[derive(Clone, Copy)]
pub(super) enum Label<'a> {
    /// The value of a key.
    Key(&'a str),
    /// An item of the array that is the value of a key.
    Item(&'a str),
    /// The whole file.
    File,
}

impl fmt::Display for Label<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Key(key) => write!(f, "`{key}`"),
            Self::Item(key) => write!(f, "an item of `{key}`"),
            Self::File => f.write_str("the file"),
        }
    }
}

/// A value that is being decoded.
#[derive(Clone, Copy)]
pub(super) struct Field<'a> {
    pub(super) label: Label<'a>,
    pub(super) node: &'a Node,
    pub(super) context: &'a Context,
}

impl<'a> Field<'a> {
    /// Reports a problem at the value.
    pub(super) fn fail<T>(self, rule: Rule, message: impl Into<String>) -> Option<T> {
        self.context.report(self.context.problem(rule, &self.node.span, message));
        None
    }

    /// "expected a string for `table`, found an integer"
    pub(super) fn wrong_type(self, expected: &str) -> Diagnostic {
        let message = format!("expected {expected} for {}, found {}", self.label, self.node.kind());
        self.context.problem(Rule::WrongType, &self.node.span, message)
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
    let Some(text) = field.as_string() else { return field.reject("a string") };
    // Postgres takes no NUL, neither in a value nor in a statement.
    if text.contains('\0') {
        return field.fail(Rule::NulCharacter, format!("{} contains a NUL character", field.label));
    }
    Some(Str::Owned(text.to_owned()))
}

/// The name of something in the database.
pub(super) fn name(field: Field<'_>) -> Option<Str> {
    let name = text(field)?;
    if name.is_empty() {
        return field.fail(Rule::EmptyValue, format!("{} is empty", field.label));
    }
    Some(name)
}

/// The name of a type, as SQL: it may have a modifier or be an array.
pub(super) fn data_type(field: Field<'_>) -> Option<Str> {
    let data_type = text(field)?;
    if data_type.trim().is_empty() {
        return field.fail(Rule::EmptyValue, format!("{} is empty", field.label));
    }
    Some(data_type)
}

/// An SQL expression or condition: a string that is not blank.
pub(super) fn expression(field: Field<'_>) -> Option<Str> {
    let help = match &field.node.value {
        Value::String(text) if text.trim().is_empty() => {
            let message = format!("{} is empty", field.label);
            let problem = field.context.problem(Rule::EmptyValue, &field.node.span, message);
            let help = "it holds an SQL expression: the empty text is written `\"''\"`";
            field.context.report(problem.help(help));
            return None;
        }
        Value::String(_) => return text(field),
        Value::Integer | Value::Float => number(field.written()).map(str::to_owned),
        Value::Boolean(value) => Some(value.to_string()),
        Value::Date => Some(format!("'{}'", field.written())),
        Value::Null => Some("NULL".to_owned()),
        Value::Array(_) | Value::Table(_) => return field.reject("a string"),
    };
    let help = help.map(|text| format!(": `\"{text}\"`")).unwrap_or_default();
    let help = format!("it holds an SQL expression, which is written as a string{help}");
    field.context.report(field.wrong_type("a string").help(help));
    None
}

/// A number that means the same in SQL; `0x10`, `1_000` and `inf` do not in every release of Postgres.
fn number(written: &str) -> Option<&str> {
    let plain = |char: char| char.is_ascii_digit() || matches!(char, '+' | '-' | '.' | 'e' | 'E');
    written.chars().all(plain).then_some(written)
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
            // `[actions]` for `[[actions]]`: one pair of brackets too few.
            let header = field.written();
            if matches!(field.node.value, Value::Table(_)) && header.starts_with('[') {
                problem = problem.help(format!("write `[{header}]`, once for each item"));
            }
            field.context.report(problem);
            return None;
        };
        let label = match field.label {
            Label::Key(key) | Label::Item(key) => Label::Item(key),
            Label::File => Label::File,
        };
        let decoded: Vec<Option<T>> =
            items.iter().map(|node| item(Field { label, node, ..field })).collect();
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
            return field.fail(Rule::EmptyValue, format!("{} is empty", field.label));
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
        let mut problem = field.context.problem(
            Rule::UnknownValue,
            &field.node.span,
            format!("`{text}` is not a value of {}", field.label),
        );
        if let Some(word) = super::suggest(text, words.iter().copied()) {
            problem = problem.help(format!("did you mean `{word}`?"));
        }
        field.context.report(problem.help(format!("it is one of {}", super::names(words))));
        None
    }
}
