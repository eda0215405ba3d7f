//! The batch while it is being planned: what the actions have asked for so far.
//!
//! Tables that exist are changed through a [`lineage`](crate::plan::lineage): nothing is written until all actions are known, then each
//! table becomes one sync function, one backfill and one contract. Tables that the batch creates are changed directly: no
//! client knows them yet.

use crate::action::Action;
use crate::model::IndexColumn;
use crate::plan::asked::Asked;
use crate::plan::beside::Origins;
use crate::plan::carry;
use crate::plan::constraint::Pending;
use crate::plan::cross::Fill;
use crate::plan::facts::{Dependent, DependentKind, Facts, Key, LiveTable, TableName};
use crate::plan::lineage::{Column, Table};
use crate::plan::takeover::Renamed;
use crate::plan::{Phase, Refusal, Request, Step, foreign, inherit, own, partition};
use crate::sql::names::shown;

/// A step with its place in the batch.
#[derive(Clone, Debug)]
pub(crate) struct Draft {
    /// The action that asked for it, counted over the batch.
    pub(crate) order: usize,
    pub(crate) step: Step,
    /// Touches only what this batch creates: may share a transaction with its neighbours.
    pub(crate) fresh: bool,
}

/// The batch while it is being planned.
#[derive(Debug)]
pub(crate) struct Batch<'a> {
    pub(crate) request: Request<'a>,
    /// The migration and the action that are being planned, both counted from 0.
    pub(crate) at: (usize, usize),
    /// The action, counted over the batch.
    pub(crate) order: usize,
    pub(crate) tables: Vec<Table>,
    pub(crate) drafts: Vec<Draft>,
    /// Indexes to build on tables that exist, once the shadow columns have their names.
    pub(crate) indexes: Vec<PendingIndex>,
    /// Indexes that go in contract.
    pub(crate) removed_indexes: Vec<TableName>,
    /// Checks and foreign keys that go in contract: their table in the catalog, and their name.
    pub(crate) removed_constraints: Vec<(TableName, String)>,
    /// Checks and foreign keys that the batch adds.
    pub(crate) constraints: Pending,
    /// Schemas that the batch creates.
    pub(crate) created_schemas: Vec<String>,
    /// Enum types as the batch leaves them: created ones, and removed ones with the place of the removal.
    pub(crate) created_enums: Vec<String>,
    pub(crate) removed_enums: Vec<(String, (usize, usize))>,
    pub(crate) notes: Vec<String>,
    /// What the steps need beside the lineage of the tables.
    pub(crate) asked: Asked,
    /// Tables that the batch creates and fills from others.
    pub(crate) fills: Vec<Fill>,
    /// Indexes of tables that the batch creates, under generated names until contract.
    pub(crate) renamed_indexes: Vec<Renamed>,
    /// Which migrations have brought the values of the tables.
    pub(crate) origins: Origins,
}

/// An index on a table that exists.
#[derive(Clone, Debug)]
pub(crate) struct PendingIndex {
    pub(crate) at: (usize, usize),
    pub(crate) table: usize,
    pub(crate) index: crate::model::Index,
    /// What the table is called in its expressions.
    pub(crate) scope: String,
    /// The columns that these may name: as they call them, and as they are called now.
    pub(crate) names: Vec<(String, String)>,
}

impl PendingIndex {
    /// A later action renames a column. Expressions go on calling it as it was called at their point of the batch.
    pub(crate) fn rename_column(&mut self, from: &str, to: &str) {
        for (_, now) in &mut self.names {
            if now == from {
                to.clone_into(now);
            }
        }
        for key in self.index.columns.to_mut() {
            match key {
                IndexColumn::Name(name) | IndexColumn::Column { column: name, .. }
                    if name == from =>
                {
                    *name = to.to_owned().into();
                }
                IndexColumn::Name(_)
                | IndexColumn::Column { .. }
                | IndexColumn::Expression { .. } => {}
            }
        }
    }
}

impl<'a> Batch<'a> {
    pub(crate) fn new(request: Request<'a>) -> Self {
        let facts = request.facts;
        let tables = facts.tables.iter().enumerate();
        let mut tables: Vec<Table> =
            tables.map(|(number, live)| Table::from_live(number, live)).collect();
        own::show(&mut tables, facts);
        inherit::link(&mut tables, facts);
        let mut origins = Origins::default();
        origins.note(&tables, None);
        Self {
            request,
            at: (0, 0),
            order: 0,
            tables,
            drafts: Vec::new(),
            indexes: Vec::new(),
            removed_indexes: Vec::new(),
            removed_constraints: Vec::new(),
            constraints: Pending::default(),
            created_schemas: Vec::new(),
            created_enums: Vec::new(),
            removed_enums: Vec::new(),
            notes: Vec::new(),
            asked: Asked::default(),
            fills: Vec::new(),
            renamed_indexes: Vec::new(),
            origins,
        }
    }

    pub(crate) fn facts(&self) -> &'a Facts {
        self.request.facts
    }

    /// The schema of what says none.
    pub(crate) fn home(&self) -> &'a str {
        self.request.facts.home()
    }

    /// Adds a step for the current action.
    pub(crate) fn push(&mut self, step: Step) {
        self.drafts.push(Draft { order: self.order, step, fresh: false });
    }

    /// Adds a transaction that touches only what this batch creates.
    pub(crate) fn push_fresh(&mut self, title: String, statements: Vec<String>, undo: Vec<String>) {
        let step = Step::sql(Phase::Expand, title, statements).undone_by(undo);
        self.drafts.push(Draft { order: self.order, step, fresh: true });
    }

    /// Whether SQL of the user's own runs before the version is published.
    pub(crate) fn runs_custom_sql(&self) -> bool {
        let mut actions =
            self.request.pending.iter().flat_map(|migration| migration.actions.iter());
        actions.any(|action| matches!(action, Action::Custom(custom) if custom.start.is_some()))
    }

    /// The table of the schema that goes by that name now.
    pub(crate) fn find(&self, schema: &str, name: &str) -> Option<usize> {
        self.tables
            .iter()
            .position(|table| table.schema == schema && table.name == name && !table.removed)
    }

    /// The table that goes by that name now, in the schema of what says none unless another is given, about to be changed.
    pub(crate) fn table(&mut self, schema: Option<&str>, name: &str) -> Result<usize, Refusal> {
        let index = self.known(schema.unwrap_or(self.home()), name)?;
        own::require(self, &self.tables[index])?;
        self.require_owned(&self.tables[index])?;
        if let Some(live) = self.live(&self.tables[index]) {
            partition::require_whole(self, live)?;
        }
        self.tables[index].touched = Some(self.order);
        self.tables[index].in_version = true;
        Ok(index)
    }

    /// The table that goes by that name now.
    pub(crate) fn known(&self, schema: &str, name: &str) -> Result<usize, Refusal> {
        self.find(schema, name).ok_or_else(|| {
            let shown = shown(schema, name);
            self.refuse(format!("table `{shown}` does not exist in the database")).with_help(format!(
                "the history says that it does: create it in schema `{schema}`, or see what removed it"
            ))
        })
    }

    /// The column that goes by that name now.
    pub(crate) fn column<'t>(&self, table: &'t Table, name: &str) -> Result<&'t Column, Refusal> {
        table.column(name).ok_or_else(|| self.unknown_column(table, name))
    }

    pub(crate) fn unknown_column(&self, table: &Table, name: &str) -> Refusal {
        self.refuse(format!("table `{}` has no column `{name}` in the database", table.name))
            .with_help("the history says that it has one: somebody changed the table by hand")
    }

    /// What the catalog says of the table; `None` if the batch creates it.
    pub(crate) fn live(&self, table: &Table) -> Option<&'a LiveTable> {
        table.known.and_then(|number| self.facts().tables.get(number))
    }

    /// The name must be free: no table, view or index of the schema has it. One that a table has in the catalog, but not at this point of
    /// the batch, is free by contract.
    pub(crate) fn require_free(&self, schema: &str, name: &str) -> Result<(), Refusal> {
        let live = self.facts();
        if self.find(schema, name).is_some() {
            let refusal = self.refuse(format!("table `{name}` exists already in the database"));
            return Err(own::name_owner(self, (schema, name), refusal));
        }
        // A table's row type is called as the table is.
        let taken = live.is_no_table((schema, name))
            || self.builds_index((schema, name))
            || live.types.iter().any(|other| other.schema == schema && other.name == name)
            || schema == self.home() && self.created_enums.iter().any(|other| other == name);
        if taken {
            return Err(self.refuse(format!(
                "the name `{name}` is taken in schema `{schema}` by a view, a sequence, an index or a type"
            )));
        }
        Ok(())
    }

    /// Whether the batch builds an index of that schema and name on a table that exists.
    pub(crate) fn builds_index(&self, (schema, name): Key<'_>) -> bool {
        self.indexes.iter().any(|pending| {
            pending.index.name == name && self.tables[pending.table].schema == schema
        })
    }

    /// Whether the batch removes an index of the table that exists.
    pub(crate) fn removes_index(&self, schema: &str, name: &str) -> bool {
        self.removed_indexes.iter().any(|removed| removed.key() == (schema, name))
    }

    /// Only its owner may change a table, and that has to come out before anything is changed.
    pub(crate) fn require_owned(&self, table: &Table) -> Result<(), Refusal> {
        if self.live(table).is_none_or(|live| live.owned) {
            return Ok(());
        }
        Err(self
            .refuse(format!("table `{}` belongs to another role", table.name))
            .with_help("migrate as its owner or as a member of that role"))
    }

    /// Indexes that are not to be built after all. Whether there were any.
    pub(crate) fn forget_indexes(&mut self, which: impl Fn(&PendingIndex) -> bool) -> bool {
        let before = self.indexes.len();
        let (gone, kept) = std::mem::take(&mut self.indexes).into_iter().partition(which);
        self.indexes = kept;
        let gone: Vec<PendingIndex> = gone;
        for pending in &gone {
            let title = rename_title(&pending.index.name);
            self.drafts.retain(|draft| draft.step.title != title);
        }
        self.indexes.len() < before
    }

    /// Only ordinary and partitioned tables can have shadow columns and triggers.
    pub(crate) fn require_plain(&self, table: &Table) -> Result<(), Refusal> {
        use crate::plan::facts::TableKind;
        let Some(live) = self.live(table) else { return Ok(()) };
        match live.kind {
            TableKind::Ordinary => inherit::require_untyped(self, live),
            TableKind::Partitioned => partition::require_local(self, live),
            TableKind::Foreign => Err(foreign::refusal(self, table)),
        }
    }

    /// The column is about to be replaced by another: what hangs on it has to be able to come along.
    pub(crate) fn require_replaceable(
        &self,
        table: &Table,
        column: &str,
        new_type: &str,
        counts: bool,
    ) -> Result<(), Refusal> {
        partition::require_no_key(self, table, column, "replaced")?;
        match carry::refusal(self, table, column, new_type, counts) {
            None => Ok(()),
            Some((message, help)) => Err(self.refuse(message).with_help(help)),
        }
    }

    /// The column is about to accept NULL: nothing may need it not to.
    pub(crate) fn require_nullable(&self, table: &Table, column: &str) -> Result<(), Refusal> {
        let Some(live) = self.live(table).and_then(|live| live.column(column)) else {
            return Ok(());
        };
        let identifies = |name: &str| {
            self.facts().index((&table.schema, name)).is_some_and(|index| index.replica_identity)
        };
        let in_the_way = live.dependents.iter().find(|dependent| {
            dependent.kind == DependentKind::PrimaryKey
                || dependent.name.as_deref().is_some_and(identifies)
        });
        let what = match in_the_way {
            Some(dependent) => dependent.description.as_str(),
            None if live.is_identity() => "its sequence",
            None => return Ok(()),
        };
        Err(self.refuse(format!(
            "column `{}`.`{column}` cannot accept NULL: {what} needs it",
            table.name
        )))
    }

    /// The column is about to be dropped: nothing may go with it that has a life of its own.
    pub(crate) fn require_droppable(&self, table: &Table, column: &str) -> Result<(), Refusal> {
        let Some(live) = self.live(table).and_then(|live| live.column(column)) else {
            return Ok(());
        };
        partition::require_no_key(self, table, column, "removed")?;
        let in_the_way = |dependent: &&Dependent| match dependent.kind {
            DependentKind::Sequence => false,
            DependentKind::Index
            | DependentKind::Unique
            | DependentKind::Exclusion
            | DependentKind::Check => {
                let gone = |name: &String| {
                    !table.columns.iter().any(|c| c.ancestor.as_ref() == Some(name))
                };
                let removed = dependent
                    .name
                    .as_ref()
                    .is_some_and(|name| self.removes_index(&table.schema, name));
                !removed && !dependent.columns.iter().all(|name| name == column || gone(name))
            }
            DependentKind::ForeignKey => {
                dependent.table.as_ref().map(TableName::key) != Some(table.key())
                    || dependent.columns != [column.to_owned()]
            }
            // A generated column that the batch has removed goes first. Its expression is what depends, before PostgreSQL 15 itself.
            DependentKind::Column | DependentKind::Other => {
                dependent.table.as_ref().map(TableName::key) != Some(table.key())
                    || dependent.columns.is_empty()
                    || !dependent.columns.iter().all(|name| table.dropped.contains(name))
            }
            DependentKind::PrimaryKey
            | DependentKind::View
            | DependentKind::Trigger
            | DependentKind::Policy
            | DependentKind::Statistics => true,
        };
        let in_the_way = |dependent: &&Dependent| !self.goes(dependent) && in_the_way(dependent);
        match live.dependents.iter().find(in_the_way) {
            None => Ok(()),
            Some(dependent) => Err(self
                .refuse(format!(
                    "column `{}`.`{column}` cannot be removed: {} depends on it",
                    table.name, dependent.description
                ))
                .with_help("remove that first, in this migration or an earlier one")),
        }
    }

    /// A refusal of the current action.
    pub(crate) fn refuse(&self, message: impl Into<String>) -> Refusal {
        self.refuse_at(self.at, message)
    }

    /// A refusal of the action at `(migration, action)`.
    pub(crate) fn refuse_at(
        &self,
        (migration, action): (usize, usize),
        message: impl Into<String>,
    ) -> Refusal {
        Refusal {
            migration: self.request.pending[migration].name.to_string(),
            action: Some(action + 1),
            message: message.into(),
            help: None,
        }
    }

    pub(crate) fn not_supported(&self, what: &str) -> Refusal {
        self.refuse(format!("{what} is not supported yet"))
    }
}

/// The title of the step that gives an index its name once the one that has it is gone.
pub(crate) fn rename_title(index: &str) -> String {
    format!("rename index `{index}`")
}
