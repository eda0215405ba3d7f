//! One migration file: TOML or JSON to the model, with a place for every problem.
//!
//! **Invariant:** all problems of a file are found in one pass, and a file either gives a whole migration or none.

mod action;
mod field;
mod fields;
mod json;
mod part;
mod toml;
mod tree;

use std::cell::RefCell;
use std::sync::Arc;

use reshape_runtime::model::{List, Migration, Str};
use reshape_runtime::schema::Segment;
use reshape_runtime::sql::names::MAX_MIGRATION_NAME;

use self::field::{Context, Field, list, name, text};
use self::fields::Fields;
use self::tree::Node;
use crate::checksum::checksum;
use crate::diagnostic::{Diagnostic, Place};
use crate::text::{Source, Span};

/// How a migration is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    Toml,
    Json,
}

impl Format {
    /// By a file's extension; `None` for files that are no migrations.
    pub(crate) fn of_extension(extension: &str) -> Option<Self> {
        match extension {
            "toml" => Some(Self::Toml),
            "json" => Some(Self::Json),
            _ => None,
        }
    }
}

/// What a file gave.
#[derive(Debug)]
pub(crate) struct File {
    pub(crate) source: Arc<Source>,
    /// The migration, unless the problems left something undecided.
    pub(crate) migration: Option<Migration>,
    pub(crate) problems: Vec<Diagnostic>,
    root: Option<Node>,
}

impl File {
    /// A file that could not even be read.
    pub(crate) fn unreadable(source: Arc<Source>, problem: Diagnostic) -> Self {
        Self { source, migration: None, problems: vec![problem], root: None }
    }

    /// Parses and decodes a file; `stem` is the migration's name unless the file says otherwise.
    pub(crate) fn parse(source: Arc<Source>, format: Format, stem: &str) -> Self {
        let parsed = match format {
            Format::Toml => toml::parse(&source.text),
            Format::Json => json::parse(&source.text),
        };
        let context = Context { source: Arc::clone(&source), problems: RefCell::default() };
        let (root, migration) = match parsed {
            Ok(root) => {
                let migration = migration(&root, &context, stem);
                (Some(root), migration)
            }
            Err(errors) => {
                for (span, message) in errors {
                    context.report(context.problem(&span, message));
                }
                (None, None)
            }
        };
        let mut problems = context.problems.into_inner();
        problems.sort_by_key(|problem| (problem.line, problem.column));
        Self { source, migration, problems, root }
    }

    /// The place of a value of an action: exact if it is written in the file, else the nearest value around it.
    pub(crate) fn place(&self, action: usize, path: &[Segment]) -> Place {
        let Some(root) = &self.root else { return Place::whole(&self.source) };
        let node = root.resolve(&[Segment::Key("actions".into()), Segment::Index(action)]);
        let found = node.resolve(path);
        let span =
            if std::ptr::eq(node, found) { fields::anchor(node) } else { found.span.clone() };
        Place::at(&self.source, &span)
    }

    /// The place of the migration's name: its key, or the file as a whole.
    pub(crate) fn name_place(&self) -> Place {
        match self.root.as_ref().and_then(|root| root.get("name")) {
            Some(node) => Place::at(&self.source, &node.span),
            None => Place::whole(&self.source),
        }
    }
}

fn migration(root: &Node, context: &Context, stem: &str) -> Option<Migration> {
    let field = Field { key: "the file", node: root, context };
    let mut fields = Fields::of(field, "a migration")?;
    let own_name = fields.optional("name", name);
    let description = fields.optional("description", text);
    let actions = fields.required("actions", list(action::action));
    fields.finish(&["requires"]);

    let name = own_name?.unwrap_or_else(|| Str::Owned(stem.to_owned()));
    let name_span = root.get("name").map(|node| &node.span);
    let (name, description, actions) =
        (checked_name(context, name, name_span)?, description?, actions?);
    Some(Migration {
        name,
        description,
        checksum: Str::Owned(checksum(&actions)),
        actions: List::Owned(actions.into_owned()),
    })
}

/// A name of which `migration_<name>` is a whole identifier: Postgres would cut a longer one off without a word.
fn checked_name(context: &Context, name: Str, span: Option<&Span>) -> Option<Str> {
    if name.len() <= MAX_MIGRATION_NAME {
        return Some(name);
    }
    let place = match span {
        Some(span) => Place::at(&context.source, span),
        None => Place::whole(&context.source),
    };
    let mut end = MAX_MIGRATION_NAME;
    while !name.is_char_boundary(end) {
        end -= 1;
    }
    let short = name[..end].trim_end_matches(['_', '-', ' ']);
    let message = format!(
        "the name `{name}` has {} bytes: the schema `migration_<name>` has room for {MAX_MIGRATION_NAME}",
        name.len()
    );
    context.report(Diagnostic::new(place, message).help(format!("shorten it, e.g. to `{short}`")));
    None
}

/// What was most likely meant by `written`, if anything comes near.
fn suggest<'a>(written: &str, choices: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let written = written.to_lowercase().replace(['-', ' '], "_");
    let near = written.chars().count().div_ceil(3).max(1);
    choices
        .map(|choice| (strsim::damerau_levenshtein(&written, &choice.to_lowercase()), choice))
        .filter(|(distance, _)| *distance <= near)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, choice)| choice)
}

/// "`a`, `b`, `c`"
fn names<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    names.into_iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}
