//! The same plan in as few transactions as possible, for a database that nobody uses: nothing waits for its locks, and its tables are new.
//!
//! **Invariant:** the statements stay in their order, and so do their undos. Only what must be outside a transaction there, `CONCURRENTLY`,
//! and the ranges of a backfill are given up.

use crate::plan::{Phase, Plan, Step, Work};
use crate::sql::ident::qualified;

/// How many statements a transaction may have: each locks what it makes until the end, and the server has room for so many locks alone.
const MOST: usize = 500;

/// What our statements that build indexes begin with, and what is left out of them here.
const CONCURRENTLY: &str = " CONCURRENTLY ";

/// Steps that follow each other become one.
pub(crate) fn gather(plan: Plan) -> Plan {
    let mut steps: Vec<Step> = Vec::new();
    for step in plan.steps.into_iter().filter_map(at_once) {
        match steps.last_mut() {
            Some(last) if fits(last, &step) => join(last, step),
            Some(_) | None => steps.push(step),
        }
    }
    Plan { steps, ..plan }
}

/// The step as one of statements in a transaction, where it can be; none where there is nothing to do.
fn at_once(step: Step) -> Option<Step> {
    let Step { work, undo, .. } = step;
    let work = match work {
        Work::CreateIndex { statement, .. } => sql(vec![statement.replacen(CONCURRENTLY, " ", 1)]),
        Work::Backfill { statement, rest, walks, .. } => sql(vec![
            String::from("SET LOCAL reshape.backfill = 'on'"),
            // Looked at once: without any, nothing is read.
            match walks.as_str() {
                "" => format!("{statement} WHERE true{rest}"),
                walks => format!("{statement} WHERE EXISTS ({walks}){rest}"),
            },
            String::from("SET LOCAL reshape.backfill = ''"),
        ]),
        Work::Analyze { .. } => return None,
        Work::Sql { .. }
        | Work::DefineIndex { .. }
        | Work::CreateIndexes { .. }
        | Work::DropIndex { .. } => drop_at_once(work),
    };
    // What has to be undone outside a transaction is undone before the rest or after it, not in between.
    let undo = match work {
        Work::Sql { .. } => undo.into_iter().map(drop_at_once).collect(),
        Work::CreateIndex { .. }
        | Work::DefineIndex { .. }
        | Work::CreateIndexes { .. }
        | Work::DropIndex { .. }
        | Work::Backfill { .. }
        | Work::Analyze { .. } => undo,
    };
    // Nobody uses the database: whatever this waits for, nobody waits behind it.
    Some(Step { work, undo, patient: true, ..step })
}

fn drop_at_once(work: Work) -> Work {
    match work {
        Work::DropIndex { schema, name } => {
            sql(vec![format!("DROP INDEX IF EXISTS {}", qualified(&schema, &name))])
        }
        Work::Sql { .. }
        | Work::CreateIndex { .. }
        | Work::DefineIndex { .. }
        | Work::CreateIndexes { .. }
        | Work::Backfill { .. }
        | Work::Analyze { .. } => work,
    }
}

fn sql(statements: Vec<String>) -> Work {
    Work::Sql { statements }
}

fn fits(last: &Step, next: &Step) -> bool {
    let (Some(some), Some(more)) = (last.work.statements(), next.work.statements()) else {
        return false;
    };
    let undone_at_once = |step: &Step| step.undo.iter().all(|work| work.statements().is_some());
    (last.phase == Phase::Contract) == (next.phase == Phase::Contract)
        && some.len() + more.len() <= MOST
        && undone_at_once(last)
        && undone_at_once(next)
}

fn join(last: &mut Step, next: Step) {
    let (Work::Sql { statements: some }, Work::Sql { statements: more }) =
        (&mut last.work, next.work)
    else {
        unreachable!("`fits` has looked")
    };
    some.extend(more);
    let undo = next.undo.into_iter().chain(std::mem::take(&mut last.undo));
    let undo: Vec<String> = undo.filter_map(|work| work.statements().cloned()).flatten().collect();
    last.undo = if undo.is_empty() { Vec::new() } else { vec![sql(undo)] };
    let first = last.title.split("; …").next().unwrap_or_default();
    last.title = format!("{first}; …; {}", next.title);
    last.phase = next.phase;
    last.offenders.extend(next.offenders);
    last.row = None;
    // To skip it would be to skip ours with it.
    last.mixed |= last.custom || next.mixed || next.custom;
    last.custom = false;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_sql_of_the_users_among_it_is_known() {
        let step = |title: &str| Step::sql(Phase::Expand, title, vec![title.to_owned()]);
        let steps = vec![step("a"), step("b"), step("custom").custom(), step("c"), step("d")];
        let plan = Plan {
            base: None,
            target: String::new(),
            migrations: Vec::new(),
            search_path: String::new(),
            steps,
            notes: Vec::new(),
            reverts: Vec::new(),
            changes: Vec::new(),
            uses: Vec::new(),
        };
        let gathered = gather(plan).steps;
        assert_eq!(gathered.len(), 1);
        // It is not skipped as a whole, nor sent as one message.
        assert_eq!((gathered[0].custom, gathered[0].mixed), (false, true));
    }
}
