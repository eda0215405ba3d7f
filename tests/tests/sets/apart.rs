//! Two sets side by side.

use super::*;

#[test]
fn sets_with_the_same_names_of_migrations_do_not_see_each_other() {
    let database = both_begun();
    let mut client = client(&database);
    assert_eq!(views(&mut client), ["migration_1_create.orders", "migration_auth/1_create.users"]);
    let status = |set: Migrations| Migrator::new(set, database.url()).status().unwrap();
    for set in [auth(), app()] {
        let schema = set.version_schema("1_create");
        let status = status(set);
        assert_eq!(status.current.as_deref(), Some("1_create"));
        assert_eq!(status.applied, ["1_create"]);
        assert_eq!(status.pending, ["2_change"]);
        assert_eq!(status.live_schemas, [schema]);
        let [other] = &status.other_sets[..] else { panic!("{:?}", status.other_sets) };
        assert_eq!(other.latest.as_deref(), Some("1_create"));
    }
}

#[test]
fn both_in_progress_end_in_any_order_and_in_any_way() {
    for [first, second] in [[auth(), app()], [app(), auth()]] {
        for completes in [[true, true], [true, false], [false, true], [false, false]] {
            let database = both_begun();
            let mut client = client(&database);
            let before = catalog(&mut client);
            start(&database, &first).unwrap();
            start(&database, &second).unwrap();
            assert_eq!(views(&mut client).len(), 4);
            for set in [auth(), app()] {
                let table = if set.namespace() == "auth" { "users" } else { "orders" };
                let (old, new) = (set.version_schema("1_create"), set.version_schema("2_change"));
                client
                    .batch_execute(&format!(
                        "INSERT INTO \"{old}\".{table} VALUES (1, 'a'); INSERT INTO \"{new}\".{table} VALUES (2, 'B')"
                    ))
                    .unwrap();
                let seen =
                    rows(&mut client, &format!("SELECT title FROM \"{new}\".{table} ORDER BY id"));
                assert_eq!(seen, ["A", "B"]);
                let seen =
                    rows(&mut client, &format!("SELECT name FROM \"{old}\".{table} ORDER BY id"));
                assert_eq!(seen, ["a", "b"]);
            }
            for (set, completes) in [&first, &second].into_iter().zip(completes) {
                end(completes)(&database, set).unwrap();
            }
            assert_eq!(leftovers(&mut client), Vec::<String>::new());
            if completes == [false, false] {
                assert_eq!(catalog(&mut client), before);
            }
            for (set, completed) in [&first, &second].into_iter().zip(completes) {
                let status = Migrator::new(set, database.url()).status().unwrap();
                let current = if completed { "2_change" } else { "1_create" };
                assert_eq!(status.current.as_deref(), Some(current));
                assert_eq!(status.live_schemas, [set.version_schema(current)]);
            }
            assert_eq!(rows(&mut client, "SELECT * FROM reshape.changing"), Vec::<String>::new());
        }
    }
}

#[test]
fn a_detached_migrator_ends_the_batch_of_the_set_that_it_is_told() {
    let database = both_begun();
    start(&database, &auth()).unwrap();
    start(&database, &app()).unwrap();
    let report = Migrator::detached(database.url()).in_namespace("auth").complete().unwrap();
    assert_eq!(report.target.as_deref(), Some("2_change"));
    assert_eq!(report.base.as_deref(), Some("1_create"));
    let mut client = client(&database);
    assert_eq!(
        views(&mut client),
        ["migration_1_create.orders", "migration_2_change.orders", "migration_auth/2_change.users"]
    );
}

#[test]
fn many_processes_that_install_two_sets_at_once_all_succeed() {
    let database = reshape_tests::database();
    std::thread::scope(|scope| {
        let started: Vec<_> = (0..20)
            .map(|number| {
                let database = &database;
                scope.spawn(move || start(database, &if number % 2 == 0 { auth() } else { app() }))
            })
            .collect();
        for thread in started {
            thread.join().unwrap().unwrap_or_else(|error| panic!("{}", error.report()));
        }
    });
    complete(&database, &auth()).unwrap();
    complete(&database, &app()).unwrap();
    assert_eq!(
        views(&mut client(&database)),
        ["migration_2_change.orders", "migration_auth/2_change.users"]
    );
}

#[test]
fn the_name_of_a_set_is_checked() {
    let database = reshape_tests::database();
    let named = |name: &str| refusal(start(&database, &set("users").in_namespace(name.to_owned())));
    assert!(named("").contains("is empty"), "{}", named(""));
    assert!(named("a/b").contains("contains a `/`"));
    assert!(named(&"x".repeat(52)).contains("has 52 bytes"));
    let long = named(&"x".repeat(45));
    assert!(long.contains("has a longer name than Postgres keeps"), "{long}");
    assert_eq!(rows(&mut client(&database), "SELECT to_regnamespace('reshape')"), ["-"]);
}

#[test]
fn a_database_of_one_set_stays_as_it_was_when_another_comes() {
    let database = reshape_tests::database();
    done(&database, &app());
    let mut client = client(&database);
    let version = "SELECT oid, relname FROM pg_class WHERE relnamespace = '\"migration_2_change\"'::regnamespace";
    let before = rows(&mut client, version);
    done(&database, &auth());
    assert_eq!(rows(&mut client, version), before);
    let status = Migrator::new(app(), database.url()).status().unwrap();
    assert_eq!((status.applied.len(), status.unknown.len()), (2, 0));
}
