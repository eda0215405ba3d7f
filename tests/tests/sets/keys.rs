//! Foreign keys from the tables of one set to those of another, and what sets require of each other.

use super::*;

const ITEMS: &str = r#"
requires = ["auth/1_create"]
[[actions]]
type = "create_table"
name = "items"
primary_key = "id"
columns = [{ name = "id", type = "int" }, { name = "owner", type = "int" }]
foreign_keys = [{ columns = ["owner"], referenced_table = "users", referenced_columns = ["id"] }]
"#;

fn items() -> Migrations {
    migrations(&[("1_items", ITEMS)])
}

fn wide() -> Migrations {
    let change = "[[actions]]\ntype = \"alter_column\"\ntable = \"users\"\ncolumn = \"id\"\nup = \"id\"\ndown = \"id\"\nchanges = { type = \"bigint\" }\n";
    let mut files = auth().up_to("1_create").unwrap().migrations.into_owned();
    files.push(
        migrations(&[
            ("1_create", "[[actions]]\ntype = \"create_table\"\nname = \"users\"\nprimary_key = \"id\"\ncolumns = [{ name = \"id\", type = \"int\" }, { name = \"name\", type = \"text\" }]\n"),
            ("2_wide", change),
        ])
        .migrations[1]
            .clone(),
    );
    Migrations::owned(files).in_namespace("auth")
}

#[test]
fn what_is_required_must_be_there() {
    let database = reshape_tests::database();
    let text = refusal(start(&database, &items()));
    assert!(
        text.contains(
            "the migration `1_items` requires `auth/1_create`, which the database does not have"
        ),
        "{text}"
    );
    assert_eq!(rows(&mut client(&database), "SELECT to_regnamespace('reshape')"), ["-"]);
    // Live is enough.
    start(&database, &auth()).unwrap();
    start(&database, &items()).unwrap();
    // And must stay so.
    let text = refusal(abort(&database, &auth()));
    assert!(text.contains("the migration `1_items` of the set `default` requires it"), "{text}");
    complete(&database, &items()).unwrap();
    let text = refusal(abort(&database, &auth()));
    assert!(text.contains("the migration `1_items` of the set `default` requires it"), "{text}");
    complete(&database, &auth()).unwrap();
}

#[test]
fn a_key_that_another_set_refers_to_is_replaced() {
    for completes in [true, false] {
        let database = reshape_tests::database();
        done(&database, &wide().up_to("1_create").unwrap());
        done(&database, &items());
        let mut client = client(&database);
        client
            .batch_execute("INSERT INTO users VALUES (1, 'a'); INSERT INTO items VALUES (1, 1)")
            .unwrap();
        let before = catalog(&mut client);
        start(&database, &wide()).unwrap();
        client
            .batch_execute(
                "INSERT INTO \"migration_auth/2_wide\".users VALUES (2, 'b'); \
                 INSERT INTO \"migration_1_items\".items VALUES (2, 2)",
            )
            .unwrap();
        let orphan = client.batch_execute("INSERT INTO \"migration_1_items\".items VALUES (3, 3)");
        assert!(orphan.is_err());
        end(completes)(&database, &wide()).unwrap();
        assert_eq!(leftovers(&mut client), Vec::<String>::new());
        if !completes {
            assert_eq!(catalog(&mut client), before);
        }
        let orphan = client.batch_execute("INSERT INTO \"migration_1_items\".items VALUES (3, 3)");
        assert!(orphan.is_err());
        assert_eq!(rows(&mut client, "SELECT count(*) FROM items"), ["2"]);
    }
}

#[test]
fn tables_that_a_batch_depends_on_are_not_changed_by_another_meanwhile() {
    let database = reshape_tests::database();
    done(&database, &wide().up_to("1_create").unwrap());
    // A foreign key to a table whose key is being replaced would be in the way of the completion.
    start(&database, &wide()).unwrap();
    let text = refusal(start(&database, &items()));
    assert!(
        text.contains("table `users` is part of the batch of the set of migrations `auth`"),
        "{text}"
    );
    abort(&database, &wide()).unwrap();
    start(&database, &items()).unwrap();
    // And the other way round.
    let text = refusal(start(&database, &wide()));
    assert!(
        text.contains("table `users` is part of the batch of the set of migrations `default`"),
        "{text}"
    );
    complete(&database, &items()).unwrap();
    start(&database, &wide()).unwrap();
    // The table whose foreign key is being carried over is part of that batch.
    let mut files = items().migrations.into_owned();
    files.push(
        migrations(&[
            ("1_items", "[[actions]]\ntype = \"create_table\"\nname = \"items\"\nprimary_key = \"id\"\ncolumns = [{ name = \"id\", type = \"int\" }]\n"),
            ("2_gone", "[[actions]]\ntype = \"remove_table\"\ntable = \"items\"\n"),
        ])
        .migrations[1]
            .clone(),
    );
    let gone = Migrations::owned(files);
    let text = refusal(start(&database, &gone));
    assert!(
        text.contains("table `items` is part of the batch of the set of migrations `auth`"),
        "{text}"
    );
    complete(&database, &wide()).unwrap();
    done(&database, &gone);
}
