//! The SQL in a history, shown to whoever wants to look at it, together with what it may refer to at that point.
//!
//! **Invariant:** without an inspector nothing is noted, and replaying costs what it costs without this module.
//!
//! **Invariant:** what an inspector finds missing is no problem where `custom` SQL, inheritance or another set may have a part in it.

use std::ops::Range;

use crate::action::Custom;
use crate::model::{Check, Column, Index, IndexColumn, Transform};
use crate::rule::Rule;

use super::Schema;
use super::memory::{Fate, Object};
use super::problem::{At, Problem, Segment, join};
use super::review::Review;
use super::rules::is_identity;

/// What looks at the SQL of a history.
pub trait Inspect {
    /// Looks at a snippet, in the scene that the action finds or, for sub-selects, leaves behind.
    fn inspect(&mut self, snippet: &Snippet, scene: &Scene<'_>) -> Vec<Remark>;
}

/// What a piece of SQL is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SnippetRole {
    /// A column's default.
    Default,
    /// What computes a generated column.
    Generated,
    /// A check.
    Check,
    /// A key of an index.
    IndexKey,
    /// The condition of an index.
    IndexPredicate,
    /// A value that `up` computes from a row.
    Value,
    /// A value that `down` computes from a row.
    Back,
    /// A value that `up` or `down` takes from a row of another table.
    Lookup,
    /// A value of a row of a new table that is filled.
    Fill,
    /// The condition of an `up` or `down`.
    Condition,
    /// The statements of a `custom` action.
    Custom,
}

/// A piece of SQL in a history.
#[derive(Clone, Debug)]
pub struct Snippet {
    /// The SQL.
    pub sql: String,
    /// What it is for.
    pub role: SnippetRole,
    /// The tables whose columns it may name. A name alone means the column of the first that has it.
    pub visible: Vec<Seen>,
    /// The type of the column that the value is for.
    pub wanted: Option<String>,
    at: At,
    path: Vec<Segment>,
    /// Where in the value of the file it begins.
    offset: usize,
}

/// A table as a piece of SQL sees it.
#[derive(Clone, Debug)]
pub struct Seen {
    /// What qualifies its columns.
    pub name: String,
    /// Its columns.
    pub columns: Vec<Column>,
}

/// What an inspector has to say.
#[derive(Clone, Debug)]
pub struct Remark {
    /// What is broken.
    pub rule: Rule,
    /// The bytes of the SQL that are to blame.
    pub range: Range<usize>,
    /// What is wrong, as in [`Problem`].
    pub message: String,
    /// What to do about it.
    pub help: Option<String>,
    /// What is missing, if something is.
    pub missing: Option<Missing>,
}

/// What a remark says is missing.
#[derive(Clone, Debug)]
pub enum Missing {
    /// A table.
    Table(String),
    /// A column of a table.
    Column(String, String),
    /// A column of none of several tables.
    Name(String),
}

/// The schema at some point of a history, and what is not certain about it.
#[derive(Clone, Copy, Debug)]
pub struct Scene<'a> {
    schema: &'a Schema,
    adopted: bool,
}

impl<'a> Scene<'a> {
    pub(crate) fn new(schema: &'a Schema, adopted: bool) -> Self {
        Self { schema, adopted }
    }

    /// The schema.
    pub fn schema(&self) -> &'a Schema {
        self.schema
    }

    /// Whether the database had things in it before the first migration.
    pub fn is_adopted(&self) -> bool {
        self.adopted
    }

    /// Whether `custom` SQL so far mentions all words of `name`.
    pub fn is_mentioned(&self, name: &str) -> bool {
        self.schema.memory.in_custom(name)
    }

    /// Whether there may be a table `name` that is not among those of the schema: `custom` SQL, another set or an earlier action of the batch may have it.
    pub fn may_have_table(&self, name: &str) -> bool {
        let object = Object::Table(name.to_owned());
        self.may_have_other_table(name) || self.schema.memory.event(&object).is_some()
    }

    /// The same, of tables that this history has not created, renamed or removed.
    pub fn may_have_other_table(&self, name: &str) -> bool {
        let memory = &self.schema.memory;
        let object = Object::Table(name.to_owned());
        memory.other_sets || self.is_mentioned(name) || memory.is_assumed(&object)
    }

    /// The names that columns of the table had earlier: until the batch is complete the table has them still.
    pub fn former_columns(&self, table: &str) -> Vec<String> {
        self.schema.memory.columns_of(table)
    }

    /// Whether the remark may be wrong, because something that is not known here may have a part in it.
    fn doubts(&self, snippet: &Snippet, remark: &Remark) -> bool {
        let memory = &self.schema.memory;
        let assumed = |name: &str| {
            let object = |seen: &Seen| Object::Column(seen.name.clone(), name.to_owned());
            snippet.visible.iter().any(|seen| memory.is_assumed(&object(seen)))
        };
        let inherits = || ["inherit", "inherits"].iter().any(|word| self.is_mentioned(word));
        match &remark.missing {
            None => false,
            Some(Missing::Table(name)) => self.is_mentioned(name),
            Some(Missing::Name(name)) => self.is_mentioned(name) || inherits() || assumed(name),
            Some(Missing::Column(table, name)) => {
                self.is_mentioned(name)
                    || inherits()
                    || assumed(name)
                    || memory.is_assumed(&Object::Column(table.clone(), name.clone()))
            }
        }
    }

    /// What became of the thing that is missing.
    fn fate(&self, missing: &Missing) -> Option<(Fate, At, Vec<Segment>)> {
        let object = match missing {
            Missing::Table(name) => Object::Table(name.clone()),
            Missing::Column(table, name) => Object::Column(table.clone(), name.clone()),
            Missing::Name(_) => return None,
        };
        let event = self.schema.memory.event(&object)?;
        Some((event.fate.clone(), event.at, event.path.clone()))
    }

    /// Shows the snippets to the inspector, and tells what it has found.
    pub(crate) fn show(
        &self,
        snippets: &[Snippet],
        inspector: &mut dyn Inspect,
        problems: &mut Vec<Problem>,
    ) {
        for snippet in snippets {
            for remark in inspector.inspect(snippet, self) {
                if !self.doubts(snippet, &remark) {
                    problems.push(self.problem(snippet, remark));
                }
            }
        }
    }

    fn problem(&self, snippet: &Snippet, remark: Remark) -> Problem {
        let mut problem = Problem {
            rule: remark.rule,
            at: snippet.at,
            path: snippet.path.clone(),
            within: Some(remark.range.start + snippet.offset..remark.range.end + snippet.offset),
            message: remark.message,
            help: remark.help,
            related: None,
        };
        let fate = remark.missing.as_ref().and_then(|missing| self.fate(missing));
        if let Some((fate, at, path)) = fate {
            let migration = self.schema.memory.migration(at);
            let told = match fate {
                Fate::Removed => Some((format!("it was removed by `{migration}`"), "removed here")),
                Fate::Renamed(to) => {
                    Some((format!("`{migration}` has renamed it to `{to}`"), "renamed here"))
                }
                Fate::Created | Fate::Named => None,
            };
            if let Some((help, label)) = told {
                problem.help = Some(help);
                problem.related = Some((at, path, label.to_owned()));
            }
        }
        problem
    }
}

impl Review<'_> {
    /// Notes a piece of SQL that stands at `path`, if anybody wants to know.
    fn note(
        &mut self,
        (path, offset): (Vec<Segment>, usize),
        sql: &str,
        role: SnippetRole,
        visible: Vec<Seen>,
        wanted: Option<&str>,
    ) {
        let wanted = wanted.map(str::to_owned);
        let snippet =
            Snippet { sql: sql.to_owned(), role, visible, wanted, at: self.at, path, offset };
        self.schema.memory.note(snippet);
    }

    fn is_noting(&self) -> bool {
        self.schema.memory.is_noting()
    }

    /// A table as SQL sees it now; nothing, where nobody wants to know.
    pub(crate) fn seen(&self, table: usize) -> Seen {
        if !self.is_noting() {
            return Seen { name: String::new(), columns: Vec::new() };
        }
        let table = self.get(table);
        Seen { name: table.name.clone(), columns: table.columns.clone() }
    }

    /// The default of a column of the given type.
    pub(crate) fn note_default(&mut self, default: Option<&str>, of: &str, base: &[Segment]) {
        if let Some(default) = default.filter(|_| self.is_noting()) {
            let path = (join(base, "default"), 0);
            self.note(path, default, SnippetRole::Default, Vec::new(), Some(of));
        }
    }

    /// What computes a column of the table, which has all its columns now.
    pub(crate) fn note_generated(&mut self, table: usize, column: &Column, base: &[Segment]) {
        let Some(generated) = column.generated.as_deref().filter(|_| self.is_noting()) else {
            return;
        };
        let bounds = generated.find('(').zip(generated.rfind(')'));
        if let Some((open, close)) = bounds.filter(|(open, close)| open < close)
            && !is_identity(generated)
        {
            let (path, sql) = ((join(base, "generated"), open + 1), &generated[open + 1..close]);
            let seen = vec![self.seen(table)];
            self.note(path, sql, SnippetRole::Generated, seen, Some(&column.data_type));
        }
    }

    /// An `up` or `down` of a column of the given type, of the table as it is `seen` there. `role` is that of an expression over the row's own columns.
    pub(crate) fn note_transform(
        &mut self,
        (transform, role): (Option<&Transform>, SnippetRole),
        base: Vec<Segment>,
        seen: Seen,
        wanted: &str,
    ) {
        if !self.is_noting() {
            return;
        }
        match transform {
            None => {}
            Some(Transform::Expression(sql)) => {
                self.note((base, 0), sql, role, vec![seen], Some(wanted));
            }
            Some(Transform::Table { table, value, condition, .. }) => {
                let Some(other) = self.find(table) else { return };
                let visible = vec![self.seen(other), seen];
                let path = (join(&base, "value"), 0);
                self.note(path, value, SnippetRole::Lookup, visible.clone(), Some(wanted));
                let path = (join(&base, "where"), 0);
                self.note(path, condition, SnippetRole::Condition, visible, None);
            }
        }
    }

    /// A check of the table.
    pub(crate) fn note_check(&mut self, table: usize, check: &Check, base: &[Segment]) {
        if self.is_noting() {
            let seen = vec![self.seen(table)];
            let path = (join(base, "expression"), 0);
            self.note(path, &check.expression, SnippetRole::Check, seen, None);
        }
    }

    /// The expressions of an index of the table.
    pub(crate) fn note_index(&mut self, table: usize, index: &Index, base: &[Segment]) {
        if !self.is_noting() {
            return;
        }
        let seen = vec![self.seen(table)];
        for (number, key) in index.columns.iter().enumerate() {
            if let IndexColumn::Expression { expression, .. } = key {
                let path = join(&join(&join(base, "columns"), number), "expression");
                self.note((path, 0), expression, SnippetRole::IndexKey, seen.clone(), None);
            }
        }
        if let Some(predicate) = &index.predicate {
            let path = (join(base, "where"), 0);
            self.note(path, predicate, SnippetRole::IndexPredicate, seen, None);
        }
    }

    /// How a new table is filled: `values` are its columns and what each gets.
    pub(crate) fn note_fill<'v>(
        &mut self,
        table: usize,
        source: &str,
        values: impl Iterator<Item = (&'v str, &'v str)>,
        condition: Option<&str>,
        base: &[Segment],
    ) {
        let Some(source) = self.find(source).filter(|_| self.is_noting()) else { return };
        let seen = vec![self.seen(source)];
        for (column, sql) in values {
            let wanted = self.get(table).column(column).map(|column| column.data_type.to_string());
            let path = (join(&join(base, "values"), column.to_owned()), 0);
            self.note(path, sql, SnippetRole::Fill, seen.clone(), wanted.as_deref());
        }
        if let Some(condition) = condition {
            let path = (join(base, "where"), 0);
            self.note(path, condition, SnippetRole::Condition, seen, None);
        }
    }

    /// The statements of a `custom` action.
    pub(crate) fn note_statements(&mut self, custom: &Custom) {
        if !self.is_noting() {
            return;
        }
        let all =
            [("start", &custom.start), ("complete", &custom.complete), ("abort", &custom.abort)];
        for (key, sql) in all {
            if let Some(sql) = sql {
                let path = (join(&[], key), 0);
                self.note(path, sql, SnippetRole::Custom, Vec::new(), None);
            }
        }
    }
}

impl Seen {
    /// The column goes by another name as well, unless that means something else.
    pub(crate) fn also(mut self, column: &str, name: &str) -> Self {
        let known = self.columns.iter().find(|known| known.name == column);
        if let Some(mut again) = known.cloned().filter(|_| !self.has(name)) {
            again.name = name.to_owned().into();
            self.columns.push(again);
        }
        self
    }

    fn has(&self, name: &str) -> bool {
        self.columns.iter().any(|column| column.name == name)
    }
}
