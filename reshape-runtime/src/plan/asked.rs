//! What is asked of the steps of a batch beside the lineage of its tables: statements and steps, each with the place where it belongs.

use crate::plan::contract::Stage;
use crate::plan::{Offenders, Step};

/// What several parts of the planner ask for, each without knowing of the others.
#[derive(Debug, Default)]
pub(crate) struct Asked {
    /// Clauses of the `ALTER TABLE` that expands a table, and what takes each back, by table.
    pub(crate) clauses: Vec<(usize, String, String)>,
    /// Statements of the transaction that expands a table, after that `ALTER TABLE`, by table.
    pub(crate) expand: Vec<(usize, String)>,
    /// Clauses of the `ALTER TABLE` that takes back what those statements have made, by table.
    pub(crate) expand_undo: Vec<(usize, String)>,
    /// Steps of the backfill phase that a table needs once its own columns are filled, by table.
    pub(crate) filled: Vec<(usize, Step)>,
    /// Steps of the backfill phase that need every table's columns filled and indexes built: foreign keys.
    pub(crate) all_filled: Vec<Step>,
    /// Steps of the publish phase that need triggers which translate in both directions.
    pub(crate) translated: Vec<Step>,
    /// Steps of contract that come before any table is finished.
    pub(crate) before_finish: Vec<Step>,
    /// Statements of the transaction that finishes a table, by table.
    pub(crate) contract: Vec<(usize, Stage, String)>,
    /// Tables that have to be finished in one transaction.
    pub(crate) links: Vec<(usize, usize)>,
    /// Steps of the publish phase that come after the triggers for both versions, by table.
    pub(crate) publish: Vec<(usize, Step)>,
    /// Tables whose shadows take the names of the columns that they replace before they get their last ones.
    pub(crate) homes: Vec<usize>,
    /// The last steps of the expand phase: trials of what contract will do.
    pub(crate) rehearsals: Vec<Step>,
    /// Other tables, as people call them, that are locked when a table is finished.
    pub(crate) locked_too: Vec<(usize, String)>,
    /// Rules of the user's that the values which a backfill writes may break, by table.
    pub(crate) broken: Vec<(usize, Offenders)>,
}

impl Asked {
    /// Takes over what another has asked for.
    pub(crate) fn append(&mut self, mut other: Self) {
        self.clauses.append(&mut other.clauses);
        self.expand.append(&mut other.expand);
        self.expand_undo.append(&mut other.expand_undo);
        self.filled.append(&mut other.filled);
        self.all_filled.append(&mut other.all_filled);
        self.translated.append(&mut other.translated);
        self.before_finish.append(&mut other.before_finish);
        self.contract.append(&mut other.contract);
        self.links.append(&mut other.links);
        self.publish.append(&mut other.publish);
        self.homes.append(&mut other.homes);
        self.rehearsals.append(&mut other.rehearsals);
        self.locked_too.append(&mut other.locked_too);
        self.broken.append(&mut other.broken);
    }
}
