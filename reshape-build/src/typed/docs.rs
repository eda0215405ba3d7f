//! The documentation of the typed modules: a reference of the schema.
//!
//! **Invariant:** what people wrote is shown as it is, never read as Markdown.

use reshape_runtime::model::{Column, Index, IndexColumn};
use reshape_runtime::schema::{Schema, Table};
use reshape_runtime::sql::names::DEFAULT_SCHEMA;

use super::story::{Change, Story, TableStory};

/// Adds `text` as documentation of what is written next.
pub(super) fn write(code: &mut String, text: &str) {
    for line in text.lines() {
        code.push_str(&format!("#[doc = {:?}]\n", format!(" {line}")));
    }
}

/// Inline code in Markdown, whatever the text contains.
pub(super) fn code(text: &str) -> String {
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or_default();
    let fence = "`".repeat(longest + 1);
    let pad =
        if text.starts_with('`') || text.ends_with('`') || text.is_empty() { " " } else { "" };
    format!("{fence}{pad}{text}{pad}{fence}")
}

/// A comment as it is.
pub(super) fn plain(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for line in text.lines() {
        // Four spaces would make a code block, which rustdoc would try to compile.
        for character in line.trim_start().chars() {
            if character.is_ascii_punctuation() && !matches!(character, ',' | ':' | ';' | '\'') {
                escaped.push('\\');
            }
            escaped.push(character);
        }
        escaped.push('\n');
    }
    escaped.trim_end().to_owned()
}

/// A version's: `about`, and what is gone.
pub(super) fn version(about: &str, story: &Story) -> String {
    let mut text = about.to_owned();
    if !story.removed.is_empty() {
        text.push_str(&format!("\n\nRemoved: {}.", gone(&story.removed)));
    }
    text
}

/// A table's.
pub(super) fn table(table: &Table, story: Option<&TableStory>) -> String {
    let mut text = format!("A row of table {}", code(&table.name));
    if table.schema != DEFAULT_SCHEMA {
        text.push_str(&format!(" in schema {}", code(&table.schema)));
    }
    text.push('.');
    if let Some(comment) = &table.comment {
        text.push_str(&format!("\n\n{}", plain(comment)));
    }
    let mut facts = Vec::new();
    if !table.primary_key.is_empty() {
        facts.push(format!("primary key: {}", list(&table.primary_key)));
    }
    facts.extend(table.foreign_keys.iter().map(|key| {
        format!(
            "foreign key {}: {} to {} ({})",
            code(&key.name),
            list(&key.columns),
            code(&key.referenced_table),
            list(&key.referenced_columns)
        )
    }));
    facts.extend(table.indexes.iter().map(index));
    facts.extend(table.checks.iter().map(|check| {
        let name =
            check.name.as_deref().map_or_else(String::new, |name| format!(" {}", code(name)));
        format!("check{name}: {}", code(&check.expression))
    }));
    if let Some(story) = story {
        facts.extend(story.created.iter().map(|by| format!("created by {}", code(by))));
        facts.extend(
            story.named.iter().map(|(old, by)| format!("called {} before {}", code(old), code(by))),
        );
        facts.extend(story.custom.iter().map(|by| {
            format!("`custom` SQL of {} mentions it, and may have changed it", code(by))
        }));
        if !story.removed.is_empty() {
            facts.push(format!("removed: {}", gone(&story.removed)));
        }
    }
    for (number, fact) in facts.iter().enumerate() {
        text.push_str(if number == 0 { "\n\n" } else { "\n" });
        text.push_str(&format!("- {fact}"));
    }
    text
}

/// A column's.
pub(super) fn column(
    schema: &Schema,
    table: &Table,
    column: &Column,
    story: Option<&TableStory>,
) -> String {
    let mut facts = vec![code(&column.data_type)];
    if !column.nullable {
        facts.push("not null".to_owned());
    }
    if table.primary_key.iter().any(|key| *key == column.name) {
        facts.push("primary key".to_owned());
    }
    facts.extend(column.default.iter().map(|default| format!("default {}", code(default))));
    facts.extend(column.generated.iter().map(|how| format!("generated {}", code(how))));
    for key in &table.foreign_keys {
        for (from, to) in key.columns.iter().zip(&key.referenced_columns) {
            if *from == column.name {
                let to = format!("{}.{to}", key.referenced_table);
                facts.push(format!("refers to {}", code(&to)));
            }
        }
    }
    let name = TypeNameOf(schema, &column.data_type);
    let mut text = facts.join(", ");
    if let Some(values) = name.values() {
        text.push_str(&format!("\n\nValues: {values}"));
    }
    if let Some(comment) = &column.comment {
        text.push_str(&format!("\n\n{}", plain(comment)));
    }
    let told = story.and_then(|story| story.columns.get(&*column.name));
    let mut sentences = Vec::new();
    if let Some(story) = told {
        sentences.extend(story.added.iter().map(|by| format!("added by {}", code(by))));
        sentences.extend(story.changes.iter().map(|change| match change {
            Change::Named(old, by) => format!("called {} before {}", code(old), code(by)),
            Change::Typed(by) => format!("type changed by {}", code(by)),
            Change::Nullable(true, by) => format!("accepts NULL since {}", code(by)),
            Change::Nullable(false, by) => format!("not null since {}", code(by)),
        }));
    }
    if !sentences.is_empty() {
        text.push_str(&format!("\n\n- {}", sentences.join("\n- ")));
    }
    text
}

/// The type of a column, which may be an enum.
struct TypeNameOf<'a>(&'a Schema, &'a str);

impl TypeNameOf<'_> {
    fn values(&self) -> Option<String> {
        let name = reshape_runtime::schema::TypeName::parse(self.1);
        let enumeration = self.0.enumeration(&name.base).filter(|_| name.built_in().is_none())?;
        Some(list(&enumeration.values))
    }
}

fn index(index: &Index) -> String {
    let keys: Vec<String> = index
        .columns
        .iter()
        .map(|key| match key {
            IndexColumn::Name(name) | IndexColumn::Column { column: name, .. } => code(name),
            IndexColumn::Expression { expression, .. } => code(expression),
        })
        .collect();
    let unique = if index.unique { "unique index" } else { "index" };
    let method = index.method.map_or_else(String::new, |method| format!(" using {}", method.sql()));
    let condition =
        index.predicate.as_ref().map_or_else(String::new, |sql| format!(" where {}", code(sql)));
    format!("{unique} {}{method}: {}{condition}", code(&index.name), keys.join(", "))
}

pub(super) fn list(names: &[String]) -> String {
    names.iter().map(|name| code(name)).collect::<Vec<_>>().join(", ")
}

fn gone(removed: &[(String, String)]) -> String {
    let gone = removed.iter().map(|(name, by)| format!("{} by {}", code(name), code(by)));
    gone.collect::<Vec<_>>().join(", ")
}
