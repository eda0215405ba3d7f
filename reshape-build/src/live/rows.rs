//! Rows for tables of which nothing is known but what the catalog and the history say.
//!
//! **Invariant:** the server is the judge: what it does not take is counted, and no row is made to fit a rule by force.

use postgres::{Client, Error, SimpleQueryMessage};
use reshape_runtime::schema::{Schema, Table};
use reshape_runtime::sql::ident::{ident, literal};

/// How many rows each table gets at a time.
const ROWS: usize = 12;

/// The relations that a client of one version may use, with their columns; `$1` stands for the schema.
const RELATIONS: &str = "
SELECT c.relname, a.attname, format_type(a.atttypid, a.atttypmod), coalesce(b.typname, e.typname, t.typname),
       coalesce(b.typtype, e.typtype, t.typtype), t.typelem <> 0 AND t.typlen = -1, coalesce(nullif(t.typtypmod, -1), a.atttypmod),
       array_to_string(ARRAY(SELECT enumlabel FROM pg_catalog.pg_enum n WHERE n.enumtypid = coalesce(b.oid, e.oid, t.oid)
                             ORDER BY n.enumsortorder), E'\\x01')
FROM pg_catalog.pg_class c
JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
LEFT JOIN pg_catalog.pg_type b ON b.oid = t.typbasetype
LEFT JOIN pg_catalog.pg_type e ON e.oid = t.typelem AND t.typlen = -1
WHERE c.relnamespace = $1::regnamespace AND c.relkind IN ('r', 'p', 'v')
ORDER BY c.relname, a.attnum";

/// A view or table of a version.
#[derive(Clone, Debug)]
pub(super) struct Relation {
    pub(super) name: String,
    pub(super) columns: Vec<Column>,
}

/// A column as the catalog has it.
#[derive(Clone, Debug)]
pub(super) struct Column {
    pub(super) name: String,
    /// As SQL, valid under the `search_path` under which it was asked for.
    data_type: String,
    /// The type's own name: that of the element of an array, and of what a domain is made from.
    base: String,
    /// `typtype` of that.
    kind: String,
    is_array: bool,
    /// The number in `varchar(10)`, and what else a modifier stands for.
    modifier: i64,
    labels: Vec<String>,
}

/// What became of the rows.
#[derive(Clone, Debug, Default)]
pub(super) struct Count {
    pub(super) taken: usize,
    pub(super) refused: usize,
}

impl std::ops::AddAssign for Count {
    fn add_assign(&mut self, other: Self) {
        self.taken += other.taken;
        self.refused += other.refused;
    }
}

/// What a statement did that no row can be blamed for.
pub(super) struct Broken {
    /// What was tried.
    pub(super) what: String,
    pub(super) error: Error,
}

/// The relations in a schema; the `search_path` is set to it.
pub(super) fn relations(client: &mut Client, schema: &str) -> Result<Vec<Relation>, Error> {
    client.batch_execute(&format!("SET search_path TO {}", ident(schema)))?;
    let sql = RELATIONS.replace("$1", &literal(&ident(schema)));
    let mut relations: Vec<Relation> = Vec::new();
    for message in client.simple_query(&sql)? {
        let SimpleQueryMessage::Row(row) = message else { continue };
        let field = |at: usize| row.get(at).unwrap_or_default().to_owned();
        let column = Column {
            name: field(1),
            data_type: field(2),
            base: field(3),
            kind: field(4),
            is_array: field(5) == "t",
            modifier: field(6).parse().unwrap_or(-1),
            labels: field(7).split('\u{1}').map(str::to_owned).collect(),
        };
        match relations.last_mut() {
            Some(last) if last.name == field(0) => last.columns.push(column),
            _ => relations.push(Relation { name: field(0), columns: vec![column] }),
        }
    }
    Ok(relations)
}

/// Writes rows into every relation, referenced ones first as far as that is possible; `seed` makes them others than before.
pub(super) fn fill(
    client: &mut Client,
    schema: &str,
    relations: &[Relation],
    known: &Schema,
    seed: &mut usize,
) -> Result<Count, Broken> {
    let mut count = Count::default();
    for relation in in_order(relations, known) {
        let table = known.table(&relation.name);
        for _ in 0..ROWS {
            *seed += 1;
            // Every value that is known; then as few as possible.
            let written = [false, true].into_iter().find_map(|sparse| {
                let sql = insert(schema, relation, table, *seed, sparse);
                match client.batch_execute(&sql) {
                    Ok(()) => Some(Ok(())),
                    Err(error) if is_broken(&error) => Some(Err(error)),
                    Err(_) => None,
                }
            });
            match written {
                Some(Ok(())) => count.taken += 1,
                None => count.refused += 1,
                Some(Err(error)) => {
                    return Err(Broken { what: format!("insert into `{}`", relation.name), error });
                }
            }
        }
    }
    Ok(count)
}

/// Reads all of every relation, and writes every row as it is.
pub(super) fn read_and_write(
    client: &mut Client,
    schema: &str,
    relations: &[Relation],
    known: &Schema,
) -> Result<(), Broken> {
    for relation in relations {
        let name = format!("{}.{}", ident(schema), ident(&relation.name));
        let mut run = |what: &str, sql: &str| match client.simple_query(sql) {
            Err(error) if what == "read" || is_broken(&error) => {
                Err(Broken { what: format!("{what} `{}`", relation.name), error })
            }
            Ok(_) | Err(_) => Ok(()),
        };
        run("read", &format!("SELECT * FROM {name}"))?;
        let table = known.table(&relation.name);
        let columns: Vec<String> = relation
            .columns
            .iter()
            .filter(|column| !is_generated(table, &column.name))
            .map(|column| format!("{0} = {0}", ident(&column.name)))
            .collect();
        if !columns.is_empty() && table.is_some() {
            run("update", &format!("UPDATE {name} SET {}", columns.join(", ")))?;
        }
    }
    Ok(())
}

/// Whether the statement itself is wrong, and not the values in it: a name that is not there, a type that does not fit, an internal error.
fn is_broken(error: &Error) -> bool {
    let Some(code) = error.code() else { return true };
    let code = code.code();
    // A value for a column that makes its own; rights.
    let values = ["428C9", "42501"].contains(&code);
    (code.starts_with("42") || code.starts_with("XX")) && !values
}

/// Those first that others refer to. In a circle, somebody has to be the first.
fn in_order<'r>(relations: &'r [Relation], known: &Schema) -> Vec<&'r Relation> {
    let mut rest: Vec<&Relation> = relations.iter().collect();
    let mut ordered: Vec<&Relation> = Vec::new();
    while !rest.is_empty() {
        let free = rest.iter().position(|relation| {
            let keys = known.table(&relation.name).map_or(&[][..], |table| &table.foreign_keys);
            keys.iter().all(|key| {
                key.referenced_table == relation.name
                    || rest.iter().all(|other| other.name != key.referenced_table)
            })
        });
        ordered.push(rest.remove(free.unwrap_or(0)));
    }
    ordered
}

fn is_generated(table: Option<&Table>, column: &str) -> bool {
    table
        .and_then(|table| table.column(column))
        .is_some_and(|column| column.generated.is_some() || is_serial(column.default.as_deref()))
}

fn is_serial(default: Option<&str>) -> bool {
    default.is_some_and(|default| default.to_lowercase().contains("nextval("))
}

/// One row; a sparse one has no value where none is needed.
fn insert(
    schema: &str,
    relation: &Relation,
    table: Option<&Table>,
    seed: usize,
    sparse: bool,
) -> String {
    let (mut names, mut values) = (Vec::new(), Vec::new());
    for column in &relation.columns {
        let known = table.and_then(|table| table.column(&column.name));
        if is_generated(table, &column.name) {
            continue;
        }
        let optional = known.is_some_and(|known| known.nullable || known.default.is_some());
        if optional && (sparse || seed % 5 == 4) {
            continue;
        }
        let value = reference(schema, table, &column.name, seed).or_else(|| column.value(seed));
        if let Some(value) = value {
            names.push(ident(&column.name));
            values.push(value);
        }
    }
    let name = format!("{}.{}", ident(schema), ident(&relation.name));
    if names.is_empty() {
        return format!("INSERT INTO {name} DEFAULT VALUES");
    }
    format!("INSERT INTO {name} ({}) VALUES ({})", names.join(", "), values.join(", "))
}

/// A value of a row that the column refers to; the columns of one key come from one row.
fn reference(schema: &str, table: Option<&Table>, column: &str, seed: usize) -> Option<String> {
    table?.foreign_keys.iter().find_map(|key| {
        let place = key.columns.iter().position(|own| own == column)?;
        let name = format!("{}.{}", ident(schema), ident(&key.referenced_table));
        let order: Vec<String> =
            key.referenced_columns.iter().map(|column| ident(column)).collect();
        Some(format!(
            "(SELECT {} FROM {name} ORDER BY {} OFFSET {seed} % (SELECT greatest(count(*), 1) FROM {name}) LIMIT 1)",
            order.get(place)?,
            order.join(", ")
        ))
    })
}

impl Column {
    /// A value as SQL; `None` where the type is one that nothing is known of.
    fn value(&self, seed: usize) -> Option<String> {
        let value = self.scalar(seed)?;
        let value = if self.is_array { format!("ARRAY[{value}]") } else { value };
        Some(format!("({value})::{}", self.data_type))
    }

    fn scalar(&self, seed: usize) -> Option<String> {
        match self.kind.as_str() {
            "e" => return Some(literal(self.labels.get(seed % self.labels.len().max(1))?)),
            "r" => return Some(String::from("'empty'")),
            "m" => return Some(String::from("'{}'")),
            "b" => {}
            _ => return None,
        }
        Some(match self.base.as_str() {
            "bool" => seed.is_multiple_of(2).to_string(),
            "int2" | "int4" | "int8" | "oid" | "numeric" | "float4" | "float8" | "money" => {
                seed.to_string()
            }
            "text" | "varchar" | "bpchar" | "citext" | "name" => literal(&self.text(seed)),
            "date" | "timestamp" | "timestamptz" => format!("date '2026-01-01' + {seed}"),
            "time" | "timetz" => format!("time '00:00' + interval '{seed} minutes'"),
            "interval" => format!("interval '{seed} hours'"),
            "uuid" => format!("md5('{seed}')"),
            "json" | "jsonb" => format!("'{{\"key\": {seed}}}'"),
            "bytea" => format!("convert_to('value {seed}', 'UTF8')"),
            "inet" | "cidr" => format!("'10.0.{}.{}'", seed / 250 % 250, seed % 250),
            "macaddr" => format!("'08:00:2b:01:{:02x}:{:02x}'", seed / 256 % 256, seed % 256),
            "tsvector" => format!("to_tsvector('simple', 'value {seed}')"),
            "xml" => String::from("'<a/>'"),
            "point" => format!("'({seed}, {seed})'"),
            "hstore" => format!("'key => {seed}'"),
            "ltree" => format!("'value{seed}'"),
            _ => return None,
        })
    }

    /// Texts of several kinds: a check takes one of them at least.
    fn text(&self, seed: usize) -> String {
        let text = match seed % 4 {
            0 => format!("value {seed}"),
            1 => format!("user{seed}@example.org"),
            2 => format!("First{seed} Last{seed}"),
            _ => seed.to_string(),
        };
        // A modifier counts the header of a value, too.
        let room = usize::try_from(self.modifier - 4).unwrap_or(usize::MAX);
        text.chars().rev().take(room).collect::<Vec<_>>().into_iter().rev().collect()
    }
}
