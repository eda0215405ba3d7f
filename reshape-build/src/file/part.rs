//! The parts that actions are made of: columns, keys, checks, indexes and transforms. One table, one function.

use reshape_runtime::Rule;
use reshape_runtime::model::{
    Allow, Check, Column, ColumnChanges, Direction, ForeignKey, Index, IndexColumn, IndexMethod,
    Lint, Nulls, ReferentialAction, Reverts, Str, TableUp, Transform,
};

use super::field::{Field, Label, boolean, data_type, expression, keyword, name, non_empty, text};
use super::fields::Fields;
use super::settings::hazard;
use super::tree::{Entry, Value};

const REFERENTIAL_ACTIONS: [(&str, ReferentialAction); 5] = {
    let all = ReferentialAction::ALL;
    [
        (all[0].sql(), all[0]),
        (all[1].sql(), all[1]),
        (all[2].sql(), all[2]),
        (all[3].sql(), all[3]),
        (all[4].sql(), all[4]),
    ]
};

const INDEX_METHODS: [(&str, IndexMethod); 6] = {
    let all = IndexMethod::ALL;
    [
        (all[0].sql(), all[0]),
        (all[1].sql(), all[1]),
        (all[2].sql(), all[2]),
        (all[3].sql(), all[3]),
        (all[4].sql(), all[4]),
        (all[5].sql(), all[5]),
    ]
};

const DIRECTIONS: [(&str, Direction); 2] = [("ASC", Direction::Asc), ("DESC", Direction::Desc)];

const NULLS: [(&str, Nulls); 2] = [("FIRST", Nulls::First), ("LAST", Nulls::Last)];

pub(super) fn allow(field: Field<'_>) -> Option<Allow> {
    let mut fields = Fields::of(field, "what is allowed")?;
    let lint = fields.required("lint", lint);
    let reason = fields.required("reason", reason);
    fields.finish(&[]);
    Some(Allow { lint: lint?, reason: reason? })
}

/// What the database decides about, or a hazard, by its name or its id.
fn lint(field: Field<'_>) -> Option<Lint> {
    let written = text(field)?;
    let name = written.to_lowercase().replace('-', "_");
    let of_database = Lint::OF_DATABASES.into_iter().find(|lint| lint.name() == name);
    if of_database.is_some() {
        return of_database;
    }
    let rule = hazard(field, &written, &field.node.span, "stays one", &Lint::OF_DATABASES)?;
    Some(Lint::Hazard(Str::Borrowed(rule.name())))
}

/// A text for people, which says something.
fn reason(field: Field<'_>) -> Option<Str> {
    let reason = text(field)?;
    if reason.trim().is_empty() {
        return field.fail(Rule::EmptyValue, "`reason` is empty");
    }
    Some(reason)
}

pub(super) fn column(field: Field<'_>) -> Option<Column> {
    let mut fields = Fields::of(field, "a column")?;
    let name = fields.required("name", name);
    let data_type = fields.required("type", data_type);
    let nullable = fields.or("nullable", true, boolean);
    let default = fields.optional("default", expression);
    let generated = fields.optional("generated", expression);
    let comment = fields.optional("comment", text);
    fields.finish(&[]);
    Some(Column {
        name: name?,
        data_type: data_type?,
        nullable: nullable?,
        default: default?,
        generated: generated?,
        comment: comment?,
    })
}

pub(super) fn column_changes(field: Field<'_>) -> Option<ColumnChanges> {
    let mut fields = Fields::of(field, "the changes of a column")?;
    let name = fields.optional("name", name);
    let data_type = fields.optional("type", data_type);
    let nullable = fields.optional("nullable", boolean);
    let default = fields.optional("default", expression);
    fields.finish(&["comment", "generated"]);
    let changes = ColumnChanges {
        name: name?,
        data_type: data_type?,
        nullable: nullable?,
        default: default?,
    };
    if matches!(&field.node.value, Value::Table(entries) if entries.iter().all(is_null)) {
        let message = "`changes` is empty: the action would change nothing";
        let help = "say at least one of `name`, `type`, `nullable`, `default`";
        let problem = field.context.problem(Rule::ChangesNothing, &field.node.span, message);
        field.context.report(problem.help(help));
        return None;
    }
    Some(changes)
}

fn is_null(entry: &Entry) -> bool {
    matches!(entry.node.value, Value::Null)
}

pub(super) fn foreign_key(field: Field<'_>) -> Option<ForeignKey> {
    let mut fields = Fields::of(field, "a foreign key")?;
    let columns = fields.required("columns", non_empty(name));
    let referenced_table = fields.required("referenced_table", name);
    let referenced_schema = fields.optional("referenced_schema", name);
    let referenced_columns = fields.required("referenced_columns", non_empty(name));
    let on_delete = fields.optional("on_delete", keyword(&REFERENTIAL_ACTIONS));
    let on_update = fields.optional("on_update", keyword(&REFERENTIAL_ACTIONS));
    fields.finish(&["name", "deferrable", "initially_deferred", "match"]);
    Some(ForeignKey {
        columns: columns?,
        referenced_table: referenced_table?,
        referenced_schema: referenced_schema?,
        referenced_columns: referenced_columns?,
        on_delete: on_delete?,
        on_update: on_update?,
    })
}

/// A check of `create_table`: Postgres names it if the file does not.
pub(super) fn check(field: Field<'_>) -> Option<Check> {
    let mut fields = Fields::of(field, "a check")?;
    let name = fields.optional("name", name);
    let expression = fields.required("expression", expression);
    fields.finish(&[]);
    Some(Check { name: name?, expression: expression? })
}

/// A check of `add_check`: it has a name, or it could never be removed.
pub(super) fn named_check(field: Field<'_>) -> Option<Check> {
    let mut fields = Fields::of(field, "a check")?;
    let name = fields.required("name", name);
    let expression = fields.required("expression", expression);
    fields.finish(&[]);
    Some(Check { name: Some(name?), expression: expression? })
}

pub(super) fn index(field: Field<'_>) -> Option<Index> {
    let mut fields = Fields::of(field, "an index")?;
    let name = fields.required("name", name);
    let columns = fields.required("columns", non_empty(index_column));
    let unique = fields.or("unique", false, boolean);
    let method = fields.optional("type", keyword(&INDEX_METHODS));
    let predicate = fields.optional("where", expression);
    fields.finish(&["include", "nulls_not_distinct", "with", "tablespace"]);
    Some(Index {
        name: name?,
        columns: columns?,
        unique: unique?,
        method: method?,
        predicate: predicate?,
    })
}

fn index_column(field: Field<'_>) -> Option<IndexColumn> {
    let table = match &field.node.value {
        Value::String(_) => return name(field).map(IndexColumn::Name),
        Value::Table(_) => field.node,
        _ => {
            field.context.report(field.wrong_type("a column's name or a table"));
            return None;
        }
    };
    let mut fields = Fields::of(field, "a column of an index")?;
    let (column, expression) = if table.get("expression").is_none() {
        (fields.required("column", name).map(Some), fields.optional("expression", expression))
    } else {
        (fields.optional("column", name), fields.required("expression", expression).map(Some))
    };
    let direction = fields.optional("direction", keyword(&DIRECTIONS));
    let nulls = fields.optional("nulls", keyword(&NULLS));
    fields.finish(&["opclass", "collation"]);
    let (direction, nulls) = (direction?, nulls?);
    match (column?, expression?) {
        (Some(column), None) => Some(IndexColumn::Column { column, direction, nulls }),
        (None, Some(expression)) => Some(IndexColumn::Expression { expression, direction, nulls }),
        (Some(_), Some(_)) => field
            .fail(Rule::ExclusiveKeys, "an index key is a `column` or an `expression`, not both"),
        (None, None) => None,
    }
}

/// `up` or `down`: an expression, or `{table, value, where}`.
pub(super) fn transform(field: Field<'_>) -> Option<Transform> {
    if !matches!(field.node.value, Value::Table(_)) {
        return expression(field).map(Transform::Expression);
    }
    let mut fields = Fields::of(field, field.label.to_string())?;
    let table = fields.required("table", name);
    let schema = fields.optional("schema", name);
    let value = fields.required("value", expression);
    let condition = fields.required("where", expression);
    fields.finish(&[]);
    Some(Transform::Table { table: table?, schema: schema?, value: value?, condition: condition? })
}

/// `reverts` of `custom`: SQL, or `{start, complete}`.
pub(super) fn reverts(field: Field<'_>) -> Option<Reverts> {
    if !matches!(field.node.value, Value::Table(_)) {
        return Some(Reverts { start: None, complete: Some(text(field)?) });
    }
    let mut fields = Fields::of(field, field.label.to_string())?;
    let start = fields.optional("start", text);
    let complete = fields.optional("complete", text);
    fields.finish(&[]);
    Some(Reverts { start: start?, complete: complete? })
}

/// `up` of `create_table`.
pub(super) fn table_up(field: Field<'_>) -> Option<TableUp> {
    let mut fields = Fields::of(field, "`up` of a table")?;
    let table = fields.required("table", name);
    let schema = fields.optional("schema", name);
    let values = fields.required("values", assignments);
    let condition = fields.optional("where", expression);
    let upsert_constraint = fields.optional("upsert_constraint", name);
    fields.finish(&[]);
    Some(TableUp {
        table: table?,
        schema: schema?,
        values: values?.into(),
        condition: condition?,
        upsert_constraint: upsert_constraint?,
    })
}

/// `{column = expression}`, sorted by column: the order in the file means nothing and must not change the checksum.
fn assignments(field: Field<'_>) -> Option<Vec<(Str, Str)>> {
    let Value::Table(entries) = &field.node.value else {
        field.context.report(field.wrong_type("a table of columns and expressions"));
        return None;
    };
    let decoded: Vec<Option<(Str, Str)>> = entries
        .iter()
        .map(|entry| {
            let value =
                expression(Field { label: Label::Key(&entry.key), node: &entry.node, ..field })?;
            Some((Str::Owned(entry.key.clone()), value))
        })
        .collect();
    let mut values: Vec<(Str, Str)> = decoded.into_iter().collect::<Option<_>>()?;
    if values.is_empty() {
        return field.fail(Rule::EmptyValue, "`values` is empty");
    }
    values.sort();
    Some(values)
}
