//! What is asked of the server itself, from the database that it is maintained from.
//!
//! **Invariant:** a name that comes here was drawn or composed by us and needs no quotes.

use postgres::Client;

/// Makes a database. `strategy` says how to copy, if the server is to be told.
///
/// From `template0` if it is to be empty: nobody can be connected to that, which would make the statement fail.
pub(super) fn create_database(
    client: &mut Client,
    name: &str,
    template: &str,
    strategy: &str,
) -> Result<(), postgres::Error> {
    client.batch_execute(&format!("CREATE DATABASE {name} TEMPLATE {template} {strategy}"))
}

/// Drops a database, with the sessions that are connected to it.
pub(super) fn drop_database(client: &mut Client, name: &str) -> Result<(), postgres::Error> {
    client.batch_execute(&format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"))
}

pub(super) fn is_there(client: &mut Client, name: &str) -> Result<bool, postgres::Error> {
    let sql = "SELECT EXISTS (SELECT FROM pg_catalog.pg_database WHERE datname = $1::text)";
    client.query_one(sql, &[&name])?.try_get(0)
}

/// Takes an advisory lock, which goes with the session, as soon as nobody else has it.
pub(super) fn lock(client: &mut Client, class: i32, number: i32) -> Result<(), postgres::Error> {
    client.execute("SELECT pg_advisory_lock($1, $2)", &[&class, &number]).map(drop)
}

/// Takes an advisory lock if nobody else has it.
pub(super) fn try_lock(
    client: &mut Client,
    class: i32,
    number: i32,
) -> Result<bool, postgres::Error> {
    client.query_one("SELECT pg_try_advisory_lock($1, $2)", &[&class, &number])?.try_get(0)
}

/// Gives an advisory lock back.
pub(super) fn unlock(client: &mut Client, class: i32, number: i32) -> Result<(), postgres::Error> {
    client.execute("SELECT pg_advisory_unlock($1, $2)", &[&class, &number]).map(drop)
}
