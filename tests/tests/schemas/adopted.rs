//! Tables that are there before the history begins.

use reshape_runtime::model::{Action, Migration};
use reshape_runtime::testing::TestDatabase;
use reshape_runtime::{Migrations, Migrator};
use reshape_tests::{BASE, CHANGE, catalog, client, database, leftovers, migrations, rows};
use serde_json::json;

use super::{report, run};

/// A migration of tables that no history knows of, in the JSON that the metadata keeps.
fn adopted(name: &str, actions: serde_json::Value) -> Migration {
    Migration {
        name: name.to_owned().into(),
        description: None,
        checksum: String::from("none").into(),
        actions: serde_json::from_value::<Vec<Action>>(actions).expect("actions").into(),
        allow: Vec::new().into(),
        requires: Vec::new().into(),
    }
}

/// A database with the first migration complete, and a migrator of that and more.
fn adopt(sql: &str, more: Vec<Migration>) -> (TestDatabase, Migrator) {
    let database = database();
    run(&mut client(&database, BASE), sql);
    let base = migrations(&[(BASE, "[[actions]]\ntype = \"custom\"\nstart = \"SELECT 1\"\n")]);
    let mut migrator = Migrator::new(base.clone(), database.url());
    migrator.start().expect("a start");
    migrator.complete().expect("a completion");
    let all = base.migrations.iter().cloned().chain(more).collect();
    let migrator = Migrator::new(Migrations::owned(all), database.url());
    (database, migrator)
}

/// Tables of one name in two schemas are kept apart in all that is generated; one of them has another name in the version.
#[test]
fn tables_of_one_name_are_kept_apart() {
    let sql = "
        CREATE SCHEMA crm;
        CREATE TABLE public.users (id integer PRIMARY KEY, name text);
        CREATE TABLE crm.users (id integer PRIMARY KEY, name text);
        CREATE INDEX by_name ON public.users (name);
        CREATE INDEX by_name ON crm.users (name);
        INSERT INTO public.users VALUES (1, 'ada');
        INSERT INTO crm.users VALUES (1, 'alan');
    ";
    let alter = |schema: &str, up: &str| {
        json!({
            "type": "alter_column", "schema": schema, "table": "users", "column": "name", "up": up, "down": "lower(name)",
            "changes": { "name": "title" }
        })
    };
    let crm = alter("crm", "'crm ' || name");
    let rename = json!({ "type": "rename_table", "schema": "crm", "table": "users", "new_name": "contacts" });

    let (_database, mut migrator) = adopt(sql, vec![adopted(CHANGE, json!([crm]))]);
    let refused = report(migrator.start());
    assert!(
        refused.contains("two tables called `users`, of schema `public` and of schema `crm`"),
        "{refused}"
    );
    assert!(refused.contains("rename one of them"), "{refused}");

    let actions = json!([crm, rename, alter("public", "upper(name)")]);
    let (database, mut migrator) = adopt(sql, vec![adopted(CHANGE, actions)]);
    let (mut old, mut new) = (client(&database, BASE), client(&database, CHANGE));
    let before = catalog(&mut old);
    for round in 0..2 {
        migrator.start().unwrap_or_else(|error| panic!("{}", error.report()));
        assert_eq!(rows(&mut new, "SELECT title FROM users WHERE id = 1"), ["ADA"]);
        assert_eq!(rows(&mut new, "SELECT title FROM contacts WHERE id = 1"), ["crm alan"]);
        run(&mut old, "INSERT INTO users VALUES (2, 'b'); INSERT INTO crm.users VALUES (2, 'c')");
        run(&mut new, "INSERT INTO contacts VALUES (3, 'D'); INSERT INTO users VALUES (3, 'E')");
        assert_eq!(rows(&mut new, "SELECT title FROM users ORDER BY id"), ["ADA", "B", "E"]);
        assert_eq!(
            rows(&mut new, "SELECT title FROM contacts ORDER BY id"),
            ["crm alan", "crm c", "D"]
        );
        assert_eq!(rows(&mut old, "SELECT name FROM crm.users ORDER BY id"), ["alan", "c", "d"]);
        if round == 0 {
            migrator.abort().unwrap_or_else(|error| panic!("{}", error.report()));
            assert_eq!(catalog(&mut old), before);
            run(
                &mut old,
                "DELETE FROM public.users WHERE id > 1; DELETE FROM crm.users WHERE id > 1",
            );
        }
    }
    migrator.complete().unwrap_or_else(|error| panic!("{}", error.report()));
    assert_eq!(leftovers(&mut new), Vec::<String>::new());
    let indexes = "SELECT schemaname || '.' || tablename FROM pg_indexes WHERE indexname = 'by_name' ORDER BY 1";
    assert_eq!(rows(&mut new, indexes), ["crm.contacts", "public.users"]);
}

/// What no action has named stays what it is; what one has named has a view in every version from then on.
#[test]
fn tables_of_other_schemas_have_views_once_they_are_named() {
    let sql = "
        CREATE SCHEMA crm;
        CREATE TABLE crm.people (id integer PRIMARY KEY, name text);
        CREATE TABLE crm.notes (id integer)
    ";
    let column = json!({ "name": "mail", "type": "text" });
    let add =
        json!([{ "type": "add_column", "schema": "crm", "table": "people", "column": column }]);
    let create = json!([{
        "type": "create_table", "name": "other", "primary_key": ["id"], "columns": [{ "name": "id", "type": "integer" }]
    }]);
    let more = vec![adopted(CHANGE, add), adopted("3_third", create)];
    let views = "SELECT table_name FROM information_schema.views WHERE table_schema = current_schema ORDER BY 1";
    for (number, expected) in [(1, &["people"][..]), (2, &["other", "people"][..])] {
        let (database, mut migrator) = adopt(sql, more[..number].to_vec());
        let mut new = client(&database, &more[number - 1].name);
        migrator.start().unwrap_or_else(|error| panic!("{}", error.report()));
        migrator.complete().unwrap_or_else(|error| panic!("{}", error.report()));
        assert_eq!(rows(&mut new, views), expected);
        assert_eq!(leftovers(&mut new), Vec::<String>::new());
        run(&mut new, "INSERT INTO people (id, name, mail) VALUES (1, 'ada', 'a@x')");
        assert_eq!(rows(&mut new, "SELECT * FROM crm.people"), ["1|ada|a@x"]);
    }
    // One after the other.
    let (database, mut first) = adopt(sql, more[..1].to_vec());
    first
        .start()
        .and_then(|_| first.complete())
        .unwrap_or_else(|error| panic!("{}", error.report()));
    let base = migrations(&[(BASE, "[[actions]]\ntype = \"custom\"\nstart = \"SELECT 1\"\n")]);
    let all = base.migrations.iter().cloned().chain(more).collect();
    let mut second = Migrator::new(Migrations::owned(all), database.url());
    second
        .start()
        .and_then(|_| second.complete())
        .unwrap_or_else(|error| panic!("{}", error.report()));
    assert_eq!(rows(&mut client(&database, "3_third"), views), ["other", "people"]);
}

#[test]
fn what_is_not_there_is_said_with_its_schema() {
    let column = json!({ "name": "mail", "type": "text" });
    let add =
        json!([{ "type": "add_column", "schema": "crm", "table": "people", "column": column }]);
    let sql = "CREATE SCHEMA crm; CREATE TABLE public.people (id integer)";
    let (_database, mut migrator) = adopt(sql, vec![adopted(CHANGE, add)]);
    let refused = report(migrator.start());
    assert!(refused.contains("table `crm.people` does not exist in the database"), "{refused}");
    assert!(refused.contains("schema `crm`"), "{refused}");
}
