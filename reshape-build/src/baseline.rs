//! The text of `baseline.toml`.
//!
//! **Invariant:** what is written can be read again, and says the same.

use reshape_runtime::baseline::{Baseline, Item};
use reshape_runtime::model::{Action, Check, Column, ForeignKey, Index, IndexColumn, List, Str};

const HEADER: &str = "\
# What was in the database before the first migration, as `reshape baseline` found it.
#
# `cargo build` and `check` begin with it, nothing of it is ever executed, and the first start compares it with the database.
# What the format cannot say stands in comments.
";

/// Writes a baseline as TOML.
pub fn toml(baseline: &Baseline) -> String {
    let mut text = String::from(HEADER);
    if !baseline.left_out.is_empty() {
        text.push_str("#\n# Not described here:\n");
        text.extend(baseline.left_out.iter().map(|line| comment(&format!("- {line}"))));
    }
    if baseline.items.is_empty() {
        text.push_str("\nactions = []\n");
    }
    text.extend(baseline.items.iter().map(item));
    text
}

/// A text in comments, line by line. A control character would end the file.
fn comment(text: &str) -> String {
    let plain = |line: &str| line.replace(|c: char| c.is_control() && c != '\t', " ");
    text.lines().flat_map(|line| [String::from("# "), plain(line), String::from("\n")]).collect()
}

fn item(item: &Item) -> String {
    let mut text = String::from("\n[[actions]]\n");
    text.push_str(&pair("type", &string(item.action.kind())));
    for (key, value) in keys(&item.action) {
        text.push_str(&pair(key, &value));
    }
    text.extend(item.remarks.iter().map(|remark| comment(remark)));
    text
}

fn pair(key: &str, value: &str) -> String {
    format!("{key} = {value}\n")
}

type Keys = Vec<(&'static str, String)>;

/// The keys of an action; none for what a baseline cannot have.
fn keys(action: &Action) -> Keys {
    match action {
        Action::CreateTable(a) => {
            let mut keys = of_table("name", &a.name, a.schema.as_ref());
            if !a.primary_key.is_empty() {
                keys.push(("primary_key", strings(&a.primary_key)));
            }
            keys.extend(a.comment.iter().map(|text| ("comment", string(text))));
            keys.push(("columns", lines(a.columns.iter().map(column))));
            if !a.checks.is_empty() {
                keys.push(("checks", lines(a.checks.iter().map(check))));
            }
            keys
        }
        Action::CreateEnum(a) => {
            vec![("name", string(&a.name)), ("values", strings(&a.values))]
        }
        Action::AddIndex(a) => {
            let mut keys = of_table("table", &a.table, a.schema.as_ref());
            keys.push(("index", index(&a.index)));
            keys
        }
        Action::AddForeignKey(a) => {
            let mut keys = of_table("table", &a.table, a.schema.as_ref());
            keys.push(("foreign_key", foreign_key(&a.foreign_key)));
            keys
        }
        Action::AddCheck(a) => {
            let mut keys = of_table("table", &a.table, a.schema.as_ref());
            keys.push(("check", check(&a.check)));
            keys
        }
        Action::RenameTable(_)
        | Action::RemoveTable(_)
        | Action::AddColumn(_)
        | Action::AlterColumn(_)
        | Action::RemoveColumn(_)
        | Action::RemoveIndex(_)
        | Action::RemoveForeignKey(_)
        | Action::RemoveCheck(_)
        | Action::RemoveEnum(_)
        | Action::Custom(_) => Vec::new(),
    }
}

fn of_table(key: &'static str, name: &Str, schema: Option<&Str>) -> Keys {
    let schema = schema.map(|schema| ("schema", string(schema)));
    std::iter::once((key, string(name))).chain(schema).collect()
}

fn column(column: &Column) -> String {
    let mut keys = vec![("name", string(&column.name)), ("type", string(&column.data_type))];
    if !column.nullable {
        keys.push(("nullable", String::from("false")));
    }
    keys.extend(column.default.iter().map(|sql| ("default", string(sql))));
    keys.extend(column.generated.iter().map(|sql| ("generated", string(sql))));
    keys.extend(column.comment.iter().map(|text| ("comment", string(text))));
    table(&keys)
}

fn check(check: &Check) -> String {
    let name = check.name.iter().map(|name| ("name", string(name)));
    table(&name.chain([("expression", string(&check.expression))]).collect::<Vec<_>>())
}

fn index(index: &Index) -> String {
    let columns: Vec<String> = index.columns.iter().map(index_column).collect();
    let mut keys = vec![("name", string(&index.name)), ("columns", array(&columns))];
    if index.unique {
        keys.push(("unique", String::from("true")));
    }
    keys.extend(index.method.iter().map(|method| ("type", string(method.sql()))));
    keys.extend(index.predicate.iter().map(|sql| ("where", string(sql))));
    table(&keys)
}

fn index_column(column: &IndexColumn) -> String {
    use reshape_runtime::model::{Direction, Nulls};

    let (key, direction, nulls) = match column {
        IndexColumn::Name(name) => return string(name),
        IndexColumn::Column { column, direction, nulls } => {
            (("column", string(column)), direction, nulls)
        }
        IndexColumn::Expression { expression, direction, nulls } => {
            (("expression", string(expression)), direction, nulls)
        }
    };
    let direction = direction.map(|direction| match direction {
        Direction::Asc => ("direction", string("ASC")),
        Direction::Desc => ("direction", string("DESC")),
    });
    let nulls = nulls.map(|nulls| match nulls {
        Nulls::First => ("nulls", string("FIRST")),
        Nulls::Last => ("nulls", string("LAST")),
    });
    table(&[Some(key), direction, nulls].into_iter().flatten().collect::<Vec<_>>())
}

fn foreign_key(key: &ForeignKey) -> String {
    let mut keys = vec![
        ("columns", strings(&key.columns)),
        ("referenced_table", string(&key.referenced_table)),
    ];
    keys.extend(key.referenced_schema.iter().map(|name| ("referenced_schema", string(name))));
    keys.push(("referenced_columns", strings(&key.referenced_columns)));
    keys.extend(key.on_delete.iter().map(|action| ("on_delete", string(action.sql()))));
    keys.extend(key.on_update.iter().map(|action| ("on_update", string(action.sql()))));
    table(&keys)
}

fn table(keys: &[(&str, String)]) -> String {
    let keys: Vec<String> = keys.iter().map(|(key, value)| format!("{key} = {value}")).collect();
    format!("{{ {} }}", keys.join(", "))
}

fn array(items: &[String]) -> String {
    format!("[{}]", items.join(", "))
}

/// An array with a line for each item.
fn lines(items: impl Iterator<Item = String>) -> String {
    let items: Vec<String> = items.map(|item| format!("    {item},\n")).collect();
    format!("[\n{}]", items.concat())
}

fn strings(names: &List<Str>) -> String {
    array(&names.iter().map(|name| string(name)).collect::<Vec<_>>())
}

/// A basic string.
fn string(text: &str) -> String {
    let mut quoted = String::from('"');
    for c in text.chars() {
        match c {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            '\t' => quoted.push_str("\\t"),
            '\r' => quoted.push_str("\\r"),
            c if c.is_ascii_control() => quoted.push_str(&format!("\\u{:04X}", u32::from(c))),
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use reshape_runtime::model::CreateEnum;

    use super::*;
    use crate::file::{File, Format};
    use crate::text::Source;

    #[test]
    fn every_string_survives() {
        let text = "\u{1} \r\n\t \" ' \\ \u{7f} \u{202e} {} 🦀 #";
        let action = CreateEnum { name: "a".into(), values: vec![text.into()].into() };
        let item = item(&Item::new(Action::CreateEnum(action.clone()), vec!["[b]".to_owned()]));
        let file = File::parse(Source::new(Path::new("1.toml"), item), Format::Toml, "1");
        assert_eq!(*file.migration.unwrap().actions, [Action::CreateEnum(action)]);
    }

    #[test]
    fn a_remark_stays_a_comment() {
        assert_eq!(comment("a\n[b]\u{1}\n"), "# a\n# [b] \n");
    }
}
