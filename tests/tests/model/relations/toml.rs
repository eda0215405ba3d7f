//! Parts of migration files.

use super::schema::{Column, ColumnId, Draw, ForeignKey, Schema, Shape, Table};
use crate::random::{literal, q, s};

pub(crate) fn head(kind: &str, table: &str) -> String {
    let field =
        if kind == "remove_index" { String::new() } else { format!("table = {}\n", s(table)) };
    format!("[[actions]]\ntype = '{kind}'\n{field}")
}

pub(crate) fn column(column: &Column) -> String {
    let mut text = format!("{{ name = {}", s(&column.name));
    let sql_type = match (column.draw, column.sql_type) {
        (Some(Draw::Serial), "bigint") => "bigserial",
        (Some(Draw::Serial), _) => "serial",
        (_, other) => other,
    };
    text.push_str(&format!(", type = '{sql_type}', nullable = {}", !column.not_null));
    match column.draw {
        Some(Draw::Always) => text.push_str(", generated = 'ALWAYS AS IDENTITY'"),
        Some(Draw::ByDefault) => text.push_str(", generated = 'BY DEFAULT AS IDENTITY'"),
        Some(Draw::Serial) | None => {}
    }
    if column.default.is_some() {
        text.push_str(&format!(", default = {}", s(&literal(&column.default))));
    }
    text.push_str(" }");
    text
}

fn strings(names: impl Iterator<Item = String>) -> String {
    names.map(|name| s(&name)).collect::<Vec<_>>().join(", ")
}

fn names(table: &Table, columns: &[ColumnId]) -> String {
    strings(columns.iter().map(|column| table.name_of(*column)))
}

pub(crate) fn foreign_key(schema: &Schema, table: &Table, key: &ForeignKey) -> String {
    let parent = &schema[&key.table];
    format!(
        "{{ columns = [{}], referenced_table = {}, referenced_columns = [{}], on_delete = '{}', on_update = '{}' }}",
        names(table, &key.columns),
        s(&parent.name),
        names(parent, &key.referenced),
        key.on_delete.sql(),
        key.on_update.sql()
    )
}

pub(crate) fn index(
    table: &Table,
    name: &str,
    columns: &[ColumnId],
    shape: Shape,
    unique: bool,
) -> String {
    let keys = match shape {
        Shape::Halved => {
            let expression = format!("{} / 2", q(&table.name_of(columns[0])));
            format!("{{ expression = {} }}", s(&expression))
        }
        Shape::Plain | Shape::NotNull(_) | Shape::Large(_) => names(table, columns),
    };
    let predicate = match shape {
        Shape::NotNull(column) => format!("{} IS NOT NULL", q(&table.name_of(column))),
        Shape::Large(column) => format!("{} > 500", q(&table.name_of(column))),
        Shape::Plain | Shape::Halved => String::new(),
    };
    let filter =
        if predicate.is_empty() { predicate } else { format!(", where = {}", s(&predicate)) };
    format!(
        "{}index = {{ name = {}, columns = [{keys}], unique = {unique}{filter} }}\n",
        head("add_index", &table.name),
        s(name)
    )
}

pub(crate) fn table(schema: &Schema, table: &Table) -> String {
    let columns: Vec<String> = table.columns.iter().map(column).collect();
    let keys: Vec<String> =
        table.foreign_keys.iter().map(|key| foreign_key(schema, table, key)).collect();
    format!(
        "[[actions]]\ntype = 'create_table'\nname = {}\nprimary_key = [{}]\ncolumns = [{}]\nforeign_keys = [{}]\n",
        s(&table.name),
        names(table, table.key()),
        columns.join(", "),
        keys.join(", ")
    )
}
