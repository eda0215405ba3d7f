//! Several sets of migrations in one database: each with versions, a state and tables of its own.

#![allow(
    clippy::unwrap_used,
    clippy::manual_assert,
    clippy::print_stdout,
    clippy::single_match_else,
    reason = "helpers of tests, and a measurement"
)]

use postgres::Client;
use reshape_runtime::testing::TestDatabase;
use reshape_runtime::{Error, Migrations, Migrator};
use reshape_tests::{catalog, leftovers, migrations, rows};

mod apart;
mod complete;
mod keys;
mod order;
mod owners;

/// What `auth` and the default set do in these tests: a table, then a change of it, with the same names of migrations in both.
fn set(table: &str) -> Migrations {
    let create = format!(
        "[[actions]]\ntype = \"create_table\"\nname = \"{table}\"\nprimary_key = \"id\"\n\
         columns = [{{ name = \"id\", type = \"int\" }}, {{ name = \"name\", type = \"text\" }}]\n"
    );
    let change = format!(
        "[[actions]]\ntype = \"alter_column\"\ntable = \"{table}\"\ncolumn = \"name\"\nup = \"upper(name)\"\ndown = \"lower(name)\"\n\
         changes = {{ name = \"title\" }}\n"
    );
    migrations(&[("1_create", &create), ("2_change", &change)])
}

fn auth() -> Migrations {
    set("users").in_namespace("auth")
}

fn app() -> Migrations {
    set("orders")
}

fn done(database: &TestDatabase, migrations: &Migrations) {
    start(database, migrations).unwrap_or_else(|error| panic!("{}", error.report()));
    let mut migrator = Migrator::new(migrations, database.url());
    migrator.complete().unwrap_or_else(|error| panic!("{}", error.report()));
}

fn start(database: &TestDatabase, migrations: &Migrations) -> Result<(), Error> {
    Migrator::new(migrations, database.url()).start().map(drop)
}

fn abort(database: &TestDatabase, migrations: &Migrations) -> Result<(), Error> {
    Migrator::new(migrations, database.url()).abort().map(drop)
}

fn complete(database: &TestDatabase, migrations: &Migrations) -> Result<(), Error> {
    Migrator::new(migrations, database.url()).complete().map(drop)
}

type End = fn(&TestDatabase, &Migrations) -> Result<(), Error>;

fn end(completes: bool) -> End {
    if completes { complete } else { abort }
}

/// The first migration of each set is done.
fn both_begun() -> TestDatabase {
    let database = reshape_tests::database();
    for set in [auth(), app()] {
        done(&database, &set.up_to("1_create").unwrap());
    }
    database
}

fn client(database: &TestDatabase) -> Client {
    database.connect().unwrap_or_else(|error| panic!("{}", error.report()))
}

/// The views of every version, `schema.view`.
fn views(client: &mut Client) -> Vec<String> {
    rows(
        client,
        "SELECT schemaname || '.' || viewname FROM pg_views WHERE schemaname LIKE 'migration%' ORDER BY 1",
    )
}

fn refusal(result: Result<(), Error>) -> String {
    result.expect_err("it is refused").report()
}
