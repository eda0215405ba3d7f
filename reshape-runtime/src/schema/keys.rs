//! The rules for constraints: foreign keys, what stands in the way of removing what they refer to, checks.

use crate::model::{self, Check, Str};
use crate::rule::Rule;

use super::memory::Object;
use super::names::foreign_key_name;
use super::problem::{Segment, join};
use super::review::Review;
use super::suggest::list;
use super::table::ForeignKey;
use super::types::surely_incomparable;

impl Review<'_> {
    /// Checks a foreign key of the table at `table` and adds it. `base` leads to the key.
    pub(crate) fn foreign_key(&mut self, table: usize, key: &model::ForeignKey, base: &[Segment]) {
        let owner = self.get(table).name.clone();
        if key.columns.is_empty() {
            self.report(Rule::NoColumns, join(base, "columns"), "the foreign key has no columns");
            return;
        }
        let path = join(base, "columns");
        let columns = self.columns(table, &key.columns, &path);
        let to_path = join(base, "referenced_columns");
        let within = key.referenced_schema.clone();
        let within = within.map_or_else(|| self.get(table).schema.clone(), Str::into_owned);
        self.may_be_elsewhere(&key.referenced_table);
        let target =
            self.table(Some(&within), &key.referenced_table, join(base, "referenced_table"));
        let same_number = key.columns.len() == key.referenced_columns.len();
        let referenced = match target {
            Some(target) => self.columns(target, &key.referenced_columns, &to_path),
            None => key.referenced_columns.iter().map(|name| (name.to_string(), None)).collect(),
        };
        if !same_number {
            let (here, there) = (key.columns.len(), key.referenced_columns.len());
            self.report(
                Rule::ForeignKeyColumns,
                to_path,
                format!("the foreign key has {} and refers to {there}", counted(here)),
            )
            .help("it takes one referenced column for each of its columns, in the same order");
        } else if let Some(target) = target
            && columns.iter().chain(&referenced).all(|(_, column)| column.is_some())
        {
            self.key_fits(table, &columns, target, &referenced, base);
        }
        let columns: Vec<String> = columns.into_iter().map(|(name, _)| name).collect();
        let key = ForeignKey {
            name: foreign_key_name(self.schema, &owner, &columns),
            columns,
            referenced_table: target.map_or_else(
                || key.referenced_table.to_string(),
                |target| self.get(target).name.clone(),
            ),
            referenced_columns: referenced.into_iter().map(|(name, _)| name).collect(),
            on_delete: key.on_delete,
            on_update: key.on_update,
        };
        self.add_foreign_key(table, key, base.to_vec());
    }

    /// The columns meant by `names`, with their positions where they are known.
    fn columns(
        &mut self,
        table: usize,
        names: &[model::Str],
        path: &[Segment],
    ) -> Vec<(String, Option<usize>)> {
        let mut found = Vec::new();
        for (at, name) in names.iter().enumerate() {
            let position = self.column(table, name, join(path, at));
            let name = position.map_or_else(
                || name.to_string(),
                |position| self.get(table).columns[position].name.to_string(),
            );
            found.push((name, position));
        }
        found
    }

    /// A foreign key needs comparable types and a unique key to refer to.
    fn key_fits(
        &mut self,
        table: usize,
        columns: &[(String, Option<usize>)],
        target: usize,
        referenced: &[(String, Option<usize>)],
        base: &[Segment],
    ) {
        let (from, to) = (self.get(table).name.clone(), self.get(target).name.clone());
        if self.uncertain(&["cast"]) || self.uncertain(&[&to]) || self.uncertain(&[&from]) {
            return;
        }
        let type_of = |table: usize, position: Option<usize>| {
            position.map_or("", |position| self.get(table).columns[position].data_type.as_ref())
        };
        let mismatch = columns.iter().zip(referenced).enumerate().find_map(|(at, (here, there))| {
            let (here_type, there_type) = (type_of(table, here.1), type_of(target, there.1));
            surely_incomparable(self.schema, here_type, there_type).then(|| {
                let (here, there) = (&here.0, &there.0);
                let help = format!("give `{from}.{here}` the type of `{to}.{there}`, which is `{there_type}`");
                (at, help, there.clone(), format!(
                    "the foreign key cannot compare `{from}.{here}` of type `{here_type}` with `{to}.{there}` of type `{there_type}`"
                ))
            })
        });
        if let Some((at, help, there, message)) = mismatch {
            self.report(Rule::ForeignKeyTypes, join(&join(base, "columns"), at), message)
                .help(help);
            self.relate_column(&to, &there);
            return;
        }
        let names: Vec<String> = referenced.iter().map(|(name, _)| name.clone()).collect();
        if !self.get(target).has_unique_key(&names) {
            let listed = list(names.iter().map(String::as_str));
            self.report(
                Rule::ForeignKeyWithoutUniqueKey,
                join(base, "referenced_columns"),
                format!("no primary key or unique index of table `{to}` is over exactly {listed}"),
            )
            .help("a foreign key refers to a unique key; add one first, with `add_index` and `unique = true`");
        }
    }

    /// Checks a check constraint's name and adds it. `base` leads to the check.
    pub(crate) fn check(&mut self, table: usize, check: &Check, base: &[Segment]) {
        self.note_check(table, check, base);
        if let Some(name) = &check.name {
            let path = join(base, "name");
            self.identifier("check", name, path.clone());
            let owner = self.get(table).name.clone();
            let known = self.get(table);
            let taken = known.checks.iter().any(|known| known.name.as_ref() == Some(name))
                || known.foreign_keys.iter().any(|key| key.name == *name);
            if taken && !self.uncertain(&[name]) {
                let begin = format!("table `{owner}` has");
                let object = Object::Constraint(owner, name.to_string());
                self.exists(&object, &begin, path);
                return;
            }
        }
        self.add_check(table, check.clone(), base.to_vec());
    }

    /// The foreign keys of other tables that refer to `table`, and, if a column is given, to that column.
    pub(crate) fn referrers(
        &self,
        table: usize,
        column: Option<&str>,
    ) -> Vec<(String, ForeignKey)> {
        let name = &self.get(table).name;
        let others = self.schema.tables().filter(|other| other.name != *name);
        others
            .flat_map(|other| {
                other.foreign_keys.iter().map(|key| (other.name.clone(), key.clone()))
            })
            .filter(|(_, key)| {
                key.referenced_table == *name
                    && column.is_none_or(|column| {
                        key.referenced_columns.iter().any(|referenced| referenced == column)
                    })
            })
            .collect()
    }

    /// Reports the first foreign key of another table, not touched by `custom` SQL, that stands in the way. `subject` is what
    /// it refers to, in words.
    pub(crate) fn not_referred_to(
        &mut self,
        table: usize,
        column: Option<&str>,
        subject: &str,
        path: Vec<Segment>,
    ) {
        let referrers = self.referrers(table, column);
        let certain = referrers
            .into_iter()
            .find(|(other, key)| !self.uncertain(&[other]) && !self.uncertain(&[&key.name]));
        if let Some((other, key)) = certain {
            let name = key.name;
            let related = self.origin(&Object::Constraint(other.clone(), name.clone()));
            let problem = self.report(
                Rule::StillReferenced,
                path,
                format!("{subject} is referred to by foreign key `{name}` of table `{other}`"),
            );
            problem.help("remove the foreign key first, with `remove_foreign_key`").related =
                related;
        }
    }

    /// The foreign key, as table and name, that cannot be without the index at `index` of the table at `table`.
    pub(crate) fn index_referrer(&self, table: usize, index: usize) -> Option<(String, String)> {
        let mut without = self.get(table).clone();
        without.indexes.remove(index);
        if self.uncertain(&[&without.name]) {
            return None;
        }
        let of_table = |key: &ForeignKey| key.referenced_table == without.name;
        let known = self.get(table);
        self.schema
            .tables()
            .flat_map(|other| other.foreign_keys.iter().map(move |key| (other, key)))
            .find(|(other, key)| {
                of_table(key)
                    && known.has_unique_key(&key.referenced_columns)
                    && !without.has_unique_key(&key.referenced_columns)
                    && !self.uncertain(&[&other.name])
            })
            .map(|(other, key)| (other.name.clone(), key.name.clone()))
    }
}

fn counted(columns: usize) -> String {
    if columns == 1 { String::from("1 column") } else { format!("{columns} columns") }
}
