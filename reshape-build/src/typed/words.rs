//! What a migration does, for its documentation: the actions in words, and the statements that they become.
//!
//! **Invariant:** a plan that cannot be made without a database is left out; nothing is shown that would not run.

use std::fmt::Write as _;

use reshape_runtime::history::History;
use reshape_runtime::model::{Action, Column, Migration};
use reshape_runtime::plan::facts::Facts;
use reshape_runtime::plan::{Plan, Request, Work, plan};
use reshape_runtime::sql::names;

use super::Settings;
use super::docs::{code, list};

/// The server for which plans are shown.
const SERVER: u32 = 170_000;

/// The documentation of each migration, in Markdown. Plans take time, so only migrations whose versions have modules get one.
pub(crate) fn pages(
    settings: &Settings,
    migrations: &[&Migration],
    history: Option<&History>,
    namespace: Option<&str>,
) -> Vec<String> {
    let first = if settings.all_versions { 0 } else { migrations.len().saturating_sub(2) };
    let page = |(number, migration): (usize, &&Migration)| {
        let mut text = String::from("# Actions\n\n");
        for action in migration.actions.iter() {
            let _ = writeln!(text, "- {}", words(action));
        }
        let base = number.checked_sub(1).map(|base| &*migrations[base].name);
        // Names of a set's own are not in the plan of a batch without a database.
        let planned = history.filter(|_| number >= first && namespace.is_none());
        let planned = planned.and_then(|history| script(history, number, base, migration));
        if let Some(script) = planned {
            let longest = script.split(|c| c != '`').map(str::len).max().unwrap_or_default();
            let fence = "`".repeat(longest.max(2) + 1);
            let _ = write!(
                text,
                "\n# Plan\n\nOn PostgreSQL 17, on a database that is as the migrations before say.\n\n{fence}sql\n{script}{fence}\n"
            );
        }
        text
    };
    migrations.iter().enumerate().map(page).collect()
}

fn script(
    history: &History,
    number: usize,
    base: Option<&str>,
    migration: &Migration,
) -> Option<String> {
    let schema = history.schema_after(number)?;
    let mut facts = Facts::from_schema(schema, SERVER);
    if let Some(base) = base {
        let version = names::version_schema(base);
        facts.base_views =
            facts.tables.iter().map(|table| (version.clone(), table.name.clone())).collect();
        facts.base_schemas = vec![version];
    }
    let pending = std::slice::from_ref(migration);
    let plan = plan(&Request { pending, base, facts: &facts }).ok()?;
    Some(written(&plan))
}

fn written(plan: &Plan) -> String {
    let mut text = String::new();
    for step in &plan.steps {
        let _ = writeln!(text, "-- {}: {}", step.phase.name(), step.title);
        if let Some(lock) = &step.lock {
            let _ = writeln!(text, "-- lock: {lock}");
        }
        let sql = match &step.work {
            Work::Sql { statements } => statements.join(";\n"),
            Work::CreateIndex { statement, .. } => statement.clone(),
            Work::DefineIndex { define, .. } => define.join(";\n"),
            Work::CreateIndexes { query } => query.clone(),
            Work::DropIndex { schema, name } => {
                format!("DROP INDEX CONCURRENTLY IF EXISTS {schema}.{name}")
            }
            Work::Backfill { statement, ctid, rest, .. } => {
                format!("{statement}\n  WHERE {ctid} >= … AND {ctid} < …{rest}")
            }
            Work::Analyze { table } => format!("ANALYZE {table}"),
        };
        let _ = writeln!(text, "{sql};\n");
    }
    text.truncate(text.trim_end().len());
    text.push('\n');
    text
}

/// One action in words.
fn words(action: &Action) -> String {
    let of = |table: &str| format!("table {}", code(table));
    match action {
        Action::CreateTable(table) => {
            let columns: Vec<String> = table.columns.iter().map(|c| c.name.to_string()).collect();
            format!("creates {} with {}", of(&table.name), list(&columns))
        }
        Action::RenameTable(table) => {
            format!("renames {} to {}", of(&table.table), code(&table.new_name))
        }
        Action::RemoveTable(table) => format!("removes {}", of(&table.table)),
        Action::AddColumn(column) => {
            format!("adds {} to {}", described(&column.column), of(&column.table))
        }
        Action::AlterColumn(change) => {
            let mut changes = Vec::new();
            changes.extend(
                change.changes.name.iter().map(|name| format!("renames it to {}", code(name))),
            );
            changes.extend(
                change.changes.data_type.iter().map(|sql| format!("makes it {}", code(sql))),
            );
            changes.extend(change.changes.nullable.iter().map(|nullable| {
                if *nullable {
                    "lets it be NULL".to_owned()
                } else {
                    "makes it not null".to_owned()
                }
            }));
            changes.extend(
                change
                    .changes
                    .default
                    .iter()
                    .map(|sql| format!("gives it the default {}", code(sql))),
            );
            format!(
                "changes column {} of {}: {}",
                code(&change.column),
                of(&change.table),
                changes.join(", ")
            )
        }
        Action::RemoveColumn(column) => {
            format!("removes column {} of {}", code(&column.column), of(&column.table))
        }
        Action::AddIndex(index) => {
            let unique = if index.index.unique { "unique index" } else { "index" };
            format!("adds {unique} {} to {}", code(&index.index.name), of(&index.table))
        }
        Action::RemoveIndex(index) => format!("removes index {}", code(&index.index)),
        Action::AddForeignKey(key) => {
            let columns: Vec<String> =
                key.foreign_key.columns.iter().map(ToString::to_string).collect();
            format!(
                "adds a foreign key from {} of {} to {}",
                list(&columns),
                of(&key.table),
                of(&key.foreign_key.referenced_table)
            )
        }
        Action::RemoveForeignKey(key) => {
            format!("removes foreign key {} of {}", code(&key.foreign_key), of(&key.table))
        }
        Action::AddCheck(check) => {
            format!("adds a check to {}: {}", of(&check.table), code(&check.check.expression))
        }
        Action::RemoveCheck(check) => {
            format!("removes check {} of {}", code(&check.check), of(&check.table))
        }
        Action::CreateEnum(enumeration) => {
            let values: Vec<String> = enumeration.values.iter().map(ToString::to_string).collect();
            format!("creates enum {} of {}", code(&enumeration.name), list(&values))
        }
        Action::RemoveEnum(enumeration) => format!("removes enum {}", code(&enumeration.name)),
        Action::Custom(_) => "runs SQL of its own".to_owned(),
    }
}

fn described(column: &Column) -> String {
    let null = if column.nullable { "" } else { ", not null" };
    format!("column {} ({}{null})", code(&column.name), code(&column.data_type))
}
