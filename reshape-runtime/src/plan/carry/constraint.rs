//! Check constraints.

use crate::plan::asked::Asked;
use crate::plan::batch::Batch;
use crate::plan::carry::Replaced;
use crate::plan::contract::Stage;
use crate::plan::facts::{DependentKind, LiveConstraint};
use crate::plan::{Offenders, Phase, Step, inherit, offenders};
use crate::sql::ident::{ident, literal};
use crate::sql::names;

/// Each check over a replaced column stands on the new column from the start, `NOT VALID` until the rows are filled.
pub(super) fn checks(batch: &Batch<'_>, replaced: &Replaced<'_>, out: &mut Asked) {
    let number = replaced.number;
    for check in batch.facts().constraints_of(replaced.live.key()) {
        if check.kind != DependentKind::Check
            || batch.is_removed(check)
            || !replaced.any(&check.columns)
        {
            continue;
        }
        let Some(expression) = check.expression.as_ref().and_then(|sql| replaced.render(sql))
        else {
            continue;
        };
        let working = working_name(check);
        let generated = ident(&working);
        out.broken.extend(offenders(batch, replaced, check, true).map(|rule| (number, rule)));
        // A parent's check is its children's, too.
        if check.inherited && !replaced.live.parents.is_empty() {
            let on = replaced.table.last_sql();
            let name = ident(&check.name);
            let rename = inherit::rename_constraint(&on, &working, &check.name);
            let comment = check.comment.as_ref().map(|comment| {
                format!("COMMENT ON CONSTRAINT {name} ON {on} IS {}", literal(comment))
            });
            let last = [rename].into_iter().chain(comment);
            out.contract.extend(last.map(|sql| (number, Stage::Finish, sql)));
            continue;
        }
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
            let step = Step::sql(Phase::Backfill, title, sql)
                .patient()
                .violated_by(offenders(batch, replaced, check, false));
            out.filled.push((number, step));
        }
        let on = replaced.table.last_sql();
        for statement in take_name(check, &generated, &on) {
            out.contract.push((number, Stage::Finish, statement));
        }
    }
}

/// The rows whose new values break the check.
fn offenders(
    batch: &Batch<'_>,
    replaced: &Replaced<'_>,
    check: &LiveConstraint,
    computed: bool,
) -> Option<Offenders> {
    let table = replaced.table;
    let expression = check.expression.as_ref()?;
    let sql = expression.render(|number| Some(ident(&replaced.name_of(number)?)))?;
    let now: Vec<(String, String)> =
        check.columns.iter().map(|name| (name.clone(), replaced.now(name))).collect();
    let columns: Option<Vec<_>> = now
        .iter()
        .map(|(name, physical)| {
            let column = table.columns.iter().find(|c| table.physical(c) == Some(physical))?;
            Some((name.as_str(), column, physical.as_str()))
        })
        .collect();
    let source = offenders::Source::new(batch, table, computed);
    Some(Offenders {
        constraint: working_name(check),
        rule: format!("the check `{}` of `{}`", check.name, table.name),
        query: source.check(&sql, &replaced.live.name, &columns?),
        help: String::from("correct those rows, or `up`, or drop the check, then start again"),
    })
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

/// The name on the new column until contract. NOT NULL of a column has a check of ours, whose name must stay apart.
pub(super) fn working_name(constraint: &LiveConstraint) -> String {
    names::generated(&["carried", &constraint.name])
}
