//! Tests of every kind that the compiler knows.

use std::process::ExitCode;

use reshape_runtime as renamed;

use super::*;

#[ignore = "to see that it compiles, and is not run"]
#[reshape_runtime::test(migrations = migrations::SET, upto = "there is none")]
fn ignored_above(_client: Client) {}

#[reshape_runtime::test(migrations = migrations::SET, upto = "there is none")]
#[ignore = "to see that it compiles, and is not run"]
fn ignored_below(_client: Client) {}

#[should_panic(expected = "on purpose")]
#[reshape_runtime::test(migrations = migrations::SET)]
fn panics_as_said_above(_client: Client) {
    panic!("on purpose");
}

#[reshape_runtime::test(migrations = migrations::SET)]
#[should_panic(expected = "on purpose")]
async fn panics_while_it_waits(client: tokio_postgres::Client) {
    client.batch_execute("SELECT 1").await.unwrap();
    panic!("on purpose");
}

#[reshape_runtime::test(migrations = migrations::SET)]
#[should_panic(expected = "on purpose")]
async fn panics_in_a_task(db: TestDb) {
    // The task has the database when the test is over.
    let task = tokio::spawn(async move {
        let _db = db;
        std::future::pending::<()>().await;
    });
    tokio::task::yield_now().await;
    assert!(!task.is_finished());
    panic!("on purpose");
}

#[reshape_runtime::test(migrations = migrations::SET)]
fn ends_with_a_code(mut client: Client) -> ExitCode {
    add(&mut client).unwrap();
    ExitCode::SUCCESS
}

#[reshape_runtime::test(migrations = migrations::SET, crate = renamed)]
fn has_another_name_for_the_crate(mut client: Client) {
    assert_eq!(count(&mut client), 0);
}

#[reshape_runtime::test(migrations = migrations::SET)]
#[should_panic(expected = "no migration is called `there is none`")]
fn says_what_there_is_not() {
    TestDb::options(&migrations::SET)
        .before("there is none")
        .open()
        .map_err(|error| error.to_string())
        .unwrap();
}
