//! What contract will make again from its own text is made once at start, and taken back.
//!
//! A view may call a function that the new type has not, a policy may compare what cannot be compared. Contract would find out when there is no
//! way back.
//!
//! **Invariant:** nothing is left of it: it runs in a subtransaction that always fails.

use crate::plan::carry::Replaced;
use crate::plan::contract::Stage;
use crate::plan::{Phase, Step};
use crate::sql::ident::{dollar, ident, literal};
use crate::sql::names;

/// The error that takes everything back.
const DONE: &str = "RSH00";

/// The step; `None` if nothing is made again.
pub(super) fn step(
    replaced: &[Replaced<'_>],
    contract: &[(usize, Stage, String)],
    homes: &[usize],
) -> Option<Step> {
    let of = |stage: Stage| {
        contract.iter().filter(move |(_, known, _)| *known == stage).map(|(_, _, sql)| sql.clone())
    };
    let mut statements: Vec<String> = of(Stage::Detach).collect();
    for table in replaced.iter().filter(|table| homes.contains(&table.number)) {
        let on = table.table.sql();
        // Those of a parent are renamed in its children, too.
        let own = table.columns.iter().filter(|(_, column)| !table.table.is_inherited(column));
        for (name, _) in own {
            let was = names::generated(&["was", name]);
            statements.push(format!(
                "ALTER TABLE {on} RENAME COLUMN {} TO {}",
                ident(name),
                ident(&was)
            ));
            statements.push(format!(
                "ALTER TABLE {on} RENAME COLUMN {} TO {}",
                ident(&table.now(name)),
                ident(name)
            ));
        }
    }
    let again: Vec<String> = of(Stage::Attach).collect();
    if again.is_empty() {
        return None;
    }
    statements.extend(again);
    let run: Vec<String> =
        statements.iter().map(|sql| format!("    EXECUTE {};\n", literal(sql))).collect();
    let run = run.concat();
    // The key that a view groups by is on the new column only in contract.
    let body = format!(
        "\nBEGIN\n  BEGIN\n{run}    RAISE EXCEPTION USING ERRCODE = '{DONE}';\n  \
         EXCEPTION\n    WHEN SQLSTATE '{DONE}' OR grouping_error THEN NULL;\n  END;\nEND\n"
    );
    let title = "try whether views, policies and triggers fit the new columns";
    Some(
        Step::sql(Phase::Expand, title, vec![format!("DO {}", dollar(&body))])
            .locking("ACCESS EXCLUSIVE on the tables and on the views over them: catalog only"),
    )
}
