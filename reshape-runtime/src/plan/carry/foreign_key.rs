//! Foreign keys, of which a replaced column may be on either side.

use crate::plan::asked::Asked;
use crate::plan::batch::Batch;
use crate::plan::carry::Replaced;
use crate::plan::carry::constraint::{take_name, working_name};
use crate::plan::contract::Stage;
use crate::plan::facts::{DependentKind, Key, LiveConstraint, Reference};
use crate::plan::lineage::Table;
use crate::plan::{Offenders, Phase, Step, offenders};
use crate::sql::ident::{ident, idents, qualified};
use crate::sql::names::shown;

/// A second foreign key stands beside the old one until contract, so that none is ever missing.
pub(super) fn carry(batch: &Batch<'_>, replaced: &[Replaced<'_>], out: &mut Asked) {
    for key in &batch.facts().constraints {
        let (DependentKind::ForeignKey, Some(to)) = (key.kind, &key.references) else { continue };
        let find = |key: Key<'_>| replaced.iter().find(|r| r.live.key() == key);
        let source = find(key.table_key()).filter(|r| r.any(&key.columns));
        let target = find(to.table_key()).filter(|r| r.any(&to.columns));
        let Some(anchor) = source.or(target) else { continue };
        if batch.is_removed(key) {
            continue;
        }
        // The table that the key belongs to, if the batch finishes it.
        let home = batch.tables.iter().position(|table| {
            !table.created && table.touched.is_some() && table.key() == key.table_key()
        });
        let number = home.filter(|n| !batch.tables[*n].removed).unwrap_or(anchor.number);
        if let Some(target) = target {
            out.links.push((number, target.number));
        }
        let on = qualified(&key.schema, &key.table);
        for other in [key.table_key(), to.table_key()] {
            if other != batch.tables[number].key() {
                out.locked_too.push((number, format!("`{}`", shown(other.0, other.1))));
            }
        }
        let name = ident(&key.name);
        // A table that the batch removes may go before, and its keys with it.
        let detach = if home.is_some_and(|n| batch.tables[n].removed) {
            format!("ALTER TABLE IF EXISTS {on} DROP CONSTRAINT IF EXISTS {name}")
        } else {
            format!("ALTER TABLE {on} DROP CONSTRAINT {name}")
        };
        out.contract.push((number, Stage::Detach, detach));
        if home.is_some_and(|n| is_going(&batch.tables[n], key)) {
            continue;
        }
        let generated = ident(&working_name(key));
        let own: Vec<String> = key.columns.iter().map(|column| now(source, column)).collect();
        let other: Vec<String> = to.columns.iter().map(|column| now(target, column)).collect();
        let set: Vec<String> = to.set_columns.iter().map(|column| now(source, column)).collect();
        out.all_filled.push(add(key, to, &generated, (&own, &other, &set)));
        if key.validated {
            let title = format!("check foreign key `{}` of `{}`", key.name, key.table);
            let sql = vec![format!("ALTER TABLE {on} VALIDATE CONSTRAINT {generated}")];
            let step = Step::sql(Phase::Backfill, title, sql).patient().violated_by(orphans(
                batch,
                key,
                to,
                (&own, &other),
            ));
            out.all_filled.push(step);
        }
        let last = home.map_or_else(|| on.clone(), |n| Table::last_sql(&batch.tables[n]));
        for statement in take_name(key, &generated, &last) {
            out.contract.push((number, Stage::Finish, statement));
        }
    }
}

/// Whether the key's own table or columns go in contract, and the key with them.
fn is_going(table: &Table, key: &LiveConstraint) -> bool {
    let stays = |name: &String| table.columns.iter().any(|c| c.ancestor.as_ref() == Some(name));
    let mut columns = key.columns.iter();
    table.removed || columns.any(|name| table.dropped.contains(name) && !stays(name))
}

/// The column that stands for `column` from now on, where the table is one with replaced columns.
fn now(replaced: Option<&Replaced<'_>>, column: &str) -> String {
    replaced.map_or_else(|| column.to_owned(), |replaced| replaced.now(column))
}

/// The step that adds the second foreign key: from the one columns to the others, and those that its action sets, if it names them.
fn add(
    key: &LiveConstraint,
    to: &Reference,
    generated: &str,
    (own, other, set): (&[String], &[String], &[String]),
) -> Step {
    let list = |columns: &[String]| idents(columns.iter().map(String::as_str));
    let on = qualified(&key.schema, &key.table);
    let mut clauses = to.clauses.clone();
    if !set.is_empty() {
        clauses.push_str(&format!(" ({})", list(set)));
    }
    if key.deferrable {
        clauses.push_str(" DEFERRABLE");
    }
    if key.deferred {
        clauses.push_str(" INITIALLY DEFERRED");
    }
    let add = format!(
        "ALTER TABLE {on} ADD CONSTRAINT {generated} FOREIGN KEY ({}) REFERENCES {} ({}){clauses} NOT VALID",
        list(own),
        qualified(&to.schema, &to.table),
        list(other),
    );
    let title = format!("add foreign key `{}` of `{}`", key.name, key.table);
    Step::sql(Phase::Backfill, title, vec![add])
        .locking("SHARE ROW EXCLUSIVE on both tables: catalog only")
        .undone_by(vec![format!("ALTER TABLE {on} DROP CONSTRAINT IF EXISTS {generated}")])
}

/// The rows whose new values refer to none; unknown where one of the tables is not among those of the batch.
fn orphans(
    batch: &Batch<'_>,
    key: &LiveConstraint,
    to: &Reference,
    (own, other): (&[String], &[String]),
) -> Option<Offenders> {
    let find = |key: Key<'_>| batch.tables.iter().find(|t| !t.created && t.key() == key);
    let (table, target) = (find(key.table_key())?, find(to.table_key())?);
    let pairs: Vec<(&str, &str)> =
        own.iter().zip(other).map(|(from, to)| (from.as_str(), to.as_str())).collect();
    Some(Offenders {
        constraint: working_name(key),
        rule: format!("the foreign key `{}` of `{}`", key.name, table.name),
        query: offenders::Source::new(batch, table, false).foreign_key(target, &pairs),
        help: String::from(
            "correct `up`, or those rows, or drop the foreign key, then start again",
        ),
    })
}
