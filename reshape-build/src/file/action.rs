//! The actions, one function each: which keys an action has, and of which type.
//!
//! **Invariant:** [`ACTIONS`] lists every action of the model; the names of actions to come are in [`LATER`].

use reshape_runtime::Rule;
use reshape_runtime::model::{
    Action, AddCheck, AddColumn, AddForeignKey, AddIndex, AlterColumn, CreateEnum, CreateTable,
    Custom, List, RemoveCheck, RemoveColumn, RemoveEnum, RemoveForeignKey, RemoveIndex,
    RemoveTable, RenameTable,
};

use super::field::{Field, Label, list, name, one_or_many, text};
use super::fields::Fields;
use super::part::{
    check, column, column_changes, foreign_key, index, named_check, reverts, table_up, transform,
};
use super::{names, suggest};

/// An action's name, its decoder, and its keys that are part of the format but not supported yet.
type Entry = (&'static str, fn(&mut Fields<'_>) -> Option<Action>, &'static [&'static str]);

const ACTIONS: [Entry; 15] = [
    ("create_table", create_table, &["partition_by", "unlogged", "down"]),
    ("rename_table", rename_table, &[]),
    ("remove_table", remove_table, &["down"]),
    ("add_column", add_column, &["down"]),
    ("alter_column", alter_column, &[]),
    ("remove_column", remove_column, &["up"]),
    ("add_index", add_index, &[]),
    ("remove_index", remove_index, &[]),
    ("add_foreign_key", add_foreign_key, &[]),
    ("remove_foreign_key", remove_foreign_key, &[]),
    ("add_check", add_check, &[]),
    ("remove_check", remove_check, &[]),
    ("create_enum", create_enum, &["schema"]),
    ("remove_enum", remove_enum, &["schema"]),
    ("custom", custom, &["effects", "allow"]),
];

/// Actions of the format that are not supported yet.
const LATER: [&str; 21] = [
    "add_unique",
    "add_exclusion",
    "remove_constraint",
    "rename_constraint",
    "change_primary_key",
    "alter_enum",
    "set_comment",
    "set_replica_identity",
    "create_view",
    "replace_view",
    "remove_view",
    "create_function",
    "replace_function",
    "remove_function",
    "create_trigger",
    "replace_trigger",
    "remove_trigger",
    "create_policy",
    "remove_policy",
    "add_partition",
    "detach_partition",
];

/// One of a migration's `actions`.
pub(super) fn action(field: Field<'_>) -> Option<Action> {
    let mut fields = Fields::of(field, "an action")?;
    let Some(kind) = field.node.get("type") else {
        let all = names(ACTIONS.iter().map(|(name, _, _)| *name));
        let problem = field.context.problem(
            Rule::MissingKey,
            &super::fields::anchor(field.node),
            "missing key `type` in an action",
        );
        field.context.report(problem.help(format!("it is one of {all}")));
        return None;
    };
    let kind = fields
        .required("type", |_| name(Field { label: Label::Key("type"), node: kind, ..field }))?;
    let Some((name, decode, later)) = ACTIONS.iter().find(|(name, _, _)| *name == kind) else {
        return unknown(field, &kind);
    };
    fields.call(format!("action `{name}`"));
    let action = decode(&mut fields);
    fields.finish(later);
    action
}

/// One of a baseline's `actions`: what is there can be created, and nothing else.
pub(super) fn of_baseline(field: Field<'_>) -> Option<Action> {
    let action = action(field)?;
    match &action {
        Action::CreateTable(table) if table.up.is_some() => {
            field.fail(Rule::NotInBaseline, "a table of a baseline is not filled: it has no `up`")
        }
        Action::CreateTable(_)
        | Action::CreateEnum(_)
        | Action::AddIndex(_)
        | Action::AddForeignKey(_)
        | Action::AddCheck(_) => Some(action),
        Action::RenameTable(_)
        | Action::RemoveTable(_)
        | Action::AddColumn(_)
        | Action::AlterColumn(_)
        | Action::RemoveColumn(_)
        | Action::RemoveIndex(_)
        | Action::RemoveForeignKey(_)
        | Action::RemoveCheck(_)
        | Action::RemoveEnum(_)
        | Action::Custom(_) => {
            let message = format!("a baseline has no action `{}`", action.kind());
            let problem = field.context.problem(
                Rule::NotInBaseline,
                &super::fields::anchor(field.node),
                message,
            );
            field.context.report(problem.help(
                "it describes what is there before the first migration, and is never executed; if this is a migration, \
                 give the file another name",
            ));
            None
        }
    }
}

fn unknown(field: Field<'_>, kind: &str) -> Option<Action> {
    let span = field.node.get("type").map_or(&field.node.span, |kind| &kind.span);
    let problem = if LATER.contains(&kind) {
        field.context.problem(
            Rule::NotSupportedYet,
            span,
            format!("action `{kind}` is not supported yet"),
        )
    } else {
        let all = ACTIONS.iter().map(|(name, _, _)| *name);
        let mut problem =
            field.context.problem(Rule::UnknownAction, span, format!("unknown action `{kind}`"));
        // SQL's words are not slips.
        let ours = kind.replacen("drop", "remove", 1).replacen("delete", "remove", 1);
        if let Some(meant) = suggest(&ours, all.clone()) {
            problem = problem.help(format!("did you mean `{meant}`?"));
        }
        problem.help(format!("the actions are {}", names(all)))
    };
    field.context.report(problem);
    None
}

fn create_table(fields: &mut Fields<'_>) -> Option<Action> {
    let table = fields.required("name", name);
    let schema = fields.optional("schema", name);
    let columns = fields.required("columns", list(column));
    // A table that is there may have none.
    let primary_key = if fields.in_baseline() {
        fields.or("primary_key", List::default(), one_or_many)
    } else {
        fields.required("primary_key", one_or_many)
    };
    let foreign_keys = fields.or("foreign_keys", List::default(), list(foreign_key));
    let checks = fields.or("checks", List::default(), list(check));
    let comment = fields.optional("comment", text);
    let up = fields.optional("up", table_up);
    Some(Action::CreateTable(CreateTable {
        name: table?,
        schema: schema?,
        columns: columns?,
        primary_key: primary_key?,
        foreign_keys: foreign_keys?,
        checks: checks?,
        comment: comment?,
        up: up?,
    }))
}

fn rename_table(fields: &mut Fields<'_>) -> Option<Action> {
    let table = fields.required("table", name);
    let schema = fields.optional("schema", name);
    let new_name = fields.required("new_name", name);
    Some(Action::RenameTable(RenameTable { table: table?, schema: schema?, new_name: new_name? }))
}

fn remove_table(fields: &mut Fields<'_>) -> Option<Action> {
    let table = fields.required("table", name);
    let schema = fields.optional("schema", name);
    Some(Action::RemoveTable(RemoveTable { table: table?, schema: schema? }))
}

fn add_column(fields: &mut Fields<'_>) -> Option<Action> {
    let table = fields.required("table", name);
    let schema = fields.optional("schema", name);
    let column = fields.required("column", column);
    let up = fields.optional("up", transform);
    Some(Action::AddColumn(AddColumn { table: table?, schema: schema?, column: column?, up: up? }))
}

fn alter_column(fields: &mut Fields<'_>) -> Option<Action> {
    let table = fields.required("table", name);
    let schema = fields.optional("schema", name);
    let column = fields.required("column", name);
    let up = fields.optional("up", transform);
    let down = fields.optional("down", transform);
    let changes = fields.required("changes", column_changes);
    Some(Action::AlterColumn(AlterColumn {
        table: table?,
        schema: schema?,
        column: column?,
        up: up?,
        down: down?,
        changes: changes?,
    }))
}

fn remove_column(fields: &mut Fields<'_>) -> Option<Action> {
    let table = fields.required("table", name);
    let schema = fields.optional("schema", name);
    let column = fields.required("column", name);
    let down = fields.optional("down", transform);
    Some(Action::RemoveColumn(RemoveColumn {
        table: table?,
        schema: schema?,
        column: column?,
        down: down?,
    }))
}

fn add_index(fields: &mut Fields<'_>) -> Option<Action> {
    let table = fields.required("table", name);
    let schema = fields.optional("schema", name);
    let index = fields.required("index", index);
    Some(Action::AddIndex(AddIndex { table: table?, schema: schema?, index: index? }))
}

fn remove_index(fields: &mut Fields<'_>) -> Option<Action> {
    let index = fields.required("index", name);
    let schema = fields.optional("schema", name);
    Some(Action::RemoveIndex(RemoveIndex { index: index?, schema: schema? }))
}

fn add_foreign_key(fields: &mut Fields<'_>) -> Option<Action> {
    let table = fields.required("table", name);
    let schema = fields.optional("schema", name);
    let foreign_key = fields.required("foreign_key", foreign_key);
    Some(Action::AddForeignKey(AddForeignKey {
        table: table?,
        schema: schema?,
        foreign_key: foreign_key?,
    }))
}

fn remove_foreign_key(fields: &mut Fields<'_>) -> Option<Action> {
    let table = fields.required("table", name);
    let schema = fields.optional("schema", name);
    let foreign_key = fields.required("foreign_key", name);
    Some(Action::RemoveForeignKey(RemoveForeignKey {
        table: table?,
        schema: schema?,
        foreign_key: foreign_key?,
    }))
}

fn add_check(fields: &mut Fields<'_>) -> Option<Action> {
    let table = fields.required("table", name);
    let schema = fields.optional("schema", name);
    let check = fields.required("check", named_check);
    Some(Action::AddCheck(AddCheck { table: table?, schema: schema?, check: check? }))
}

fn remove_check(fields: &mut Fields<'_>) -> Option<Action> {
    let table = fields.required("table", name);
    let schema = fields.optional("schema", name);
    let check = fields.required("check", name);
    Some(Action::RemoveCheck(RemoveCheck { table: table?, schema: schema?, check: check? }))
}

fn create_enum(fields: &mut Fields<'_>) -> Option<Action> {
    let name = fields.required("name", name);
    let values = fields.required("values", list(text));
    Some(Action::CreateEnum(CreateEnum { name: name?, values: values? }))
}

fn remove_enum(fields: &mut Fields<'_>) -> Option<Action> {
    let name = fields.required("enum", name);
    Some(Action::RemoveEnum(RemoveEnum { name: name? }))
}

fn custom(fields: &mut Fields<'_>) -> Option<Action> {
    let start = fields.optional("start", text);
    let complete = fields.optional("complete", text);
    let abort = fields.optional("abort", text);
    let reverts = fields.optional("reverts", reverts);
    Some(Action::Custom(Custom {
        start: start?,
        complete: complete?,
        abort: abort?,
        reverts: reverts?,
    }))
}
