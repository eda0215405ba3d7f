//! Where a statement of `custom` SQL stands, and what is known there.

use std::collections::BTreeSet;
use std::ops::Range;

use reshape_runtime::Migrations;
use reshape_runtime::history::History;
use reshape_runtime::model::{Action, Custom, Migration};
use reshape_runtime::rule::Rule;
use reshape_runtime::schema::{At, Problem, Schema, Segment};

use super::statement::{Name, Statement};
use super::token::{Token, statements};

/// When a piece of SQL runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Point {
    /// While the version before is in use, and stays so.
    Start,
    /// When the version before is gone.
    Complete,
    /// When something is taken back.
    Back,
}

/// One statement.
#[derive(Debug)]
pub(super) struct Site<'a> {
    pub(super) at: At,
    path: Vec<Segment>,
    pub(super) point: Point,
    /// All statements of the same SQL, and which one this is.
    script: &'a [Vec<Token<'a>>],
    number: usize,
    pub(super) migration: &'a Migration,
    /// The schema before the migration and after it.
    before: &'a Schema,
    after: &'a Schema,
    /// Tables that `custom` SQL of earlier migrations, and of this one, has created.
    custom_before: &'a BTreeSet<String>,
    new: &'a BTreeSet<String>,
    pub(super) versions: &'a [String],
}

impl Site<'_> {
    pub(super) fn statement(&self) -> Statement<'_> {
        Statement { tokens: &self.script[self.number] }
    }

    /// The statements after it.
    pub(super) fn later(&self) -> impl Iterator<Item = Statement<'_>> {
        self.script[self.number + 1..].iter().map(|tokens| Statement { tokens })
    }

    /// The statements before it.
    pub(super) fn earlier(&self) -> impl Iterator<Item = Statement<'_>> {
        self.script[..self.number].iter().map(|tokens| Statement { tokens })
    }

    /// Whether clients surely use the table: it was there before the migration, and the migration has not created one of that name.
    pub(super) fn in_use(&self, table: &Name) -> bool {
        let known = self.before.table(&table.name).or_else(|| self.after.table(&table.name));
        let schema_fits = |schema: &str| table.schema.as_ref().is_none_or(|said| said == schema);
        let known = known.is_some_and(|known| schema_fits(&known.schema));
        !self.new.contains(&table.name)
            && self.point != Point::Back
            && (known || self.custom_before.contains(&table.name))
    }

    /// Whether the history knows the table, from before the migration.
    pub(super) fn is_known(&self, table: &Name) -> bool {
        self.in_use(table) && !self.custom_before.contains(&table.name)
    }

    /// A problem at a place in the SQL.
    pub(super) fn problem(
        &self,
        rule: Rule,
        span: Range<usize>,
        message: impl Into<String>,
        help: &str,
    ) -> Problem {
        Problem {
            rule,
            at: self.at,
            path: self.path.clone(),
            within: Some(span),
            message: message.into(),
            help: (!help.is_empty()).then(|| help.to_owned()),
            related: None,
        }
    }
}

/// A piece of SQL: the action, the path to it, when it runs, its statements.
type Script<'a> = (usize, Vec<Segment>, Point, Vec<Vec<Token<'a>>>);

/// Calls `rule` for every statement of every `custom` action, in order.
pub(super) fn each(migrations: &Migrations, history: &History, mut rule: impl FnMut(&Site<'_>)) {
    let versions: Vec<String> =
        migrations.migrations.iter().map(|m| migrations.version_schema(&m.name)).collect();
    let mut created = BTreeSet::new();
    for (number, migration) in migrations.migrations.iter().enumerate() {
        let scripts = scripts(migration);
        if scripts.is_empty() {
            continue;
        }
        let (Some(before), Some(after)) =
            (history.schema_after(number), history.schema_after(number + 1))
        else {
            continue;
        };
        let by_custom = scripts
            .iter()
            .flat_map(|(_, _, _, script)| script)
            .filter_map(|tokens| Some(Statement { tokens }.creates_table()?.name));
        let by_custom: BTreeSet<String> = by_custom.collect();
        let by_action = migration.actions.iter().filter_map(|action| match action {
            Action::CreateTable(create) => Some(create.name.to_string()),
            _ => None,
        });
        let new: BTreeSet<String> = by_action.chain(by_custom.iter().cloned()).collect();
        for (action, path, point, script) in &scripts {
            for statement in 0..script.len() {
                rule(&Site {
                    at: At { migration: number, action: *action },
                    path: path.clone(),
                    point: *point,
                    script,
                    number: statement,
                    migration,
                    before,
                    after,
                    custom_before: &created,
                    new: &new,
                    versions: &versions,
                });
            }
        }
        created.extend(by_custom);
    }
}

fn scripts(migration: &Migration) -> Vec<Script<'_>> {
    let mut found = Vec::new();
    for (number, action) in migration.actions.iter().enumerate() {
        let Action::Custom(Custom { start, complete, abort, reverts }) = action else { continue };
        let back = reverts.as_ref();
        let pieces = [
            (start.as_deref(), vec!["start".into()], Point::Start),
            (complete.as_deref(), vec!["complete".into()], Point::Complete),
            (abort.as_deref(), vec!["abort".into()], Point::Back),
            (
                back.and_then(|reverts| reverts.start.as_deref()),
                vec!["reverts".into(), "start".into()],
                Point::Back,
            ),
            (
                back.and_then(|reverts| reverts.complete.as_deref()),
                vec!["reverts".into(), "complete".into()],
                Point::Back,
            ),
        ];
        for (sql, path, point) in pieces {
            if let Some(sql) = sql {
                found.push((number, path, point, statements(sql)));
            }
        }
    }
    found
}
