//! `#[reshape_runtime::test]`: a database for each test, and what the test asks for by the types of its arguments.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]
#![allow(clippy::needless_pass_by_value, reason = "the attribute hands values over")]

mod kinds;

use postgres::{Client, NoTls};
use reshape_runtime::testing::{Argument, New, Old, TestDb};
use reshape_runtime::{Error, Outcome};
use reshape_tests_typed::migrations;

fn count(client: &mut Client) -> i64 {
    client.query_one("SELECT count(*) FROM users", &[]).unwrap().get(0)
}

fn add(client: &mut Client) -> Result<u64, postgres::Error> {
    client.execute("INSERT INTO users (full_name) VALUES ('Ada')", &[])
}

#[reshape_runtime::test(migrations = migrations::SET)]
fn a_client_is_of_the_newest_version(mut client: Client) {
    add(&mut client).unwrap();
    assert_eq!(count(&mut client), 1);
}

#[reshape_runtime::test(migrations = migrations::SET)]
fn arguments_are_of_one_database(
    db: TestDb,
    url: String,
    config: postgres::Config,
    mut client: Client,
) {
    for mut other in [
        Client::connect(&url, NoTls).unwrap(),
        config.connect(NoTls).unwrap(),
        db.connect().unwrap(),
    ] {
        add(&mut other).unwrap();
    }
    assert_eq!(count(&mut client), 3);
}

#[reshape_runtime::test(migrations = migrations::SET)]
fn a_test_may_return_a_result(mut client: Client) -> Result<(), postgres::Error> {
    add(&mut client)?;
    Ok(())
}

#[reshape_runtime::test(migrations = migrations::SET)]
fn a_test_may_ask_for_nothing() {}

#[reshape_runtime::test(migrations = migrations::SET)]
#[should_panic(expected = "null value in column")]
fn a_test_may_have_to_panic(mut client: Client) {
    client.execute("INSERT INTO users (full_name) VALUES (NULL)", &[]).unwrap();
}

#[reshape_runtime::test(migrations = migrations::SET, fixtures("users.sql"))]
fn rows_come_from_a_file_beside_the_test(mut client: Client) {
    assert_eq!(count(&mut client), 2);
}

#[reshape_runtime::test(migrations = migrations::SET, fixtures("users.sql"), in_progress)]
fn both_versions_are_there((mut old, mut new): (Old, New)) {
    assert_eq!((count(&mut old), count(&mut new)), (2, 2));
    old.execute("UPDATE users SET type = 'x', visits = 7", &[]).unwrap();
    let visits: i64 = new.query_one("SELECT max(visits) FROM users", &[]).unwrap().get(0);
    assert_eq!(visits, 7);
    assert!(new.execute("UPDATE users SET type = 'x'", &[]).is_err(), "the column is gone");
}

/// What the types say suffices.
#[reshape_runtime::test(migrations = migrations::SET)]
fn two_clients_mean_a_migration_in_progress(
    old: Old<String>,
    new: New<postgres::Config>,
    db: TestDb,
) {
    let mut old = Client::connect(&old, NoTls).unwrap();
    old.execute("UPDATE users SET type = 'x'", &[]).unwrap();
    new.connect(NoTls).unwrap().execute("UPDATE users SET visits = 1::bigint << 40", &[]).unwrap();
    assert_eq!(db.migrator().complete().unwrap().outcome, Outcome::Completed);
}

#[reshape_runtime::test(migrations = migrations::SET, upto = "0002_rename")]
fn a_migration_is_tried_on_rows_of_the_version_before(mut client: Client, db: TestDb) {
    client.execute("INSERT INTO users (name) VALUES ('Ada')", &[]).unwrap();
    let set = migrations::SET.up_to("0002_rename").unwrap();
    reshape_runtime::Migrator::new(set, db.plain_url()).start_and_complete().unwrap();
    let mut new = Client::connect(db.plain_url(), NoTls).unwrap();
    new.batch_execute("SET search_path TO \"migration_0002_rename\"").unwrap();
    let name: String = new.query_one("SELECT full_name FROM users", &[]).unwrap().get(0);
    assert_eq!(name, "Ada");
}

#[reshape_runtime::test(migrations = migrations::SET, upto = "0002_rename", in_progress)]
fn the_migration_in_progress_need_not_be_the_last(mut old: Old, mut new: New) {
    old.execute("INSERT INTO users (name) VALUES ('Ada')", &[]).unwrap();
    let name: String = new.query_one("SELECT full_name FROM users", &[]).unwrap().get(0);
    assert_eq!(name, "Ada");
}

#[reshape_runtime::test(migrations = migrations::SET, namespace = "app")]
fn the_set_may_have_another_name(db: TestDb) {
    assert!(db.url().contains("migration%5Fapp%2F0003%5Fremove"), "{}", db.url());
}

/// Two rows that a test wants in most cases.
struct Pair {
    client: Client,
}

impl Argument for Pair {
    fn of(db: &TestDb) -> Result<Self, Error> {
        let mut client = db.connect()?;
        add(&mut client).unwrap();
        add(&mut client).unwrap();
        Ok(Self { client })
    }
}

#[reshape_runtime::test(migrations = migrations::SET)]
fn an_argument_may_be_of_ones_own_type(mut pair: Pair) {
    assert_eq!(count(&mut pair.client), 2);
}

#[reshape_runtime::test(migrations = migrations::SET)]
async fn an_asynchronous_test_has_an_asynchronous_client(
    client: tokio_postgres::Client,
    url: String,
) {
    client.execute("INSERT INTO users (full_name) VALUES ('Ada')", &[]).await.unwrap();
    let (other, connection) = tokio_postgres::connect(&url, NoTls).await.unwrap();
    tokio::spawn(connection);
    let count: i64 = other.query_one("SELECT count(*) FROM users", &[]).await.unwrap().get(0);
    assert_eq!(count, 1);
}

#[reshape_runtime::test(migrations = migrations::SET, fixtures("users.sql"))]
async fn an_asynchronous_test_has_both_versions(
    (old, new): (Old<tokio_postgres::Client>, New<tokio_postgres::Client>),
) -> Result<(), tokio_postgres::Error> {
    old.execute("UPDATE users SET type = 'x', visits = 7", &[]).await?;
    let visits: i64 = new.query_one("SELECT max(visits) FROM users", &[]).await?.get(0);
    assert_eq!(visits, 7);
    Ok(())
}

#[reshape_runtime::test(migrations = migrations::SET)]
async fn the_database_goes_away_inside_a_runtime_too(db: TestDb) {
    drop(db);
    tokio::task::yield_now().await;
}
