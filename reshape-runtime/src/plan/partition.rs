//! Partitioned tables.
//!
//! Columns, constraints and triggers of a partitioned table are those of its partitions, too: Postgres recurses. What does not
//! recurse is done leaf by leaf: the backfill (rows are found by block, and only a leaf has blocks) and the building of indexes
//! (nothing CONCURRENTLY exists for a partitioned table).
//!
//! A partition has no view in a version: rows are read and written through the table. Partitions come and go while a version
//! is live; a view would keep one from being dropped, and one that is created later would have none. A client that means a
//! partition names it with its schema, and writes to it are translated as those of the old version.
//!
//! **Invariant:** partitions that are created or attached while the batch is in progress need no care: they get columns, triggers and
//! indexes from the parent. One that was there before is in the facts, or the start fails.

use crate::model::{Index, IndexColumn};
use crate::plan::batch::{Batch, PendingIndex};
use crate::plan::constraint::PendingKey;
use crate::plan::facts::{Facts, LiveIndex, LivePartition, LiveTable, TableKind};
use crate::plan::flow::Flow;
use crate::plan::lineage::Table;
use crate::plan::{Phase, Refusal, Step, Work, assemble, backfill, index};
use crate::sql::ident::{dollar, literal, qualified};
use crate::sql::names;

impl LivePartition {
    /// Whether it holds rows itself.
    fn is_leaf(&self) -> bool {
        self.kind != TableKind::Partitioned
    }

    fn sql(&self) -> String {
        qualified(&self.schema, &self.name)
    }

    /// A free name for its share in the index `index`: numbered where that is taken, as Postgres does it.
    fn index_name(&self, facts: &Facts, index: &str) -> String {
        let mut name = names::fit(&format!("{}_{index}", self.name));
        let mut number = 0;
        while facts.is_taken((&self.schema, &name)) {
            number += 1;
            name = names::fit(&format!("{}_{index}{number}", self.name));
        }
        name
    }
}

/// Whether the table is a partition, which has no view.
pub(crate) fn is_one(batch: &Batch<'_>, table: &Table) -> bool {
    batch.live(table).is_some_and(|live| live.partition_of.is_some())
}

/// A partition is changed with its table.
pub(crate) fn require_whole(batch: &Batch<'_>, live: &LiveTable) -> Result<(), Refusal> {
    let Some(parent) = &live.partition_of else { return Ok(()) };
    Err(batch
        .refuse(format!("table `{}` is a partition of `{parent}`", live.name))
        .with_help(format!("change `{parent}`: its partitions follow")))
}

/// Sync triggers and shadow columns reach every partition, or the table cannot be changed.
pub(crate) fn require_local(batch: &Batch<'_>, live: &LiveTable) -> Result<(), Refusal> {
    match live.partitions.iter().find(|partition| partition.kind == TableKind::Foreign) {
        None => Ok(()),
        Some(partition) => Err(batch.not_supported(&format!(
            "changing `{}`, whose partition `{}` is a foreign table,",
            live.name, partition.name
        ))),
    }
}

/// Which partition a row belongs to is not to be changed under way.
pub(crate) fn require_no_key(
    batch: &Batch<'_>,
    table: &Table,
    physical: &str,
    change: &str,
) -> Result<(), Refusal> {
    let is_key = batch
        .live(table)
        .is_some_and(|live| live.partition_key.iter().any(|column| column == physical));
    if !is_key {
        return Ok(());
    }
    Err(batch
        .refuse(format!(
            "column `{}`.`{physical}` cannot be {change}: it is part of a partition key",
            table.name
        ))
        .with_help("create a table that is partitioned the other way, and move the rows there"))
}

/// A foreign key on a table with rows: what Postgres makes of it on partitions.
pub(crate) fn require_foreign_key(batch: &Batch<'_>, key: &PendingKey) -> Result<(), Refusal> {
    const NOT_VALID: u32 = 180_000;
    let (table, target) = (&batch.tables[key.table], &batch.tables[key.referenced]);
    let is_partitioned =
        |table: &Table| batch.live(table).is_some_and(|live| live.kind == TableKind::Partitioned);
    let refuse = |what: &str, help: &str| {
        let message = format!("the foreign key `{}` {what}, is not supported yet", key.name);
        Err(batch.refuse_at(key.at, message).with_help(help))
    };
    if is_partitioned(table) && batch.facts().server_version < NOT_VALID {
        return refuse(
            &format!("on the partitioned table `{}`, before PostgreSQL 18", table.name),
            "add it to each partition with `custom` SQL, `NOT VALID` and then `VALIDATE`, and then to the table",
        );
    }
    let is_new = |name: &String| table.column(name).is_some_and(|column| table.is_new(column));
    if is_partitioned(target) && !table.created && key.columns.iter().any(is_new) {
        // The keys to each partition are named after the columns, whatever these are called later.
        return refuse(
            &format!(
                "from columns that the same batch adds or changes to the partitioned table `{}`",
                target.name
            ),
            "start and complete the change of the columns first",
        );
    }
    Ok(())
}

/// The relations that hold the table's rows: SQL and how to show them.
pub(crate) fn targets(table: &Table, live: &LiveTable) -> Vec<(String, String)> {
    let shown = assemble::shown(table);
    match live.kind {
        TableKind::Ordinary | TableKind::Foreign => vec![(table.sql(), shown)],
        TableKind::Partitioned => leaves(live)
            .map(|leaf| (leaf.sql(), format!("partition `{}` of {shown}", leaf.name)))
            .collect(),
    }
}

fn leaves(live: &LiveTable) -> impl Iterator<Item = &LivePartition> {
    live.partitions.iter().filter(|partition| partition.is_leaf())
}

/// What makes a partition that the plan does not know an obstacle.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Stranger {
    /// Rows: nobody would fill their new columns.
    WithRows,
    /// That it is there: it would have no share in a new index.
    Any,
}

/// A statement that fails if a partition has come since the plan was made, under a lock of the table that keeps more from coming.
pub(crate) fn guard(table: &Table, live: &LiveTable, stranger: Stranger) -> Option<String> {
    let test = match stranger {
        Stranger::WithRows => {
            "EXECUTE 'SELECT EXISTS (SELECT FROM ' || leaf || ')' INTO found;\n    CONTINUE WHEN NOT found;\n    "
        }
        Stranger::Any => "",
    };
    let fail = "RAISE EXCEPTION USING MESSAGE = 'partition ' || leaf || ' was created after the batch was planned',\n      \
                HINT = 'start again; if the batch itself creates it, do that in an earlier one'";
    (live.kind == TableKind::Partitioned)
        .then(|| for_unknown(table, live, &format!("{test}{fail}")))
}

/// Partitions that have come since the triggers are there have none but new rows, unless they were attached: then no trigger has seen
/// their rows. There are no new clients yet whose values this could overwrite.
///
/// The statement is one over the whole table that leaves out the partitions which the plan knows. Of those it reads as many blocks as the new ones have, in vain;
/// as a rule nothing has come, and nothing is read.
pub(crate) fn fill_unknown(table: &Table, live: &LiveTable, up: &Flow<'_>) -> Option<Step> {
    if live.kind != TableKind::Partitioned || up.is_empty() {
        return None;
    }
    let (alias, update) = backfill::update(table, up);
    let work = Work::Backfill {
        table: table.sql(),
        statement: format!("UPDATE {}{update}", table.sql()),
        ctid: format!("{alias}.ctid"),
        rest: format!(" AND {alias}.tableoid <> ALL ({})", known(live)),
        parallel: false,
        in_turns: false,
        xmin: String::new(),
        walks: unknown(table, live),
    };
    let title = format!("fill partitions that came to {}", assemble::shown(table));
    Some(Step { work, ..Step::sql(Phase::Backfill, title, Vec::new()) })
}

/// The leaves that the plan knows and that are still there, as an array.
fn known(live: &LiveTable) -> String {
    let known: Vec<String> = leaves(live)
        .map(|leaf| format!("pg_catalog.to_regclass({})", literal(&leaf.sql())))
        .collect();
    // A sub-select is computed once, not for each row.
    format!(
        "(SELECT pg_catalog.array_remove(ARRAY[{}]::regclass[], NULL))::regclass[]",
        known.join(", ")
    )
}

/// A query for the leaves that the plan does not know (`relid`).
fn unknown(table: &Table, live: &LiveTable) -> String {
    format!(
        "SELECT relid FROM pg_catalog.pg_partition_tree({}::regclass)\n    WHERE isleaf AND relid <> ALL ({})",
        literal(&table.sql()),
        known(live)
    )
}

/// A block that runs `statement` for each `leaf` that the plan does not know.
fn for_unknown(table: &Table, live: &LiveTable, statement: &str) -> String {
    let body = format!(
        "\nDECLARE\n  leaf regclass;\n  found boolean;\nBEGIN\n  FOR leaf IN\n    {}\n  \
         LOOP\n    {statement};\n  END LOOP;\nEND\n",
        unknown(table, live),
    );
    format!("DO {}", dollar(&body))
}

/// The index of a partitioned table that the batch adds. `name` is the whole one's; the shares are named after the wanted name.
pub(crate) fn build_index(
    batch: &Batch<'_>,
    table: &Table,
    live: &LiveTable,
    pending: &PendingIndex,
    name: &str,
) -> Result<Vec<Step>, Refusal> {
    let wanted = pending.index.name.as_ref();
    let create = |target: &str, name: &str, concurrently: bool| {
        index::create_on(batch, table, &pending.index, name, concurrently, target)
    };
    let own = |partition: &LivePartition| partition.index_name(batch.facts(), wanted);
    build(table, live, (wanted, name), create, own)
}

/// The index of a partitioned table: an invalid one on the table itself, one for each leaf, built concurrently, and then the first
/// takes in the others and is valid. It is there from expand on, so that a partition that comes while the others are being built gets its
/// share from Postgres.
///
/// `wanted` is what people call it, `name` what it is called so far; `create` is the statement for a relation (SQL), a name, and whether
/// concurrently; `own` names a partition's share.
pub(crate) fn build<E>(
    table: &Table,
    live: &LiveTable,
    (wanted, name): (&str, &str),
    create: impl Fn(&str, &str, bool) -> Result<String, E>,
    own: impl Fn(&LivePartition) -> String,
) -> Result<Vec<Step>, E> {
    let (schema, root) = (&table.schema, qualified(&table.schema, name));
    let parent = |partition: &LivePartition| {
        let outer = live.partitions.iter().find(|outer| {
            (&outer.schema, &outer.name) == (&partition.parent.0, &partition.parent.1)
        });
        outer.map_or_else(|| root.clone(), |outer| qualified(&outer.schema, &own(outer)))
    };
    let attach = |partition: &LivePartition| {
        let name = qualified(&partition.schema, &own(partition));
        format!("ALTER INDEX {} ATTACH PARTITION {name}", parent(partition))
    };
    let mut statements = vec![create(&format!("ONLY {}", table.sql()), name, false)?];
    for outer in live.partitions.iter().filter(|partition| !partition.is_leaf()) {
        statements.push(create(&format!("ONLY {}", outer.sql()), &own(outer), false)?);
        statements.push(attach(outer));
    }
    statements.extend(guard(table, live, Stranger::Any));
    let drop = vec![format!("DROP INDEX IF EXISTS {root}")];
    let mut steps = vec![
        Step::sql(
            Phase::Expand,
            format!("begin index `{wanted}` on {}", assemble::shown(table)),
            statements,
        )
        .locking("SHARE on the table, not on its partitions: catalog only")
        .undone_by(drop.clone()),
    ];
    for leaf in leaves(live) {
        let name = own(leaf);
        let work = Work::CreateIndex {
            schema: leaf.schema.clone(),
            name: name.clone(),
            statement: create(&leaf.sql(), &name, true)?,
        };
        let undo = vec![Work::DropIndex { schema: leaf.schema.clone(), name }];
        let title = format!("build index `{wanted}` on partition `{}`", leaf.name);
        steps.push(Step { work, undo, ..Step::sql(Phase::Backfill, title, Vec::new()) });
    }
    for leaf in leaves(live) {
        let title = format!("attach partition `{}` to index `{wanted}`", leaf.name);
        steps.push(
            Step::sql(Phase::Backfill, title, vec![attach(leaf)])
                .locking("ACCESS EXCLUSIVE on the partition's index: catalog only")
                // Attached, a share cannot be dropped by itself.
                .undone_by(drop.clone()),
        );
    }
    steps.push(Step::sql(
        Phase::Backfill,
        format!("check that index `{wanted}` is valid"),
        vec![check_valid(schema, name)],
    ));
    Ok(steps)
}

fn check_valid(schema: &str, index: &str) -> String {
    let name = literal(&qualified(schema, index));
    let body = format!(
        "\nBEGIN\n  IF EXISTS (SELECT FROM pg_catalog.pg_index WHERE indexrelid = {name}::regclass AND NOT indisvalid)\n  \
         THEN\n    RAISE EXCEPTION USING MESSAGE = {}, HINT = 'start again';\n  END IF;\nEND\n",
        literal(&format!(
            "index {} is not valid: partitions have changed meanwhile",
            qualified(schema, index)
        )),
    );
    format!("DO {}", dollar(&body))
}

/// Contract: Postgres names the share of a partition that has come since after its columns, which had generated names then.
pub(crate) fn rename_shares(schema: &str, index: &str) -> String {
    let body = format!(
        "\nDECLARE\n  share record;\n  base text;\n  wanted text;\n  number int;\nBEGIN\n  FOR share IN\n    \
         SELECT t.relid, n.nspname, c.relname FROM pg_catalog.pg_partition_tree({}::regclass) t\n    \
         JOIN pg_catalog.pg_class c ON c.oid = t.relid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace\n    \
         WHERE t.level > 0 AND pg_catalog.strpos(c.relname, '__reshape_') > 0\n  LOOP\n    \
         base := pg_catalog.replace(share.relname, '__reshape_', '');\n    wanted := base;\n    number := 0;\n    \
         WHILE pg_catalog.to_regclass(format('%I.%I', share.nspname, wanted)) IS NOT NULL LOOP\n      \
         number := number + 1;\n      wanted := base || number;\n    END LOOP;\n    \
         EXECUTE format('ALTER INDEX %s RENAME TO %I', share.relid, wanted);\n  END LOOP;\nEND\n",
        literal(&qualified(schema, index)),
    );
    format!("DO {}", dollar(&body))
}

/// A unique index has to tell rows apart within one partition: Postgres wants the whole key in it.
pub(crate) fn require_key(
    batch: &Batch<'_>,
    table: &Table,
    live: &LiveTable,
    index: &Index,
) -> Result<(), Refusal> {
    if !index.unique || live.kind != TableKind::Partitioned {
        return Ok(());
    }
    let columns: Vec<&str> = index
        .columns
        .iter()
        .filter_map(IndexColumn::name)
        .filter_map(|name| table.physical(table.column(name)?))
        .collect();
    match live.partition_key.iter().find(|key| !columns.contains(&key.as_str())) {
        None => Ok(()),
        Some(key) => Err(batch
            .refuse(format!(
                "the unique index `{}` lacks `{key}`, which is part of a partition key of `{}`",
                index.name, table.name
            ))
            .with_help(
                "add the column to the index: Postgres enforces uniqueness partition by partition",
            )),
    }
}

/// Contract: there is no concurrent way to drop the index of a partitioned table.
pub(crate) fn drop_index(schema: &str, live: &LiveIndex) -> Step {
    let drop = vec![format!("DROP INDEX IF EXISTS {}", qualified(schema, &live.name))];
    Step::sql(Phase::Contract, format!("drop index `{}`", live.name), drop)
        .locking("ACCESS EXCLUSIVE on the table and its partitions: catalog only")
}
