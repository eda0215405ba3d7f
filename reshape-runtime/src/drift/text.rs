//! A drift as text.

use std::fmt::Write as _;

use super::{Drift, Part};
use crate::sql::names::DEFAULT_SCHEMA;

/// What is expected and what is found, table by table.
pub(super) fn diff(drift: &Drift) -> String {
    let mut text = String::new();
    let mut last = String::new();
    for difference in &drift.differences {
        let kind = if difference.part == Part::Enum { "enum" } else { "table" };
        let owner = owner(kind, &difference.schema, &difference.name);
        if owner != last {
            let _ = writeln!(text, "{owner}");
            last = owner;
        }
        let mut indent = "  ";
        if let Some(part) = part(&difference.part) {
            let _ = writeln!(text, "  {part}");
            indent = "    ";
        }
        // An expression can have several lines.
        let told = |value: &str| value.trim().replace('\n', &format!("\n{indent}          "));
        let found = difference.found.as_deref().unwrap_or("nothing");
        let _ = writeln!(text, "{indent}expected  {}", told(&difference.expected));
        let _ = writeln!(text, "{indent}found     {}", told(found));
    }
    text
}

/// The differences and everything else.
pub(super) fn report(drift: &Drift) -> String {
    let since = match &drift.version {
        Some(version) => format!("what the migrations up to `{version}` say"),
        None => String::from("what the baseline says"),
    };
    let mut text = if drift.is_none() {
        format!("no difference from {since}\n")
    } else {
        format!("differences from {since}:\n\n{}", diff(drift))
    };
    let mut list = |title: &str, lines: Vec<String>| {
        if !lines.is_empty() {
            let _ = write!(text, "\n{title}:\n");
            for line in lines {
                let _ = writeln!(text, "  {line}");
            }
        }
    };
    let beyond = drift.beyond.iter().map(|beyond| {
        let kind = if beyond.part == Part::Enum { "enum" } else { "table" };
        let owner = owner(kind, &beyond.schema, &beyond.name);
        match (part(&beyond.part), &beyond.part) {
            (Some(part), _) => format!("{owner}: {part}"),
            (None, Part::Enum) => format!("{owner}, or values of it"),
            (None, _) => owner,
        }
    });
    list("not of these migrations, and no matter", beyond.collect());
    let unchecked = drift.unchecked.iter().map(|unchecked| {
        format!("{}: {}", owner("table", &unchecked.schema, &unchecked.name), unchecked.reason)
    });
    list("not compared", unchecked.collect());
    text
}

fn owner(kind: &str, schema: &str, name: &str) -> String {
    if schema == DEFAULT_SCHEMA {
        format!("{kind} `{name}`")
    } else {
        format!("{kind} `{schema}.{name}`")
    }
}

/// A part in words; none for the whole.
fn part(part: &Part) -> Option<String> {
    Some(match part {
        Part::Table | Part::Enum => return None,
        Part::Column(name) => format!("column `{name}`"),
        Part::PrimaryKey => String::from("primary key"),
        Part::Index(name) => format!("index `{name}`"),
        Part::ForeignKey(name) => format!("foreign key `{name}`"),
        Part::Check(name) => format!("check `{name}`"),
        Part::Constraint(name) => format!("constraint `{name}`"),
    })
}
