//! A table gets a name that another table gives up in the same batch: what is there in the end is what the actions would have made one after
//! the other, and until then nobody notices.

use reshape_runtime::Migrator;
use reshape_tests::{BASE, Rollout, catalog, client, database, migrations, rows};

const TABLES: &str = r#"
[[actions]]
type = "create_table"
name = "users"
primary_key = "id"
columns = [
  { name = "id", type = "serial" },
  { name = "number", type = "integer", generated = "ALWAYS AS IDENTITY" },
  { name = "name", type = "text", nullable = false },
]
checks = [{ expression = "length(name) > 0" }]

[[actions]]
type = "create_table"
name = "teams"
primary_key = "id"
columns = [{ name = "id", type = "integer" }, { name = "title", type = "text" }]

[[actions]]
type = "add_index"
table = "users"
index = { name = "users_by_name", columns = ["name"] }
"#;

const ROWS: &str = "INSERT INTO users (name) VALUES ('ada'), ('alan'); INSERT INTO teams VALUES (1, 'one'), (2, 'two')";

const REMOVE: &str = "[[actions]]\ntype = 'remove_table'\ntable = 'users'\n";

const CREATE: &str = r#"
[[actions]]
type = "create_table"
name = "users"
primary_key = "id"
columns = [
  { name = "id", type = "serial" },
  { name = "number", type = "bigint", generated = "BY DEFAULT AS IDENTITY" },
  { name = "team", type = "integer", nullable = false },
  { name = "a", type = "integer", default = "0" },
]
checks = [{ expression = "a >= 0" }, { expression = "a < 100" }, { expression = "a <> id" }]
foreign_keys = [{ columns = ["team"], referenced_table = "teams", referenced_columns = ["id"] }]
"#;

const INDEX: &str = "[[actions]]\ntype = 'add_index'\ntable = 'users'\nindex = { name = 'users_by_name', columns = ['a'] }\n";

const MORE: &str = "[[actions]]\ntype = 'add_column'\ntable = 'users'\ncolumn = { name = 'more', type = 'serial' }\n";

fn rename(from: &str, to: &str) -> String {
    format!("[[actions]]\ntype = 'rename_table'\ntable = '{from}'\nnew_name = '{to}'\n")
}

fn rename_column(table: &str, from: &str, to: &str) -> String {
    format!(
        "[[actions]]\ntype = 'alter_column'\ntable = '{table}'\ncolumn = '{from}'\nchanges = {{ name = '{to}' }}\n"
    )
}

/// What the user's schema looks like when each action has been completed before the next one starts.
fn one_by_one(actions: &[&str]) -> Vec<String> {
    let names: Vec<String> = (0..actions.len()).map(|number| format!("{}_x", number + 2)).collect();
    let mut files = vec![(BASE, TABLES)];
    files.extend(names.iter().map(String::as_str).zip(actions.iter().copied()));
    let (database, migrations) = (database(), migrations(&files));
    for (name, _) in &files {
        let upto = migrations.up_to(name).expect("a name");
        let mut migrator = Migrator::new(upto, database.url());
        migrator.start().unwrap_or_else(|error| panic!("{}", error.report()));
        migrator.complete().unwrap_or_else(|error| panic!("{}", error.report()));
        if *name == BASE {
            client(&database, BASE).batch_execute(ROWS).expect("the rows");
        }
    }
    of_the_user(catalog(&mut client(&database, BASE)))
}

fn of_the_user(mut catalog: Vec<String>) -> Vec<String> {
    catalog.retain(|line| !line.contains("migration_") && !line.contains("reshape_"));
    catalog
}

/// Starts and aborts the actions in one batch, starts them again, lets `during` use both versions, and completes.
fn in_one_batch(actions: &[&str], during: impl Fn(&mut Rollout)) -> Rollout {
    let (r, last) = finished(actions, during);
    assert_eq!(last, one_by_one(actions));
    r
}

fn finished(actions: &[&str], during: impl Fn(&mut Rollout)) -> (Rollout, Vec<String>) {
    let mut r = Rollout::begin(TABLES, ROWS, &actions.concat());
    during(&mut r);
    r.abort();
    r.start().unwrap_or_else(|error| panic!("{}", error.report()));
    during(&mut r);
    r.complete();
    let last = of_the_user(catalog(&mut r.new));
    (r, last)
}

const OLD_USERS: &str = "SELECT id, name FROM users ORDER BY id";

#[test]
fn a_removed_table_is_created_again() {
    let actions = [REMOVE, CREATE, INDEX, MORE];
    let mut r = in_one_batch(&actions, |r| {
        assert_eq!(rows(&mut r.old, OLD_USERS), ["1|ada", "2|alan"]);
        rows(&mut r.new, "INSERT INTO users (team) VALUES (1)");
        let list = "SELECT id, number, team, a, more FROM users";
        assert_eq!(rows(&mut r.new, list), ["1|1|1|0|1"]);
        assert!(r.new.batch_execute("INSERT INTO users (team) VALUES (7)").is_err());
        assert!(r.new.batch_execute("INSERT INTO users (team, a) VALUES (1, 100)").is_err());
    });
    rows(&mut r.new, "INSERT INTO users (team) VALUES (2)");
    // The numbers of the failed rows are lost, as always.
    let list = "SELECT id, number, team, a, more FROM users ORDER BY id";
    assert_eq!(rows(&mut r.new, list), ["1|1|1|0|1", "4|4|2|0|4"]);
}

#[test]
fn a_renamed_table_leaves_its_name_to_a_new_one() {
    let away = rename("users", "people");
    let more = rename_column("people", "name", "title");
    in_one_batch(&[&away, CREATE, &more, MORE], |r| {
        rows(&mut r.old, "UPDATE users SET name = 'Ada' WHERE id = 1");
        rows(&mut r.new, "UPDATE people SET title = 'Alan' WHERE id = 2");
        rows(&mut r.new, "INSERT INTO users (team) VALUES (1)");
        assert_eq!(rows(&mut r.old, OLD_USERS), ["1|Ada", "2|Alan"]);
        assert_eq!(
            rows(&mut r.new, "SELECT id, title FROM people ORDER BY id"),
            ["1|Ada", "2|Alan"]
        );
        rows(&mut r.old, "UPDATE users SET name = lower(name)");
    });
}

#[test]
fn tables_swap_their_names() {
    let actions = [
        rename("users", "aside"),
        rename("teams", "users"),
        rename("aside", "teams"),
        rename_column("teams", "name", "label"),
        // With columns of their own: both tables are translated.
        "[[actions]]\ntype = 'alter_column'\ntable = 'users'\ncolumn = 'title'\nup = 'upper(title)'\ndown = 'lower(title)'\nchanges = { nullable = false }\n".to_owned(),
        "[[actions]]\ntype = 'add_column'\ntable = 'teams'\nup = 'length(label)'\ncolumn = { name = 'size', type = 'integer', nullable = false }\n".to_owned(),
    ];
    let actions: Vec<&str> = actions.iter().map(String::as_str).collect();
    in_one_batch(&actions, |r| {
        assert_eq!(rows(&mut r.new, "SELECT * FROM users ORDER BY id"), ["1|ONE", "2|TWO"]);
        let list = "SELECT id, label, size FROM teams ORDER BY id";
        assert_eq!(rows(&mut r.new, list), ["1|ada|3", "2|alan|4"]);
        rows(&mut r.new, "UPDATE users SET title = 'FIRST' WHERE id = 1");
        rows(&mut r.old, "UPDATE users SET name = 'ad' WHERE id = 1");
        assert_eq!(rows(&mut r.old, "SELECT title FROM teams ORDER BY id"), ["first", "two"]);
        assert_eq!(rows(&mut r.new, list), ["1|ad|2", "2|alan|4"]);
        rows(&mut r.new, "UPDATE users SET title = 'ONE' WHERE id = 1");
        rows(&mut r.old, "UPDATE users SET name = 'ada' WHERE id = 1");
    });
}

#[test]
fn a_table_takes_the_name_of_one_that_is_removed() {
    in_one_batch(&[REMOVE, &rename("teams", "users")], |r| {
        assert_eq!(rows(&mut r.new, "SELECT * FROM users ORDER BY id"), ["1|one", "2|two"]);
        assert_eq!(rows(&mut r.old, OLD_USERS), ["1|ada", "2|alan"]);
    });
}

/// The name is free only when a later action has removed the table that had it.
#[test]
fn a_table_that_gave_up_its_name_is_removed_later() {
    let (away, taken) = (rename("users", "aside"), rename("teams", "users"));
    let remove = REMOVE.replace("users", "aside");
    in_one_batch(&[&away, &taken, &remove], |r| {
        assert_eq!(rows(&mut r.new, "SELECT * FROM users ORDER BY id"), ["1|one", "2|two"]);
        assert_eq!(rows(&mut r.old, OLD_USERS), ["1|ada", "2|alan"]);
    });
}

#[test]
fn names_go_round() {
    let created = CREATE.replace("'users'", "'guests'").replace("\"users\"", "\"guests\"");
    let guests = rename("guests", "users");
    let again = CREATE.replace("\"users\"", "\"guests\"");
    let away = rename("users", "people");
    let back = rename("people", "users");
    let keep: &dyn Fn(&mut Rollout) = &|r| {
        assert_eq!(rows(&mut r.old, OLD_USERS), ["1|ada", "2|alan"]);
    };
    // A new table gets the name later than it is created, and its own first name goes to another.
    in_one_batch(&[&created, REMOVE, &guests, &again], keep);
    // One new table waits for the name of another one.
    let other = created.replace("guests", "others").replace("foreign_keys", "#");
    let (away_users, taken) = (rename("users", "people"), rename("others", "users"));
    let last = rename("guests", "others");
    in_one_batch(&[&created, &other, &away_users, &taken, &last], keep);
    // It is renamed, or removed, while it still has a generated name.
    let (late, gone) = (rename("users", "late"), REMOVE);
    in_one_batch(&[REMOVE, CREATE, INDEX, &late, MORE.replace("users", "late").as_str()], |r| {
        rows(&mut r.new, "INSERT INTO late (team) VALUES (1)");
    });
    in_one_batch(&[REMOVE, CREATE, INDEX, gone], keep);
    in_one_batch(
        &[
            REMOVE,
            CREATE,
            INDEX,
            "[[actions]]\ntype = 'remove_index'\nindex = 'users_by_name'\n",
            INDEX,
        ],
        keep,
    );
    // It goes away and comes back.
    in_one_batch(&[&away, &back], keep);
    in_one_batch(&[&away, CREATE, gone, &back], keep);
}

#[test]
fn a_new_table_is_filled_from_the_one_whose_name_it_takes() {
    let fill = "[[actions]]\ntype = 'create_table'\nname = 'users'\nprimary_key = 'id'\n\
                columns = [{ name = 'id', type = 'bigint' }, { name = 'name', type = 'text' }]\n\
                up = { table = 'people', values = { id = 'id', name = 'upper(name)' } }\n";
    let away = rename("users", "people");
    let remove = REMOVE.replace("users", "people");
    let during: &dyn Fn(&mut Rollout) = &|r| {
        assert_eq!(rows(&mut r.new, OLD_USERS), ["1|ADA", "2|ALAN"]);
        rows(&mut r.old, "INSERT INTO users (id, name) VALUES (9, 'new')");
        assert_eq!(rows(&mut r.new, "SELECT name FROM users WHERE id = 9"), ["NEW"]);
        rows(&mut r.old, "DELETE FROM users WHERE id = 9");
        assert_eq!(rows(&mut r.new, OLD_USERS), ["1|ADA", "2|ALAN"]);
    };
    in_one_batch(&[&away, fill], during);
    // One by one, the old table still has those of the key and of NOT NULL when the new one is created; in one batch it has gone.
    let (_, last) = finished(&[&away, fill, &remove], during);
    let one_by_one = one_by_one(&[&away, fill, &remove]);
    let fresh = |line: &String| line.replace("_pkey1", "_pkey").replace("_null1", "_null");
    let expected: Vec<String> = one_by_one.iter().map(fresh).collect();
    assert_eq!(last, expected);
}

/// What contract still says of the old table is not said of the new one: both have a foreign key of the same name to a key that is replaced.
#[test]
fn what_is_said_of_the_old_table_does_not_meet_the_new_one() {
    let teams = "[[actions]]\ntype = 'create_table'\nname = 'teams'\nprimary_key = 'id'\ncolumns = [{ name = 'id', type = 'integer' }]\n";
    let users = "[[actions]]\ntype = 'create_table'\nname = 'users'\nprimary_key = 'id'\n\
                 columns = [{ name = 'id', type = 'integer' }, { name = 'team', type = 'integer' }]\n\
                 foreign_keys = [{ columns = ['team'], referenced_table = 'teams', referenced_columns = ['id'] }]\n";
    let replace = "[[actions]]\ntype = 'alter_column'\ntable = 'teams'\ncolumn = 'id'\nchanges = { type = 'bigint' }\n";
    let some = "INSERT INTO teams VALUES (1), (2); INSERT INTO users VALUES (1, 1)";
    let change = format!("{REMOVE}{users}{replace}");
    let mut r = Rollout::begin(&format!("{teams}{users}"), some, &change);
    rows(&mut r.new, "INSERT INTO users VALUES (7, 2)");
    r.complete();
    let keys = "SELECT conname, convalidated FROM pg_constraint WHERE contype = 'f'";
    assert_eq!(rows(&mut r.new, keys), ["users_team_fkey|t"]);
    assert!(r.new.batch_execute("INSERT INTO users VALUES (8, 3)").is_err());
}

#[test]
fn names_that_are_cut_and_names_that_are_taken() {
    let long = "t".repeat(60);
    let create = |columns: &str| {
        format!(
            "[[actions]]\ntype = 'create_table'\nname = '{long}'\nprimary_key = 'identifier'\ncolumns = [{{ name = 'identifier', type = 'serial' }}, {columns}]\nchecks = [{{ expression = 'identifier > 0' }}]\n"
        )
    };
    let base = create("{ name = 'a', type = 'text' }");
    let actions = [
        base.replace('\'', "\""),
        rename(&long, "people"),
        create("{ name = 'b', type = 'serial' }"),
    ];
    // The first one stands for the base.
    let mut r = Rollout::begin(&format!("{TABLES}{base}"), ROWS, &actions[1..].concat());
    r.abort();
    r.start().expect("a second start");
    r.complete();
    let actions: Vec<&str> = actions.iter().map(String::as_str).collect();
    assert_eq!(of_the_user(catalog(&mut r.new)), one_by_one(&actions));
}

/// Under its generated name the table is not what the expression calls it.
#[test]
fn a_check_that_names_its_table_is_refused() {
    let create = CREATE.replace("a >= 0", "users.a >= 0");
    let mut r = Rollout::prepare(TABLES, ROWS, &format!("{REMOVE}{create}"));
    let error = r.start().expect_err("a refusal").report();
    assert!(error.contains("leave the table's name out of the expression"), "{error}");
    assert_eq!(catalog(&mut r.old), r.before);
}
