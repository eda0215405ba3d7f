//! Tables that get a name which another table has until contract: one that the batch removes, or renames.
//!
//! A new table is made under a generated name, and so is everything that Postgres names after it. Contract gives the table its name once that
//! is free, and then the rest the names that Postgres would have chosen.
//!
//! **Invariant:** tables that exchange names are finished in one transaction: away to generated names first, to the last ones then.

use std::collections::{BTreeMap, BTreeSet};

use crate::plan::Refusal;
use crate::plan::batch::Batch;
use crate::plan::contract::{Part, Stage};
use crate::plan::facts::{Key, LiveIndex};
use crate::plan::lineage::Table;
use crate::schema::object_name;
use crate::sql::ident::{dollar, ident, literal, qualified};
use crate::sql::names::{self, MAX_IDENTIFIER};

impl Batch<'_> {
    /// Whether a table has the name in the catalog although none goes by it at this point of the batch.
    fn is_still_taken(&self, key: Key<'_>) -> bool {
        let there = |table: &Table| table.key() == key && !(table.created && table.removed);
        self.tables.iter().any(there)
    }

    /// The name in the catalog for a table that is created as `name`.
    pub(crate) fn name_to_create(&self, schema: &str, name: &str) -> String {
        let mut wanted = name.to_owned();
        let mut number = 1;
        while self.is_still_taken((schema, &wanted)) {
            wanted = match number {
                1 => names::generated(&["table", name]),
                _ => names::generated(&["table", name, &number.to_string()]),
            };
            number += 1;
        }
        wanted
    }

    /// The name in the catalog for a table of the batch's own that is renamed: it keeps the one that it has where the new one is not free yet,
    /// or where what is named after it would have to be renamed anyway.
    pub(crate) fn name_to_rename(&self, table: &Table, name: &str) -> String {
        if self.is_still_taken((&table.schema, name)) || is_generated(table) {
            table.physical.clone()
        } else {
            name.to_owned()
        }
    }

    /// Whether the index goes because the batch removes its table.
    pub(crate) fn goes_with_table(&self, index: &LiveIndex) -> bool {
        self.tables.iter().any(|t| t.removed && !t.created && t.key() == index.table_key())
    }

    /// An expression of a table that is not created under its own name cannot say that name.
    pub(crate) fn require_unnamed(&self, table: &Table, expression: &str) -> Result<(), Refusal> {
        if table.physical == table.name || !crate::plan::mention::says(expression, &table.name) {
            return Ok(());
        }
        Err(self
            .refuse(format!(
                "an expression names the table `{}`, whose name another table has by the end of the batch",
                table.name
            ))
            .with_help("leave the table's name out of the expression"))
    }
}

/// Whether the batch has created it under a generated name.
fn is_generated(table: &Table) -> bool {
    table.created && table.by_way_of.is_some()
}

/// Finds out who takes whose name. Called once, when all actions are known.
pub(crate) fn resolve(batch: &mut Batch<'_>) {
    for (taker, holder) in takers(batch) {
        let table = &mut batch.tables[taker];
        if !table.created {
            table.by_way_of = Some(names::generated(&["name", &table.name]));
        }
        if !batch.tables[holder].removed {
            batch.asked.links.push((taker, holder));
        }
    }
}

/// `(taker, holder)`
fn takers(batch: &Batch<'_>) -> Vec<(usize, usize)> {
    let mut holders: BTreeMap<Key<'_>, Vec<usize>> = BTreeMap::new();
    for (number, table) in batch.tables.iter().enumerate() {
        if !(table.created && table.removed) {
            holders.entry(table.key()).or_default().push(number);
        }
    }
    let mut pairs = Vec::new();
    for (taker, table) in batch.tables.iter().enumerate().filter(|(_, table)| !table.removed) {
        let of_that_name = holders.get(&(table.schema.as_str(), table.name.as_str()));
        if let Some(holder) =
            of_that_name.and_then(|numbers| numbers.iter().find(|number| **number != taker))
        {
            pairs.push((taker, *holder));
        }
    }
    pairs
}

/// Contract: what a table asks that the batch has created, of which a name was not free.
fn created(batch: &Batch<'_>, number: usize) -> Vec<(Stage, String)> {
    let table = &batch.tables[number];
    let mut statements = Vec::new();
    let rename = |from: &str, to: &str| {
        format!("ALTER TABLE {} RENAME TO {}", qualified(&table.schema, from), ident(to))
    };
    if is_generated(table) && table.name != table.physical {
        statements.push((Stage::Name, rename(&table.physical, &table.name)));
    } else if table.name != table.physical {
        // Another one may be waiting for the name that it has.
        let way = names::generated(&["name", &table.name]);
        statements.push((Stage::Away, rename(&table.physical, &way)));
        statements.push((Stage::Name, rename(&way, &table.name)));
    }
    if is_generated(table) {
        statements.push((Stage::Finish, name_parts(table)));
    }
    for index in batch.renamed_indexes.iter().filter(|index| index.table == number) {
        let built = qualified(&table.schema, &index.built);
        let rename = format!("ALTER INDEX {built} RENAME TO {}", ident(&index.name));
        statements.push((Stage::Finish, rename));
    }
    statements
}

/// Adds what created tables ask, and has those wait whose names are free only when another table has been dropped.
pub(crate) fn contract(batch: &Batch<'_>, parts: &mut Vec<Part>) {
    for (number, table) in batch.tables.iter().enumerate() {
        if !table.created || table.removed {
            continue;
        }
        let statements = created(batch, number);
        match parts.iter_mut().find(|part| part.table == number) {
            Some(part) => part.statements.extend(statements),
            None if statements.is_empty() => {}
            None => {
                let order = table.touched.unwrap_or_default();
                parts.push(Part { table: number, order, waits_for: Vec::new(), statements });
            }
        }
    }
    let mut waits: Vec<(usize, usize)> = takers(batch);
    waits.extend(batch.renamed_indexes.iter().filter_map(|index| {
        let live = batch.facts().index((&batch.tables[index.table].schema, &index.name))?;
        Some((
            index.table,
            batch.tables.iter().position(|t| !t.created && t.key() == live.table_key())?,
        ))
    }));
    for (taker, holder) in waits {
        let holder = &batch.tables[holder];
        let part = parts.iter_mut().find(|part| part.table == taker);
        if let (true, Some(part), Some(dropped)) = (holder.removed, part, holder.touched) {
            part.waits_for.push(holder.sql());
            part.order = part.order.max(dropped);
        }
    }
}

/// One part of a table that Postgres has named after it.
struct Named {
    /// `pg_constraint.contype`, or `S` for a sequence.
    kind: char,
    /// The number of the column that it belongs to, 0 if it is the table or several columns.
    place: usize,
    /// Its name, and the same with room for a number.
    name: String,
    numbered: String,
}

impl Named {
    fn new(kind: char, place: usize, (table, column): (&str, &str), label: &str) -> Self {
        let name = |label: &str| match column {
            "" => {
                let mut end = table.len().min(MAX_IDENTIFIER - label.len() - 1);
                while !table.is_char_boundary(end) {
                    end -= 1;
                }
                format!("{}_{label}", &table[..end])
            }
            _ => object_name(table, column, label),
        };
        let mut numbered = name(&format!("{label}1"));
        numbered.pop();
        Self { kind, place, name: name(label), numbered }
    }
}

/// Gives everything whose name was made of the table's generated one the name that Postgres would choose now: sequences, the primary key,
/// checks without a name and, from PostgreSQL 18 on, NOT NULL.
fn name_parts(table: &Table) -> String {
    let mut parts = Vec::new();
    if let Some((name, _)) = table.made_as.first() {
        parts.push(Named::new('p', 0, (name, ""), "pkey"));
        parts.push(Named::new('c', 0, (name, ""), "check"));
    }
    for (place, (name, column)) in table.made_as.iter().enumerate() {
        for (kind, label) in [('S', "seq"), ('c', "check"), ('n', "not_null")] {
            parts.push(Named::new(kind, place + 1, (name, column), label));
        }
    }
    let parts: BTreeSet<String> = parts
        .iter()
        .map(|part| {
            let (name, numbered) = (literal(&part.name), literal(&part.numbered));
            format!("      ('{}', {}, {name}, {numbered})", part.kind, part.place)
        })
        .collect();
    let parts: Vec<String> = parts.into_iter().collect();
    let on = table.last_sql();
    let body = format!(
        "
DECLARE
  part record;
  wanted text;
  number int;
BEGIN
  FOR part IN
    SELECT there.kind, there.oid, there.name, there.space, named.name AS plain, named.numbered
    FROM (
      SELECT c.relkind::text AS kind, d.refobjsubid AS place, c.oid, c.relname AS name, c.relnamespace AS space
      FROM pg_catalog.pg_depend d JOIN pg_catalog.pg_class c ON c.oid = d.objid AND c.relkind = 'S'
      WHERE d.classid = 'pg_catalog.pg_class'::regclass AND d.refclassid = 'pg_catalog.pg_class'::regclass
        AND d.refobjid = {of}::regclass AND d.deptype IN ('a', 'i')
      UNION ALL
      SELECT contype::text, CASE WHEN contype <> 'p' AND pg_catalog.array_length(conkey, 1) = 1 THEN conkey[1] ELSE 0 END,
        oid, conname, connamespace
      FROM pg_catalog.pg_constraint WHERE conrelid = {of}::regclass) there
    JOIN (VALUES
{parts}
    ) named(kind, place, name, numbered) ON named.kind = there.kind AND named.place = there.place
    WHERE pg_catalog.strpos(there.name, '__reshape') > 0
    ORDER BY there.oid
  LOOP
    wanted := part.plain;
    number := 0;
    WHILE part.kind IN ('p', 'S') AND EXISTS (
        SELECT FROM pg_catalog.pg_class WHERE relnamespace = part.space AND relname = wanted)
      OR part.kind <> 'S' AND EXISTS (
        SELECT FROM pg_catalog.pg_constraint WHERE connamespace = part.space AND conname = wanted) LOOP
      number := number + 1;
      wanted := part.numbered || number;
    END LOOP;
    IF part.kind = 'S' THEN
      EXECUTE pg_catalog.format('ALTER SEQUENCE %s RENAME TO %I', part.oid::regclass, wanted);
    ELSE
      EXECUTE pg_catalog.format('ALTER TABLE %s RENAME CONSTRAINT %I TO %I', {of}::regclass, part.name, wanted);
    END IF;
  END LOOP;
END
",
        of = literal(&on),
        parts = parts.join(",\n"),
    );
    format!("DO {}", dollar(&body))
}

/// An index of a table of the batch's own, whose name one of a table that the batch removes has until contract.
#[derive(Clone, Debug)]
pub(crate) struct Renamed {
    pub(crate) table: usize,
    pub(crate) name: String,
    /// What it is called until then.
    pub(crate) built: String,
}
