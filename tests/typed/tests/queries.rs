//! `query!` on a server: what is checked when the program is compiled runs, and gives what was promised.

#![allow(clippy::unwrap_used)]

use postgres::Client;
use reshape_runtime::Migrator;
use reshape_runtime::query;
use reshape_runtime::testing::{Server, TestDatabase};
use reshape_runtime::typed::library::{chrono, rust_decimal, serde_json, uuid};
use reshape_runtime::typed::{Binary, NewRow};
use reshape_tests_typed::migrations::schema::{
    Mood, NewEverything, NewUsers, Users, everything, users,
};
use reshape_tests_typed::{migrations, newest};

fn with_users() -> (TestDatabase, Client) {
    let (database, mut client) = newest();
    for name in ["Ada", "Bob", "Cleo"] {
        NewUsers::new(users::Required { full_name: name }).insert(&mut client).unwrap();
    }
    (database, client)
}

#[test]
fn columns_have_their_types() {
    let (_database, mut client) = with_users();
    let bob = query!("SELECT id, full_name, nick, visits FROM users WHERE id = $1", 2)
        .one(&mut client)
        .unwrap();
    let (id, name, nick, visits): (i64, String, Option<String>, i64) =
        (bob.id, bob.full_name, bob.nick, bob.visits);
    assert_eq!((id, name.as_str(), nick.as_deref(), visits), (2, "Bob", Some("nobody"), 0));
}

#[test]
fn every_type_has_its_field() {
    let (_database, mut client) = newest();
    NewEverything { normal: Some(2), mood: None, ..NewEverything::new(everything::Required {}) }
        .insert(&mut client)
        .unwrap();
    let row = query!(
        "SELECT number, small, normal, big, single, precise, short_float, exact, yes, text, padded, byte, bytes, day, hour, local,
            moment, uuid, json, jsonb, address, oid, numbers, days, doubled
         FROM everything"
    )
    .one(&mut client)
    .unwrap();
    assert_eq!((row.number, row.normal, row.doubled), (1, Some(2), Some(4)));
    let _: (Option<i16>, Option<i64>, Option<f32>, Option<f64>) =
        (row.small, row.big, row.single, row.precise);
    let _: (Option<f32>, Option<rust_decimal::Decimal>, Option<bool>) =
        (row.short_float, row.exact, row.yes);
    let _: (Option<String>, Option<String>, Option<i8>) = (row.text, row.padded, row.byte);
    let _: (Option<chrono::NaiveDate>, Option<chrono::NaiveTime>) = (row.day, row.hour);
    let _: (Option<chrono::NaiveDateTime>, Option<chrono::DateTime<chrono::Utc>>) =
        (row.local, row.moment);
    let _: (Option<uuid::Uuid>, Option<serde_json::Value>, Option<u32>) =
        (row.uuid, row.json, row.oid);
    let _: (Option<Vec<i32>>, Option<Vec<chrono::NaiveDate>>) = (row.numbers, row.days);
    assert_eq!((row.bytes, row.jsonb, row.address), (None, None, None));
}

#[test]
fn what_is_not_certain_is_said() {
    let (_database, mut client) = with_users();
    let row = query!(
        r#"SELECT count(*) AS "all!", max(id) AS "last?", mood AS "mood: Mood", period AS "period: Option<Binary>"
           FROM users LEFT JOIN everything USING (mood) GROUP BY mood, period"#
    )
    .one(&mut client)
    .unwrap();
    assert_eq!((row.all, row.last, row.mood, row.period), (3, Some(3), Mood::SoSo, None));
}

#[test]
fn rows_may_be_of_a_type_of_the_typed_module() {
    let (_database, mut client) = with_users();
    let all: Vec<Users> =
        query!(as Users, "SELECT * FROM users ORDER BY full_name DESC").all(&mut client).unwrap();
    assert_eq!(
        all.iter().map(|user| user.full_name.as_str()).collect::<Vec<_>>(),
        ["Cleo", "Bob", "Ada"]
    );
}

#[test]
fn one_optional_and_all_count_their_rows() {
    let (_database, mut client) = with_users();
    let of = |id: i64, client: &mut Client| {
        query!("SELECT id FROM users WHERE id >= $1", id).optional(client)
    };
    assert_eq!(of(3, &mut client).unwrap().map(|row| row.id), Some(3));
    assert!(of(4, &mut client).unwrap().is_none());
    let several = of(1, &mut client).unwrap_err();
    assert!(several.is_row_count());
    assert_eq!(several.to_string(), "expected one row, found several");
    let none = query!("SELECT id FROM users WHERE id = $1", 9).one(&mut client).unwrap_err();
    assert_eq!(none.to_string(), "expected one row, found none");
}

#[test]
fn statements_that_write_are_run() {
    let (_database, mut client) = newest();
    let name = String::from("Ada");
    let nick: Option<&str> = None;
    let email = "ada@example.org";
    let row = query!(
        "INSERT INTO users (full_name, nick, email) VALUES ($1, $2, $3) RETURNING id, nick",
        name,
        nick,
        email
    )
    .one(&mut client)
    .unwrap();
    assert_eq!((row.id, row.nick), (1, None));
    let changed = query!(
        "UPDATE users SET full_name = $2, mood = $3, visits = visits + 1 WHERE id = $1",
        row.id,
        "Countess",
        Mood::Sad
    )
    .execute(&mut client)
    .unwrap();
    assert_eq!((changed, name.as_str()), (1, "Ada"));
    let mut transaction = client.transaction().unwrap();
    assert_eq!(
        query!("DELETE FROM users WHERE mood = 'sad'").execute(&mut transaction).unwrap(),
        1
    );
    transaction.rollback().unwrap();
    let left =
        query!("WITH u AS (SELECT * FROM users) SELECT full_name FROM u").one(&mut client).unwrap();
    assert_eq!(left.full_name, "Countess");
}

#[test]
fn a_client_of_tokio_runs_them_too() {
    let (database, _client) = with_users();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let (client, connection) =
            tokio_postgres::connect(database.url(), tokio_postgres::NoTls).await.unwrap();
        let connection = tokio::spawn(connection);
        client.batch_execute(migrations::SCHEMA_QUERY).await.unwrap();
        let all = query!("SELECT full_name FROM users").all_async(&client).await.unwrap();
        assert_eq!(all.len(), 3);
        let one = query!("SELECT full_name FROM users WHERE id = $1", 1)
            .one_async(&client)
            .await
            .unwrap();
        assert_eq!(one.full_name, "Ada");
        let none =
            query!("SELECT full_name FROM users WHERE id = $1", 9).optional_async(&client).await;
        assert!(none.unwrap().is_none());
        assert_eq!(query!("DELETE FROM users").execute_async(&client).await.unwrap(), 3);
        drop(client);
        connection.await.unwrap().unwrap();
    });
}

/// What the errors of `query!` suggest does work, on views and with the version's schema alone on the `search_path`.
#[test]
fn what_the_errors_suggest_runs() {
    let (_database, mut client) = with_users();
    let moods = [Mood::Sad, Mood::SoSo];
    let found = query!("SELECT id FROM users WHERE mood = ANY($1::public.mood[])", &moods[..])
        .all(&mut client)
        .unwrap();
    assert_eq!(found.len(), 3);
    let mood = query!("SELECT $1::public.mood AS mood", Mood::Sad).one(&mut client).unwrap();
    assert_eq!(mood.mood, Some(Mood::Sad));
    let groups = query!(
        r#"SELECT users.id, users.full_name, count(*) AS "all!" FROM users JOIN users others ON others.id <= users.id
           GROUP BY users.id, users.full_name ORDER BY users.id"#
    )
    .all(&mut client)
    .unwrap();
    assert_eq!(groups.iter().map(|row| row.all).collect::<Vec<_>>(), [1, 2, 3]);
    let kept = query!(
        "INSERT INTO everything (number, normal) VALUES (1, 2)
         ON CONFLICT (number) DO UPDATE SET normal = excluded.normal + everything.normal RETURNING normal"
    );
    assert_eq!(kept.one(&mut client).unwrap().normal, Some(2));
    assert_eq!(kept.one(&mut client).unwrap().normal, Some(4));
    query!("INSERT INTO users (id, full_name) VALUES (DEFAULT, 'Dora')")
        .execute(&mut client)
        .unwrap();
}

/// The other way round: what `query!` refuses, the server refuses.
#[test]
fn what_is_refused_does_not_run() {
    let (_database, mut client) = with_users();
    for (sql, message) in [
        ("INSERT INTO users (nick) VALUES ('x')", "violates not-null constraint"),
        ("SELECT id, full_name FROM users GROUP BY id", "must appear in the GROUP BY clause"),
        ("SELECT 'sad'::mood", "type \"mood\" does not exist"),
        ("UPDATE users SET id = DEFAULT", "can only be updated to DEFAULT"),
        (
            "INSERT INTO users (full_name) VALUES ('x') ON CONFLICT (full_name) DO NOTHING",
            "no unique or exclusion constraint",
        ),
    ] {
        let error = client.batch_execute(sql).unwrap_err();
        let told =
            error.as_db_error().map_or_else(|| error.to_string(), |e| e.message().to_owned());
        assert!(told.contains(message), "{sql}: {told}");
    }
}

/// The tables of two tenants are in a schema each, and whose they are is said by the connection alone.
#[test]
fn what_is_checked_once_runs_for_every_tenant() {
    let database = Server::shared().and_then(Server::database).unwrap();
    let mut clients = ["t1", "t2"].map(|schema| {
        let set = migrations::SET.in_schema(schema);
        Migrator::new(&set, database.url()).start_and_complete().unwrap();
        let mut client = database.connect().unwrap();
        client.batch_execute(&set.schema_query().unwrap()).unwrap();
        client
    });
    for (client, name) in clients.iter_mut().zip(["Ada", "Bob"]) {
        NewUsers::new(users::Required { full_name: name }).insert(client).unwrap();
        NewEverything { mood: Some(Mood::SoSo), ..NewEverything::new(everything::Required {}) }
            .insert(client)
            .unwrap();
    }
    for (client, name) in clients.iter_mut().zip(["Ada", "Bob"]) {
        let all: Vec<String> = query!("SELECT full_name FROM users")
            .all(client)
            .unwrap()
            .into_iter()
            .map(|row| row.full_name)
            .collect();
        assert_eq!(all, [name]);
        let mood = query!("SELECT mood FROM everything").one(client).unwrap().mood;
        assert_eq!(mood, Some(Mood::SoSo));
    }
}
