//! Statistics over several columns or expressions.

use crate::plan::asked::Asked;
use crate::plan::batch::Batch;
use crate::plan::carry::Replaced;
use crate::plan::contract::Stage;
use crate::plan::facts::LiveStatistics;
use crate::plan::{Phase, Step};
use crate::sql::ident::{ident, literal, qualified};
use crate::sql::names;

/// Made before the table is analyzed; the old ones go with their column.
pub(super) fn carry(batch: &Batch<'_>, replaced: &Replaced<'_>, out: &mut Asked) {
    let number = replaced.number;
    let all = batch.facts().statistics.iter();
    for live in all.filter(|live| live.table.key() == replaced.live.key()) {
        let mut covered = live.columns.clone();
        covered.extend(replaced.columns_of(live.expressions.as_ref()));
        if !replaced.any(&covered) {
            continue;
        }
        let Some(items) = items(replaced, live) else { continue };
        let generated = names::generated(&[&live.name]);
        let name = qualified(&live.schema, &generated);
        let kinds = if live.kinds.is_empty() {
            String::new()
        } else {
            format!(" ({})", live.kinds.join(", "))
        };
        let create = format!(
            "CREATE STATISTICS {name}{kinds} ON {} FROM {}",
            items.join(", "),
            replaced.table.sql()
        );
        let mut sql = vec![format!("DROP STATISTICS IF EXISTS {name}"), create];
        sql.extend(
            live.target.map(|target| format!("ALTER STATISTICS {name} SET STATISTICS {target}")),
        );
        let title = format!("create statistics `{}` of `{}`", live.name, replaced.table.name);
        let step = Step::sql(Phase::Backfill, title, sql)
            .patient()
            .locking("SHARE UPDATE EXCLUSIVE on the table: blocks no client")
            .undone_by(vec![format!("DROP STATISTICS IF EXISTS {name}")]);
        out.filled.push((number, step));
        let mut add = |sql: String| out.contract.push((number, Stage::Finish, sql));
        add(format!("ALTER STATISTICS {name} RENAME TO {}", ident(&live.name)));
        if let Some(comment) = &live.comment {
            let last = qualified(&live.schema, &live.name);
            add(format!("COMMENT ON STATISTICS {last} IS {}", literal(comment)));
        }
    }
}

fn items(replaced: &Replaced<'_>, live: &LiveStatistics) -> Option<Vec<String>> {
    let mut items: Vec<String> =
        live.columns.iter().map(|column| ident(&replaced.now(column))).collect();
    if let Some(all) = &live.expressions {
        let texts: Vec<&str> = live.expression_texts.iter().map(String::as_str).collect();
        for snippet in all.split(&texts, |number| replaced.name_of(number))? {
            items.push(format!("({})", replaced.render(&snippet)?));
        }
    }
    Some(items)
}
