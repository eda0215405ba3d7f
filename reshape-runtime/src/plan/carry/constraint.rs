//! Check constraints.

use crate::plan::batch::Batch;
use crate::plan::carry::{Carried, Replaced, is_removed};
use crate::plan::contract::Stage;
use crate::plan::facts::{DependentKind, LiveConstraint};
use crate::plan::{Phase, Step};
use crate::sql::ident::{ident, literal};
use crate::sql::names;

/// Each check over a replaced column stands on the new column from the start, `NOT VALID` until the rows are filled.
pub(super) fn checks(batch: &Batch<'_>, replaced: &Replaced<'_>, out: &mut Carried) {
    let number = replaced.number;
    for check in batch.facts().constraints_of(&replaced.live.name) {
        if check.kind != DependentKind::Check
            || is_removed(batch, check)
            || !replaced.any(&check.columns)
        {
            continue;
        }
        let Some(expression) = check.expression.as_ref().and_then(|sql| replaced.render(sql))
        else {
            continue;
        };
        let generated = ident(&names::generated(&[&check.name]));
        out.clauses.push((
            number,
            format!(
                "ADD CONSTRAINT {generated} CHECK ({expression}){} NOT VALID",
                if check.no_inherit { " NO INHERIT" } else { "" }
            ),
            format!("DROP CONSTRAINT IF EXISTS {generated}"),
        ));
        let on = replaced.table.sql();
        if check.validated {
            let title = format!("check `{}` of `{}`", check.name, replaced.table.name);
            let sql = vec![format!("ALTER TABLE {on} VALIDATE CONSTRAINT {generated}")];
            out.filled.push((number, Step::sql(Phase::Backfill, title, sql)));
        }
        let on = replaced.table.last_sql();
        for statement in take_name(check, &generated, &on) {
            out.contract.push((number, Stage::Finish, statement));
        }
    }
}

/// Contract: the old constraint has gone, and the new one gets its name and comment.
pub(super) fn take_name(constraint: &LiveConstraint, generated: &str, on: &str) -> Vec<String> {
    let name = ident(&constraint.name);
    let mut sql = vec![format!("ALTER TABLE {on} RENAME CONSTRAINT {generated} TO {name}")];
    sql.extend(
        constraint
            .comment
            .as_ref()
            .map(|comment| format!("COMMENT ON CONSTRAINT {name} ON {on} IS {}", literal(comment))),
    );
    sql
}
