//! The rules that more than one action has: names, columns, types, `up` and `down`.

use crate::model::{Column, Transform};
use crate::rule::Rule;
use crate::sql::names::{MAX_IDENTIFIER, METADATA_SCHEMA};

use super::memory::{Fate, Object};
use super::names::{clip, object_name};
use super::problem::{Segment, join};
use super::review::Review;
use super::types::TypeName;

/// Every table has these: <https://www.postgresql.org/docs/current/ddl-system-columns.html>
const SYSTEM_COLUMNS: [&str; 6] = ["tableoid", "xmin", "cmin", "xmax", "cmax", "ctid"];

impl Review<'_> {
    /// A name that Postgres can keep: not empty, not over 63 bytes. `what` is the kind of thing, e.g. `table`.
    pub(crate) fn identifier(&mut self, what: &str, name: &str, path: Vec<Segment>) {
        if name.is_empty() {
            self.report(Rule::EmptyValue, path, format!("the name of the {what} is empty"));
        } else if name.len() > MAX_IDENTIFIER {
            let (length, short) = (name.len(), clip(name, MAX_IDENTIFIER));
            self.report(
                Rule::IdentifierTooLong,
                path,
                format!("the name of {what} `{name}` is {length} bytes long"),
            )
            .help(format!("Postgres keeps {MAX_IDENTIFIER} bytes, e.g. `{short}`"));
        }
    }

    /// A schema in which a table can be created.
    pub(crate) fn own_schema(&mut self, name: &str, path: Vec<Segment>) {
        let ours = name == METADATA_SCHEMA
            || name.starts_with("migration_")
            || name.starts_with("reshape_");
        if ours || name.starts_with("pg_") || name == "information_schema" {
            let whose = if ours { "versions and their metadata" } else { "Postgres itself" };
            self.report(Rule::ReservedName, path, format!("schema `{name}` is for {whose}"))
                .help("choose another name");
        } else {
            self.identifier("schema", name, path);
        }
    }

    /// Whether `name` is free for a new table, index or enum type of `schema`: they share their names. Reports what is in the way, or,
    /// where `custom` SQL may have removed that, takes it for removed.
    ///
    /// Tables share theirs with those of all schemas: a version has one view of each name.
    pub(crate) fn free(
        &mut self,
        schema: &str,
        name: &str,
        path: Vec<Segment>,
        kind: Relation,
    ) -> bool {
        let table = self.schema.tables.iter().position(|table| {
            table.name == name && (kind == Relation::Table || table.schema == schema)
        });
        // Enum types and indexes do not share theirs: a type's name is taken by tables alone.
        let tables = self.schema.tables.iter().enumerate();
        let index =
            tables.filter(|(_, known)| known.schema == schema).find_map(|(table, known)| {
                Some((table, known.indexes.iter().position(|index| index.name == name)?))
            });
        let index = index.filter(|_| kind != Relation::Enum);
        let enumeration = self.schema.enums.iter().position(|known| known.name == name);
        let enumeration =
            enumeration.filter(|_| kind != Relation::Index && schema == self.schema.home());
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
        let elsewhere = table.map(|table| self.get(table).schema.clone());
        self.exists(&object, "there is", path);
        if let Some(other) = elsewhere.filter(|other| other != schema)
            && let Some(problem) = self.last()
        {
            problem.help(format!(
                "that one is in schema `{other}`, but a version has one table of each name, whatever its schema"
            ));
        }
        false
    }

    pub(super) fn exists(&mut self, object: &Object, begin: &str, path: Vec<Segment>) {
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
        self.report(Rule::AlreadyExists, path, message).related = related;
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
        self.note_default(column.default.as_deref(), &column.data_type, base);
        self.column_name(&column.name, join(base, "name"));
        let found = self.known_type(&column.data_type, join(base, "type"));
        let mut complete = column.clone();
        let name = &column.name;
        if let Some(generated) = &column.generated {
            self.generated(name, generated, &found, base);
            if column.default.is_some() {
                self.report(
                    Rule::ConflictingDefault,
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
                    Rule::ConflictingDefault,
                    join(base, "generated"),
                    format!("column `{name}` is both `{spelled}` and generated"),
                )
                .help(format!("`{spelled}` has a default of its own: use `{serial}`"));
            } else if column.default.is_some() {
                self.report(
                    Rule::ConflictingDefault,
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
            self.report(
                Rule::ReservedName,
                path,
                format!("`{name}` is the name of a system column"),
            )
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
            self.report(Rule::InvalidGenerated, path, format!("column `{name}` cannot be generated as `{generated}`")).help(
                "write `ALWAYS AS IDENTITY`, `BY DEFAULT AS IDENTITY` or `ALWAYS AS (expression) STORED`",
            );
        } else if is_identity(generated)
            && found.built_in().is_some_and(|known| !matches!(known, "int2" | "int4" | "int8"))
        {
            self.report(
                Rule::IdentityType,
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
            self.report(Rule::EmptyValue, path, "the type is empty");
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
            self.report(Rule::RemovedEarlier, path, message).related = Some(related);
            return found;
        }
        if self.too_early(&object, &format!("enum `{name}`"), &path) {
            return found;
        }
        let slip =
            found.slip(self.schema.enums().map(|known| known.name.as_str())).map(str::to_owned);
        if let Some(slip) = slip {
            self.report(Rule::UnknownType, path, format!("type `{name}` does not exist"))
                .help(format!("did you mean `{slip}`?"));
        }
        found
    }

    /// The other table of an `up` or `down` must exist, in the schema of the action's table unless another is given. `base` leads to the
    /// `up` or `down`.
    pub(crate) fn transform(
        &mut self,
        within: Option<&str>,
        transform: Option<&Transform>,
        base: &[Segment],
    ) {
        match transform {
            Some(Transform::Table { table, schema, .. }) => {
                self.table(schema.as_deref().or(within), table, join(base, "table"));
            }
            Some(Transform::Expression(_)) | None => {}
        }
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
