//! The worked example of the design, as a golden plan and on a server, with a `search_path` that names no version schema.

use reshape_tests::{BASE, CHANGE, Rollout, golden, rows};

const USERS: &str = r#"
[[actions]]
type = "create_table"
name = "users"
primary_key = "id"
columns = [
  { name = "id", type = "integer", generated = "BY DEFAULT AS IDENTITY" },
  { name = "name", type = "text" },
  { name = "email", type = "text" },
  { name = "updated_at", type = "timestamptz", default = "now()" },
]
"#;

const SPLIT: &str = r#"
[[actions]]
type = "add_column"
table = "users"
up = "split_part(name, ' ', 1)"
column = { name = "first_name", type = "text" }

[[actions]]
type = "add_column"
table = "users"
up = "split_part(name, ' ', 2)"
column = { name = "last_name", type = "text" }

[[actions]]
type = "remove_column"
table = "users"
column = "name"
down = "first_name || ' ' || last_name"

[[actions]]
type = "alter_column"
table = "users"
column = "email"
up = "COALESCE(email, 'N/A')"
changes = { nullable = false }
"#;

#[test]
fn the_plan() {
    insta::assert_snapshot!(golden(USERS, SPLIT).expect("a plan"));
}

#[test]
fn on_a_server_with_a_search_path_that_names_no_version() {
    let mut r = Rollout::begin(
        USERS,
        "INSERT INTO users (name, email) SELECT 'First' || i || ' Last' || i, CASE WHEN i % 2 = 0 THEN 'mail' END \
         FROM generate_series(1, 100) i",
        SPLIT,
    );
    let old = format!("migration_{BASE}.users");
    let new = format!("migration_{CHANGE}.users");
    let mut c = r.database.connect().expect("a client");
    rows(&mut c, "SET search_path TO no_such_schema");
    rows(&mut c, &format!("INSERT INTO {old} (name) VALUES ('Old Insert')"));
    rows(
        &mut c,
        &format!(
            "INSERT INTO {new} (first_name, last_name, email) VALUES ('New', 'Insert', 'n@x')"
        ),
    );
    rows(&mut c, "INSERT INTO public.users (name) VALUES ('Base Table')");
    rows(&mut c, &format!("UPDATE {old} SET name = 'Old Update' WHERE id = 1"));
    rows(&mut c, &format!("UPDATE {new} SET last_name = 'Update' WHERE id = 2"));
    rows(
        &mut c,
        &format!(
            "INSERT INTO {new} (id, first_name, last_name, email) VALUES (3, 'On', 'Conflict', 'c@x') \
         ON CONFLICT (id) DO UPDATE SET first_name = excluded.first_name, email = excluded.email"
        ),
    );
    rows(
        &mut c,
        &format!(
            "INSERT INTO {old} (id, name) VALUES (4, 'Old Conflict') ON CONFLICT (id) DO UPDATE SET name = excluded.name"
        ),
    );
    rows(
        &mut c,
        &format!(
            "INSERT INTO {new} (first_name, last_name, email) SELECT 'Sel', 'Ect', 's' RETURNING id"
        ),
    );
    rows(&mut c, &format!("UPDATE {new} SET updated_at = now() WHERE id = 5"));
    let wanted = "WHERE id < 6 OR id > 100 ORDER BY id";
    assert_eq!(
        rows(&mut c, &format!("SELECT id, name, email FROM {old} {wanted}")),
        [
            "1|Old Update|-",
            "2|First2 Update|mail",
            "3|On Last3|c@x",
            "4|Old Conflict|mail",
            "5|First5 Last5|-",
            "101|Old Insert|-",
            "102|New Insert|n@x",
            "103|Base Table|-",
            "104|Sel Ect|s",
        ]
    );
    assert_eq!(
        rows(&mut c, &format!("SELECT id, first_name, last_name, email FROM {new} {wanted}")),
        [
            "1|Old|Update|N/A",
            "2|First2|Update|mail",
            "3|On|Last3|c@x",
            "4|Old|Conflict|mail",
            "5|First5|Last5|N/A",
            "101|Old|Insert|N/A",
            "102|New|Insert|n@x",
            "103|Base|Table|N/A",
            "104|Sel|Ect|s",
        ]
    );
    assert_eq!(
        rows(&mut c, "SELECT count(*) FROM public.users WHERE __reshape_origin IS NOT NULL"),
        ["0"]
    );
    // `SELECT *` shows nothing of the way there.
    let statement = c.prepare(&format!("SELECT * FROM {new}")).expect("a statement");
    let names: Vec<&str> = statement.columns().iter().map(postgres::Column::name).collect();
    assert_eq!(names, ["id", "email", "updated_at", "first_name", "last_name"]);
    r.complete();
    rows(
        &mut c,
        &format!("INSERT INTO {new} (first_name, last_name, email) VALUES ('After', 'It', 'a')"),
    );
    assert_eq!(rows(&mut c, "SELECT count(*) FROM public.users WHERE email IS NULL"), ["0"]);
}

/// An UPDATE that sets nothing but columns which both versions share and which feed the other's.
#[test]
fn the_version_of_a_shared_update_can_be_said() {
    let change = r#"
        [[actions]]
        type = "add_column"
        table = "users"
        up = "name || email"
        column = { name = "sum", type = "text" }
    "#;
    let mut r = Rollout::begin(USERS, "INSERT INTO users (name, email) VALUES ('a', '1')", change);
    let mut c = r.database.connect().expect("a client");
    rows(&mut c, "UPDATE public.users SET email = '2'");
    assert_eq!(rows(&mut r.new, "SELECT sum FROM users"), ["a2"]);
    rows(
        &mut c,
        &format!(
            "BEGIN; SET LOCAL reshape.version = '{CHANGE}'; UPDATE public.users SET email = '3'; COMMIT"
        ),
    );
    assert_eq!(rows(&mut r.new, "SELECT sum FROM users"), ["a2"]);
    // The first of the two version schemas in the search_path counts, wherever it stands.
    rows(&mut c, &format!("SET search_path TO public, \"migration_{CHANGE}\""));
    rows(&mut c, "UPDATE users SET email = '4'");
    assert_eq!(rows(&mut r.new, "SELECT sum FROM users"), ["a2"]);
    rows(&mut c, &format!("SET search_path TO \"migration_{BASE}\", \"migration_{CHANGE}\""));
    rows(&mut c, "UPDATE users SET email = '5'");
    assert_eq!(rows(&mut r.new, "SELECT sum FROM users"), ["a5"]);
    r.complete();
}
