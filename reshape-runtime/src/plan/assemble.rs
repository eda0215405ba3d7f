//! From what the actions have asked for to the ordered list of steps.

use crate::model::Index;
use crate::plan::batch::{Batch, Draft};
use crate::plan::facts::{Facts, TableKind};
use crate::plan::lineage::Table;
use crate::plan::sync::{Mode, Sync};
use crate::plan::view::{Views, column_grants};
use crate::plan::{
    Phase, Plan, Refusal, Step, Work, backfill, contract, domain, found, index, not_null, numbers,
    partition, refuse,
};
use crate::sql::ident::ident;
use crate::sql::names::{self, ORIGIN};

/// Puts the steps of the whole batch in order: by phase, not action by action.
pub(crate) fn assemble(mut batch: Batch<'_>) -> Result<Plan, Refusal> {
    let target = batch.request.pending.last().map(|m| m.name.to_string()).unwrap_or_default();
    let facts = batch.facts();
    refuse::row_security(&batch)?;
    refuse::base_dependents(&batch)?;
    let search_path = search_path(&facts.schema, &facts.search_path);

    let mut tables = std::mem::take(&mut batch.tables);
    for table in tables.iter_mut().filter(|table| !table.created && !table.removed) {
        table.name_shadows();
    }
    batch.tables = tables;
    let mut last: Vec<Draft> = Vec::new();
    let mut expand = Vec::new();
    for draft in std::mem::take(&mut batch.drafts) {
        match draft.step.phase {
            Phase::Contract => last.push(draft),
            Phase::Expand | Phase::Backfill | Phase::Publish => expand.push(draft),
        }
    }
    let mut steps = coalesce(expand);
    let mut fill = Vec::new();
    let mut publish = Vec::new();
    let views = Views { target: &target, facts };
    let mut notes = std::mem::take(&mut batch.notes);

    for (number, table) in batch.tables.iter().enumerate() {
        let Some(live) = batch.live(table).filter(|_| !table.removed) else { continue };
        let Some(order) = table.touched else { continue };
        let sync = Sync::new(table, batch.request.base, &target, &search_path);
        if sync.is_needed() {
            refuse::unsyncable(&batch, table, live)?;
        }
        domain::require_unconstrained(&batch, table)?;
        steps.extend(expand_table(table, live, &sync, facts));
        let targets = partition::targets(table, live);
        let backfills: Vec<(Work, String)> = targets
            .into_iter()
            .filter_map(|(on, shown)| Some((backfill::backfill(table, &on, sync.up())?, shown)))
            .collect();
        if !sync.up().is_empty() {
            notes.extend(live.after_update_triggers.iter().map(|trigger| {
                format!("the backfill of `{}` fires its trigger `{trigger}`", table.name)
            }));
            for (work, shown) in backfills {
                let title = format!("fill new columns of {shown}");
                fill.push(Step { work, ..Step::sql(Phase::Backfill, title, Vec::new()) });
            }
            fill.extend(partition::fill_unknown(table, live, sync.up()));
            if !live.before_update_triggers.is_empty() {
                fill.push(Step::sql(
                    Phase::Backfill,
                    format!("check that every row of {} was filled", shown(table)),
                    vec![backfill::check(table, sync.up())],
                ));
            }
        }
        for column in checked_columns(table) {
            fill.push(Step::sql(
                Phase::Backfill,
                format!("check that {}.{} has no NULL", shown(table), shown_column(&column)),
                vec![not_null::validate(table, &column)],
            ));
        }
        let (begun, built) = build_indexes(&batch, number)?.into_iter().partition(is_expand);
        steps.extend::<Vec<Step>>(begun);
        fill.extend::<Vec<Step>>(built);
        if !sync.up().is_empty() {
            let title = format!("analyze {}", shown(table));
            let work = Work::Analyze { table: table.sql() };
            fill.push(Step { work, ..Step::sql(Phase::Backfill, title, Vec::new()) });
        }
        if sync.is_needed() {
            publish.push(
                Step::sql(
                    Phase::Publish,
                    format!("translate writes of both versions to {}", shown(table)),
                    sync.install(Mode::Both, live),
                )
                .locking("SHARE ROW EXCLUSIVE on the table: functions and triggers, catalog only"),
            );
        }
        let pending = batch.indexes.iter().filter(|pending| pending.table == number);
        let indexes: Vec<&Index> = pending.map(|pending| &pending.index).collect();
        last.extend(contract::table(table, order, &sync, &views, &indexes));
    }
    for table in batch.tables.iter().filter(|table| table.removed && !table.created) {
        let Some(order) = table.touched else { continue };
        let step = Step::sql(
            Phase::Contract,
            format!("drop {}", shown(table)),
            vec![format!("DROP TABLE {}", table.sql())],
        )
        .locking("ACCESS EXCLUSIVE on the table: nobody uses it any more");
        last.push(Draft { order, step, fresh: false });
    }
    steps.extend(fill);
    steps.extend(publish);
    steps.push(publish_views(&batch, &views, &search_path));
    steps.extend(contract::drop_base(&batch));
    last.sort_by_key(|draft| draft.order);
    steps.extend(last.into_iter().map(|draft| draft.step));
    refuse::used_enums(&batch)?;
    Ok(Plan {
        base: batch.request.base.map(str::to_owned),
        migrations: batch.request.pending.to_vec(),
        target,
        search_path,
        steps,
        notes,
    })
}

/// `pg_catalog` is searched first without being named; `pg_temp` would be too, so it is named last.
fn search_path(schema: &str, live: &[String]) -> String {
    let mut path = vec![ident(schema)];
    path.extend(live.iter().filter(|name| *name != schema).map(|name| ident(name)));
    path.push(String::from("pg_temp"));
    path.join(", ")
}

/// Neighbours that touch only new objects share a transaction: fewer round trips, and nobody waits for a lock.
fn coalesce(drafts: Vec<Draft>) -> Vec<Step> {
    let mut steps: Vec<(bool, Step)> = Vec::new();
    for draft in drafts {
        if let (Some((true, last)), true) = (steps.last_mut(), draft.fresh)
            && let (Work::Sql { statements }, Work::Sql { statements: more }) =
                (&mut last.work, &draft.step.work)
        {
            statements.extend(more.iter().cloned());
            last.title = format!("{}; {}", last.title, draft.step.title);
            let mut undo = draft.step.undo;
            undo.append(&mut last.undo);
            last.undo = undo;
            continue;
        }
        steps.push((draft.fresh, draft.step));
    }
    steps.into_iter().map(|(_, step)| step).collect()
}

/// One short transaction: columns, constraints, function and triggers. A write before it is the backfill's, one after it the trigger's.
fn expand_table(
    table: &Table,
    live: &crate::plan::facts::LiveTable,
    sync: &Sync<'_>,
    facts: &Facts,
) -> Option<Step> {
    let mut clauses = Vec::new();
    let mut defaults = Vec::new();
    let mut undo = Vec::new();
    if sync.is_needed() {
        clauses.push(format!("ADD COLUMN {} text", ident(ORIGIN)));
    }
    for column in table.shadows() {
        let Some(physical) = table.physical(column) else { continue };
        let mut clause =
            format!("ADD COLUMN {} {}", ident(physical), table.values[column.value].data_type);
        // The default of a domain is for rows to come, those that exist are computed.
        let of_domain = domain::default(facts, &table.values[column.value].data_type);
        if of_domain.is_some() && table.is_computed(column) {
            clause.push_str(" DEFAULT NULL");
            defaults.push(format!(
                "ALTER TABLE {} ALTER COLUMN {} DROP DEFAULT",
                table.sql(),
                ident(physical)
            ));
        }
        if let Some(default) = column.added_default.as_ref().or(column.default.as_ref()) {
            if table.is_computed(column) {
                defaults.push(format!(
                    "ALTER TABLE {} ALTER COLUMN {} SET DEFAULT {default}",
                    table.sql(),
                    ident(physical)
                ));
            } else {
                // A default that is no volatile expression is stored once, in the catalog, for all rows that exist.
                clause.push_str(&format!(" DEFAULT {default}"));
                if column.not_null {
                    let taken = live.column(&column.name).is_some();
                    clause.push_str(&format!(" {}", not_null::inline(table, &column.name, taken)));
                }
            }
        }
        clauses.push(clause);
        undo.push(format!("DROP COLUMN IF EXISTS {}", ident(physical)));
    }
    let checked = checked_columns(table);
    clauses.extend(checked.iter().map(|column| not_null::add(column)));
    let mut undo: Vec<String> =
        checked.iter().map(|column| not_null::remove(column)).chain(undo).collect();
    if clauses.is_empty() {
        return None;
    }
    let mut statements = numbers::create(table);
    statements.push(format!("ALTER TABLE {}\n  {}", table.sql(), clauses.join(",\n  ")));
    statements.extend(defaults);
    statements.extend(numbers::own(table, live));
    statements.extend(column_grants(table, live));
    let mut undo_statements = Vec::new();
    if sync.is_needed() {
        statements.extend(sync.proofs());
        if !sync.up().is_empty() {
            statements.extend(partition::guard(table, live, partition::Stranger::WithRows));
        }
        statements.extend(sync.install(Mode::Filling, live));
        undo_statements.extend(sync.remove());
        undo.push(format!("DROP COLUMN IF EXISTS {}", ident(ORIGIN)));
    }
    undo_statements.push(format!("ALTER TABLE {}\n  {}", table.sql(), undo.join(",\n  ")));
    undo_statements.extend(numbers::remove(table));
    Some(
        Step::sql(Phase::Expand, format!("add columns to {}", shown(table)), statements)
            .locking("ACCESS EXCLUSIVE on the table: no row is read or written, catalog only")
            .undone_by(undo_statements),
    )
}

/// The columns, by their names in the table, that a NOT VALID check keeps from NULL until contract.
pub(crate) fn checked_columns(table: &Table) -> Vec<String> {
    table
        .shadows()
        .filter(|column| column.not_null && table.is_computed(column))
        .filter_map(|column| table.physical(column))
        .chain(table.set_not_null.iter().map(String::as_str))
        .map(str::to_owned)
        .collect()
}

fn is_expand(step: &Step) -> bool {
    step.phase == Phase::Expand
}

fn build_indexes(batch: &Batch<'_>, table: usize) -> Result<Vec<Step>, Refusal> {
    let facts = batch.facts();
    let mut steps = Vec::new();
    for pending in batch.indexes.iter().filter(|pending| pending.table == table) {
        let table = &batch.tables[table];
        let wanted = pending.index.name.as_ref();
        // Until contract an index of that name may still be there.
        let taken = facts.indexes.iter().any(|live| live.name == wanted);
        let name = if taken { names::generated(&[wanted]) } else { wanted.to_owned() };
        let placed = |refusal: Refusal| Refusal {
            help: refusal.help,
            ..batch.refuse_at(pending.at, refusal.message)
        };
        if let Some(live) = batch.live(table).filter(|live| live.kind == TableKind::Partitioned) {
            steps.extend(
                partition::build_index(batch, table, live, pending, &name).map_err(placed)?,
            );
            continue;
        }
        let statement = index::create(batch, table, &pending.index, &name, true).map_err(placed)?;
        let work =
            Work::CreateIndex { schema: table.schema.clone(), name: name.clone(), statement };
        let undo = vec![Work::DropIndex { schema: table.schema.clone(), name }];
        let title = format!("build index `{wanted}` on {}", shown(table));
        steps.push(Step { work, undo, ..Step::sql(Phase::Backfill, title, Vec::new()) });
    }
    Ok(steps)
}

fn publish_views(batch: &Batch<'_>, views: &Views<'_>, search_path: &str) -> Step {
    let tables: Vec<(&Table, bool)> = batch
        .tables
        .iter()
        .filter(|table| !table.removed)
        // See `partition` for why a partition has no view.
        .filter(|table| batch.live(table).is_none_or(|live| live.partition_of.is_none()))
        .map(|table| {
            let sync = Sync::new(table, batch.request.base, views.target, search_path);
            (table, !table.created && sync.is_needed())
        })
        .collect();
    let mut statements = views.schema(&tables);
    for (table, synced) in &tables {
        statements.extend(views.create(table, *synced));
    }
    let mut undo = Vec::new();
    // What the SQL has created is known to the server alone.
    if batch.runs_custom_sql() {
        let facts = batch.facts();
        let known = &batch.tables;
        statements.push(found::create(views.target, &facts.schema, known, facts.server_version));
        undo.push(found::drop(views.target));
    }
    undo.extend(views.drop(&tables));
    Step::sql(
        Phase::Publish,
        format!("publish `{}`", names::version_schema(views.target)),
        statements,
    )
    .locking("ACCESS SHARE on the tables: what a SELECT takes")
    .undone_by(undo)
}

pub(crate) fn shown(table: &Table) -> String {
    format!("`{}`", table.name)
}

fn shown_column(physical: &str) -> String {
    format!("`{}`", physical.strip_prefix("__reshape_").unwrap_or(physical))
}
