//! Views and policies over replaced columns: taken off and made again, from their own text, in the transaction that drops the column.
//!
//! **Invariant:** that transaction finishes every table of the batch that such an object mentions, so that all names in its text are what they
//! were when the batch started.

use crate::plan::asked::Asked;
use crate::plan::batch::Batch;
use crate::plan::carry::Replaced;
use crate::plan::contract::Stage;
use crate::plan::facts::{
    Dependent, DependentKind, Facts, LiveColumn, LivePolicy, LiveView, TableName,
};
use crate::plan::view::grant;
use crate::sql::ident::{dollar, ident, literal, qualified};

pub(super) fn carry(batch: &Batch<'_>, replaced: &[Replaced<'_>], out: &mut Asked) {
    let columns: Vec<&LiveColumn> = replaced
        .iter()
        .flat_map(|r| r.columns.keys().filter_map(|name| r.live.column(name)))
        .collect();
    let Some(anchor) = replaced.first().map(|r| r.number) else { return };
    let views = views_over(batch.facts(), &columns);
    let policies = policies_over(batch.facts(), &columns);
    if views.is_empty() && policies.is_empty() {
        return;
    }
    // Together with every other table that one of them mentions.
    let mentioned = |table: &crate::plan::lineage::Table| {
        let reads = |tables: &[TableName]| tables.iter().any(|other| other.key() == table.key());
        views.iter().any(|view| reads(&view.tables))
            || policies
                .iter()
                .any(|policy| policy.table_key() == table.key() || reads(&policy.tables))
    };
    for (number, table) in batch.tables.iter().enumerate() {
        let finished = table.touched.is_some() && !table.created && !table.removed;
        if number != anchor && finished && mentioned(table) {
            out.links.push((anchor, number));
        }
    }
    for table in replaced {
        out.links.extend((table.number != anchor).then_some((anchor, table.number)));
        out.homes.push(table.number);
    }
    let goes = |policy: &LivePolicy| {
        let mut removed = batch.tables.iter().filter(|table| table.removed && !table.created);
        removed.any(|table| table.key() == policy.table_key())
    };
    let mut detach = |sql: String| out.contract.push((anchor, Stage::Detach, sql));
    for policy in &policies {
        let on = qualified(&policy.schema, &policy.table);
        // A table that the batch removes may go before, and its policies with it.
        let there = if goes(policy) { "IF EXISTS " } else { "" };
        detach(format!("DROP POLICY {there}{} ON {on}", ident(&policy.name)));
    }
    if !views.is_empty() {
        detach(unchanged(&views));
        let names: Vec<String> =
            views.iter().rev().map(|view| qualified(&view.schema, &view.name)).collect();
        detach(format!("DROP VIEW {}", names.join(", ")));
    }
    let mut attach = |sql: String| out.contract.push((anchor, Stage::Attach, sql));
    views.iter().flat_map(|view| create_view(view)).for_each(&mut attach);
    for policy in policies.iter().filter(|policy| !goes(policy)) {
        let (name, on) = (ident(&policy.name), qualified(&policy.schema, &policy.table));
        attach(format!("CREATE POLICY {name} ON {on} {}", policy.definition));
        if let Some(comment) = &policy.comment {
            attach(format!("COMMENT ON POLICY {name} ON {on} IS {}", literal(comment)));
        }
    }
}

fn is(dependent: &Dependent, kind: DependentKind, schema: &str, name: &str) -> bool {
    dependent.kind == kind
        && dependent.schema.as_deref() == Some(schema)
        && dependent.name.as_deref() == Some(name)
}

/// The views that read one of the columns, and the views that read those: each after what it reads.
pub(super) fn views_over<'a>(facts: &'a Facts, columns: &[&LiveColumn]) -> Vec<&'a LiveView> {
    let mut found: Vec<&LiveView> = Vec::new();
    for view in &facts.views {
        let reads_column = columns.iter().any(|column| {
            let mut dependents = column.dependents.iter();
            dependents.any(|d| is(d, DependentKind::View, &view.schema, &view.name))
        });
        let reads_view = view.reads.iter().any(|(schema, name)| {
            found.iter().any(|other| other.schema == *schema && other.name == *name)
        });
        if reads_column || reads_view {
            found.push(view);
        }
    }
    found
}

/// The policies that mention one of the columns.
pub(super) fn policies_over<'a>(facts: &'a Facts, columns: &[&LiveColumn]) -> Vec<&'a LivePolicy> {
    let mentions = |policy: &&LivePolicy| {
        columns.iter().any(|column| {
            column.dependents.iter().any(|d| {
                is(d, DependentKind::Policy, &policy.schema, &policy.name)
                    && (d.relation.as_deref() == Some(policy.table.as_str()))
            })
        })
    };
    facts.policies.iter().filter(mentions).collect()
}

/// Fails if somebody has changed or dropped a view since the batch was started: what is made again would not be what it is.
fn unchanged(views: &[&LiveView]) -> String {
    let mut body = String::from(
        "\nDECLARE\n  path text := pg_catalog.current_setting('search_path');\nBEGIN\n  \
         PERFORM pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);\n",
    );
    for view in views {
        let name = qualified(&view.schema, &view.name);
        body.push_str(&format!(
            "  IF pg_catalog.pg_get_viewdef(pg_catalog.to_regclass({})) IS DISTINCT FROM {} THEN\n    \
             RAISE EXCEPTION USING MESSAGE = {}, HINT = {};\n  END IF;\n",
            literal(&name),
            literal(&view.definition),
            literal(&format!("view {name} has been changed since the batch was started")),
            literal("give it back the definition that it had, complete the batch, then change it"),
        ));
    }
    body.push_str("  PERFORM pg_catalog.set_config('search_path', path, true);\nEND\n");
    format!("DO {}", dollar(&body))
}

fn create_view(view: &LiveView) -> Vec<String> {
    let name = qualified(&view.schema, &view.name);
    let options = if view.options.is_empty() {
        String::new()
    } else {
        format!(" WITH ({})", super::options(&view.options))
    };
    let columns: Vec<String> = view.columns.iter().map(|column| ident(&column.name)).collect();
    let query = view.definition.trim_end().trim_end_matches(';');
    let mut sql = vec![format!("CREATE VIEW {name} ({}){options} AS\n{query}", columns.join(", "))];
    sql.push(super::forget_rights("TABLE", &name));
    if !view.revoked.is_empty() {
        // Who creates it owns it for now, and hands this over with the rest.
        sql.push(format!("REVOKE {} ON {name} FROM CURRENT_USER", view.revoked.join(", ")));
    }
    for column in &view.columns {
        let of = ident(&column.name);
        if let Some(default) = &column.default {
            sql.push(format!("ALTER VIEW {name} ALTER COLUMN {of} SET DEFAULT {default}"));
        }
        if let Some(comment) = &column.comment {
            sql.push(format!("COMMENT ON COLUMN {name}.{of} IS {}", literal(comment)));
        }
        sql.extend(column.grants.iter().map(|right| grant(right, Some(&column.name), &name)));
    }
    if let Some(comment) = &view.comment {
        sql.push(format!("COMMENT ON VIEW {name} IS {}", literal(comment)));
    }
    sql.extend(view.grants.iter().map(|right| grant(right, None, &name)));
    if let Some(owner) = &view.owner {
        sql.push(format!("ALTER VIEW {name} OWNER TO {}", ident(owner)));
    }
    sql
}
