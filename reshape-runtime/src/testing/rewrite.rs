//! Writes what a version shows as if a client of that version had written it.
//!
//! **Invariant:** runs inside a transaction, which the caller rolls back.

use postgres::Client;
use postgres::error::SqlState;

use super::rows::Rows;
use crate::sql::ident::{ident, idents, qualified};
use crate::{Error, ErrorKind};

/// Takes all rows of all tables away, and inserts them again.
pub(super) fn all(client: &mut Client, schema: &str, rows: &Rows) -> Result<(), Error> {
    let mut deletes = Vec::new();
    let mut inserts = Vec::new();
    for (number, (table, columns)) in rows.tables().enumerate() {
        let (relation, copy) =
            (qualified(schema, table), format!("pg_temp.__reshape_copy_{number}"));
        let sql = format!("CREATE TABLE {copy} AS TABLE {relation}");
        client.batch_execute(&sql).map_err(|error| unwritten(&sql, error))?;
        deletes.push(Write { sql: format!("DELETE FROM {relation}"), insert: None });
        let insert = Insert { relation, copy, columns: columns.to_vec() };
        inserts.push(Write { sql: insert.sql(), insert: Some(insert) });
    }
    in_some_order(client, deletes)?;
    in_some_order(client, inserts)
}

/// A statement, and what it was made of if it may have to be made again with fewer columns.
struct Write {
    sql: String,
    insert: Option<Insert>,
}

struct Insert {
    relation: String,
    copy: String,
    columns: Vec<String>,
}

impl Insert {
    fn sql(&self) -> String {
        let Self { relation, copy, columns } = self;
        if columns.is_empty() {
            return format!("INSERT INTO {relation} SELECT FROM {copy}");
        }
        let columns = idents(columns.iter().map(String::as_str));
        format!(
            "INSERT INTO {relation} ({columns}) OVERRIDING SYSTEM VALUE SELECT {columns} FROM {copy}"
        )
    }
}

/// Foreign keys allow one order, or several: each statement is tried until it succeeds, as long as one of them does.
fn in_some_order(client: &mut Client, mut writes: Vec<Write>) -> Result<(), Error> {
    while !writes.is_empty() {
        let count = writes.len();
        let mut left = Vec::new();
        let mut last = None;
        for write in writes {
            match try_one(client, write)? {
                Ok(()) => {}
                Err((write, error)) => {
                    last = Some(unwritten(&write.sql, error));
                    left.push(write);
                }
            }
        }
        if left.len() == count
            && let Some(error) = last
        {
            return Err(error);
        }
        writes = left;
    }
    Ok(())
}

/// The inner error is that of a foreign key, which another order may satisfy.
fn try_one(
    client: &mut Client,
    mut write: Write,
) -> Result<Result<(), (Write, postgres::Error)>, Error> {
    loop {
        client.batch_execute("SAVEPOINT write").map_err(|error| unwritten("SAVEPOINT", error))?;
        let Err(error) = client.batch_execute(&write.sql) else { return Ok(Ok(())) };
        client.batch_execute("ROLLBACK TO write").map_err(|error| unwritten("ROLLBACK", error))?;
        if error.code() == Some(&SqlState::FOREIGN_KEY_VIOLATION) {
            return Ok(Err((write, error)));
        }
        let generated = write
            .insert
            .as_mut()
            .and_then(|insert| read_only(insert, &error).map(|column| (insert, column)));
        let Some((insert, column)) = generated else { return Err(unwritten(&write.sql, error)) };
        insert.columns.remove(column);
        write.sql = insert.sql();
    }
}

/// The place of the column that the error says nobody can write.
fn read_only(insert: &Insert, error: &postgres::Error) -> Option<usize> {
    let message = error.as_db_error().filter(|_| is_read_only(error))?.message();
    insert.columns.iter().position(|column| message.contains(&ident(column)))
}

/// Runs one statement; a column that nobody can write is left as it is.
pub(super) fn one(client: &mut Client, sql: &str) -> Result<(), Error> {
    client.batch_execute("SAVEPOINT write").map_err(|error| unwritten("SAVEPOINT", error))?;
    match client.batch_execute(sql) {
        Err(error) if is_read_only(&error) => {
            client.batch_execute("ROLLBACK TO write").map_err(|error| unwritten("ROLLBACK", error))
        }
        other => other.map_err(|error| unwritten(sql, error)),
    }
}

/// Generated columns and identities, and columns of views that are expressions.
fn is_read_only(error: &postgres::Error) -> bool {
    const READ_ONLY: [SqlState; 3] = [
        SqlState::GENERATED_ALWAYS,
        SqlState::OBJECT_NOT_IN_PREREQUISITE_STATE,
        SqlState::FEATURE_NOT_SUPPORTED,
    ];
    error.code().is_some_and(|code| READ_ONLY.contains(code))
}

fn unwritten(sql: &str, error: postgres::Error) -> Error {
    Error::new(ErrorKind::Database, format!("rows cannot be written as they are: `{sql}`"))
        .with_sqlstate(&error)
        .with_source(error)
}
