//! From what the actions have asked for to the ordered list of steps.

use crate::model::Index;
use crate::plan::batch::{Batch, Draft, PendingIndex};
use crate::plan::contract::{Part, Stage};
use crate::plan::expand::{Expansion, expand_member, expansion_step, translate};
use crate::plan::facts::{Facts, TableKind};
use crate::plan::lineage::Table;
use crate::plan::sync::{Mode, Sync};
use crate::plan::view::Views;
use crate::plan::{
    Phase, Plan, Refusal, Step, Work, backfill, beside, carry, columns, constraint, contract,
    cross, domain, foreign, index, inherit, not_null, offenders, own, partition, publish, refuse,
    schema, takeover, trial,
};
use crate::sql::ident::ident;
use crate::sql::names;

/// Puts the steps of the whole batch in order: by phase, not action by action.
pub(crate) fn assemble(mut batch: Batch<'_>, target: &str) -> Result<Plan, Refusal> {
    let facts = batch.facts();
    refuse::row_security(&batch)?;
    refuse::base_dependents(&batch)?;
    schema::require_apart(&batch)?;
    let search_path = search_path(facts);

    let mut tables = std::mem::take(&mut batch.tables);
    for number in inherit::parents_first(&tables) {
        if !tables[number].created && !tables[number].removed {
            inherit::take_names(&mut tables, number);
            tables[number].name_shadows();
        }
    }
    batch.tables = tables;
    takeover::resolve(&mut batch);
    let cross = cross::resolve(&mut batch)?;
    let together = beside::resolve(&mut batch)?;
    inherit::require_alone(&batch, &cross)?;
    inherit::require_possible(&batch)?;
    inherit::settle(&mut batch);
    foreign::keep_names(&mut batch);
    carry::carry(&mut batch);
    constraint::resolve(&mut batch)?;
    let first = std::mem::take(&mut batch.asked.before_finish);
    let mut last: Vec<Draft> =
        first.into_iter().map(|step| Draft { order: 0, step, fresh: false }).collect();
    let mut expand = Vec::new();
    for draft in std::mem::take(&mut batch.drafts) {
        match draft.step.phase {
            Phase::Contract => last.push(draft),
            Phase::Expand | Phase::Backfill | Phase::Publish => expand.push(draft),
        }
    }
    let mut steps = coalesce(expand);
    let mut fills: Vec<Vec<Step>> = vec![Vec::new(); batch.tables.len()];
    let mut publish = Vec::new();
    let views = Views { target, facts };
    let mut notes = std::mem::take(&mut batch.notes);
    notes.extend(cross.notes.iter().cloned());
    let mut parts: Vec<Part> = Vec::new();
    let mut members: Vec<Expansion> = Vec::new();
    let mut families: Vec<(usize, usize, Expansion)> = Vec::new();

    for (number, table) in batch.tables.iter().enumerate() {
        let Some(live) = batch.live(table).filter(|_| !table.removed) else { continue };
        let Some(order) = table.touched else { continue };
        let fill = &mut fills[number];
        let sync = Sync::new(table, batch.request.base, target, &search_path, cross.part(number));
        if sync.is_needed() {
            refuse::unsyncable(&batch, table, live)?;
        }
        domain::require_unconstrained(&batch, table)?;
        if let Some(expansion) = columns::expand_table(&batch, number, live, &sync) {
            if cross.members.contains(&number) {
                refuse::partitioned_member(&batch, table, live)?;
                members.push(expansion);
            } else if together.contains(&number) {
                members.push(expansion);
            } else if let Some(root) = inherit::root(&batch, number) {
                families.push((root, inherit::depth(&batch, number), expansion));
            } else {
                steps.push(expansion_step(&[expansion], &[]));
            }
        }
        let targets = partition::targets(table, live);
        let backfills: Vec<(Work, String)> = targets
            .into_iter()
            .filter_map(|(on, shown)| {
                Some((backfill::backfill(table, live, &on, sync.up())?, shown))
            })
            .collect();
        if !sync.up().is_empty() {
            notes.extend(live.after_update_triggers.iter().map(|trigger| {
                format!("the backfill of `{}` fires its trigger `{trigger}`", table.name)
            }));
            // The row on which a fill fails is looked for in the table itself.
            let row = (live.kind == TableKind::Ordinary && !table.family.has_children)
                .then(|| offenders::Source::new(&batch, table, false).row());
            for (work, shown) in backfills {
                let title = format!("fill new columns of {shown}");
                let step = Step {
                    work,
                    row: row.clone(),
                    ..Step::sql(Phase::Backfill, title, Vec::new())
                };
                let rules = offenders::backfill(&batch, number);
                let carried = of(&batch.asked.broken, number).cloned();
                fill.push(step.violated_by(rules.into_iter().chain(carried)));
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
        for column in columns::own_checked_columns(table) {
            let step = Step::sql(
                Phase::Backfill,
                format!("check that {}.{} has no NULL", shown(table), shown_column(&column)),
                vec![not_null::validate(table, &column)],
            );
            let rule = offenders::not_null(&batch, table, &column, false);
            fill.push(step.patient().violated_by([rule]));
        }
        let (begun, built) = index::build(&batch, number)?.into_iter().partition(is_expand);
        steps.extend::<Vec<Step>>(begun);
        fill.extend::<Vec<Step>>(built);
        let (begun, filled): (Vec<Step>, _) =
            of(&batch.asked.filled, number).cloned().partition(is_expand);
        steps.extend(begun);
        fill.extend::<Vec<Step>>(filled);
        if !sync.up().is_empty() {
            let title = format!("analyze {}", shown(table));
            let work = Work::Analyze { table: table.sql() };
            fill.push(Step { work, ..Step::sql(Phase::Backfill, title, Vec::new()) });
        }
        if sync.is_needed() {
            publish.push(translate(table, sync.install(Mode::Both, live), &cross.part(number)));
        }
        publish.extend(of(&batch.asked.publish, number).cloned());
        let pending = batch.indexes.iter().filter(|pending| pending.table == number);
        let (tried, plain): (Vec<&PendingIndex>, Vec<_>) =
            pending.partition(|pending| trial::is_needed(table, pending));
        let indexes: Vec<&Index> = plain.iter().map(|pending| &pending.index).collect();
        let own = batch.asked.contract.iter().filter(|(table, _, _)| *table == number);
        let own: Vec<(Stage, String)> = own.map(|(_, stage, sql)| (*stage, sql.clone())).collect();
        let goes_home = batch.asked.homes.contains(&number);
        let mut statements = contract::table(table, &sync, &views, &indexes, goes_home);
        let names = tried.iter().map(|pending| trial::name_columns(table, pending));
        statements.extend(names.map(|sql| (Stage::Finish, sql)));
        statements.extend(own);
        parts.push(Part { table: number, order, waits_for: Vec::new(), statements });
    }
    for number in &cross.members {
        let table = &batch.tables[*number];
        if !table.created && !table.removed {
            continue;
        }
        if let Some(live) = facts.table(table.key()).filter(|_| table.removed) {
            refuse::unsyncable(&batch, table, live)?;
        }
        let sync = Sync::new(table, batch.request.base, target, &search_path, cross.part(*number));
        members.push(expand_member(table, &sync));
        if table.created {
            publish.push(translate(table, sync.install_relays(Mode::Both), &cross.part(*number)));
        }
        let order = table.touched.unwrap_or_default();
        let statements = contract::member(table, &sync);
        parts.push(Part { table: *number, order, waits_for: Vec::new(), statements });
    }
    families.sort_by_key(|(root, depth, _)| (*root, *depth));
    for family in families.chunk_by(|(root, _, _), (other, _, _)| root == other) {
        let family: Vec<Expansion> = family.iter().map(|(_, _, own)| own.clone()).collect();
        steps.push(expansion_step(&family, &[]));
    }
    if !members.is_empty() {
        steps.push(expansion_step(&members, &cross.proofs));
    }
    steps.append(&mut batch.asked.rehearsals);
    for (number, more) in &cross.fills {
        fills[*number].extend(more.iter().cloned());
    }
    let Some(fill_order) = cross.order(fills.len()) else { return Err(refuse::circle(&batch)) };
    let fill_order = inherit::children_first(&batch, &fill_order);
    takeover::contract(&batch, &mut parts);
    let (now, late) = contract::steps(&batch, parts);
    last.extend(now);
    for table in batch.tables.iter().filter(|table| table.removed && !table.created) {
        let Some(order) = table.touched else { continue };
        let step = Step::sql(
            Phase::Contract,
            format!("drop {}", shown(table)),
            vec![format!(
                "DROP {}TABLE {}",
                if foreign::is_foreign(&batch, table) { "FOREIGN " } else { "" },
                table.sql()
            )],
        )
        .locking("ACCESS EXCLUSIVE on the table: nobody uses it any more");
        last.push(Draft { order, step, fresh: false });
    }
    last.extend(late);
    steps.extend(fill_order.into_iter().flat_map(|table| std::mem::take(&mut fills[table])));
    steps.append(&mut batch.asked.all_filled);
    steps.extend(publish);
    steps.append(&mut batch.asked.translated);
    steps.push(publish::publish_views(&batch, &views, &search_path, &cross));
    steps.extend(contract::drop_base(&batch));
    last.sort_by_key(|draft| draft.order);
    steps.extend(last.into_iter().map(|draft| draft.step));
    refuse::used_enums(&batch)?;
    let (changes, uses) = (own::changed(&batch), own::used(&batch, &steps)?);
    Ok(Plan {
        changes,
        uses,
        base: batch.request.base.map(str::to_owned),
        migrations: batch.request.pending.to_vec(),
        target: target.to_owned(),
        search_path,
        steps,
        notes,
        reverts: Vec::new(),
    })
}

/// `pg_catalog` is searched first without being named; `pg_temp` would be too, so it is named last.
fn search_path(facts: &Facts) -> String {
    let mut path = vec![facts.home()];
    // Extensions are in the default schema, wherever the tables are.
    for name in facts.search_path.iter().map(String::as_str).chain([names::DEFAULT_SCHEMA]) {
        if !path.contains(&name) {
            path.push(name);
        }
    }
    let path: Vec<String> = path.into_iter().map(ident).collect();
    path.join(", ") + ", pg_temp"
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

fn is_expand(step: &Step) -> bool {
    step.phase == Phase::Expand
}

/// Of what the batch keeps by table, that of one table.
pub(crate) fn of<T>(list: &[(usize, T)], number: usize) -> impl Iterator<Item = &T> {
    list.iter().filter(move |(table, _)| *table == number).map(|(_, item)| item)
}

pub(crate) fn shown(table: &Table) -> String {
    format!("`{}`", table.name)
}

fn shown_column(physical: &str) -> String {
    format!("`{}`", physical.strip_prefix("__reshape_").unwrap_or(physical))
}
