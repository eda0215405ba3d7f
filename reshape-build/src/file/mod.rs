//! One migration file: TOML or JSON to the model, with a place for every problem.
//!
//! **Invariant:** all problems of a file are found in one pass, and a file either gives a whole migration or none.

mod action;
mod field;
mod fields;
mod json;
mod part;
mod settings;
mod string;
mod toml;
mod tree;

use std::ops::Range;
use std::sync::Arc;

use reshape_runtime::Rule;
use reshape_runtime::model::{List, Migration, Str};
use reshape_runtime::schema::{At, Segment};
use reshape_runtime::sql::names::MAX_MIGRATION_NAME;

use self::field::{Context, Field, Label, list, name, text};
use self::fields::Fields;
use self::tree::{Node, Value};
use crate::checksum::checksum;
use crate::config::Config;
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
    format: Format,
}

impl File {
    /// A file that could not even be read.
    pub(crate) fn unreadable(source: Arc<Source>, format: Format, problem: Diagnostic) -> Self {
        Self { source, migration: None, problems: vec![problem], root: None, format }
    }

    /// Parses and decodes a file; `stem` is the migration's name unless the file says otherwise.
    pub(crate) fn parse(source: Arc<Source>, format: Format, stem: &str) -> Self {
        let baseline = stem == BASELINE;
        let parsed = match format {
            Format::Toml => toml::parse(&source.text),
            Format::Json => json::parse(&source.text),
        };
        let context = Context { baseline, ..Context::new(&source) };
        let (root, migration) = match parsed {
            Ok(root) => {
                let migration = migration(&root, &context, stem);
                (Some(root), migration)
            }
            Err(errors) => {
                context.report_all(errors);
                (None, None)
            }
        };
        let mut problems = context.problems.into_inner();
        problems.sort_by_key(|problem| (problem.line, problem.column));
        Self { source, migration, problems, root, format }
    }

    /// The place of a value of an action, or of the bytes `within` it if it is a string: exact if it is written in the file, else the nearest
    /// value around it.
    pub(crate) fn place(
        &self,
        action: usize,
        path: &[Segment],
        within: Option<&Range<usize>>,
    ) -> Place {
        let Some(root) = &self.root else { return Place::whole(&self.source) };
        let of_file = |key: &'static str| path.first() == Some(&Segment::from(key));
        if action == At::NO_ACTION && (of_file("requires") || of_file("allow")) {
            return Place::at(&self.source, &root.resolve(path).span);
        }
        let node = root.resolve(&[Segment::Key("actions".into()), Segment::Index(action)]);
        let found = node.resolve(path);
        let span =
            if std::ptr::eq(node, found) { fields::anchor(node) } else { found.span.clone() };
        let inside = within.and_then(|within| self.inside(found, within));
        Place::at(&self.source, &inside.unwrap_or(span))
    }

    /// The place of some bytes of the value of a string.
    fn inside(&self, node: &Node, within: &Range<usize>) -> Option<Span> {
        let Value::String(value) = &node.value else { return None };
        let text = self.source.slice(&node.span);
        let found = string::locate(text, self.format, value, within)?;
        Some(node.span.start + found.start..node.span.start + found.end)
    }

    /// The place of the migration's name: its key, or the file as a whole.
    pub(crate) fn name_place(&self) -> Place {
        match self.root.as_ref().and_then(|root| root.get("name")) {
            Some(node) => Place::at(&self.source, &node.span),
            None => Place::whole(&self.source),
        }
    }
}

/// The settings in a file `reshape.toml`.
pub(crate) fn settings(source: &Arc<Source>) -> (Config, Vec<Diagnostic>) {
    let context = Context::new(source);
    let config = match toml::parse(&source.text) {
        Ok(root) => settings::settings(&root, &context, "`reshape.toml`"),
        Err(errors) => {
            context.report_all(errors);
            Config::default()
        }
    };
    (config, context.problems.into_inner())
}

/// The settings in a `Cargo.toml`, and where they are; `None` if there are none, or the file cannot be read.
pub(crate) fn manifest_settings(source: &Arc<Source>) -> Option<(Place, Config, Vec<Diagnostic>)> {
    // Most have none, and parsing takes longer than looking.
    let root = source.text.contains("metadata").then(|| toml::parse(&source.text))?.ok()?;
    let node = root.get("package")?.get("metadata")?.get("reshape")?;
    let context = Context::new(source);
    let config = settings::settings(node, &context, "`package.metadata.reshape`");
    Some((Place::at(source, &node.span), config, context.problems.into_inner()))
}

/// The stem of the file that describes what is there before the first migration.
pub(crate) const BASELINE: &str = "baseline";

fn migration(root: &Node, context: &Context, stem: &str) -> Option<Migration> {
    let field = Field { label: Label::File, node: root, context };
    let mut fields = Fields::of(field, "a migration")?;
    if context.baseline {
        return baseline(fields, stem);
    }
    let own_name = fields.optional("name", name);
    let description = fields.optional("description", text);
    let actions = fields.required("actions", list(action::action));
    let allow = fields.optional("allow", list(part::allow));
    let requires = fields.optional("requires", list(name));
    fields.finish(&[]);

    let name = own_name?.unwrap_or_else(|| Str::Owned(stem.to_owned()));
    let name_span = root.get("name").map(|node| &node.span);
    let (name, description, actions, allow, requires) =
        (checked_name(context, name, name_span)?, description?, actions?, allow?, requires?);
    Some(Migration {
        name,
        description,
        checksum: Str::Owned(checksum(&actions)),
        actions: List::Owned(actions.into_owned()),
        allow: allow.unwrap_or_default(),
        requires: requires.unwrap_or_default(),
    })
}

/// The same without what only a migration has.
fn baseline(mut fields: Fields<'_>, stem: &str) -> Option<Migration> {
    fields.call("a baseline");
    let actions = fields.required("actions", list(action::of_baseline));
    fields.finish(&[]);
    Some(Migration {
        name: Str::Owned(stem.to_owned()),
        description: None,
        checksum: Str::Borrowed(""),
        actions: List::Owned(actions?.into_owned()),
        allow: List::default(),
        requires: List::default(),
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
    let problem = Diagnostic::new(Rule::MigrationNameTooLong, place, message);
    context.report(problem.help(format!("shorten it, e.g. to `{short}`")));
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

/// What was most likely meant by `written`, for the commands that name things.
#[cfg(feature = "cli")]
pub fn nearest<'a>(written: &str, choices: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let choices: Vec<(String, &str)> = choices.map(|name| (name.replace('-', "_"), name)).collect();
    let meant = suggest(written, choices.iter().map(|(plain, _)| plain.as_str()))?;
    choices.iter().find(|(plain, _)| plain == meant).map(|(_, name)| *name)
}

/// "`a`, `b`, `c`"
fn names<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    names.into_iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn parse(text: &str, format: Format) -> File {
        File::parse(Source::new(Path::new("1.toml"), text), format, "1")
    }

    fn checksum_of(text: &str) -> String {
        let file = parse(text, Format::Toml);
        assert!(file.problems.is_empty(), "{:?}", file.problems);
        file.migration.unwrap().checksum.into_owned()
    }

    #[test]
    fn formatting_does_not_change_the_checksum() {
        let plain = "[[actions]]\ntype = \"custom\"\nstart = \"a\\nb\\n\"\n";
        let other = "name = 'x' # why\r\ndescription = \"y\"\r\n\r\nactions = [ { start = \"\"\"\r\na\r\nb\r\n\"\"\", \"type\" = 'custom' } ]";
        assert_eq!(checksum_of(plain), checksum_of(other));
        assert_ne!(checksum_of(plain), checksum_of(&plain.replace("a\\n", "a \\n")));
    }

    #[test]
    fn the_order_of_assignments_does_not_change_the_checksum() {
        let file = |values: &str| {
            let text = format!(
                r#"{{ "actions": [{{ "type": "create_table", "name": "a", "columns": [], "primary_key": "b",
                    "up": {{ "table": "c", "values": {{ {values} }} }} }}] }}"#
            );
            parse(&text, Format::Json).migration.unwrap()
        };
        assert_eq!(file(r#""x": "1", "y": "2""#), file(r#""y": "2", "x": "1""#));
    }

    #[test]
    fn keywords_are_read_in_either_case() {
        let file = |keyword: &str| {
            let text = format!(
                "[[actions]]\ntype = 'add_foreign_key'\ntable = 'a'\nforeign_key = {{ columns = ['b'], \
                 referenced_table = 'c', referenced_columns = ['d'], on_delete = '{keyword}' }}\n"
            );
            checksum_of(&text)
        };
        assert_eq!(file("SET NULL"), file("set null"));
        assert_ne!(file("SET NULL"), file("SET DEFAULT"));
    }

    #[test]
    fn dotted_keys_have_places_too() {
        let text = "[[actions]]\ntype = 'add_column'\ntable = 'a'\ncolumn.name = 'b'\n";
        let problems = parse(text, Format::Toml).problems;
        assert_eq!(problems.len(), 1);
        assert_eq!(problems[0].message, "missing key `type` in a column");
        assert_eq!((problems[0].line, problems[0].column), (4, 1));
    }

    /// Whatever is in a file, it is parsed, explained and rendered without a panic.
    #[test]
    fn no_text_panics() {
        const REPLACEMENTS: [&[u8]; 7] = [b"\"", b"]", b"{", b"\n", b"\0", "é".as_bytes(), b""];
        let toml = include_str!("../../../tests/cases/good/all_actions_toml/0002_change.toml");
        let json = include_str!("../../../tests/cases/good/all_actions_json/0002_change.json");
        let look = |bytes: &[u8], format| {
            let Ok(text) = std::str::from_utf8(bytes) else { return };
            let file = parse(text, format);
            assert!(file.migration.is_some() || !file.problems.is_empty(), "silence on {text:?}");
            for problem in &file.problems {
                assert!(!problem.render(false).is_empty());
            }
            let _ = file.place(0, &["column".into(), 3.into(), "name".into()], None);
            for at in [0..0, 0..2, 1..9, 7..7] {
                let _ = file.place(0, &["up".into()], Some(&at));
            }
        };
        for (text, format) in [(toml, Format::Toml), (json, Format::Json)] {
            for at in 0..text.len() {
                look(&text.as_bytes()[..at], format);
                // One of them at each place: all of them everywhere would be slow and find no more.
                let mut bytes = text.as_bytes()[..at].to_vec();
                bytes.extend_from_slice(REPLACEMENTS[at % REPLACEMENTS.len()]);
                bytes.extend_from_slice(&text.as_bytes()[at + 1..]);
                look(&bytes, format);
            }
        }
    }
}
