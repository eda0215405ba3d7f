//! Typed modules on a server: what is inserted comes back.

#![allow(clippy::unwrap_used)]

use std::time::SystemTime;

use postgres::Client;
use reshape_runtime::testing::Server;
use reshape_runtime::typed::library::{chrono, rust_decimal, serde_json, uuid};
use reshape_runtime::typed::{
    self, Binary, Enumeration, Fields, FromRow, Insert, NewRow, TableRow,
};
use reshape_runtime::{Migration, Migrator, typed::library};
use reshape_tests_typed::migrations::schema::{Everything, Mood, NewEverything, NewUsers, Users};
use reshape_tests_typed::migrations::schema::{everything, users};
use reshape_tests_typed::{Shout, migrations, newest};

fn everything_there_is() -> NewEverything {
    let day = chrono::NaiveDate::from_ymd_opt(2024, 2, 29).unwrap();
    let local = day.and_hms_micro_opt(1, 2, 3, 4).unwrap();
    NewEverything {
        number: Insert::Value(7),
        small: Some(-1),
        normal: Some(2),
        big: Some(i64::MAX),
        single: Some(1.5),
        precise: Some(0.1),
        short_float: Some(2.5),
        exact: Some(rust_decimal::Decimal::new(123_450_000, 4)),
        yes: Some(true),
        text: Some("\"'\\ \u{1f980}".into()),
        padded: Some("abc".into()),
        byte: Some(65),
        bytes: Some(vec![0, 255]),
        day: Some(day),
        hour: chrono::NaiveTime::from_hms_opt(23, 59, 59),
        local: Some(local),
        moment: Some(local.and_utc()),
        uuid: Some(uuid::Uuid::from_u128(42)),
        json: Some(serde_json::json!({"a": [1, null]})),
        jsonb: Some(serde_json::json!("b")),
        address: Some([127, 0, 0, 1].into()),
        oid: Some(u32::MAX),
        mood: Some(Mood::VeryHappy),
        moods: Some(vec![Mood::SoSo, Mood::V]),
        numbers: Some(vec![1, 2]),
        days: Some(vec![day]),
        matrix: None,
        period: Some(Binary(vec![0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3])),
        span: Some(Binary(vec![1])),
        pair: Insert::Value(None),
        loud: Insert::Value(Some(Shout("QUIET".into()))),
    }
}

#[test]
fn a_value_of_every_type_comes_back_as_it_was() {
    let (_database, mut client) = newest();
    let new = everything_there_is();
    let row = new.insert(&mut client).unwrap();
    assert_eq!(row.number, 7);
    assert_eq!(
        (row.small, row.normal, row.big, row.doubled),
        (new.small, new.normal, new.big, Some(4))
    );
    assert_eq!(
        (row.single, row.precise, row.short_float),
        (new.single, new.precise, new.short_float)
    );
    assert_eq!((row.exact, row.yes, &row.text), (new.exact, new.yes, &new.text));
    assert_eq!((&row.padded, row.byte, &row.bytes), (&new.padded, new.byte, &new.bytes));
    assert_eq!(
        (row.day, row.hour, row.local, row.moment),
        (new.day, new.hour, new.local, new.moment)
    );
    assert_eq!((row.uuid, &row.json, &row.jsonb), (new.uuid, &new.json, &new.jsonb));
    assert_eq!((row.address, row.oid, row.mood), (new.address, new.oid, new.mood));
    assert_eq!((&row.moods, &row.numbers, &row.days), (&new.moods, &new.numbers, &new.days));
    assert_eq!(row.period, new.period);
    assert_eq!(row.span, new.span);
    assert_eq!((&row.pair, &row.matrix), (&None, &None));
    assert_eq!(row.loud, Some(Shout("QUIET".into())));

    let all = client.query(everything::TABLE.select(), &[]).unwrap();
    assert_eq!(typed::decode::<Everything>(&all).unwrap(), [row]);
    let period = client.query_one("SELECT period::text FROM everything", &[]).unwrap();
    assert_eq!(period.get::<_, &str>(0), "3 mons 2 days 00:00:00.000001");
}

#[test]
fn what_is_not_given_is_null_or_the_default() {
    let (_database, mut client) = newest();
    let row = NewEverything::new(everything::Required {}).insert(&mut client).unwrap();
    assert_eq!((row.number, row.small, row.text, row.mood, row.moods), (1, None, None, None, None));
    // The default of the domain, which NULL would have suppressed.
    assert_eq!(row.loud, Some(Shout("HEY".into())));
}

#[test]
fn a_default_and_null_are_different() {
    let (_database, mut client) = newest();
    let ada = NewUsers::new(users::Required { full_name: "Ada" }).insert(&mut client).unwrap();
    assert_eq!((ada.nick.as_deref(), ada.mood, ada.visits), (Some("nobody"), Mood::SoSo, 0));
    let ada = NewUsers {
        nick: Insert::Value(None),
        visits: 3.into(),
        ..NewUsers::new(users::Required { full_name: "Ada" })
    }
    .insert(&mut client)
    .unwrap();
    assert_eq!((ada.nick, ada.visits), (None, 3));
    let ada = NewUsers {
        nick: Some("a".into()).into(),
        mood: Mood::Sad.into(),
        ..NewUsers::new(users::Required { full_name: "Ada" })
    }
    .insert(&mut client)
    .unwrap();
    assert_eq!((ada.nick.as_deref(), ada.mood), (Some("a"), Mood::Sad));
}

#[test]
fn a_domain_takes_values_of_the_type_it_is_over() {
    let (_database, mut client) = newest();
    let email = Insert::Value(Some("ada@example.org".to_owned()));
    let ada = NewUsers { email, ..NewUsers::new(users::Required { full_name: "Ada" }) }
        .insert(&mut client)
        .unwrap();
    assert_eq!(ada.email.as_deref(), Some("ada@example.org"));
    let email = Insert::Value(Some("nonsense".to_owned()));
    let error = NewUsers { email, ..NewUsers::new(users::Required { full_name: "Ada" }) }
        .insert(&mut client)
        .unwrap_err();
    let database = error.database().unwrap();
    assert_eq!(database.code().unwrap().code(), "23514");
    assert!(error.to_string().contains("violates check constraint"), "{error}");
}

#[test]
fn a_constant_knows_its_column() {
    let (_database, mut client) = newest();
    NewUsers::new(users::Required { full_name: "Ada" }).insert(&mut client).unwrap();
    assert_eq!((users::FULL_NAME.name(), users::FULL_NAME.data_type()), ("full_name", "text"));
    let sql = format!("SELECT {}, {} FROM {}", users::ID, users::EMAIL, users::TABLE);
    let row = client.query_one(&sql, &[]).unwrap();
    let id: i64 = users::ID.get(&row).unwrap();
    let email: Option<String> = users::EMAIL.get(&row).unwrap();
    assert_eq!((id, email), (1, None));
    let error = users::FULL_NAME.get(&row).unwrap_err().to_string();
    assert_eq!(
        error,
        "the row has no column `full_name` of table `users`\n  help: it has `id`, `email`"
    );
    assert_eq!(Users::TABLE.name(), "users");
}

#[test]
fn a_value_that_does_not_fit_is_told_with_its_column() {
    let (_database, mut client) = newest();
    let of = |client: &mut Client, sql: &str| {
        Users::from_row(&client.query_one(sql, &[]).unwrap()).unwrap_err().to_string()
    };
    assert_eq!(
        of(&mut client, "SELECT 1::int AS id"),
        "cannot decode column `id` of table `users`: cannot convert between the Rust type `i64` and the Postgres type `int4`"
    );
    assert_eq!(
        of(&mut client, "SELECT 1::bigint AS id, NULL::text AS full_name"),
        "cannot decode column `full_name` of table `users`: a Postgres value was `NULL`"
    );
}

#[test]
fn a_null_in_an_array_is_told_from_a_null() {
    let (_database, mut client) = newest();
    let sql = "SELECT ARRAY[1, NULL] AS some, NULL::int[] AS nothing";
    let row = client.query_one(sql, &[]).unwrap();
    let of = |name: &str| Fields::new(&row, "").get::<Vec<i32>>(name).unwrap_err().to_string();
    assert_eq!(of("some"), "cannot decode column `some`: an element of the array is NULL");
    assert_eq!(of("nothing"), "cannot decode column `nothing`: a Postgres value was `NULL`");
    let some: Vec<Option<i32>> = Fields::new(&row, "").get("some").unwrap();
    assert_eq!(some, [Some(1), None]);
}

#[test]
fn an_enum_has_its_values_and_refuses_others() {
    let (_database, mut client) = newest();
    assert_eq!(Mood::NAME, "mood");
    let texts: Vec<_> =
        Mood::VALUES.iter().map(|(mood, text)| (mood.as_str() == *text, *text)).collect();
    assert_eq!(texts, [(true, "sad"), (true, "so-so"), (true, "very happy"), (true, "")]);
    assert!(Mood::Sad < Mood::VeryHappy);
    assert_eq!(format!("{:>6}", Mood::Sad), "   sad");
    client.batch_execute("ALTER TYPE public.mood ADD VALUE 'furious'").unwrap();
    let row = client.query_one("SELECT 'furious'::public.mood AS mood", &[]).unwrap();
    let error = everything::MOOD.get(&row).unwrap_err().to_string();
    assert_eq!(
        error,
        "cannot decode column `mood` of table `everything`: `furious` is not a value of enum `mood` in this version"
    );
}

#[test]
fn names_of_every_kind_are_usable() {
    use reshape_tests_typed::migrations::schema::{
        NewSelf2ndNames, New日本語, self_2nd_names, 日本語_2,
    };
    let (_database, mut client) = newest();
    let required = self_2nd_names::Required { _2nd: "x", größe_in_cm: 180 };
    let row = NewSelf2ndNames { a_b_2: Some(4), r#gen: Some(5), ..NewSelf2ndNames::new(required) }
        .insert(&mut client)
        .unwrap();
    assert_eq!((row.self_, row._2nd.as_str(), row.größe_in_cm), (1, "x", 180));
    assert_eq!(
        (row.a_b, row.a_b_2, row.table, row.r#gen, row.日本),
        (None, Some(4), None, Some(5), None)
    );
    assert_eq!(self_2nd_names::A_B.name(), "a-b");
    assert_eq!(self_2nd_names::TABLE_2.name(), "table");
    assert_eq!(self_2nd_names::TABLE.quoted(), "\"Self 2nd-Names\"");
    assert_eq!(New日本語::new(日本語_2::Required {}).insert(&mut client).unwrap().id, 1);
}

#[test]
fn both_versions_are_usable_at_once() {
    use migrations::versions::{v0001_base, v0002_rename};
    let database = Server::shared().and_then(Server::database).unwrap();
    let first = migrations::SET.up_to(migrations::M0001Base::NAME).unwrap();
    let mut migrator = Migrator::new(&first, database.url());
    migrator.start().unwrap();
    migrator.complete().unwrap();
    let second = migrations::SET.up_to(migrations::M0002Rename::NAME).unwrap();
    Migrator::new(&second, database.url()).start().unwrap();

    let (mut old, mut new) = (database.connect().unwrap(), database.connect().unwrap());
    old.batch_execute(migrations::M0001Base::SCHEMA_QUERY).unwrap();
    new.batch_execute(migrations::M0002Rename::SCHEMA_QUERY).unwrap();
    let ada = v0001_base::NewUsers::new(v0001_base::users::Required { name: "Ada" })
        .insert(&mut old)
        .unwrap();
    let bob = v0002_rename::NewUsers::new(v0002_rename::users::Required { full_name: "Bob" })
        .insert(&mut new)
        .unwrap();
    assert_eq!((ada.name.as_str(), bob.full_name.as_str(), bob.visits), ("Ada", "Bob", 0));
    let seen = new.query(v0002_rename::users::TABLE.select(), &[]).unwrap();
    let seen = typed::decode::<v0002_rename::Users>(&seen).unwrap();
    assert_eq!(seen.iter().map(|user| user.full_name.as_str()).collect::<Vec<_>>(), ["Ada", "Bob"]);
    let seen = old.query(v0001_base::users::TABLE.select(), &[]).unwrap();
    let seen = typed::decode::<v0001_base::Users>(&seen).unwrap();
    assert_eq!(seen.iter().map(|user| user.name.as_str()).collect::<Vec<_>>(), ["Ada", "Bob"]);
    // What has not changed is one type.
    let _: fn(v0001_base::Everything) -> v0002_rename::Everything = |row| row;
}

#[test]
fn a_client_of_tokio_inserts_too() {
    let (database, mut client) = newest();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let name = runtime.block_on(async {
        let (client, connection) =
            tokio_postgres::connect(database.url(), tokio_postgres::NoTls).await.unwrap();
        let connection = tokio::spawn(connection);
        client.batch_execute(migrations::SCHEMA_QUERY).await.unwrap();
        let user = NewUsers::new(users::Required { full_name: "Ada" })
            .insert_async(&client)
            .await
            .unwrap();
        drop(client);
        connection.await.unwrap().unwrap();
        user.full_name
    });
    assert_eq!(name, "Ada");
    assert_eq!(client.query(users::TABLE.select(), &[]).unwrap().len(), 1);
}

/// Every type that a library may give a column.
#[test]
fn every_librarys_types_can_be_decoded_and_given() {
    fn both<T: postgres::types::FromSqlOwned + postgres::types::ToSql + Clone + PartialEq>() {}
    both::<SystemTime>();
    both::<library::chrono::DateTime<library::chrono::Utc>>();
    both::<library::chrono::NaiveDateTime>();
    both::<library::chrono::NaiveDate>();
    both::<library::chrono::NaiveTime>();
    both::<library::jiff::Timestamp>();
    both::<library::jiff::civil::DateTime>();
    both::<library::jiff::civil::Date>();
    both::<library::jiff::civil::Time>();
    both::<library::time::OffsetDateTime>();
    both::<library::time::PrimitiveDateTime>();
    both::<library::time::Date>();
    both::<library::time::Time>();
}
