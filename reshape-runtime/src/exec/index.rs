//! Indexes, built and dropped while clients write.
//!
//! **Invariant:** an index that a broken build left behind (`indisvalid` is false) is never taken for the real one.

use super::retry::Failure;
use super::run::Run;
use super::session::rows;
use crate::plan::Work;
use crate::sql::ident::{literal, qualified};

/// The SQL in which the tables are looked for that work on an index has to lock.
pub(super) fn locked_by(work: &Work) -> String {
    match work {
        Work::CreateIndex { statement, .. } => statement.clone(),
        Work::DefineIndex { define, .. } => define.join(";\n"),
        Work::CreateIndexes { query } => query.clone(),
        Work::DropIndex { name, .. } => name.clone(),
        Work::Sql { .. } | Work::Backfill { .. } | Work::Analyze { .. } => String::new(),
    }
}

impl Run<'_> {
    /// Whatever a plan does to indexes; other work is not done here.
    pub(super) fn index(&mut self, work: &Work) -> Result<(), Failure> {
        match work {
            Work::CreateIndex { schema, name, statement } => {
                self.create_index(schema, name, statement)
            }
            Work::DefineIndex { schema, name, define } => self.define_index(schema, name, define),
            Work::CreateIndexes { query } => self.create_indexes(query),
            Work::DropIndex { schema, name } => self.drop_index(schema, name),
            Work::Sql { .. } | Work::Backfill { .. } | Work::Analyze { .. } => Ok(()),
        }
    }

    /// `CREATE INDEX CONCURRENTLY`, unless a valid index of that name is there.
    fn create_index(&mut self, schema: &str, name: &str, statement: &str) -> Result<(), Failure> {
        match self.is_valid(schema, name)? {
            Some(true) => return Ok(()),
            // A build that was cut off, or failed: every write maintains it, no query uses it.
            Some(false) => self.drop_index(schema, name)?,
            None => {}
        }
        // SHARE UPDATE EXCLUSIVE on the table: reads and writes go on.
        Ok(self.client.batch_execute(statement)?)
    }

    /// The same, with the statement that `define` returns.
    fn define_index(&mut self, schema: &str, name: &str, define: &[String]) -> Result<(), Failure> {
        let sql = format!("BEGIN;\n{}", define.join("\n;\n"));
        let found = rows(&mut self.client, &sql);
        self.roll_back_transaction();
        let found = found?;
        let statement = found.last().and_then(|row| row.get(0)).unwrap_or_default().to_owned();
        self.create_index(schema, name, &statement)
    }

    /// The same for each row of the query: schema, name and statement.
    fn create_indexes(&mut self, query: &str) -> Result<(), Failure> {
        for row in rows(&mut self.client, query)? {
            let field = |number| row.get(number).unwrap_or_default();
            self.create_index(field(0), field(1), field(2))?;
        }
        Ok(())
    }

    /// `DROP INDEX CONCURRENTLY`, if it is there.
    fn drop_index(&mut self, schema: &str, name: &str) -> Result<(), Failure> {
        let index = qualified(schema, name);
        // SHARE UPDATE EXCLUSIVE on the table: reads and writes go on.
        Ok(self.client.batch_execute(&format!("DROP INDEX CONCURRENTLY IF EXISTS {index}"))?)
    }

    /// Whether the index is valid; `None` if there is none.
    fn is_valid(&mut self, schema: &str, name: &str) -> Result<Option<bool>, Failure> {
        let rows = rows(
            &mut self.client,
            &format!(
                "SELECT i.indisvalid FROM pg_catalog.pg_index i \
                 JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid \
                 JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
                 WHERE n.nspname = {} AND c.relname = {}",
                literal(schema),
                literal(name)
            ),
        )?;
        Ok(rows.first().map(|row| row.get(0) == Some("t")))
    }
}
