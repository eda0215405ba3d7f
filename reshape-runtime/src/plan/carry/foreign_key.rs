//! Foreign keys, of which a replaced column may be on either side.

use crate::plan::batch::Batch;
use crate::plan::carry::constraint::{take_name, working_name};
use crate::plan::carry::{Carried, Replaced};
use crate::plan::contract::Stage;
use crate::plan::facts::{DependentKind, LiveConstraint, Reference};
use crate::plan::lineage::Table;
use crate::plan::{Offenders, Phase, Step, offenders};
use crate::sql::ident::{ident, idents, qualified};

/// A second foreign key stands beside the old one until contract, so that none is ever missing.
pub(super) fn carry(batch: &Batch<'_>, replaced: &[Replaced<'_>], out: &mut Carried) {
    for key in &batch.facts().constraints {
        let (DependentKind::ForeignKey, Some(to)) = (key.kind, &key.references) else { continue };
        let find = |schema: &str, table: &str| {
            replaced.iter().find(|r| r.table.schema == schema && r.live.name == table)
        };
        let source = find(&key.schema, &key.table).filter(|r| r.any(&key.columns));
        let target = find(&to.schema, &to.table).filter(|r| r.any(&to.columns));
        let Some(anchor) = source.or(target) else { continue };
        if batch.is_removed(key) {
            continue;
        }
        // The table that the key belongs to, if the batch finishes it.
        let home = batch.tables.iter().position(|table| {
            !table.created
                && table.touched.is_some()
                && table.schema == key.schema
                && table.physical == key.table
        });
        let number = home.filter(|n| !batch.tables[*n].removed).unwrap_or(anchor.number);
        if let Some(target) = target {
            out.links.push((number, target.number));
        }
        let on = qualified(&key.schema, &key.table);
        for other in [&key.table, &to.table] {
            if *other != batch.tables[number].physical {
                out.locked_too.push((number, format!("`{other}`")));
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
        let mut steps = add(key, to, source, target, &generated);
        if let Some(check) = steps.pop_if(|_| key.validated) {
            steps.push(check.violated_by(orphans(batch, key, to, source, target)));
        }
        out.all_filled.extend(steps);
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

/// The steps that add the second foreign key.
fn add(
    key: &LiveConstraint,
    to: &Reference,
    source: Option<&Replaced<'_>>,
    target: Option<&Replaced<'_>>,
    generated: &str,
) -> Vec<Step> {
    let now = |replaced: Option<&Replaced<'_>>, columns: &[String]| -> String {
        let names: Vec<String> = columns
            .iter()
            .map(|column| replaced.map_or_else(|| column.clone(), |r| r.now(column)))
            .collect();
        idents(names.iter().map(String::as_str))
    };
    let on = qualified(&key.schema, &key.table);
    let mut clauses = to.clauses.clone();
    if !to.set_columns.is_empty() {
        clauses.push_str(&format!(" ({})", now(source, &to.set_columns)));
    }
    if key.deferrable {
        clauses.push_str(" DEFERRABLE");
    }
    if key.deferred {
        clauses.push_str(" INITIALLY DEFERRED");
    }
    let add = format!(
        "ALTER TABLE {on} ADD CONSTRAINT {generated} FOREIGN KEY ({}) REFERENCES {} ({}){clauses} NOT VALID",
        now(source, &key.columns),
        qualified(&to.schema, &to.table),
        now(target, &to.columns),
    );
    let undo = format!("ALTER TABLE {on} DROP CONSTRAINT IF EXISTS {generated}");
    let mut steps = vec![
        Step::sql(
            Phase::Backfill,
            format!("add foreign key `{}` of `{}`", key.name, key.table),
            vec![add],
        )
        .locking("SHARE ROW EXCLUSIVE on both tables: catalog only")
        .undone_by(vec![undo]),
    ];
    if key.validated {
        steps.push(Step::sql(
            Phase::Backfill,
            format!("check foreign key `{}` of `{}`", key.name, key.table),
            vec![format!("ALTER TABLE {on} VALIDATE CONSTRAINT {generated}")],
        ));
    }
    steps
}

/// The rows whose new values refer to none; unknown where one of the tables is not among those of the batch.
fn orphans(
    batch: &Batch<'_>,
    key: &LiveConstraint,
    to: &Reference,
    source: Option<&Replaced<'_>>,
    target: Option<&Replaced<'_>>,
) -> Option<Offenders> {
    let find = |schema: &str, table: &str| {
        let mut tables = batch.tables.iter();
        tables.find(|t| !t.created && t.schema == schema && t.physical == table)
    };
    let (own, other) = (find(&key.schema, &key.table)?, find(&to.schema, &to.table)?);
    let now = |replaced: Option<&Replaced<'_>>, column: &String| {
        replaced.map_or_else(|| column.clone(), |r| r.now(column))
    };
    let pairs: Vec<(String, String)> = key
        .columns
        .iter()
        .zip(&to.columns)
        .map(|(from, to)| (now(source, from), now(target, to)))
        .collect();
    let pairs: Vec<(&str, &str)> =
        pairs.iter().map(|(from, to)| (from.as_str(), to.as_str())).collect();
    Some(Offenders {
        constraint: working_name(key),
        rule: format!("the foreign key `{}` of `{}`", key.name, own.name),
        query: offenders::Source::new(batch, own, false).foreign_key(other, &pairs),
        help: String::from(
            "correct `up`, or those rows, or drop the foreign key, then start again",
        ),
    })
}
