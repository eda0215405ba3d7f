//! A test's database on a server of one's own, which `DATABASE_URL` names in any of the forms that there are.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::process::{Command, Output};
use std::{env, thread};

use postgres::{Client, NoTls};
use reshape_runtime::Migrations;
use reshape_runtime::testing::{Server, TestDb};
use reshape_tests::migrations;

/// Makes this binary's test `child` do its work with `DATABASE_URL`.
const CHILD: &str = "RESHAPE_TEST_DB_URLS_CHILD";

const USERS: &str = r#"
    [[actions]]
    type = "create_table"
    name = "users"
    primary_key = ["id"]
    columns = [{ name = "id", type = "integer" }]
"#;

fn set() -> Migrations {
    migrations(&[("1_users", USERS)])
}

/// Not a test of its own: what a user's tests do.
#[test]
fn child() {
    match env::var(CHILD).as_deref() {
        Ok("many") => many(),
        Ok(_) => one(),
        Err(_) => {}
    }
}

fn many() {
    let set = set();
    thread::scope(|scope| {
        for _ in 0..12 {
            scope.spawn(|| TestDb::new(&set).unwrap());
        }
    });
}

fn one() {
    let db = TestDb::options(&set()).namespace("My \"Üpp\" \\o").open().unwrap();
    for mut client in [Client::connect(&db.url(), NoTls).unwrap(), db.connect().unwrap()] {
        client.execute("INSERT INTO users SELECT count(*) FROM users", &[]).unwrap();
        let row = client
            .query_one("SELECT current_setting('work_mem'), current_database()", &[])
            .unwrap();
        assert_eq!(row.get::<_, String>(0), "77MB", "the URL's own options are lost: {}", db.url());
        assert_eq!(row.get::<_, String>(1), db.name());
    }
}

/// What the child says, with this server.
fn run(url: &str) -> Output {
    run_as("one", url)
}

fn run_as(what: &str, url: &str) -> Output {
    let mut command = Command::new(env::current_exe().unwrap());
    command.args(["--exact", "child", "--nocapture"]).env(CHILD, what).env("DATABASE_URL", url);
    command.output().unwrap()
}

fn said(output: &Output) -> String {
    format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}

/// A server, its port, and a session of its superuser.
fn server() -> (Server, u16, Client) {
    let server = Server::start().unwrap();
    let client = server.config().connect(NoTls).unwrap();
    let port = server.config().get_ports()[0];
    (server, port, client)
}

#[test]
fn every_form_of_the_servers_url_will_do() {
    let (server, port, mut client) = server();
    client.batch_execute("CREATE ROLE \"a b\" LOGIN CREATEDB PASSWORD 'p@s/s:w?rd'").unwrap();
    let folder = server.folder().unwrap().display().to_string();
    let encoded = folder.replace('/', "%2F");
    for url in [
        format!("postgres://postgres@127.0.0.1:{port}/postgres?options=-c%20work_mem%3D77MB"),
        format!(
            "postgres://postgres@127.0.0.1:{port}?application_name=a&options=-c%20work_mem%3D77MB&dbname=postgres"
        ),
        format!(
            "postgres://a%20b:p%40s%2Fs%3Aw%3Frd@127.0.0.1:{port}/postgres?options=-c%20work_mem%3D77MB"
        ),
        format!("postgresql://postgres@{encoded}:{port}/postgres?options=-c%20work_mem%3D77MB"),
        format!(
            "host={folder} port={port} user=postgres dbname=postgres options='-c work_mem=77MB'"
        ),
        format!(
            "host=127.0.0.1 port={port} user='a b' password='p@s/s:w?rd' dbname=postgres options='-c work_mem=77MB'"
        ),
    ] {
        let output = run(&url);
        assert!(output.status.success(), "{url}: {}", said(&output));
    }
}

#[test]
fn a_role_that_may_not_create_databases_is_told_so() {
    let (_server, port, mut client) = server();
    client.batch_execute("CREATE ROLE app LOGIN").unwrap();
    let output = run(&format!("postgres://app@127.0.0.1:{port}/postgres"));
    let said = said(&output);
    assert!(!output.status.success(), "{said}");
    assert!(said.contains("`app` may not create databases"), "{said}");
    assert!(said.contains("run `ALTER ROLE \"app\" CREATEDB`"), "{said}");
}

#[test]
fn two_roles_on_one_server_have_each_its_own_databases() {
    let (_server, port, mut client) = server();
    client
        .batch_execute("CREATE ROLE one LOGIN CREATEDB; CREATE ROLE other LOGIN CREATEDB")
        .unwrap();
    for role in ["one", "other", "one"] {
        let url =
            format!("postgres://{role}@127.0.0.1:{port}/postgres?options=-c%20work_mem%3D77MB");
        let output = run(&url);
        assert!(output.status.success(), "{role}: {}", said(&output));
    }
}

#[test]
fn a_server_without_a_free_connection_is_named_with_the_way_out() {
    let (_server, port, mut client) = server();
    client.batch_execute("CREATE ROLE app LOGIN CREATEDB CONNECTION LIMIT 1").unwrap();
    let url = format!("postgres://app@127.0.0.1:{port}/postgres");
    let _only = Client::connect(&url, NoTls).unwrap();
    let output = run(&url);
    assert!(!output.status.success(), "{}", said(&output));
    assert!(said(&output).contains("help: run fewer tests at once"), "{}", said(&output));
}

/// Those that wait for the template do not hold the connections that its maker needs.
#[test]
fn more_tests_than_connections_take_turns() {
    let (_server, port, mut client) = server();
    client.batch_execute("CREATE ROLE app LOGIN CREATEDB CONNECTION LIMIT 5").unwrap();
    let output = run_as("many", &format!("postgres://app@127.0.0.1:{port}/postgres"));
    assert!(output.status.success(), "{}", said(&output));
}
