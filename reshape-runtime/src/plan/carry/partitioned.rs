//! Indexes of partitioned tables, and the primary key and unique constraints that are made of them.
//!
//! An index is built anew as one that the batch adds: share by share. It is complete before the new version is published, so new clients
//! have what `ON CONFLICT` asks for. An index alone takes the old one's name in contract.
//!
//! A constraint cannot be made of the index of a partitioned table (`USING INDEX` is for tables with rows), and a share cannot leave its
//! index. So contract first builds, concurrently, a second index on each leaf, which belongs to no other; makes of each the leaf's constraint; and
//! then the table's, for which Postgres finds those of the leaves and builds nothing.
//!
//! **Invariant:** what partitions are there is looked up by the server when contract runs: some have come since the start, some have gone.

use crate::plan::asked::Asked;
use crate::plan::batch::Batch;
use crate::plan::carry::index::{body, definition, duplicates};
use crate::plan::carry::{Replaced, options};
use crate::plan::contract::Stage;
use crate::plan::facts::{DependentKind, LiveConstraint, LiveIndex, LivePartition};
use crate::plan::{Phase, Step, Work, partition};
use crate::sql::ident::{dollar, ident, idents, literal, qualified};
use crate::sql::names;

pub(super) fn carry(
    batch: &Batch<'_>,
    replaced: &Replaced<'_>,
    index: &LiveIndex,
    out: &mut Asked,
) {
    let number = replaced.number;
    let generated = names::generated(&[&index.name]);
    let own = |partition: &LivePartition| names::generated(&[&old_share(index, partition)]);
    let create = |target: &str, name: &str, concurrently: bool| {
        definition(replaced, index, (target, name, concurrently)).ok_or(())
    };
    let Ok(steps) =
        partition::build(replaced.table, replaced.live, (&index.name, &generated), create, own)
    else {
        return;
    };
    out.filled.extend(steps.into_iter().map(|step| {
        let rules = match &step.work {
            Work::CreateIndex { name, .. } => duplicates(batch, replaced, index, name),
            _ => None,
        };
        (number, step.violated_by(rules))
    }));
    let constraint = index.constraint.as_ref().and_then(|name| {
        batch.facts().constraints_of(index.table_key()).find(|constraint| constraint.name == *name)
    });
    match constraint {
        Some(constraint) => make_constraint(replaced, index, constraint, &generated, out),
        None => rename(replaced, index, &generated, out),
    }
    let last = qualified(&replaced.table.schema, &index.name);
    let comment = index.comment.as_ref();
    out.contract.extend(comment.map(|comment| {
        (number, Stage::Finish, format!("COMMENT ON INDEX {last} IS {}", literal(comment)))
    }));
}

/// What the partition's share in the index is called.
fn old_share(index: &LiveIndex, partition: &LivePartition) -> String {
    let is_meant = |share: &&crate::plan::facts::LiveShare| {
        share.schema == partition.schema && share.table == partition.name
    };
    let share = index.shares.iter().find(is_meant);
    share.map_or_else(
        || names::fit(&format!("{}_{}", partition.name, index.name)),
        |share| share.name.clone(),
    )
}

/// Contract: the old index has gone with its column; the new one, and its shares, get their names.
fn rename(replaced: &Replaced<'_>, index: &LiveIndex, generated: &str, out: &mut Asked) {
    let schema = &replaced.table.schema;
    let built = qualified(schema, generated);
    let keys = index.keys.iter().map(|key| key.column.as_ref());
    let columns: Vec<Option<&String>> = keys.chain(index.include.iter().map(Some)).collect();
    let mut add = |sql: String| out.contract.push((replaced.number, Stage::Finish, sql));
    let wanted: Vec<Option<String>> = columns
        .iter()
        .enumerate()
        .map(|(place, column)| {
            let first = column.filter(|column| !columns[..place].contains(&Some(column)));
            first.map(|column| replaced.last(column))
        })
        .collect();
    let plain: Option<Vec<&String>> = columns.iter().copied().collect();
    match plain.filter(|_| wanted.iter().all(Option::is_some)) {
        Some(plain) => replaced.rename_index_columns(&built, &plain).into_iter().for_each(&mut add),
        None => add(super::name_by_place(&built, &wanted)),
    }
    for share in &index.shares {
        let from = qualified(&share.schema, &names::generated(&[&share.name]));
        add(format!("ALTER INDEX IF EXISTS {from} RENAME TO {}", ident(&share.name)));
    }
    add(partition::rename_shares(schema, generated));
    add(format!("ALTER INDEX {built} RENAME TO {}", ident(&index.name)));
    let last = qualified(schema, &index.name);
    for (place, key) in index.keys.iter().enumerate() {
        if let Some(target) = key.statistics {
            add(format!("ALTER INDEX {last} ALTER COLUMN {} SET STATISTICS {target}", place + 1));
        }
    }
}

/// Contract: the indexes of the leaves, and then, in the transaction that drops the old columns, the constraint.
fn make_constraint(
    replaced: &Replaced<'_>,
    index: &LiveIndex,
    constraint: &LiveConstraint,
    generated: &str,
    out: &mut Asked,
) {
    let number = replaced.number;
    let table = replaced.table;
    let Some(body) = body(replaced, index) else { return };
    // A view that groups by the key needs the key.
    let goes_home = out.homes.contains(&number);
    let stage = if goes_home { Stage::Home } else { Stage::Finish };
    let on = if goes_home { table.sql() } else { table.last_sql() };
    let hash = names::fnv1a(format!("{}.{}", table.schema, index.name).as_bytes());
    let prefix = names::generated(&["key", &format!("{hash:016x}_")]);
    out.before_finish.push(Step {
        work: Work::CreateIndexes { query: leaf_indexes(&table.sql(), &prefix, &body) },
        ..Step::sql(
            Phase::Contract,
            format!(
                "build the indexes of `{}` on the partitions of `{}`",
                constraint.name, table.name
            ),
            Vec::new(),
        )
    });
    let kind = if constraint.kind == DependentKind::PrimaryKey { "PRIMARY KEY" } else { "UNIQUE" };
    let name = |column: &String| if goes_home { column.clone() } else { replaced.last(column) };
    let keys: Vec<String> =
        index.keys.iter().filter_map(|key| key.column.as_ref()).map(name).collect();
    let include: Vec<String> = index.include.iter().map(name).collect();
    let mut add = |stage: Stage, sql: String| out.contract.push((number, stage, sql));
    add(Stage::Drop, format!("DROP INDEX {}", qualified(&table.schema, generated)));
    if goes_home && constraint.kind == DependentKind::PrimaryKey {
        // The check is still there, so nothing is read.
        for key in &keys {
            add(stage, format!("ALTER TABLE {on} ALTER COLUMN {} SET NOT NULL", ident(key)));
        }
    }
    let places: Vec<&String> = keys.iter().chain(&include).collect();
    add(stage, leaf_constraints(index, (&on, &prefix), (kind, &constraint.name), &places));
    let list = |columns: &[String]| idents(columns.iter().map(String::as_str));
    let mut sql = format!("ALTER TABLE {on} ADD CONSTRAINT {} {kind}", ident(&constraint.name));
    if index.nulls_not_distinct {
        sql.push_str(" NULLS NOT DISTINCT");
    }
    sql.push_str(&format!(" ({})", list(&keys)));
    if !include.is_empty() {
        sql.push_str(&format!(" INCLUDE ({})", list(&include)));
    }
    if !index.options.is_empty() {
        sql.push_str(&format!(" WITH ({})", options(&index.options)));
    }
    if let Some(tablespace) = &index.tablespace {
        sql.push_str(&format!(" USING INDEX TABLESPACE {}", ident(tablespace)));
    }
    add(stage, sql);
    add(stage, name_shares(index, &table.schema));
    if goes_home {
        let finals: Vec<String> = index
            .keys
            .iter()
            .filter_map(|key| key.column.as_ref())
            .chain(&index.include)
            .map(|column| replaced.last(column))
            .collect();
        let renames: Vec<(&str, &str)> =
            places.iter().zip(&finals).map(|(from, to)| (from.as_str(), to.as_str())).collect();
        let of = qualified(&table.schema, &index.name);
        for rename in super::rename_columns(&of, &renames) {
            add(Stage::Finish, rename);
        }
    }
    if let Some(comment) = &constraint.comment {
        let (name, on) = (ident(&constraint.name), table.last_sql());
        add(Stage::Finish, format!("COMMENT ON CONSTRAINT {name} ON {on} IS {}", literal(comment)));
    }
}

/// A query for the schema, the name and the statement of an index for each leaf.
fn leaf_indexes(on: &str, prefix: &str, body: &str) -> String {
    format!(
        "SELECT n.nspname, {prefix} || c.oid, 'CREATE UNIQUE INDEX CONCURRENTLY ' || pg_catalog.quote_ident({prefix} || c.oid) || ' ON ' \
         || pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(c.relname) || {body} \
         FROM pg_catalog.pg_partition_tree({}::regclass) t JOIN pg_catalog.pg_class c ON c.oid = t.relid \
         JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE t.isleaf AND t.level > 0 ORDER BY 1, 2",
        literal(on),
        prefix = literal(prefix),
        body = literal(&format!(" {body}")),
    )
}

/// The known shares, as rows of schema, partition and name.
fn shares(index: &LiveIndex) -> String {
    let row = |schema: &str, table: &str, name: &str| {
        format!("({}, {}, {})", literal(schema), literal(table), literal(name))
    };
    let rows: Vec<String> =
        index.shares.iter().map(|share| row(&share.schema, &share.table, &share.name)).collect();
    // There is at least one: VALUES wants it.
    let none = "(NULL::text, NULL::text, NULL::text)";
    let rows = [none.to_owned()].into_iter().chain(rows).collect::<Vec<_>>();
    format!("(VALUES {}) AS known(schema, partition, name)", rows.join(", "))
}

/// Makes of each leaf's index its constraint. A leaf that has none, because it has come a moment ago, gets one with the table's.
fn leaf_constraints(
    index: &LiveIndex,
    (on, prefix): (&str, &str),
    (kind, constraint): (&str, &str),
    columns: &[&String],
) -> String {
    let columns: Vec<String> = columns.iter().map(|column| literal(column)).collect();
    let body = format!(
        "\nDECLARE\n  leaf record;\n  part record;\n  built name;\n  wanted name[] := ARRAY[{}]::name[];\n  base text;\n  free text;\n  \
         number int;\nBEGIN\n  FOR leaf IN\n    SELECT c.oid, c.relname, n.nspname, known.name FROM pg_catalog.pg_partition_tree({}::regclass) t\n    \
         JOIN pg_catalog.pg_class c ON c.oid = t.relid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace\n    \
         LEFT JOIN {} ON known.schema = n.nspname AND known.partition = c.relname\n    WHERE t.isleaf AND t.level > 0\n  LOOP\n    \
         built := {} || leaf.oid;\n    \
         CONTINUE WHEN pg_catalog.to_regclass(pg_catalog.format('%I.%I', leaf.nspname, built)) IS NULL;\n    \
         FOR part IN\n      SELECT attnum, attname FROM pg_catalog.pg_attribute\n      \
         WHERE attrelid = pg_catalog.to_regclass(pg_catalog.format('%I.%I', leaf.nspname, built)) AND attname <> wanted[attnum]\n    LOOP\n      \
         EXECUTE pg_catalog.format('ALTER TABLE %I.%I RENAME COLUMN %I TO %I', leaf.nspname, built, part.attname, '__reshape_place_' || part.attnum);\n    \
         END LOOP;\n    \
         FOR part IN\n      SELECT attnum, attname FROM pg_catalog.pg_attribute\n      \
         WHERE attrelid = pg_catalog.to_regclass(pg_catalog.format('%I.%I', leaf.nspname, built)) AND attname <> wanted[attnum]\n    LOOP\n      \
         EXECUTE pg_catalog.format('ALTER TABLE %I.%I RENAME COLUMN %I TO %I', leaf.nspname, built, part.attname, wanted[part.attnum]);\n    \
         END LOOP;\n    \
         base := coalesce(leaf.name, pg_catalog.left(leaf.relname, 32) || '_' || pg_catalog.left({}, 24));\n    free := base;\n    number := 0;\n    \
         WHILE pg_catalog.to_regclass(pg_catalog.format('%I.%I', leaf.nspname, free)) IS NOT NULL LOOP\n      \
         number := number + 1;\n      free := base || number;\n    END LOOP;\n    \
         EXECUTE pg_catalog.format('ALTER TABLE %I.%I ADD CONSTRAINT %I {kind} USING INDEX %I', leaf.nspname, leaf.relname, free, built);\n  \
         END LOOP;\nEND\n",
        columns.join(", "),
        literal(on),
        shares(index),
        literal(prefix),
        literal(constraint),
    );
    format!("DO {}", dollar(&body))
}

/// Gives the constraints of partitions that are partitioned themselves the names that they had.
fn name_shares(index: &LiveIndex, schema: &str) -> String {
    let body = format!(
        "\nDECLARE\n  share record;\nBEGIN\n  FOR share IN\n    SELECT n.nspname, i.relname, known.name\n    \
         FROM pg_catalog.pg_partition_tree({}::regclass) t\n    JOIN pg_catalog.pg_class i ON i.oid = t.relid\n    \
         JOIN pg_catalog.pg_index x ON x.indexrelid = i.oid\n    JOIN pg_catalog.pg_class c ON c.oid = x.indrelid\n    \
         JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace\n    \
         JOIN {} ON known.schema = n.nspname AND known.partition = c.relname\n    \
         WHERE i.relname <> known.name AND pg_catalog.to_regclass(pg_catalog.format('%I.%I', n.nspname, known.name)) IS NULL\n  LOOP\n    \
         EXECUTE pg_catalog.format('ALTER INDEX %I.%I RENAME TO %I', share.nspname, share.relname, share.name);\n  \
         END LOOP;\nEND\n",
        literal(&qualified(schema, &index.name)),
        shares(index),
    );
    format!("DO {}", dollar(&body))
}
