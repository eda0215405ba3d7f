//! Indexes, and the primary key and unique constraints that are made of them.

use crate::model::{Index, IndexColumn};
use crate::plan::asked::Asked;
use crate::plan::batch::Batch;
use crate::plan::carry::{Replaced, name_by_place, options, partitioned};
use crate::plan::contract::Stage;
use crate::plan::facts::{DependentKind, LiveIndex};
use crate::plan::{Offenders, Phase, Step, Work, offenders};
use crate::sql::ident::{ident, idents, literal, qualified};
use crate::sql::names;

pub(super) fn carry(batch: &Batch<'_>, replaced: &Replaced<'_>, out: &mut Asked) {
    let facts = batch.facts();
    for index in facts.indexes_of(replaced.live.key()) {
        let removed = batch.removes_index(&index.schema, &index.name);
        if removed || !replaced.any(&covered(replaced, index)) {
            continue;
        }
        if index.partitioned {
            partitioned::carry(batch, replaced, index, out);
            continue;
        }
        let name = names::generated(&[&index.name]);
        let on = replaced.table.sql();
        let Some(build) = definition(replaced, index, (&on, &name, true)) else { continue };
        let schema = &replaced.table.schema;
        let work =
            Work::CreateIndex { schema: schema.clone(), name: name.clone(), statement: build };
        let undo = vec![Work::DropIndex { schema: schema.clone(), name: name.clone() }];
        let title = format!("build index `{}` on `{}`", index.name, replaced.table.name);
        let step = Step { work, undo, ..Step::sql(Phase::Backfill, title, Vec::new()) }
            .violated_by(duplicates(batch, replaced, index, &name));
        out.filled.push((replaced.number, step));
        take_place(batch, replaced, index, &name, out);
    }
}

/// Every column that the index is over, also in expressions and its condition, by its name in the catalog.
pub(super) fn covered(replaced: &Replaced<'_>, index: &LiveIndex) -> Vec<String> {
    let keys = index.keys.iter().filter_map(|key| key.column.clone());
    keys.chain(index.include.iter().cloned())
        .chain(replaced.columns_of(index.expressions.as_ref()))
        .chain(replaced.columns_of(index.predicate.as_ref()))
        .collect()
}

/// The same index over the columns that stand there from now on, on the relation and under the name that are given.
pub(super) fn definition(
    replaced: &Replaced<'_>,
    index: &LiveIndex,
    (on, name, concurrently): (&str, &str, bool),
) -> Option<String> {
    Some(format!(
        "CREATE {}INDEX {}{} ON {on} {}",
        if index.unique { "UNIQUE " } else { "" },
        if concurrently { "CONCURRENTLY " } else { "" },
        ident(name),
        body(replaced, index)?
    ))
}

/// What follows the relation in `CREATE INDEX`.
pub(super) fn body(replaced: &Replaced<'_>, index: &LiveIndex) -> Option<String> {
    let own = |number| replaced.name_of(number);
    let texts: Vec<&str> = index.keys.iter().filter_map(|key| key.expression.as_deref()).collect();
    let mut expressions = match &index.expressions {
        Some(all) => all.split(&texts, own)?.into_iter(),
        None => Vec::new().into_iter(),
    };
    let mut keys = Vec::new();
    for key in &index.keys {
        let mut sql = match &key.column {
            Some(column) => ident(&replaced.now(column)),
            None => format!("({})", replaced.render(&expressions.next()?)?),
        };
        if let Some(collation) = &key.collation {
            sql.push_str(&format!(" COLLATE {collation}"));
        }
        if let Some(opclass) = &key.opclass {
            sql.push_str(&format!(" {opclass}"));
            if !key.opclass_options.is_empty() {
                sql.push_str(&format!(" ({})", options(&key.opclass_options)));
            }
        }
        // What the direction implies is not said: not every access method knows the words.
        match (key.descending, key.nulls_first) {
            (false, false) => {}
            (false, true) => sql.push_str(" NULLS FIRST"),
            (true, true) => sql.push_str(" DESC"),
            (true, false) => sql.push_str(" DESC NULLS LAST"),
        }
        keys.push(sql);
    }
    let mut sql = format!("USING {} ({})", method(&index.method), keys.join(", "));
    if !index.include.is_empty() {
        let include: Vec<String> =
            index.include.iter().map(|column| replaced.now(column)).collect();
        sql.push_str(&format!(" INCLUDE ({})", idents(include.iter().map(String::as_str))));
    }
    if index.nulls_not_distinct {
        sql.push_str(" NULLS NOT DISTINCT");
    }
    if !index.options.is_empty() {
        sql.push_str(&format!(" WITH ({})", options(&index.options)));
    }
    if let Some(tablespace) = &index.tablespace {
        sql.push_str(&format!(" TABLESPACE {}", ident(tablespace)));
    }
    if let Some(predicate) = &index.predicate {
        sql.push_str(&format!(" WHERE {}", replaced.render(predicate)?));
    }
    Some(sql)
}

/// The rows that a unique index over plain columns would not take.
pub(super) fn duplicates(
    batch: &Batch<'_>,
    replaced: &Replaced<'_>,
    index: &LiveIndex,
    generated: &str,
) -> Option<Offenders> {
    let columns: Option<Vec<IndexColumn>> = index
        .keys
        .iter()
        .map(|key| Some(IndexColumn::Name(replaced.last(key.column.as_ref()?).into())))
        .collect();
    let wanted = Index {
        name: index.name.clone().into(),
        columns: columns?.into(),
        unique: index.unique && index.predicate.is_none(),
        method: None,
        predicate: None,
    };
    offenders::unique(batch, replaced.table, &wanted, generated)
}

/// The access method as people write it, unless an extension has called it otherwise.
fn method(name: &str) -> String {
    let is_plain = name.chars().all(|c| c.is_ascii_lowercase() || c == '_');
    if is_plain { name.to_owned() } else { ident(name) }
}

/// Contract: the old index has gone with its column, the new one gets its name and its part.
fn take_place(
    batch: &Batch<'_>,
    replaced: &Replaced<'_>,
    index: &LiveIndex,
    generated: &str,
    out: &mut Asked,
) {
    let schema = &replaced.table.schema;
    let number = replaced.number;
    let constraint = index.constraint.as_ref().and_then(|name| {
        batch.facts().constraints_of(index.table_key()).find(|constraint| constraint.name == *name)
    });
    // A view that groups by the key needs the key.
    let stage = if constraint.is_some() && out.homes.contains(&number) {
        Stage::Home
    } else {
        Stage::Finish
    };
    let mut columns: Vec<&String> = Vec::new();
    let mut wanted = Vec::new();
    let keys = index.keys.iter().map(|key| key.column.as_ref());
    for column in keys.chain(index.include.iter().map(Some)) {
        let first = column.filter(|column| !columns.contains(column));
        columns.extend(first);
        wanted.push(first.map(|column| replaced.last(column)));
    }
    let built = qualified(schema, generated);
    if columns.len() == wanted.len() {
        for rename in replaced.rename_index_columns(&built, &columns) {
            out.contract.push((number, stage, rename));
        }
    } else {
        out.contract.push((number, stage, name_by_place(&built, &wanted)));
    }
    let on = replaced.table.last_sql();
    let last = qualified(schema, &index.name);
    match constraint {
        Some(constraint) => {
            let kind =
                if constraint.kind == DependentKind::PrimaryKey { "PRIMARY KEY" } else { "UNIQUE" };
            let table = if stage == Stage::Home { replaced.table.sql() } else { on.clone() };
            out.contract.push((
                number,
                stage,
                format!(
                    "ALTER TABLE {table} ADD CONSTRAINT {} {kind} USING INDEX {}",
                    ident(&constraint.name),
                    ident(generated)
                ),
            ));
            if let Some(comment) = &constraint.comment {
                out.contract.push((
                    number,
                    Stage::Finish,
                    format!(
                        "COMMENT ON CONSTRAINT {} ON {on} IS {}",
                        ident(&constraint.name),
                        literal(comment)
                    ),
                ));
            }
        }
        None => out.contract.push((
            number,
            Stage::Finish,
            format!(
                "ALTER INDEX {} RENAME TO {}",
                qualified(schema, generated),
                ident(&index.name)
            ),
        )),
    }
    let mut add = |sql: String| out.contract.push((number, Stage::Finish, sql));
    for (place, key) in index.keys.iter().enumerate() {
        if let Some(target) = key.statistics {
            add(format!("ALTER INDEX {last} ALTER COLUMN {} SET STATISTICS {target}", place + 1));
        }
    }
    if index.replica_identity {
        add(format!("ALTER TABLE {on} REPLICA IDENTITY USING INDEX {}", ident(&index.name)));
    }
    if index.clustered {
        add(format!("ALTER TABLE {on} CLUSTER ON {}", ident(&index.name)));
    }
    if let Some(comment) = &index.comment {
        add(format!("COMMENT ON INDEX {last} IS {}", literal(comment)));
    }
}
