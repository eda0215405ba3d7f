//! Which tables belong to whom.

use super::*;

fn add_column(table: &str) -> String {
    format!(
        "[[actions]]\ntype = \"add_column\"\ntable = \"{table}\"\ncolumn = {{ name = \"note\", type = \"text\" }}\n"
    )
}

/// SQL of the user's that names the table makes the checks of the build keep quiet about it.
fn foreign(table: &str, action: &str) -> Migrations {
    let known = format!("[[actions]]\ntype = \"custom\"\nstart = \"SELECT 1 -- {table} note\"\n");
    let path = tempfile::tempdir().unwrap();
    std::fs::write(path.path().join("1_other.toml"), known + action).unwrap();
    match reshape_build::load(&[path.path()]) {
        Ok(migrations) => migrations,
        Err(_) => {
            // What is not known at build time can be said at run time.
            let json = serde_json::json!([{ "type": "add_column", "table": table, "column": { "name": "note", "type": "text" } }]);
            serde_json::from_value(serde_json::json!({ "migrations": [
                { "name": "1_other", "checksum": "x", "actions": json }] }))
            .unwrap()
        }
    }
}

#[test]
fn a_table_of_another_set_is_not_changed() {
    let database = both_begun();
    let mut client = client(&database);
    let before = catalog(&mut client);
    let other = foreign("users", &add_column("users")).in_namespace("other");
    let text = refusal(start(&database, &other));
    assert!(text.contains("table `users` belongs to the set of migrations `auth`"), "{text}");
    let other = foreign("orders", &add_column("orders")).in_namespace("other");
    let text = refusal(start(&database, &other));
    assert!(text.contains("table `orders` belongs to the set of migrations `default`"), "{text}");
    assert_eq!(catalog(&mut client), before);

    // The default set, too.
    let file = [("1_create", ""), ("2_users", "")];
    let mut more = app().up_to(file[0].0).unwrap().migrations.into_owned();
    more.extend(foreign("users", &add_column("users")).migrations.into_owned());
    let text = refusal(start(&database, &Migrations::owned(more)));
    assert!(text.contains("table `users` belongs to the set of migrations `auth`"), "{text}");
    assert_eq!(catalog(&mut client), before);
}

#[test]
fn a_name_that_another_set_has_is_taken() {
    let database = both_begun();
    let other = set("users").in_namespace("other");
    let text = refusal(start(&database, &other));
    assert!(text.contains("table `users` exists already"), "{text}");
    assert!(text.contains("it belongs to the set of migrations `auth`"), "{text}");
}

#[test]
fn ownership_survives_renames_and_ends_with_the_table() {
    let database = both_begun();
    let mut client = client(&database);
    let mut files = auth().up_to("1_create").unwrap().migrations.into_owned();
    let next = |name: &str, action: &str| {
        let all = "[[actions]]\ntype = \"create_table\"\nname = \"users\"\nprimary_key = \"id\"\ncolumns = [{ name = \"id\", type = \"int\" }]\n";
        migrations(&[("1_create", all), (name, action)]).migrations[1].clone()
    };
    files.push(next(
        "2_rename",
        "[[actions]]\ntype = \"rename_table\"\ntable = \"users\"\nnew_name = \"people\"\n",
    ));
    done(&database, &Migrations::owned(files.clone()).in_namespace("auth"));
    // A version of the default set shows what is nobody else's.
    done(&database, &app());
    assert_eq!(views(&mut client), ["migration_2_change.orders", "migration_auth/2_rename.people"]);
    let text =
        refusal(start(&database, &foreign("people", &add_column("people")).in_namespace("other")));
    assert!(text.contains("table `people` belongs to the set of migrations `auth`"), "{text}");

    let remove = migrations(&[
        (
            "1_create",
            "[[actions]]\ntype = \"create_table\"\nname = \"people\"\nprimary_key = \"id\"\ncolumns = [{ name = \"id\", type = \"int\" }]\n",
        ),
        ("3_remove", "[[actions]]\ntype = \"remove_table\"\ntable = \"people\"\n"),
    ]);
    files.push(remove.migrations[1].clone());
    done(&database, &Migrations::owned(files).in_namespace("auth"));
    assert_eq!(rows(&mut client, "SELECT * FROM reshape.tables"), Vec::<String>::new());
    done(&database, &set("people").in_namespace("other"));
    assert_eq!(rows(&mut client, "SELECT namespace, settled FROM reshape.tables"), ["other|t"]);
}

#[test]
fn a_set_that_is_rolled_back_owns_nothing() {
    let database = reshape_tests::database();
    let mut client = client(&database);
    client.batch_execute("CREATE TABLE public.people (id int PRIMARY KEY)").unwrap();
    let other = foreign("people", &add_column("people")).in_namespace("other");
    start(&database, &other).unwrap();
    assert_eq!(views(&mut client), ["migration_other/1_other.people"]);
    let text = refusal(start(&database, &foreign("people", &add_column("people"))));
    assert!(text.contains("belongs to the set of migrations `other`"), "{text}");
    abort(&database, &other).unwrap();
    assert_eq!(rows(&mut client, "SELECT * FROM reshape.tables"), Vec::<String>::new());
    start(&database, &foreign("people", &add_column("people"))).unwrap();
    assert_eq!(views(&mut client), ["migration_1_other.people"]);
}

#[test]
fn tables_that_a_sets_own_sql_creates_are_its_own() {
    let database = reshape_tests::database();
    let mut client = client(&database);
    client.batch_execute("CREATE TABLE public.nobodys (id int PRIMARY KEY)").unwrap();
    done(&database, &app());
    let custom = "[[actions]]\ntype = \"custom\"\nstart = '''DO $$ BEGIN CREATE TABLE public.made (id int); EXCEPTION WHEN OTHERS THEN NULL; END $$'''\nabort = \"DROP TABLE public.made\"\n";
    let other = migrations(&[("1_custom", custom)]).in_namespace("other");
    start(&database, &other).unwrap();
    let seen = [
        "migration_2_change.nobodys",
        "migration_2_change.orders",
        "migration_other/1_custom.made",
    ];
    assert_eq!(views(&mut client), seen);
    abort(&database, &other).unwrap();
    assert_eq!(rows(&mut client, "SELECT * FROM reshape.tables"), Vec::<String>::new());
    done(&database, &other);
    assert_eq!(views(&mut client), seen);
}
