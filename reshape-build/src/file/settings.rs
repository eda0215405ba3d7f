//! `reshape.toml`: the tables that it may have.
//!
//! **Invariant:** the same strictness as for migrations: no key is ignored, and every problem has a place.

use reshape_runtime::Rule;
use reshape_runtime::model::Lint;
use reshape_runtime::rule::LintLevel;

use super::field::{Context, Field, Label, boolean, keyword, text};
use super::fields::Fields;
use super::suggest;
use super::tree::{Entry, Node, Value};
use crate::config::{Config, Lock};

const LEVELS: [(&str, LintLevel); 3] = {
    let all = LintLevel::ALL;
    [(all[0].name(), all[0]), (all[1].name(), all[1]), (all[2].name(), all[2])]
};

/// The settings in the table `root`; problems are in the context. What is wrong leaves its default.
pub(super) fn settings(root: &Node, context: &Context, what: &str) -> Config {
    let mut config = Config::default();
    let field = Field { label: Label::File, node: root, context };
    let Some(mut fields) = Fields::of(field, what) else { return config };
    if let Some(Some(levels)) = fields.optional("lints", lints) {
        config.levels = levels;
    }
    if let Some(Some(types)) = fields.optional("types", types) {
        config.types = types;
    }
    if let Some(Some(lock)) = fields.optional("lock", lock) {
        config.lock = lock;
    }
    fields.finish(&[]);
    config
}

/// `name-or-id = "level"`. What can be read counts: the rest has been reported.
fn lints(field: Field<'_>) -> Option<Vec<(Rule, LintLevel)>> {
    let mut levels: Vec<(Rule, LintLevel)> = Vec::new();
    for Entry { key, key_span, node } in entries(field, "a table of hazards and their levels")? {
        let rule = hazard(field, key, key_span, "has no level", &[]);
        let level =
            keyword(&LEVELS)(Field { label: Label::Key(key), node, context: field.context });
        let (Some(rule), Some(level)) = (rule, level) else { continue };
        if levels.iter().any(|(known, _)| *known == rule) {
            let message = format!("`{key}` is `{}`, which has a level already", rule.name());
            field.context.report(field.context.problem(Rule::DuplicateKey, key_span, message));
            continue;
        }
        levels.push((rule, level));
    }
    Some(levels)
}

/// The hazard called `text`, which is written at `span`; `but` says what an error is instead, e.g. "has no level". `others` could have been meant as
/// well.
pub(super) fn hazard(
    field: Field<'_>,
    text: &str,
    span: &crate::text::Span,
    but: &str,
    others: &[Lint],
) -> Option<Rule> {
    let problem = match Rule::parse(text) {
        Some(rule) if rule.is_hazard() => return Some(rule),
        Some(rule) => {
            let name = rule.name();
            let message = format!("`{name}` is an error and {but}: only hazards can be accepted");
            field
                .context
                .problem(Rule::LevelOfError, span, message)
                .help(format!("what it stands for fails in Postgres, or is not what was meant: `reshape explain {rule}`"))
        }
        None => {
            let message = format!("there is no hazard `{text}`");
            let problem = field.context.problem(Rule::UnknownLint, span, message);
            let hazards = Rule::ALL.iter().filter(|rule| rule.is_hazard()).map(|rule| rule.name());
            // Slips are looked for where a `-` is a `_`.
            let names: Vec<String> = hazards.map(|name| name.replace('-', "_")).collect();
            let others = others.iter().map(Lint::name);
            match suggest(text, names.iter().map(String::as_str).chain(others)) {
                Some(meant) => {
                    let meant = Rule::parse(meant).map_or(meant, |rule| rule.name());
                    problem.help(format!("did you mean `{meant}`?"))
                }
                None => problem.help("`reshape explain` lists them"),
            }
        }
    };
    field.context.report(problem);
    None
}

/// `"Postgres type" = "Rust path"`.
fn types(field: Field<'_>) -> Option<Vec<(String, String)>> {
    let decoded = entries(field, "a table of Postgres types and Rust types")?.iter().map(|entry| {
        let field =
            Field { label: Label::Key(&entry.key), node: &entry.node, context: field.context };
        Some((entry.key.clone(), text(field)?.into_owned()))
    });
    decoded.collect::<Vec<_>>().into_iter().collect()
}

fn lock(field: Field<'_>) -> Option<Lock> {
    let mut fields = Fields::of(field, "`lock`")?;
    let required = fields.or("required", false, boolean);
    fields.finish(&[]);
    Some(Lock { required: required? })
}

fn entries<'a>(field: Field<'a>, expected: &str) -> Option<&'a [Entry]> {
    if let Value::Table(entries) = &field.node.value {
        return Some(entries);
    }
    field.context.report(field.wrong_type(expected));
    None
}
