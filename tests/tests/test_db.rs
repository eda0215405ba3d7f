//! Every test has a migrated database of its own: in the state it asks for, with nothing of another test in it, and none left behind.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::collections::HashSet;
use std::io::{BufRead as _, BufReader, Read as _};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use std::{env, thread};

use postgres::{Client, NoTls};
use reshape_runtime::testing::{Server, TestDb};
use reshape_runtime::{Migrations, Outcome};
use reshape_tests::{migrations, rows};

/// Makes this binary's test `child` hold a database.
const CHILD: &str = "RESHAPE_TEST_DB_CHILD";

const USERS: &str = r#"
    [[actions]]
    type = "create_table"
    name = "users"
    primary_key = ["id"]

    [[actions.columns]]
    name = "id"
    type = "INTEGER"
    generated = "ALWAYS AS IDENTITY"

    [[actions.columns]]
    name = "name"
    type = "TEXT"
    nullable = false
"#;

const SHOUT: &str = r#"
    [[actions]]
    type = "alter_column"
    table = "users"
    column = "name"
    up = "upper(name)"
    down = "lower(name)"

    [actions.changes]
    name = "shout"
"#;

fn two() -> Migrations {
    migrations(&[("1_users", USERS), ("2_shout", SHOUT)])
}

/// The databases of a server whose names begin so.
fn databases(server: &Server, prefix: &str) -> Vec<String> {
    reshape_tests::databases(&mut server.config().connect(NoTls).unwrap(), prefix)
}

fn until(what: &str, mut done: impl FnMut() -> bool) {
    // Generous, because the machine may be busy.
    let deadline = Instant::now() + Duration::from_mins(1);
    while !done() {
        assert!(Instant::now() < deadline, "{what}");
        thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_client_of_any_kind_sees_the_newest_version_by_the_url() {
    let db = TestDb::new(&two()).unwrap();
    for mut client in [
        db.connect().unwrap(),
        Client::connect(&db.url(), NoTls).unwrap(),
        db.config().connect(NoTls).unwrap(),
    ] {
        client.execute("INSERT INTO users (shout) VALUES ('ADA')", &[]).unwrap();
    }
    let mut plain = Client::connect(db.plain_url(), NoTls).unwrap();
    assert_eq!(rows(&mut plain, "SELECT current_setting('search_path')"), ["\"$user\", public"]);
    let url = db.url();
    assert!(url.contains("?options=%2Dc%20search%5Fpath%3D"), "{url}");
}

#[test]
fn nothing_of_another_test_is_seen() {
    let set = two();
    let (one, other) = (TestDb::new(&set).unwrap(), TestDb::new(&set).unwrap());
    assert_ne!(one.name(), other.name());
    one.connect().unwrap().execute("INSERT INTO users (shout) VALUES ('ADA')", &[]).unwrap();
    assert!(rows(&mut other.connect().unwrap(), "SELECT shout FROM users").is_empty());
}

#[test]
fn many_at_once_have_one_template_and_each_its_own_rows() {
    let server = Server::start().unwrap();
    let set = two();
    let names: HashSet<String> = thread::scope(|scope| {
        let tests: Vec<_> = (0..24)
            .map(|number: i32| {
                let (server, set) = (&server, &set);
                scope.spawn(move || {
                    let db = TestDb::options(set).open_on(server).unwrap();
                    let mut client = db.connect().unwrap();
                    let row = number.to_string();
                    client.execute("INSERT INTO users (shout) VALUES ($1)", &[&row]).unwrap();
                    assert_eq!(shouts(&mut client), [row]);
                    db.name().to_owned()
                })
            })
            .collect();
        tests.into_iter().map(|test| test.join().unwrap()).collect()
    });
    assert_eq!(names.len(), 24);
    assert_eq!(databases(&server, "reshape_template_").len(), 1);
    assert_eq!(databases(&server, "reshape_unfinished_").len(), 0);
    assert_eq!(databases(&server, "reshape_test_").len(), 0, "each is dropped with its value");
}

fn shouts(client: &mut Client) -> Vec<String> {
    rows(client, "SELECT shout FROM users")
}

#[test]
fn the_next_databases_wait_before_they_are_asked_for() {
    let server = Server::start().unwrap();
    let set = two();
    let open = || TestDb::options(&set).open_on(&server).unwrap();
    drop(open());
    until("no database was made ready", || databases(&server, "reshape_ready_").len() >= 2);
    let oids = |prefix: &str| -> HashSet<u32> {
        let mut client = server.config().connect(NoTls).unwrap();
        let sql = "SELECT oid FROM pg_database WHERE starts_with(datname::text, $1)";
        client.query(sql, &[&prefix]).unwrap().iter().map(|row| row.get(0)).collect()
    };
    let ready = oids("reshape_ready_");

    let db = open();

    // It was not made now: it is one of those.
    assert!(oids(db.name()).is_subset(&ready), "a new database was made");
}

#[test]
fn the_state_before_a_migration_has_the_older_version_and_its_rows() {
    let set = two();
    let before = TestDb::options(&set).before("2_shout");
    let db = before.fixture("INSERT INTO users (name) VALUES ('ada');").open().unwrap();
    let mut client = db.connect().unwrap();
    assert_eq!(rows(&mut client, "SELECT name FROM users"), ["ada"]);

    // The migration itself, on these rows.
    let mut migrator = reshape_runtime::Migrator::new(set.clone(), db.plain_url());
    assert_eq!(migrator.start().unwrap().outcome, Outcome::Started);
    let path = format!("SET search_path TO \"{}\"", set.version_schema("2_shout"));
    client.batch_execute(&path).unwrap();
    assert_eq!(shouts(&mut client), ["ADA"]);
}

#[test]
fn before_the_first_migration_there_is_nothing() {
    let db = TestDb::options(&two()).before("1_users").open().unwrap();
    let mut client = db.connect().unwrap();
    assert_eq!(rows(&mut client, "SELECT to_regclass('users')::text IS NULL || ''"), ["true"]);
}

#[test]
fn in_progress_both_versions_see_each_others_rows() {
    let db = TestDb::options(&two()).in_progress().open().unwrap();
    let (mut old, mut new) = (db.connect_old().unwrap(), db.connect().unwrap());
    old.execute("INSERT INTO users (name) VALUES ('ada')", &[]).unwrap();
    new.execute("INSERT INTO users (shout) VALUES ('BOB')", &[]).unwrap();
    assert_eq!(shouts(&mut new), ["ADA", "BOB"]);
    assert_eq!(rows(&mut old, "SELECT name FROM users ORDER BY id"), ["ada", "bob"]);
    assert_eq!(db.migrator().abort().unwrap().outcome, Outcome::Aborted);
    assert_eq!(rows(&mut old, "SELECT name FROM users ORDER BY id"), ["ada", "bob"]);
}

#[test]
fn states_are_told_apart() {
    let server = Server::start().unwrap();
    let set = two();
    let options = || TestDb::options(&set);
    for options in [
        options(),
        options().before("2_shout"),
        options().in_progress(),
        options().fixture("INSERT INTO users (shout) VALUES ('A')"),
        options().fixture("INSERT INTO users (shout) VALUES ('B')"),
        options().namespace("other"),
        TestDb::options(&migrations(&[("1_users", USERS), ("2_louder", SHOUT)])),
    ] {
        options.open_on(&server).unwrap();
    }
    assert_eq!(databases(&server, "reshape_template_").len(), 7);
    // The same state again is the same template.
    options().before("2_shout").open_on(&server).unwrap();
    assert_eq!(databases(&server, "reshape_template_").len(), 7);
}

#[test]
fn another_set_that_is_required_comes_first() {
    let auth = migrations(&[("1_users", USERS)]).in_namespace("auth");
    let files = [(
        "1_posts",
        r#"
        requires = ["auth/1_users"]
        [[actions]]
        type = "create_table"
        name = "posts"
        primary_key = ["id"]
        [[actions.columns]]
        name = "id"
        type = "INTEGER"
        "#,
    )];
    let db = TestDb::options(&migrations(&files)).after(&auth).open().unwrap();
    assert!(rows(&mut db.connect().unwrap(), "SELECT id::text FROM posts").is_empty());
}

#[test]
fn a_migration_that_is_not_there_is_named_with_those_that_are() {
    let error = TestDb::options(&two()).before("2_shoot").open().unwrap_err();
    assert_eq!(
        error.to_string(),
        "no migration is called `2_shoot`\n  help: the set has `1_users`, `2_shout`"
    );
    let empty = TestDb::options(&Migrations::default()).in_progress().open().unwrap_err();
    assert_eq!(empty.to_string(), "the set has no migration that could be in progress");
}

#[test]
fn a_fixture_that_fails_is_named_and_leaves_nothing() {
    let server = Server::start().unwrap();
    let fixture = "-- rows\nINSERT INTO people VALUES (1)";
    let error = TestDb::options(&two()).fixture(fixture).open_on(&server).unwrap_err();
    assert_eq!(error.to_string(), "a fixture cannot be loaded: `INSERT INTO people VALUES (1)`");
    assert!(error.report().contains("relation \"people\" does not exist"), "{}", error.report());
    assert_eq!(databases(&server, "reshape_"), Vec::<String>::new());
}

#[test]
fn the_database_of_a_failed_test_is_kept_for_a_day() {
    let server = Server::start().unwrap();
    let set = two();
    let fail = |keep: bool| {
        let db =
            TestDb::options(&set).keep_on_failure(keep).test("a::test").open_on(&server).unwrap();
        let name = db.name().to_owned();
        let panicked = catch_unwind(AssertUnwindSafe(move || {
            let _db = db;
            panic!("on purpose");
        }));
        assert!(panicked.is_err());
        name
    };
    let (kept, dropped) = (fail(true), fail(false));
    let without_panic = TestDb::options(&set).open_on(&server).unwrap();
    without_panic.fail();
    let also_kept = without_panic.name().to_owned();
    drop(without_panic);
    assert!(databases(&server, &dropped).is_empty());

    // A sweep comes with every new template.
    let sweep = |stem| {
        let set = migrations(&[(stem, USERS)]);
        drop(TestDb::options(&set).open_on(&server).unwrap());
    };
    let mut client = server.config().connect(NoTls).unwrap();
    let comment = |client: &mut Client, name: &str| {
        let sql = "SELECT coalesce(shobj_description(oid, 'pg_database'), '') FROM pg_database WHERE datname = $1::text";
        client.query_one(sql, &[&name]).unwrap().get::<_, String>(0)
    };
    let said = comment(&mut client, &kept);
    assert!(said.starts_with("reshape: kept since ") && said.ends_with(" by a::test"), "{said}");
    let long_ago =
        format!("COMMENT ON DATABASE {kept} IS 'reshape: kept since 1600000000 by a::test'");
    client.batch_execute(&long_ago).unwrap();
    sweep("1_other");
    until("the old one is left", || databases(&server, &kept).is_empty());
    assert_eq!(databases(&server, &also_kept), [also_kept.as_str()]);
}

#[test]
fn what_a_killed_test_leaves_is_swept_and_what_is_in_use_is_not() {
    let server = Server::start().unwrap();
    let in_use = TestDb::options(&two()).open_on(&server).unwrap();
    let mut command = Command::new(env::current_exe().unwrap());
    command
        .args(["--exact", "child", "--nocapture"])
        .env(CHILD, "1")
        .env("DATABASE_URL", server.url());
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut output = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    while !line.contains(">>") {
        assert_ne!(output.read_line(&mut line).unwrap(), 0, "the child ended: {line}");
    }
    let name = line.split_once("<<").unwrap().1.split_once(">>").unwrap().0.to_owned();
    // As long as the process lives its database is its own.
    drop(TestDb::options(&migrations(&[("1_other", USERS)])).open_on(&server).unwrap());
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(databases(&server, &name), [name.as_str()]);

    drop(TestDb::options(&migrations(&[("1_another", USERS)])).open_on(&server).unwrap());

    until("the killed test's database is left", || databases(&server, &name).is_empty());
    in_use.connect().unwrap();
}

/// Not a test of its own: a process that holds a database until it is killed.
#[test]
#[expect(clippy::print_stdout, reason = "for the test that has started it")]
fn child() {
    if env::var_os(CHILD).is_none() {
        return;
    }
    let db = TestDb::new(&two()).unwrap();
    println!("<<{}>>", db.name());
    let _ = std::io::stdin().read(&mut [0]);
}
