//! Whatever hangs on a column goes along when the batch replaces the column by another.
//!
//! Indexes, constraints and statistics are made on the new column before the new version is published, under generated names, and take
//! their names in contract, when the old column has gone and the old ones with it. What stands outside the table (foreign keys, views,
//! policies) or knows columns by their names (triggers) is taken off and made again in contract, in the transaction that drops the column.
//!
//! **Invariant:** what cannot go along is refused by [`refusal`] when the action is planned; what is not refused is carried.
//!
//! **Invariant:** no SQL of the user's is rewritten. An expression is printed by Postgres with holes for its columns
//! ([`Snippet`](crate::plan::facts::Snippet)), or made again from its own text while the columns have their old names.

use std::collections::BTreeMap;

use crate::plan::asked::Asked;
use crate::plan::batch::Batch;
use crate::plan::contract::rename_columns;
use crate::plan::facts::{LiveTable, Snippet};
use crate::plan::inherit;
use crate::plan::lineage::{Column, Table};
use crate::sql::ident::{dollar, ident, literal};

mod column;
mod constraint;
mod foreign_key;
mod index;
mod object;
mod partitioned;
mod refusal;
mod rehearsal;
mod sequence;
mod statistics;
mod trigger;

pub(crate) use column::collation;
pub(crate) use refusal::refusal;

/// A table of which the batch replaces columns.
#[derive(Debug)]
struct Replaced<'a> {
    number: usize,
    table: &'a Table,
    live: &'a LiveTable,
    /// The columns that are replaced, by their names in the catalog, and the target's columns that take their places.
    columns: BTreeMap<&'a str, &'a Column>,
}

/// Asks the batch for all that has to come along. Shadow columns have their names by now.
pub(crate) fn carry(batch: &mut Batch<'_>) {
    let mut out = Asked::default();
    let replaced: Vec<Replaced<'_>> =
        (0..batch.tables.len()).filter_map(|number| Replaced::of(batch, number)).collect();
    for table in &replaced {
        column::carry(table, &mut out);
        // What only knows the columns by their names has to be taken off first, and be made again last.
        trigger::carry(batch, table, &mut out);
    }
    object::carry(batch, &replaced, &mut out);
    homes(batch, &replaced, &mut out);
    out.rehearsals.extend(rehearsal::step(batch, &replaced, &out.contract, &out.homes));
    for table in &replaced {
        constraint::checks(batch, table, &mut out);
        index::carry(batch, table, &mut out);
        statistics::carry(batch, table, &mut out);
        sequence::carry(table, &mut out);
    }
    foreign_key::carry(batch, &replaced, &mut out);
    batch.asked.append(out);
}

/// The columns of a parent and those of its children go by one name.
fn homes(batch: &Batch<'_>, replaced: &[Replaced<'_>], out: &mut Asked) {
    let roots: Vec<usize> =
        out.homes.iter().filter_map(|number| inherit::root(batch, *number)).collect();
    let numbers = replaced.iter().map(|table| table.number);
    let more = numbers
        .filter(|number| inherit::root(batch, *number).is_some_and(|root| roots.contains(&root)));
    out.homes.extend(more);
}

impl<'a> Replaced<'a> {
    fn of(batch: &'a Batch<'_>, number: usize) -> Option<Self> {
        let table = &batch.tables[number];
        let live = batch.live(table).filter(|_| !table.removed)?;
        let columns: BTreeMap<&str, &Column> = table
            .shadows()
            .filter_map(|column| Some((column.ancestor.as_deref()?, column)))
            .filter(|(name, _)| table.dropped.iter().any(|dropped| dropped == name))
            .collect();
        (!columns.is_empty()).then_some(Self { number, table, live, columns })
    }

    /// Whether any of these columns, by their names in the catalog, is replaced.
    fn any<'b>(&self, columns: impl IntoIterator<Item = &'b String>) -> bool {
        columns.into_iter().any(|column| self.columns.contains_key(column.as_str()))
    }

    /// The column that stands for `column` from now on, by its name in the catalog until contract.
    fn now(&self, column: &str) -> String {
        let shadow = self.columns.get(column).and_then(|column| self.table.physical(column));
        shadow.unwrap_or(column).to_owned()
    }

    /// The last name of the column that stands for `column`.
    fn last(&self, column: &str) -> String {
        let replaced = self.columns.get(column).copied();
        let kept =
            || self.table.columns.iter().find(|other| self.table.physical(other) == Some(column));
        replaced.or_else(kept).map_or_else(|| column.to_owned(), |column| column.name.clone())
    }

    /// The names in the catalog of the columns that an expression is over.
    fn columns_of(&self, snippet: Option<&Snippet>) -> Vec<String> {
        let numbers = snippet.map(Snippet::columns).unwrap_or_default();
        numbers.into_iter().filter_map(|number| self.name_of(number)).collect()
    }

    fn name_of(&self, number: i16) -> Option<String> {
        self.live.numbered(number).map(|column| column.name.clone())
    }

    /// The expression over the columns that stand there from now on.
    fn render(&self, snippet: &Snippet) -> Option<String> {
        snippet.render(|number| Some(ident(&self.now(&self.name_of(number)?))))
    }

    /// Statements that rename an index's columns, which are named after the table's when it is built but do not follow them.
    fn rename_index_columns(&self, index: &str, columns: &[&String]) -> Vec<String> {
        let mut seen: Vec<(String, String)> = Vec::new();
        for column in columns {
            let (now, last) = (self.now(column), self.last(column));
            if now != last && !seen.iter().any(|(known, _)| *known == now) {
                seen.push((now, last));
            }
        }
        let seen: Vec<(&str, &str)> =
            seen.iter().map(|(now, last)| (now.as_str(), last.as_str())).collect();
        rename_columns(index, &seen)
    }
}

/// Takes away what default privileges have given to others on an object that is made again: it gets the rights that it had, and no more.
fn forget_rights(kind: &str, name: &str) -> String {
    let body = format!(
        "\nDECLARE\n  grantee text;\nBEGIN\n  FOR grantee IN\n    \
         SELECT DISTINCT CASE g.grantee WHEN 0 THEN 'PUBLIC' ELSE pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(g.grantee)) END\n    \
         FROM pg_catalog.pg_class c, pg_catalog.aclexplode(c.relacl) g\n    \
         WHERE c.oid = {}::regclass AND g.grantee <> c.relowner\n  LOOP\n    \
         EXECUTE pg_catalog.format('REVOKE ALL ON %s %s FROM %s', {}, {}, grantee);\n  END LOOP;\nEND\n",
        literal(name),
        literal(kind),
        literal(name),
    );
    format!("DO {}", dollar(&body))
}

/// Names the columns of an index, by their places, after the table's. Those without a wanted name, expressions and columns that the index has
/// a second time, keep theirs, unless it is made of a generated one or another column is to get it: what Postgres has called them, and the
/// columns beside them, depends on all the names before.
pub(crate) fn name_by_place(index: &str, wanted: &[Option<String>]) -> String {
    let wanted: Vec<String> = wanted
        .iter()
        .map(|name| name.as_ref().map_or_else(|| String::from("NULL"), |name| literal(name)))
        .collect();
    let rename = format!(
        "EXECUTE pg_catalog.format('ALTER TABLE %s RENAME COLUMN %I TO %I', {}, part.attname, free)",
        literal(index)
    );
    let body = format!(
        "\nDECLARE\n  part record;\n  free name;\n  number int := 0;\n  wanted name[] := ARRAY[{}]::name[];\nBEGIN\n  FOR part IN\n    \
         SELECT attnum, attname FROM pg_catalog.pg_attribute WHERE attrelid = {of}::regclass ORDER BY attnum\n  LOOP\n    \
         CONTINUE WHEN part.attname = wanted[part.attnum] OR wanted[part.attnum] IS NULL\n      \
         AND pg_catalog.strpos(part.attname, '__reshape') = 0 AND (part.attname = ANY (wanted)) IS NOT TRUE;\n    \
         free := '__reshape_place_' || part.attnum;\n    {rename};\n  END LOOP;\n  FOR part IN\n    \
         SELECT attnum, attname FROM pg_catalog.pg_attribute\n    \
         WHERE attrelid = {of}::regclass AND pg_catalog.strpos(attname, '__reshape_place_') = 1 ORDER BY attnum\n  LOOP\n    \
         free := wanted[part.attnum];\n    \
         WHILE free IS NULL OR wanted[part.attnum] IS NULL AND (free = ANY (wanted) OR EXISTS (\n      \
         SELECT FROM pg_catalog.pg_attribute WHERE attrelid = {of}::regclass AND attname = free)) LOOP\n      \
         free := 'expr' || coalesce(nullif(number, 0)::text, '');\n      number := number + 1;\n    END LOOP;\n    \
         {rename};\n  END LOOP;\nEND\n",
        wanted.join(", "),
        of = literal(index),
    );
    format!("DO {}", dollar(&body))
}

/// `WITH`-style options from what the catalog keeps, `name=value`.
fn options(list: &[String]) -> String {
    let options: Vec<String> = list
        .iter()
        .map(|option| {
            let (name, value) = option.split_once('=').unwrap_or((option, "true"));
            format!("{} = {}", ident(name), literal(value))
        })
        .collect();
    options.join(", ")
}
