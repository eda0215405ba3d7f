//! Looking things up on behalf of an action, and reporting what is not there.
//!
//! **Invariant:** one mistake gives one problem. A slip is taken for what it was meant to be; something that is missing
//! altogether is reported once and taken to exist from then on.

use super::Schema;
use super::memory::{Fate, Object};
use super::problem::{At, Problem, Segment};
use super::suggest::{list, nearest};
use super::table::Table;
use crate::rule::Rule;

/// One action's view of the schema, and where its problems go.
#[derive(Debug)]
pub(crate) struct Review<'a> {
    pub(crate) schema: &'a mut Schema,
    pub(super) at: At,
    problems: &'a mut Vec<Problem>,
}

/// Something that was there once.
struct Gone {
    /// What it is called now, if it still exists.
    now: Option<String>,
}

impl Problem {
    pub(crate) fn help(&mut self, help: impl Into<String>) -> &mut Self {
        self.help = Some(help.into());
        self
    }
}

impl<'a> Review<'a> {
    pub(crate) fn new(schema: &'a mut Schema, at: At, problems: &'a mut Vec<Problem>) -> Self {
        Self { schema, at, problems }
    }

    /// Reports a problem; help and related places can be added to what is returned.
    pub(crate) fn report(
        &mut self,
        rule: Rule,
        path: Vec<Segment>,
        message: impl Into<String>,
    ) -> &mut Problem {
        self.problems.push(Problem {
            rule,
            at: self.at,
            path,
            within: None,
            message: message.into(),
            help: None,
            related: None,
        });
        self.problems.last_mut().expect("one has just been pushed")
    }

    /// Adds to a list's second naming of something where it is named first.
    pub(crate) fn listed_first(&mut self, path: Vec<Segment>) {
        let related = (self.at, path, String::from("listed here already"));
        if let Some(problem) = self.last() {
            problem.related = Some(related);
        }
    }

    /// The problem that was reported last.
    pub(super) fn last(&mut self) -> Option<&mut Problem> {
        self.problems.last_mut()
    }

    /// The position of the table `name`, without a report.
    pub(crate) fn find(&self, name: &str) -> Option<usize> {
        self.schema.tables.iter().position(|table| table.name == name)
    }

    /// The table at a position that a lookup gave.
    pub(crate) fn get(&self, table: usize) -> &Table {
        &self.schema.tables[table]
    }

    /// Whether the table was created by the same migration: it has no rows and no old client knows it.
    pub(crate) fn is_new(&self, table: usize) -> bool {
        let object = Object::Table(self.get(table).name.clone());
        self.schema.memory.event(&object).is_some_and(|event| {
            matches!(event.fate, Fate::Created) && event.at.migration == self.at.migration
        })
    }

    /// Whether earlier `custom` SQL mentions all of these names: nothing is certain about what they stand for.
    pub(crate) fn uncertain(&self, names: &[&str]) -> bool {
        names.iter().all(|name| self.schema.memory.in_custom(name))
    }

    /// Whether a table may have a column of that name from another one: which tables inherit is said by `custom` SQL alone.
    fn may_inherit(&self, name: &str) -> bool {
        let words = ["inherit", "inherits"];
        words.iter().any(|word| self.uncertain(&[word]))
            && self.schema.tables.iter().any(|table| table.column(name).is_some())
    }

    /// The position of the table `name`, in `public` unless another `schema` is given. `None`, after a report, if it is not clear which one is meant.
    pub(crate) fn table(
        &mut self,
        schema: Option<&str>,
        name: &str,
        path: Vec<Segment>,
    ) -> Option<usize> {
        let found = self.named(name, path.clone())?;
        let there = self.get(found).schema.clone();
        let said = schema.unwrap_or(self.schema.home());
        if there == said || self.uncertain(&[name]) {
            return Some(found);
        }
        let of_key = path.last() == Some(&Segment::from("referenced_table"));
        let key = if of_key { "referenced_schema" } else { "schema" };
        let problem = match schema {
            None => self.report(
                Rule::WrongSchema,
                path,
                format!("table `{name}` is in schema `{there}`"),
            ),
            Some(said) => self.report(
                Rule::WrongSchema,
                path,
                format!("table `{name}` is in schema `{there}`, not in `{said}`"),
            ),
        };
        problem.help(format!("say `{key} = \"{there}\"`"));
        Some(found)
    }

    /// The migration requires one of another set, whose tables are not known here.
    pub(crate) fn note_other_sets(&mut self) {
        self.schema.memory.other_sets = true;
    }

    /// A foreign key is about to refer to the table: it may be another set's.
    pub(crate) fn may_be_elsewhere(&mut self, name: &str) {
        let is_here = self.schema.tables.iter().any(|table| table.name == name);
        if self.schema.memory.other_sets && !is_here {
            self.schema.memory.assume(Object::Table(name.to_owned()));
        }
    }

    /// The position of the table `name`, whatever its schema.
    fn named(&mut self, name: &str, path: Vec<Segment>) -> Option<usize> {
        let position =
            |schema: &Schema, name: &str| schema.tables.iter().position(|table| table.name == name);
        let found = position(self.schema, name);
        let object = Object::Table(name.to_owned());
        if found.is_some() || self.schema.memory.is_assumed(&object) {
            return found;
        }
        if self.too_early(&object, &format!("table `{name}`"), &path) {
            self.schema.memory.assume(object);
            return None;
        }
        let custom = self.uncertain(&[name]);
        if !custom && let Some(gone) = self.gone(&object, &format!("table `{name}`"), path.clone())
        {
            return position(self.schema, &gone.now?);
        }
        let near = nearest(name, self.schema.tables().map(|table| table.name.as_str()))
            .filter(|_| !custom)
            .map(str::to_owned);
        let problem =
            self.report(Rule::UnknownTable, path, format!("table `{name}` does not exist"));
        if let Some(near) = near {
            problem.help(format!("did you mean `{near}`?"));
            return position(self.schema, &near);
        }
        problem.help(not_created("table"));
        self.schema.memory.assume(object);
        None
    }

    /// The position of a column in the table at `table`. `None`, after a report, if it is not clear which one is meant.
    pub(crate) fn column(&mut self, table: usize, name: &str, path: Vec<Segment>) -> Option<usize> {
        let position = |review: &Self, name: &str| {
            review.get(table).columns.iter().position(|column| column.name == name)
        };
        let found = position(self, name);
        let owner = self.get(table).name.clone();
        let object = Object::Column(owner.clone(), name.to_owned());
        if found.is_some()
            || self.schema.memory.is_assumed(&object)
            || self.uncertain(&[&owner, name])
            || self.may_inherit(name)
        {
            return found;
        }
        let what = format!("column `{name}` of table `{owner}`");
        if let Some(gone) = self.gone(&object, &what, path.clone()) {
            return position(self, &gone.now?);
        }
        let columns = || self.get(table).columns.iter().map(|column| column.name.as_ref());
        let near = nearest(name, columns()).map(str::to_owned);
        let known = list(columns());
        let problem = self.report(
            Rule::UnknownColumn,
            path,
            format!("table `{owner}` has no column `{name}`"),
        );
        if let Some(near) = near {
            problem.help(format!("did you mean `{near}`?"));
            return position(self, &near);
        }
        if !known.is_empty() {
            problem.help(format!("it has {known}"));
        }
        self.schema.memory.assume(object);
        None
    }

    /// The position of the index `name`, in `public` unless another schema is given: its table, and its place there.
    pub(crate) fn index(
        &mut self,
        within: Option<&str>,
        name: &str,
        path: Vec<Segment>,
    ) -> Option<(usize, usize)> {
        let within = within.unwrap_or(self.schema.home()).to_owned();
        let position = |schema: &Schema, name: &str| {
            let tables = schema.tables.iter().enumerate();
            tables.filter(|(_, known)| known.schema == within).find_map(|(table, known)| {
                let index = known.indexes.iter().position(|index| index.name == name)?;
                Some((table, index))
            })
        };
        let found = position(self.schema, name);
        if found.is_some() || self.uncertain(&[name]) {
            return found;
        }
        let with_key = self.schema.tables().filter(|table| table.schema == within).find(|table| {
            name.strip_suffix("_pkey") == Some(table.name.as_str()) && !table.primary_key.is_empty()
        });
        if let Some(table) = with_key.map(|table| table.name.clone()) {
            let message = format!("index `{name}` is the primary key of table `{table}`");
            self.report(Rule::IndexOfPrimaryKey, path, message)
                .help("a primary key's index cannot be removed by itself");
            return None;
        }
        let object = Object::Index(name.to_owned());
        if let Some(gone) = self.gone(&object, &format!("index `{name}`"), path.clone()) {
            return position(self.schema, &gone.now?);
        }
        let indexes = self.schema.tables().flat_map(|table| &table.indexes);
        let near = nearest(name, indexes.map(|index| index.name.as_ref())).map(str::to_owned);
        let elsewhere = self.schema.tables().find(|table| {
            table.schema != within && table.indexes.iter().any(|index| index.name == name)
        });
        let elsewhere = elsewhere.map(|table| table.schema.clone());
        let problem =
            self.report(Rule::UnknownIndex, path, format!("index `{name}` does not exist"));
        if let Some(schema) = elsewhere {
            problem.help(format!("it is in schema `{schema}`: say `schema = \"{schema}\"`"));
            return None;
        }
        let Some(near) = near else {
            problem.help(not_created("index"));
            return None;
        };
        problem.help(format!("did you mean `{near}`?"));
        position(self.schema, &near)
    }

    /// The name of one of the table's constraints `known`, meant by `name`; `what` is the kind, e.g. `foreign key`.
    pub(crate) fn constraint(
        &mut self,
        table: usize,
        what: &str,
        known: &[String],
        name: &str,
        path: Vec<Segment>,
    ) -> Option<String> {
        if known.iter().any(|known| known == name) {
            return Some(name.to_owned());
        }
        if self.uncertain(&[name]) {
            return None;
        }
        let owner = self.get(table).name.clone();
        let object = Object::Constraint(owner.clone(), name.to_owned());
        let described = format!("{what} `{name}` of table `{owner}`");
        if let Some(gone) = self.gone(&object, &described, path.clone()) {
            return gone.now;
        }
        let near = nearest(name, known.iter().map(String::as_str)).map(str::to_owned);
        let problem = self.report(
            Rule::UnknownConstraint,
            path,
            format!("table `{owner}` has no {what} `{name}`"),
        );
        match &near {
            Some(near) => problem.help(format!("did you mean `{near}`?")),
            None if known.is_empty() => problem.help(not_created(what)),
            None => problem.help(format!("it has {}", list(known.iter().map(String::as_str)))),
        };
        near
    }

    /// The position of the enum type `name`.
    pub(crate) fn enumeration(&mut self, name: &str, path: Vec<Segment>) -> Option<usize> {
        let position =
            |schema: &Schema, name: &str| schema.enums.iter().position(|known| known.name == name);
        let found = position(self.schema, name);
        let object = Object::Enum(name.to_owned());
        if found.is_some() || self.schema.memory.is_assumed(&object) {
            return found;
        }
        if self.too_early(&object, &format!("enum `{name}`"), &path) {
            return None;
        }
        let custom = self.uncertain(&[name]);
        if !custom && let Some(gone) = self.gone(&object, &format!("enum `{name}`"), path.clone()) {
            return position(self.schema, &gone.now?);
        }
        let near = nearest(name, self.schema.enums().map(|known| known.name.as_str()))
            .filter(|_| !custom)
            .map(str::to_owned);
        let problem = self.report(Rule::UnknownEnum, path, format!("enum `{name}` does not exist"));
        let Some(near) = near else {
            problem.help(not_created("enum"));
            return None;
        };
        problem.help(format!("did you mean `{near}`?"));
        position(self.schema, &near)
    }

    /// Takes a table for created, although what would create it has failed: that has been reported.
    pub(crate) fn assume_table(&mut self, name: &str) {
        self.schema.memory.assume(Object::Table(name.to_owned()));
    }

    /// Takes a column for created, although what would create it has failed: that has been reported.
    pub(crate) fn assume_column(&mut self, table: usize, name: &str) {
        let object = Object::Column(self.get(table).name.clone(), name.to_owned());
        self.schema.memory.assume(object);
    }

    /// Where something was created, for [`Problem::related`].
    pub(super) fn origin(&self, object: &Object) -> Option<(At, Vec<Segment>, String)> {
        let event = self.schema.memory.event(object)?;
        let told = match event.fate {
            Fate::Created => "created here",
            Fate::Named => "so named here",
            Fate::Removed | Fate::Renamed(_) => return None,
        };
        Some((event.at, event.path.clone(), told.to_owned()))
    }

    /// Reports that something will be created only later and never was before, if so.
    pub(super) fn too_early(&mut self, object: &Object, what: &str, path: &[Segment]) -> bool {
        let memory = &self.schema.memory;
        let None = memory.event(object) else { return false };
        let Some((at, place)) = memory.created_later(object, self.at) else { return false };
        let migration = memory.migration(at).to_owned();
        let problem =
            self.report(Rule::CreatedLater, path.to_vec(), format!("{what} does not exist yet"));
        problem.help(format!("it is created later, by `{migration}`"));
        problem.related = Some((at, place, String::from("created here")));
        true
    }

    /// Reports that something was removed or renamed earlier, if it was.
    fn gone(&mut self, object: &Object, what: &str, path: Vec<Segment>) -> Option<Gone> {
        let mut event = self.schema.memory.event(object)?.clone();
        let migration = self.schema.memory.migration(event.at).to_owned();
        let (rule, did, told) = match event.fate {
            Fate::Removed => (Rule::RemovedEarlier, "removed", "removed here"),
            Fate::Renamed(_) => (Rule::RenamedEarlier, "renamed", "renamed here"),
            Fate::Created | Fate::Named => return None,
        };
        let mut now = None;
        // Ends: what a rename leads to has a later event, or the same one.
        while let Fate::Renamed(to) = &event.fate {
            now = Some(to.clone());
            let Some(next) = self.schema.memory.event(&object.renamed(to)) else { break };
            event = next.clone();
        }
        let removed = matches!(event.fate, Fate::Removed)
            .then(|| self.schema.memory.migration(event.at).to_owned());
        if removed.is_some() {
            now = None;
        }
        let related = self
            .schema
            .memory
            .event(object)
            .map(|event| (event.at, event.path.clone(), told.to_owned()));
        let problem = self.report(rule, path, format!("{what} was {did} by `{migration}`"));
        problem.related = related;
        if let Some(now) = &now {
            problem.help(format!("it is called `{now}` now"));
        } else if did == "renamed"
            && let Some(removed) = removed
        {
            problem.help(format!("and then removed, by `{removed}`"));
        }
        Some(Gone { now })
    }
}

fn not_created(what: &str) -> String {
    format!(
        "no earlier action creates this {what}; if it was in the database before the first migration, let `reshape baseline` \
         write down what was there; one that `custom` SQL made is not known"
    )
}
