//! The views of a version.
//!
//! A table that needs no translation has one view. One that does has two: the *outer* one, which clients use and which never
//! changes while it is live, and below it the *inner* one with the origin marker, whose view default names the version. An
//! auto-updatable view over an auto-updatable view applies the inner default, so a new client's INSERT is marked whatever its
//! `search_path` says.
//!
//! **Invariant:** views are plain selections of columns, so they stay auto-updatable.

use std::collections::BTreeSet;

use crate::plan::facts::{Facts, Grant, LiveTable};
use crate::plan::lineage::Table;
use crate::sql::ident::{ident, literal, qualified};
use crate::sql::names::{self, ORIGIN};

/// From PostgreSQL 15 on: rights are checked as the client's, and row-level security applies.
pub(crate) const OPTIONS: &str = " WITH (security_invoker = true)";

/// Rights that make sense on a view.
pub(crate) const RIGHTS: [&str; 7] =
    ["SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE", "REFERENCES", "TRIGGER"];

/// Builds the views of one version.
#[derive(Debug)]
pub(crate) struct Views<'a> {
    pub(crate) target: &'a str,
    pub(crate) facts: &'a Facts,
}

impl Views<'_> {
    /// The schema of the outer views, with the right to use it for everyone who has a right on a table.
    pub(crate) fn schema(&self, tables: &[(&Table, bool)]) -> Vec<String> {
        let schema = ident(&names::version_schema(self.target));
        let mut sql = vec![format!("CREATE SCHEMA {schema}")];
        if tables.iter().any(|(_, synced)| *synced) {
            sql.push(format!("CREATE SCHEMA {}", ident(&names::inner_schema(self.target))));
        }
        let grantees: BTreeSet<Option<&str>> =
            tables.iter().flat_map(|(table, _)| self.rights(table)).collect();
        sql.extend(
            grantees
                .into_iter()
                .map(|to| format!("GRANT USAGE ON SCHEMA {schema} TO {}", role(to))),
        );
        sql
    }

    /// The view, or both views, of a table.
    pub(crate) fn create(&self, table: &Table, synced: bool) -> Vec<String> {
        let outer = qualified(&names::version_schema(self.target), &table.name);
        let mut sql = Vec::new();
        if synced {
            let inner = self.inner(table);
            sql.push(format!(
                "CREATE VIEW {inner}{} AS {}",
                self.options(table),
                Self::selection(table, Some(&format!("{}.{}", table.sql(), ident(ORIGIN))))
            ));
            sql.push(format!(
                "ALTER VIEW {inner} ALTER COLUMN {} SET DEFAULT {}",
                ident(ORIGIN),
                literal(self.target)
            ));
            sql.extend(self.grants(table, &inner));
            let names: Vec<String> =
                table.columns.iter().map(|column| ident(&column.name)).collect();
            sql.push(format!(
                "CREATE VIEW {outer}{} AS SELECT {} FROM {inner}",
                self.options(table),
                names.join(", ")
            ));
        } else {
            sql.push(format!(
                "CREATE VIEW {outer}{} AS {}",
                self.options(table),
                Self::selection(table, None)
            ));
        }
        for column in &table.columns {
            let drawn = column.draws && table.is_new(column);
            if let (Some(default), false) = (&column.default, column.generated || drawn) {
                sql.push(format!(
                    "ALTER VIEW {outer} ALTER COLUMN {} SET DEFAULT {default}",
                    ident(&column.name)
                ));
            }
            if let Some(comment) = &column.comment {
                let column = ident(&column.name);
                sql.push(format!("COMMENT ON COLUMN {outer}.{column} IS {}", literal(comment)));
            }
        }
        if let Some(comment) = &table.comment {
            sql.push(format!("COMMENT ON VIEW {outer} IS {}", literal(comment)));
        }
        sql.extend(self.grants(table, &outer));
        sql
    }

    /// Contract: takes the locks in the order in which a client's query takes them, inner view before table. The other way round the
    /// two would wait for each other, again at every retry.
    pub(crate) fn lock(&self, table: &Table) -> String {
        format!("LOCK TABLE {} IN ACCESS EXCLUSIVE MODE", self.inner(table))
    }

    /// Contract: locks the inner view and nothing below it, which `LOCK TABLE` would lock as well.
    pub(crate) fn enter(&self, table: &Table) -> String {
        let inner = self.inner(table);
        format!("ALTER VIEW {inner} ALTER COLUMN {} DROP DEFAULT", ident(ORIGIN))
    }

    /// Contract: the inner view lets go of the marker. Its columns stay the same, so prepared statements survive.
    pub(crate) fn release(&self, table: &Table) -> [String; 2] {
        let inner = self.inner(table);
        [
            self.enter(table),
            format!(
                "CREATE OR REPLACE VIEW {inner}{} AS {}",
                self.options(table),
                Self::selection(table, Some("NULL::text"))
            ),
        ]
    }

    /// Rollback: drops the version's views and schemas.
    pub(crate) fn drop(&self, tables: &[(&Table, bool)]) -> Vec<String> {
        let mut sql = Vec::new();
        let outer = names::version_schema(self.target);
        let inner = names::inner_schema(self.target);
        for (table, _) in tables {
            sql.push(format!("DROP VIEW IF EXISTS {}", qualified(&outer, &table.name)));
        }
        for (table, _) in tables.iter().filter(|(_, synced)| *synced) {
            sql.push(format!("DROP VIEW IF EXISTS {}", qualified(&inner, &table.name)));
        }
        sql.push(format!("DROP SCHEMA IF EXISTS {}", ident(&outer)));
        sql.push(format!("DROP SCHEMA IF EXISTS {}", ident(&inner)));
        sql
    }

    fn inner(&self, table: &Table) -> String {
        qualified(&names::inner_schema(self.target), &table.name)
    }

    fn selection(table: &Table, marker: Option<&str>) -> String {
        let mut columns: Vec<String> = table
            .columns
            .iter()
            .filter_map(|column| {
                let physical = table.physical(column)?;
                Some(if physical == column.name {
                    ident(physical)
                } else {
                    format!("{} AS {}", ident(physical), ident(&column.name))
                })
            })
            .collect();
        columns.extend(marker.map(|marker| format!("{marker} AS {}", ident(ORIGIN))));
        format!("SELECT {} FROM {}", columns.join(", "), table.sql())
    }

    /// Rights are checked as the client's from PostgreSQL 15 on, and row-level security applies. Such a view asks for the right to read every
    /// column that it selects, whatever the query wants: a role with rights on some of the columns could not read it at all. Where there are such
    /// rights, and no row-level security, the view asks for its own, which are those of the table.
    fn options(&self, table: &Table) -> &'static str {
        let by_column = self.live(table).is_some_and(|live| {
            !live.row_security && live.columns.iter().any(|column| !column.grants.is_empty())
        });
        if self.facts.server_version >= 150_000 && !by_column { OPTIONS } else { "" }
    }

    /// Everyone who has some right on the table or on a column of it.
    fn rights<'b>(&'b self, table: &Table) -> Vec<Option<&'b str>> {
        let grants: Vec<&Grant> = match self.live(table) {
            Some(live) => {
                live.grants.iter().chain(live.columns.iter().flat_map(|c| &c.grants)).collect()
            }
            None => self.facts.default_grants(&table.schema).iter().collect(),
        };
        grants.into_iter().map(|grant| grant.grantee.as_deref()).collect()
    }

    fn live(&self, table: &Table) -> Option<&LiveTable> {
        if table.created { None } else { self.facts.table(table.key()) }
    }

    /// The rights on the base table, and those on columns by the names that they have in this version.
    fn grants(&self, table: &Table, view: &str) -> Vec<String> {
        let live = self.live(table);
        let mut sql: Vec<String> = live
            .map_or(self.facts.default_grants(&table.schema), |live| &live.grants)
            .iter()
            .filter(|grant| RIGHTS.contains(&grant.privilege.as_str()))
            .map(|right| grant(right, None, view))
            .collect();
        for column in &table.columns {
            let ancestor =
                live.zip(column.ancestor.as_deref()).and_then(|(l, name)| l.column(name));
            for right in ancestor.into_iter().flat_map(|column| &column.grants) {
                sql.push(grant(right, Some(&column.name), view));
            }
        }
        sql
    }
}

/// The rights on a shadow column: those of the column that it replaces.
pub(crate) fn column_grants(table: &Table, live: &LiveTable) -> Vec<String> {
    let mut sql = Vec::new();
    for column in table.shadows() {
        let ancestor = column.ancestor.as_deref().and_then(|name| live.column(name));
        for right in ancestor.into_iter().flat_map(|column| &column.grants) {
            sql.push(grant(right, table.physical(column), &table.sql()));
        }
    }
    sql
}

/// `GRANT`, on a relation or on one of its columns.
pub(crate) fn grant(grant: &Grant, column: Option<&str>, on: &str) -> String {
    let columns = column.map(|column| format!(" ({})", ident(column))).unwrap_or_default();
    let option = if grant.grantable { " WITH GRANT OPTION" } else { "" };
    format!(
        "GRANT {}{columns} ON {on} TO {}{option}",
        grant.privilege,
        role(grant.grantee.as_deref())
    )
}

pub(crate) fn role(grantee: Option<&str>) -> String {
    grantee.map_or_else(|| String::from("PUBLIC"), ident)
}
