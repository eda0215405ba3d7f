//! Tables that belong to other sets of migrations in the same database.
//!
//! A table belongs to the set with a name that has created it, or that was the first to change it; `reshape.tables` says so, by `oid`, so
//! that renames need no care. What no such set has belongs to the default one.
//!
//! **Invariant:** a batch changes no table of another set. It may refer to one, by a foreign key, unless another batch is changing it.

use crate::plan::batch::Batch;
use crate::plan::facts::{Facts, Key, LiveTable};
use crate::plan::lineage::Table;
use crate::plan::{Refusal, Step, Work};
use crate::sql::ident::{dollar, literal, qualified};

/// Which of the tables that exist the version has views of.
pub(crate) fn show(tables: &mut [Table], facts: &Facts) {
    for (table, live) in tables.iter_mut().zip(&facts.tables) {
        table.in_version = live.viewed || facts.shows_all() && live.schema == facts.home();
        table.in_version &= live.owner.is_none();
    }
}

/// The table is about to be changed.
pub(crate) fn require(batch: &Batch<'_>, table: &Table) -> Result<(), Refusal> {
    let Some(live) = batch.live(table) else { return Ok(()) };
    let Some(owner) = &live.owner else {
        return require_quiet(batch, live, live.changed_by.as_ref().or(live.used_by.as_ref()));
    };
    let message = format!("table `{}` belongs to the set of migrations `{owner}`", table.name);
    Err(batch.refuse(message).with_help(format!(
        "change it there; from here it can be referred to by a foreign key. A table that is to leave `{owner}` has to be made anew"
    )))
}

/// Says whose the table is, if it is another set's.
pub(crate) fn name_owner(batch: &Batch<'_>, key: Key<'_>, refusal: Refusal) -> Refusal {
    match batch.facts().table(key).and_then(|live| live.owner.as_deref()) {
        Some(owner) => refusal.with_help(format!(
            "it belongs to the set of migrations `{owner}`: choose another name"
        )),
        None => refusal,
    }
}

/// What the batches of two sets do to one table cannot be told apart.
fn require_quiet(
    batch: &Batch<'_>,
    live: &LiveTable,
    other: Option<&String>,
) -> Result<(), Refusal> {
    let Some(other) = other else { return Ok(()) };
    let message = format!(
        "table `{}` is part of the batch of the set of migrations `{other}`, which is in progress",
        live.name
    );
    Err(batch.refuse(message).with_help(format!("complete or abort the batch of `{other}` first")))
}

/// In the transaction that creates a table: whose it is.
pub(crate) fn claim(batch: &Batch<'_>, table: &str) -> Option<String> {
    let set = batch.facts().set.as_deref()?;
    Some(format!(
        "INSERT INTO reshape.tables (relation, namespace) VALUES ({}::pg_catalog.regclass, {})",
        literal(table),
        literal(set)
    ))
}

/// After SQL of the user's in the same transaction: what it has created, or changed without that it was anybody's.
pub(crate) fn claim_found(batch: &Batch<'_>) -> Option<String> {
    let set = batch.facts().set.as_deref()?;
    // A row of the catalog that is visible, and whose transaction is not over, is ours; also one of a subtransaction.
    let home = literal(batch.home());
    let body = format!(
        "
DECLARE
  here bigint := pg_catalog.pg_current_xact_id()::text::bigint;
BEGIN
  INSERT INTO reshape.tables (relation, namespace)
  SELECT c.oid, {set}
  FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
  WHERE n.nspname = {home} AND c.relkind IN ('r', 'p', 'f') AND NOT c.relispartition
    AND CASE WHEN c.xmin::text::bigint > 2 THEN pg_catalog.pg_xact_status(
      greatest(0, here + (c.xmin::text::bigint - here % 4294967296 + 6442450944) % 4294967296 - 2147483648)::text::pg_catalog.xid8)
      = 'in progress' END
    AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d
                    JOIN pg_catalog.pg_rewrite r ON d.classid = 'pg_catalog.pg_rewrite'::regclass AND r.oid = d.objid
                    JOIN pg_catalog.pg_class v ON v.oid = r.ev_class
                    JOIN pg_catalog.pg_namespace w ON w.oid = v.relnamespace
                    WHERE d.refclassid = 'pg_catalog.pg_class'::regclass AND d.refobjid = c.oid
                      AND pg_catalog.left(w.nspname, 10) = 'migration_')
  ON CONFLICT (relation) DO NOTHING;
END
",
        set = literal(set)
    );
    Some(format!("DO {}", dollar(&body)))
}

/// The tables that exist and that the batch changes, quoted and qualified.
pub(crate) fn changed(batch: &Batch<'_>) -> Vec<String> {
    let changed = batch.tables.iter().filter(|table| table.touched.is_some());
    changed.filter_map(|table| batch.live(table)).map(sql).collect()
}

/// The tables of other sets that the steps name, quoted and qualified: those that a foreign key refers to, or comes from.
pub(crate) fn used(batch: &Batch<'_>, steps: &[Step]) -> Result<Vec<String>, Refusal> {
    let others = batch.facts().tables.iter();
    let others = others.filter(|live| live.owner.is_some() || live.changed_by.is_some());
    let mut used = Vec::new();
    for live in others {
        let name = sql(live);
        if steps.iter().any(|step| names(step, &name)) {
            // Several may need it as it is.
            require_quiet(batch, live, live.changed_by.as_ref())
                .map_err(|refusal| Refusal { action: None, ..refusal })?;
            used.push(name);
        }
    }
    Ok(used)
}

/// Whether the step names the table. Other steps than these are about tables that such a one has named.
fn names(step: &Step, table: &str) -> bool {
    let works = std::iter::once(&step.work).chain(&step.undo);
    let mut statements = works.filter_map(Work::statements);
    statements.any(|statements| statements.iter().any(|sql| sql.contains(table)))
}

fn sql(live: &LiveTable) -> String {
    qualified(&live.schema, &live.name)
}
