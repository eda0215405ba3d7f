//! The rules that more than one action has: names, columns, foreign keys, checks, `up` and `down`.

use crate::model::{self, Check, Column, Transform};
use crate::sql::names::MAX_IDENTIFIER;

use super::memory::{Fate, Object};
use super::names::{clip, foreign_key_name, object_name};
use super::problem::{Segment, join};
use super::review::Review;
use super::table::ForeignKey;
use super::types::{TypeName, surely_incomparable};

/// Every table has these: <https://www.postgresql.org/docs/current/ddl-system-columns.html>
const SYSTEM_COLUMNS: [&str; 6] = ["tableoid", "xmin", "cmin", "xmax", "cmax", "ctid"];

impl Review<'_> {
    /// A name that Postgres can keep: not empty, not over 63 bytes. `what` is the kind of thing, e.g. `table`.
    pub(crate) fn identifier(&mut self, what: &str, name: &str, path: Vec<Segment>) {
        if name.is_empty() {
            self.report(path, format!("the name of the {what} is empty"));
        } else if name.len() > MAX_IDENTIFIER {
            let (length, short) = (name.len(), clip(name, MAX_IDENTIFIER));
            self.report(path, format!("the name of {what} `{name}` is {length} bytes long"))
                .help(format!("Postgres keeps {MAX_IDENTIFIER} bytes, e.g. `{short}`"));
        }
    }

    /// Whether `name` is free for a new table, index or enum type: they share their names. Reports what is in the way, or,
    /// where `custom` SQL may have removed that, takes it for removed.
    pub(crate) fn free(&mut self, name: &str, path: Vec<Segment>, kind: Relation) -> bool {
        let table = self.schema.tables.iter().position(|table| table.name == name);
        // Enum types and indexes do not share theirs: a type's name is taken by tables alone.
        let index = self.schema.tables.iter().enumerate().find_map(|(table, known)| {
            Some((table, known.indexes.iter().position(|index| index.name == name)?))
        });
        let index = index.filter(|_| kind != Relation::Enum);
        let enumeration = self.schema.enums.iter().position(|known| known.name == name);
        let enumeration = enumeration.filter(|_| kind != Relation::Index);
        let object = match (table, index, enumeration) {
            (Some(_), _, _) => Object::Table(name.to_owned()),
            (None, Some(_), _) => Object::Index(name.to_owned()),
            (None, None, Some(_)) => Object::Enum(name.to_owned()),
            (None, None, None) => return true,
        };
        if self.uncertain(&[name]) {
            if let Some(table) = table {
                self.schema.tables.remove(table);
            } else if let Some((table, index)) = index {
                self.schema.table_mut(table).indexes.remove(index);
            } else if let Some(enumeration) = enumeration {
                self.schema.enums.remove(enumeration);
            }
            return true;
        }
        self.exists(&object, "there is", path);
        false
    }

    fn exists(&mut self, object: &Object, begin: &str, path: Vec<Segment>) {
        let mut message = format!("{begin} {} already", object.described());
        if let Some(event) = self.schema.memory.event(object) {
            let migration = self.schema.memory.migration(event.at);
            match event.fate {
                Fate::Created => message.push_str(&format!(", created by `{migration}`")),
                Fate::Named => message.push_str(&format!(", so named by `{migration}`")),
                Fate::Removed | Fate::Renamed(_) => {}
            }
        }
        let related = self.origin(object);
        self.report(path, message).related = related;
    }

    /// Whether the table has no column `name` yet; reports it if it has.
    pub(crate) fn free_column(&mut self, table: usize, name: &str, path: Vec<Segment>) -> bool {
        let owner = self.get(table).name.clone();
        if self.get(table).column(name).is_none() || self.uncertain(&[&owner, name]) {
            return true;
        }
        let begin = format!("table `{owner}` has");
        self.exists(&Object::Column(owner, name.to_owned()), &begin, path);
        false
    }

    /// Checks the definition of a new column of the table called `table`, and completes it: serial types are spelled out,
    /// what implies NOT NULL says so. `base` leads to the column.
    pub(crate) fn new_column(&mut self, table: &str, column: &Column, base: &[Segment]) -> Column {
        self.column_name(&column.name, join(base, "name"));
        let found = self.known_type(&column.data_type, join(base, "type"));
        let mut complete = column.clone();
        let name = &column.name;
        if let Some(generated) = &column.generated {
            self.generated(name, generated, &found, base);
            if column.default.is_some() {
                self.report(
                    join(base, "default"),
                    format!("column `{name}` has both a default and `generated`"),
                )
                .help("remove one of them: a generated column computes its own value");
            }
            if is_identity(generated) {
                complete.nullable = false;
            }
        }
        if let Some(serial) = found.serial().filter(|_| !found.array) {
            let spelled = &column.data_type;
            if column.generated.is_some() {
                self.report(
                    join(base, "generated"),
                    format!("column `{name}` is both `{spelled}` and generated"),
                )
                .help(format!("`{spelled}` has a default of its own: use `{serial}`"));
            } else if column.default.is_some() {
                self.report(
                    join(base, "default"),
                    format!("column `{name}` is `{spelled}` and has a default"),
                )
                .help(format!("`{spelled}` has a default of its own: use `{serial}`"));
            } else {
                let sequence = object_name(table, name, "seq");
                complete.default = Some(format!("nextval('{sequence}'::regclass)").into());
            }
            complete.data_type = serial.into();
            complete.nullable = false;
        }
        complete
    }

    /// A name that a column can have.
    pub(crate) fn column_name(&mut self, name: &str, path: Vec<Segment>) {
        if SYSTEM_COLUMNS.contains(&name) {
            self.report(path, format!("`{name}` is the name of a system column"))
                .help("every table has it already; choose another name");
        } else {
            self.identifier("column", name, path);
        }
    }

    fn generated(&mut self, name: &str, generated: &str, found: &TypeName, base: &[Segment]) {
        let path = join(base, "generated");
        let words = generated.to_uppercase().split_whitespace().collect::<Vec<_>>().join(" ");
        let expression =
            words.strip_prefix("ALWAYS AS").is_some_and(|rest| rest.trim_start().starts_with('('));
        if !is_identity(generated) && !expression {
            self.report(path, format!("column `{name}` cannot be generated as `{generated}`")).help(
                "write `ALWAYS AS IDENTITY`, `BY DEFAULT AS IDENTITY` or `ALWAYS AS (expression) STORED`",
            );
        } else if is_identity(generated)
            && found.serial().is_none()
            && found.built_in().is_some_and(|known| !matches!(known, "int2" | "int4" | "int8"))
        {
            self.report(
                join(base, "type"),
                format!("the identity column `{name}` is not of an integer type"),
            )
            .help("use `smallint`, `integer` or `bigint`");
        }
    }

    /// Reports a type that surely does not exist.
    pub(crate) fn known_type(&mut self, sql: &str, path: Vec<Segment>) -> TypeName {
        let found = TypeName::parse(sql);
        let name = found.base.clone();
        if sql.trim().is_empty() {
            self.report(path, "the type is empty");
            return found;
        }
        let exists = self.schema.enumeration(&name).is_some() || self.schema.table(&name).is_some();
        if !found.simple || found.built_in().is_some() || exists || self.uncertain(&[&name]) {
            return found;
        }
        let object = Object::Enum(name.clone());
        let removed =
            self.schema.memory.event(&object).filter(|event| matches!(event.fate, Fate::Removed));
        if let Some(event) = removed {
            let migration = self.schema.memory.migration(event.at);
            let message = format!("enum `{name}` was removed by `{migration}`");
            let related = (event.at, event.path.clone(), String::from("removed here"));
            self.report(path, message).related = Some(related);
            return found;
        }
        let slip =
            found.slip(self.schema.enums().map(|known| known.name.as_str())).map(str::to_owned);
        if let Some(slip) = slip {
            self.report(path, format!("type `{name}` does not exist"))
                .help(format!("did you mean `{slip}`?"));
        }
        found
    }

    /// Checks a foreign key of the table at `table` and adds it. `base` leads to the key.
    pub(crate) fn foreign_key(&mut self, table: usize, key: &model::ForeignKey, base: &[Segment]) {
        let owner = self.get(table).name.clone();
        if key.columns.is_empty() {
            self.report(join(base, "columns"), "the foreign key has no columns");
            return;
        }
        let path = join(base, "columns");
        let columns = self.columns(table, &key.columns, &path);
        let to_path = join(base, "referenced_columns");
        let target = self.table(&key.referenced_table, join(base, "referenced_table"));
        let same_number = key.columns.len() == key.referenced_columns.len();
        let referenced = match target {
            Some(target) => self.columns(target, &key.referenced_columns, &to_path),
            None => key.referenced_columns.iter().map(|name| (name.to_string(), None)).collect(),
        };
        if !same_number {
            let (here, there) = (key.columns.len(), key.referenced_columns.len());
            self.report(
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
                (at, format!(
                    "the foreign key cannot compare `{from}.{here}` of type `{here_type}` with `{to}.{there}` of type `{there_type}`"
                ))
            })
        });
        if let Some((at, message)) = mismatch {
            self.report(join(&join(base, "columns"), at), message)
                .help("give both columns the same type");
            return;
        }
        let names: Vec<String> = referenced.iter().map(|(name, _)| name.clone()).collect();
        if !self.get(target).has_unique_key(&names) {
            let listed = super::suggest::list(names.iter().map(String::as_str));
            self.report(
                join(base, "referenced_columns"),
                format!("no primary key or unique index of table `{to}` is over exactly {listed}"),
            )
            .help("a foreign key refers to a unique key; add one first, with `add_index` and `unique = true`");
        }
    }

    /// Checks a check constraint's name and adds it. `base` leads to the check.
    pub(crate) fn check(&mut self, table: usize, check: &Check, base: &[Segment]) {
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

    /// The other table of an `up` or `down` must exist. `base` leads to the `up` or `down`.
    pub(crate) fn transform(&mut self, transform: Option<&Transform>, base: &[Segment]) {
        match transform {
            Some(Transform::Table { table, .. }) => {
                self.table(table, join(base, "table"));
            }
            Some(Transform::Expression(_)) | None => {}
        }
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

    /// A column of the enum type at `position`, if there is one: the type's name, the table, the column.
    pub(crate) fn enum_user(&self, position: usize) -> Option<(String, String, String)> {
        let name = self.schema.enums[position].name.clone();
        self.schema.tables().find_map(|table| {
            let column = table.columns.iter().find(|column| {
                TypeName::parse(&column.data_type).base == name
                    && !self.uncertain(&[&table.name, &column.name])
            })?;
            Some((name.clone(), table.name.clone(), column.name.to_string()))
        })
    }

    /// Where a column was created, to be added to a problem.
    pub(crate) fn relate_column(&mut self, table: &str, column: &str) {
        let related = self.origin(&Object::Column(table.to_owned(), column.to_owned()));
        if let Some(problem) = self.last() {
            problem.related = related;
        }
    }
}

/// The kinds of things that share their names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Relation {
    /// A table: also the name of a type.
    Table,
    /// An index.
    Index,
    /// An enum type.
    Enum,
}

/// Whether `generated` makes an identity column.
pub(crate) fn is_identity(generated: &str) -> bool {
    let words = generated.to_uppercase().split_whitespace().collect::<Vec<_>>().join(" ");
    words.starts_with("ALWAYS AS IDENTITY") || words.starts_with("BY DEFAULT AS IDENTITY")
}

/// Whether a row gets a value for the column without naming it.
pub(crate) fn fills_itself(column: &Column) -> bool {
    column.generated.is_some()
        || column
            .default
            .as_ref()
            .is_some_and(|default| !default.trim().eq_ignore_ascii_case("null"))
}

fn counted(columns: usize) -> String {
    if columns == 1 { String::from("1 column") } else { format!("{columns} columns") }
}
