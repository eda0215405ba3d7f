//! What contract will make again from its own text is made once at start, and taken back.
//!
//! A view may call a function that the new type has not, a policy may compare what cannot be compared. Contract would find out when there is no
//! way back.
//!
//! **Invariant:** nothing is left of it: it runs in a subtransaction that always fails.

use crate::plan::batch::Batch;
use crate::plan::carry::Replaced;
use crate::plan::contract::Stage;
use crate::plan::facts::DependentKind;
use crate::plan::{Phase, Step};
use crate::sql::ident::{dollar, ident, idents, literal, qualified};
use crate::sql::names;

/// The error that takes everything back.
const DONE: &str = "RSH00";

/// The step; `None` if nothing is made again.
pub(super) fn step(
    batch: &Batch<'_>,
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
    let run = |statements: &[&[String]]| -> String {
        let all = statements.iter().flat_map(|list| list.iter());
        all.map(|sql| format!("    EXECUTE {};\n", literal(sql))).collect::<Vec<_>>().concat()
    };
    let first = run(&[&statements, &again]);
    let keyed: Vec<String> =
        replaced.iter().filter_map(|table| with_key(batch, table, homes)).flatten().collect();
    let body = if keyed.is_empty() {
        format!(
            "\nBEGIN\n  BEGIN\n{first}    RAISE EXCEPTION USING ERRCODE = '{DONE}';\n  \
             EXCEPTION\n    WHEN SQLSTATE '{DONE}' OR grouping_error THEN NULL;\n  END;\nEND\n"
        )
    } else {
        // The key that a view groups by is on the new column only in contract.
        let second = run(&[&statements, &keyed, &again]);
        format!(
            "\nDECLARE\n  needs_key boolean := false;\nBEGIN\n  BEGIN\n{first}    RAISE EXCEPTION USING ERRCODE = '{DONE}';\n  \
             EXCEPTION\n    WHEN SQLSTATE '{DONE}' THEN NULL;\n    WHEN grouping_error THEN needs_key := true;\n  END;\n  \
             IF needs_key THEN\n  BEGIN\n{second}    RAISE EXCEPTION USING ERRCODE = '{DONE}';\n  \
             EXCEPTION\n    WHEN SQLSTATE '{DONE}' THEN NULL;\n  END;\n  END IF;\nEND\n"
        )
    };
    let title = "try whether views, policies and triggers fit the new columns";
    Some(
        Step::sql(Phase::Expand, title, vec![format!("DO {}", dollar(&body))])
            .locking("ACCESS EXCLUSIVE on the tables and on the views over them: catalog only"),
    )
}

/// Puts an empty table with the key in the place of one whose key is replaced: building the index of the table itself takes its time.
fn with_key(batch: &Batch<'_>, table: &Replaced<'_>, homes: &[usize]) -> Option<Vec<String>> {
    let mut constraints = batch.facts().constraints_of(table.live.key());
    let key = constraints.find(|live| live.kind == DependentKind::PrimaryKey)?;
    if !homes.contains(&table.number) || !table.any(&key.columns) {
        return None;
    }
    let on = table.table.sql();
    let was = names::generated(&["was", &table.live.name]);
    let columns = idents(table.live.columns.iter().map(|column| column.name.as_str()));
    Some(vec![
        format!("ALTER TABLE {on} RENAME TO {}", ident(&was)),
        format!(
            "CREATE TABLE {on} AS SELECT {columns} FROM {} WITH NO DATA",
            qualified(&table.table.schema, &was)
        ),
        format!(
            "ALTER TABLE {on} ADD PRIMARY KEY ({})",
            idents(key.columns.iter().map(String::as_str))
        ),
    ])
}
