//! The user's triggers that name a replaced column, in `UPDATE OF` or `WHEN`.

use crate::plan::asked::Asked;
use crate::plan::batch::Batch;
use crate::plan::carry::Replaced;
use crate::plan::contract::Stage;
use crate::plan::facts::LiveTrigger;
use crate::plan::{Phase, Step};
use crate::sql::ident::{ident, literal};

/// While both versions are live the trigger fires for an update of either column; after contract it is what it was.
pub(super) fn carry(batch: &Batch<'_>, replaced: &Replaced<'_>, out: &mut Asked) {
    let number = replaced.number;
    let on = replaced.table.sql();
    for trigger in batch.facts().triggers.iter().filter(|t| t.table.key() == replaced.live.key()) {
        let depends = replaced.columns.keys().any(|column| {
            let live = replaced.live.column(column);
            live.is_some_and(|live| depends(live, trigger))
        });
        if !depends {
            continue;
        }
        let drop = format!("DROP TRIGGER {} ON {on}", ident(&trigger.name));
        if replaced.any(&trigger.columns)
            && let Some(wide) = widened(replaced, trigger)
        {
            let title = format!("let trigger `{}` fire for both versions", trigger.name);
            let mut sql = vec![drop.clone(), wide];
            sql.extend(properties(trigger, &on));
            let mut undo = vec![format!("DROP TRIGGER IF EXISTS {} ON {on}", ident(&trigger.name))];
            undo.push(trigger.definition.clone());
            undo.extend(properties(trigger, &on));
            let step = Step::sql(Phase::Publish, title, sql)
                .locking("ACCESS EXCLUSIVE on the table: no row is read or written, catalog only")
                .undone_by(undo);
            out.publish.push((number, step));
        }
        out.contract.push((number, Stage::Detach, drop));
        out.contract.push((number, Stage::Attach, trigger.definition.clone()));
        for statement in properties(trigger, &on) {
            out.contract.push((number, Stage::Attach, statement));
        }
        out.homes.push(number);
    }
}

pub(super) fn depends(column: &crate::plan::facts::LiveColumn, trigger: &LiveTrigger) -> bool {
    use crate::plan::facts::DependentKind;
    column.dependents.iter().any(|dependent| {
        dependent.kind == DependentKind::Trigger
            && dependent.name.as_deref() == Some(&trigger.name)
            && dependent.table.as_ref() == Some(&trigger.table)
    })
}

/// Whether `UPDATE OF` can be widened: its place in the definition has to be known, not guessed.
pub(super) fn can_widen(trigger: &LiveTrigger) -> bool {
    trigger.columns.is_empty() || split(trigger).is_some()
}

/// The trigger with the new columns beside the old ones in `UPDATE OF`.
fn widened(replaced: &Replaced<'_>, trigger: &LiveTrigger) -> Option<String> {
    let (before, after) = split(trigger)?;
    let mut columns: Vec<String> = trigger.columns.iter().map(|column| ident(column)).collect();
    for column in &trigger.columns {
        if replaced.columns.contains_key(column.as_str()) {
            columns.push(ident(&replaced.now(column)));
        }
    }
    Some(format!("{before}{}{after}", columns.join(", ")))
}

/// The definition before and after the columns of `UPDATE OF`. Before them there is nothing but the trigger's name and keywords.
fn split(trigger: &LiveTrigger) -> Option<(&str, &str)> {
    let definition = &trigger.definition;
    let name = [trigger.name.clone(), ident(&trigger.name)];
    let head = name.iter().find_map(|name| {
        ["CREATE TRIGGER ", "CREATE CONSTRAINT TRIGGER "].iter().find_map(|create| {
            let head = format!("{create}{name} ");
            definition.starts_with(&head).then_some(head.len())
        })
    })?;
    let marker = " UPDATE OF ";
    let start = head - 1 + definition[head - 1..].find(marker)? + marker.len();
    // The list is as Postgres quotes it: each name plain or quoted.
    let mut end = start;
    for (place, column) in trigger.columns.iter().enumerate() {
        if place > 0 {
            end += definition[end..].starts_with(", ").then_some(2)?;
        }
        let quoted = ident(column);
        let rest = &definition[end..];
        end += if rest.starts_with(&quoted) {
            quoted.len()
        } else {
            rest.starts_with(column.as_str()).then_some(column.len())?
        };
    }
    let after = &definition[end..];
    (after.starts_with(" ON ") || after.starts_with(" OR "))
        .then_some((&definition[..start], after))
}

/// What `CREATE TRIGGER` does not say.
fn properties(trigger: &LiveTrigger, on: &str) -> Vec<String> {
    let name = ident(&trigger.name);
    let mut sql = Vec::new();
    let enabled = match trigger.enabled.as_str() {
        "D" => Some("DISABLE"),
        "R" => Some("ENABLE REPLICA"),
        "A" => Some("ENABLE ALWAYS"),
        _ => None,
    };
    sql.extend(enabled.map(|enabled| format!("ALTER TABLE {on} {enabled} TRIGGER {name}")));
    sql.extend(
        trigger
            .comment
            .as_ref()
            .map(|comment| format!("COMMENT ON TRIGGER {name} ON {on} IS {}", literal(comment))),
    );
    sql
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::facts::TableName;

    fn trigger(definition: &str, columns: &[&str]) -> LiveTrigger {
        LiveTrigger {
            name: String::from("x UPDATE OF y"),
            table: TableName { schema: String::from("public"), name: String::from("users") },
            definition: definition.to_owned(),
            columns: columns.iter().map(ToString::to_string).collect(),
            enabled: String::from("O"),
            comment: None,
        }
    }

    #[test]
    fn the_columns_are_found_behind_the_name() {
        let sql = "CREATE TRIGGER \"x UPDATE OF y\" BEFORE INSERT OR UPDATE OF \"A b\", c ON public.users FOR EACH ROW EXECUTE FUNCTION f()";
        let trigger = trigger(sql, &["A b", "c"]);
        let (before, after) = split(&trigger).expect("a place");
        assert!(before.ends_with(" BEFORE INSERT OR UPDATE OF "));
        assert!(after.starts_with(" ON public.users"));
    }

    #[test]
    fn a_place_that_is_not_certain_is_none() {
        let sql = "CREATE TRIGGER other BEFORE UPDATE OF c ON public.users EXECUTE FUNCTION f()";
        assert_eq!(split(&trigger(sql, &["c"])), None);
        let sql = "CREATE TRIGGER \"x UPDATE OF y\" BEFORE UPDATE OF cd ON public.users EXECUTE FUNCTION f()";
        assert_eq!(split(&trigger(sql, &["c"])), None);
    }
}
