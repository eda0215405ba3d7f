//! Which names the expressions of indexes and checks say, and whether these names still mean the same.
//!
//! The server follows a renamed column into every expression; a text from a migration file goes on saying the old name.

use crate::action::Action;
use crate::model::{Check, Index, IndexColumn};
use crate::plan::mention::{mentions, says};
use crate::schema::Table;

/// What has been defined so far, and what has been renamed since.
#[derive(Clone, Debug, Default)]
pub(super) struct Words {
    /// Tables by the name that they have now, with a name that one of their columns, or the table, has no more.
    renamed: Vec<(String, String)>,
    defined: Vec<Defined>,
}

#[derive(Clone, Debug)]
struct Defined {
    /// The table, by the name that it has now.
    table: String,
    what: What,
    /// How many renames there had been.
    since: usize,
    /// Whether it has gone, by itself or with a column.
    gone: bool,
}

/// An index by its name, a check by its name or, where it has none, by what it says.
#[derive(Clone, Debug, PartialEq, Eq)]
enum What {
    Index(String),
    Check(Option<String>, String),
}

impl What {
    fn index(index: &Index) -> Self {
        Self::Index(index.name.to_string())
    }

    fn check(check: &Check) -> Self {
        let name = check.name.as_deref().map(str::to_owned);
        let text = if name.is_none() { check.expression.to_string() } else { String::new() };
        Self::Check(name, text)
    }
}

impl Words {
    /// Takes note of what an action defines and renames. `before`: the table that it is about, as it was.
    pub(super) fn follow(&mut self, action: &Action, before: Option<&Table>) {
        match action {
            Action::CreateTable(a) => {
                for check in a.checks.iter() {
                    self.define(&a.name, What::check(check));
                }
            }
            Action::RenameTable(a) => {
                let renamed = self.renamed.iter_mut().map(|(table, _)| table);
                for table in renamed.chain(self.defined.iter_mut().map(|d| &mut d.table)) {
                    if *table == a.table {
                        *table = a.new_name.to_string();
                    }
                }
                self.renamed.push((a.new_name.to_string(), a.table.to_string()));
            }
            Action::RemoveTable(a) => self.leave(|defined| defined.table == a.table),
            Action::AlterColumn(a) => {
                if a.changes.name.as_ref().is_some_and(|name| *name != a.column) {
                    self.renamed.push((a.table.to_string(), a.column.to_string()));
                }
            }
            Action::RemoveColumn(a) => {
                let Some(table) = before else { return };
                let indexes = self.indexes_with(table, &a.column);
                let indexes = indexes.into_iter().map(What::index);
                let checks = self.checks_with(table, &a.column);
                let gone: Vec<What> = indexes.chain(checks.into_iter().map(What::check)).collect();
                self.leave(|known| known.table == a.table && gone.contains(&known.what));
            }
            Action::AddIndex(a) => self.define(&a.table, What::index(&a.index)),
            Action::RemoveIndex(a) => {
                let what = What::Index(a.index.to_string());
                self.leave(|defined| defined.what == what);
            }
            Action::AddCheck(a) => self.define(&a.table, What::check(&a.check)),
            Action::RemoveCheck(a) => {
                let named =
                    |what: &What| matches!(what, What::Check(Some(name), _) if *name == a.check);
                self.leave(|defined| defined.table == a.table && named(&defined.what));
            }
            Action::AddColumn(_)
            | Action::AddForeignKey(_)
            | Action::RemoveForeignKey(_)
            | Action::CreateEnum(_)
            | Action::RemoveEnum(_)
            | Action::Custom(_) => {}
        }
    }

    fn define(&mut self, table: &str, what: What) {
        let (table, since) = (table.to_owned(), self.renamed.len());
        self.defined.push(Defined { table, what, since, gone: false });
    }

    fn leave(&mut self, which: impl Fn(&Defined) -> bool) {
        for defined in self.defined.iter_mut().filter(|defined| which(defined)) {
            defined.gone = true;
        }
    }

    /// The indexes that are there and say the column.
    pub(super) fn indexes_with<'t>(&self, table: &'t Table, column: &str) -> Vec<&'t Index> {
        let says = |index: &Index| {
            index.columns.iter().any(|key| key.name() == Some(column))
                || texts(index).any(|sql| mentions(sql, &table.name, column))
        };
        let there = |index: &&Index| self.is_there(&table.name, &What::index(index));
        table.indexes.iter().filter(|index| says(index)).filter(there).collect()
    }

    /// The checks that are there and say the column.
    pub(super) fn checks_with<'t>(&self, table: &'t Table, column: &str) -> Vec<&'t Check> {
        let says = |check: &&Check| mentions(&check.expression, &table.name, column);
        let there = |check: &&Check| self.is_there(&table.name, &What::check(check));
        table.checks.iter().filter(says).filter(there).collect()
    }

    fn find(&self, table: &str, what: &What) -> Option<&Defined> {
        self.defined.iter().rev().find(|known| known.table == table && known.what == *what)
    }

    fn is_there(&self, table: &str, what: &What) -> bool {
        self.find(table, what).is_none_or(|known| !known.gone)
    }

    /// A name that the index says and that has another meaning by now.
    pub(super) fn stale_in_index(&self, table: &str, index: &Index) -> Option<&str> {
        texts(index).find_map(|sql| self.stale(table, &What::index(index), sql))
    }

    /// A name that the check says and that has another meaning by now.
    pub(super) fn stale_in_check(&self, table: &str, check: &Check) -> Option<&str> {
        self.stale(table, &What::check(check), &check.expression)
    }

    fn stale(&self, table: &str, what: &What, sql: &str) -> Option<&str> {
        let since = self.find(table, what).map_or(0, |known| known.since);
        let mut renamed = self.renamed.iter().skip(since);
        renamed.find(|(of, word)| of == table && says(sql, word)).map(|(_, word)| word.as_str())
    }
}

/// The expressions of an index.
fn texts(index: &Index) -> impl Iterator<Item = &str> {
    let keys = index.columns.iter().filter_map(|key| match key {
        IndexColumn::Expression { expression, .. } => Some(expression.as_ref()),
        IndexColumn::Name(_) | IndexColumn::Column { .. } => None,
    });
    keys.chain(index.predicate.as_deref())
}
