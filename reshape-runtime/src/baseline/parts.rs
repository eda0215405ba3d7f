//! The parts of a described table.

use super::{kind, owned};
use crate::model::{
    Check, Column, Direction, Index, IndexColumn, IndexMethod, Nulls, ReferentialAction, Str,
};
use crate::plan::facts::{Facts, LiveColumn, LiveConstraint, LiveIndex, LiveTable, Reference};
use crate::schema::{TypeName, object_name};
use crate::sql::ident::ident;
use crate::sql::names::DEFAULT_SCHEMA;

/// The field `schema` of an action.
pub(super) fn schema(name: &str) -> Option<Str> {
    (name != DEFAULT_SCHEMA).then(|| Str::Owned(name.to_owned()))
}

/// What `create_table` does not say of a table.
pub(super) fn table_remarks(facts: &Facts, table: &LiveTable) -> Vec<String> {
    let list = |names: Vec<&str>| {
        names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
    };
    let mut remarks: Vec<String> = kind(table.kind).map(str::to_owned).into_iter().collect();
    let mut tell = |what: &str, names: Vec<&str>| {
        if !names.is_empty() {
            remarks.push(format!("{what} {}", list(names)));
        }
    };
    tell("partitions:", table.partitions.iter().map(|p| p.name.as_str()).collect());
    tell("inherits from", table.parents.iter().map(|p| p.name.as_str()).collect());
    let triggers = facts.triggers.iter().filter(|trigger| trigger.table.key() == table.key());
    tell("triggers:", triggers.map(|trigger| trigger.name.as_str()).collect());
    let policies = facts.policies.iter().filter(|policy| policy.table_key() == table.key());
    tell("policies:", policies.map(|policy| policy.name.as_str()).collect());
    tell("rules:", table.rules.iter().map(String::as_str).collect());
    let statistics = facts.statistics.iter().filter(|found| found.table.key() == table.key());
    tell("statistics:", statistics.map(|found| found.name.as_str()).collect());
    if table.row_security {
        remarks.push(String::from("row-level security is enabled"));
    }
    remarks
}

/// What no action says of a constraint; `what` names it.
pub(super) fn constraint_remarks(what: &str, constraint: &LiveConstraint) -> Vec<String> {
    let facts = [
        (constraint.deferrable && !constraint.deferred, "is deferrable"),
        (constraint.deferred, "is deferrable and initially deferred"),
        (!constraint.validated, "is not valid: not all rows have been checked"),
        (constraint.no_inherit && constraint.expression.is_some(), "is not inherited"),
    ];
    facts.iter().filter(|(is, _)| *is).map(|(_, told)| format!("{what} {told}")).collect()
}

/// A column, and what it does not say.
pub(super) fn column(table: &LiveTable, live: &LiveColumn, in_key: bool) -> (Column, Vec<String>) {
    let mut remarks = Vec::new();
    let name = &live.name;
    let serial = serial(table, live);
    let generated = match (&live.identity_kind, &live.generation) {
        (Some(kind), _) => Some(format!("{kind} AS IDENTITY")),
        (None, Some(sql)) => Some(format!("ALWAYS AS ({sql}) STORED")),
        (None, None) => None,
    };
    if let Some(collation) = &live.collation {
        remarks.push(format!("column `{name}` has the collation {collation}"));
    }
    let column = Column {
        name: owned(name),
        data_type: serial.map_or_else(|| short_type(&live.data_type).into(), Str::Borrowed),
        // What is NOT NULL by itself need not say so.
        nullable: !live.not_null || in_key || serial.is_some() || live.is_identity(),
        default: live.default.as_ref().filter(|_| serial.is_none()).map(owned),
        generated: generated.map(Str::Owned),
        comment: live.comment.as_ref().map(owned),
    };
    (column, remarks)
}

/// The serial type that makes exactly this column, if there is one.
fn serial(table: &LiveTable, live: &LiveColumn) -> Option<&'static str> {
    let sequence = live.sequence.as_ref()?;
    let usual = sequence.schema == table.schema
        && sequence.name == object_name(&table.name, &live.name, "seq")
        && sequence.data_type == live.data_type
        && (sequence.start, sequence.increment, sequence.cache) == (1, 1, 1)
        && !sequence.cycle;
    let draws = live.default.as_ref().is_some_and(|sql| sql.starts_with("nextval("));
    if !usual || !draws || !live.not_null {
        return None;
    }
    match live.data_type.as_str() {
        "smallint" => Some("smallserial"),
        "integer" => Some("serial"),
        "bigint" => Some("bigserial"),
        _ => None,
    }
}

/// Without the schema `public`, unless the name alone would mean a type of Postgres's own.
fn short_type(sql: &str) -> String {
    let Some(short) = sql.strip_prefix("public.") else { return sql.to_owned() };
    if TypeName::parse(short).built_in().is_some() { sql.to_owned() } else { short.to_owned() }
}

/// A check, by the text that Postgres prints: `CHECK ((…)) NOT VALID`.
pub(super) fn check(live: &LiveConstraint) -> Check {
    let definition = live.definition.as_str();
    let inner = definition.find('(').zip(definition.rfind(')'));
    let expression = inner.map_or(definition, |(open, close)| &definition[open + 1..close]);
    Check { name: Some(owned(&live.name)), expression: expression.to_owned().into() }
}

/// What happens at an event (`DELETE `, `UPDATE `), if it is not the usual.
pub(super) fn clause(to: &Reference, event: &str) -> Option<ReferentialAction> {
    let found = to.clauses.split(" ON ").find_map(|clause| clause.strip_prefix(event))?.trim();
    ReferentialAction::ALL.into_iter().find(|action| action.sql() == found)
}

/// An index, and what it does not say; or why it cannot be described.
pub(super) fn index(table: &LiveTable, live: &LiveIndex) -> Result<(Index, Vec<String>), String> {
    if !live.valid {
        return Err(String::from("its build was not finished"));
    }
    let method = IndexMethod::ALL.into_iter().find(|method| method.sql() == live.method);
    let Some(method) = method else {
        return Err(format!("its access method is `{}`", live.method));
    };
    let column = |number| table.numbered(number).map(|column| ident(&column.name));
    let predicate = match &live.predicate {
        Some(snippet) if snippet.is_whole_row() => {
            return Err(String::from("its condition is over the whole row"));
        }
        Some(snippet) => snippet.render(column),
        None => None,
    };
    let mut remarks = Vec::new();
    let mut keys = Vec::new();
    for key in &live.keys {
        let descending = key.descending.then_some(Direction::Desc);
        let nulls = (key.nulls_first != key.descending).then_some(if key.nulls_first {
            Nulls::First
        } else {
            Nulls::Last
        });
        let told = key.column.as_ref().or(key.expression.as_ref());
        let told = told.map_or("", String::as_str);
        if let Some(opclass) = &key.opclass {
            remarks.push(format!("`{told}` has the operator class {opclass}"));
        }
        if let Some(collation) = &key.collation {
            remarks.push(format!("`{told}` has the collation {collation}"));
        }
        keys.push(match (&key.column, &key.expression) {
            (Some(name), _) if descending.is_none() && nulls.is_none() => {
                IndexColumn::Name(owned(name))
            }
            (Some(name), _) => {
                IndexColumn::Column { column: owned(name), direction: descending, nulls }
            }
            (None, Some(sql)) => {
                IndexColumn::Expression { expression: owned(sql), direction: descending, nulls }
            }
            (None, None) => return Err(String::from("it cannot be read")),
        });
    }
    let list = |what: &str, names: &[String]| format!("{what} {}", names.join(", "));
    if !live.include.is_empty() {
        remarks.push(list("includes", &live.include));
    }
    if !live.options.is_empty() {
        remarks.push(list("storage parameters:", &live.options));
    }
    if live.nulls_not_distinct {
        remarks.push(String::from("NULLs count as equal"));
    }
    if let Some(tablespace) = &live.tablespace {
        remarks.push(format!("in the tablespace `{tablespace}`"));
    }
    if let Some(comment) = &live.comment {
        remarks.push(format!("its comment: {comment}"));
    }
    let index = Index {
        name: owned(&live.name),
        columns: keys.into(),
        unique: live.unique,
        method: (method != IndexMethod::Btree).then_some(method),
        predicate: predicate.map(Str::Owned),
    };
    Ok((index, remarks))
}
