//! Checks and foreign keys as actions: they hold for old and new clients, end up on what a column is at the end of the batch, and have the
//! names that the history says.

use reshape_tests::{Rollout, catalog, golden, migrations, rows};

mod checks;
mod keys;

const BASE: &str = r#"
[[actions]]
type = "create_table"
name = "users"
primary_key = "id"
columns = [
  { name = "id", type = "integer", generated = "BY DEFAULT AS IDENTITY" },
  { name = "name", type = "text", nullable = false },
  { name = "email", type = "text" },
  { name = "code", type = "integer" },
  { name = "region", type = "text" },
]
checks = [{ name = "short", expression = "length(name) < 20" }, { expression = "region <> ''" }]

[[actions]]
type = "add_index"
table = "users"
index = { name = "users_region_code", columns = ["region", "code"], unique = true }

[[actions]]
type = "create_table"
name = "orders"
primary_key = "id"
columns = [
  { name = "id", type = "integer" },
  { name = "user_id", type = "integer" },
  { name = "code", type = "integer" },
  { name = "region", type = "text" },
]
foreign_keys = [{ columns = ["user_id"], referenced_table = "users", referenced_columns = ["id"] }]
"#;

const ROWS: &str = "INSERT INTO users (name, email, code, region) VALUES ('Ada', 'ada@x', 1, 'eu'), ('Alan', 'ALAN@X', 2, 'eu');
    INSERT INTO orders VALUES (1, 1, 1, 'eu'), (2, 2, 2, 'eu'), (3, NULL, NULL, NULL)";

/// Runs a scenario twice: to its completion, and to its rollback.
fn both_ways(change: &str, during: impl Fn(&mut Rollout), after: impl Fn(&mut Rollout)) {
    let mut rollout = Rollout::begin(BASE, ROWS, change);
    during(&mut rollout);
    rollout.abort();

    let mut rollout = Rollout::begin(BASE, ROWS, change);
    during(&mut rollout);
    rollout.complete();
    after(&mut rollout);
}

/// The constraint that keeps a statement from being executed.
fn violated(client: &mut postgres::Client, sql: &str) -> String {
    let error = client.simple_query(sql).expect_err(sql);
    let error = error.as_db_error().unwrap_or_else(|| panic!("{sql}: {error}"));
    error.constraint().unwrap_or_else(|| panic!("{sql}: {error}")).to_owned()
}

/// The checks or foreign keys of a table, with what they say.
fn constraints(r: &mut Rollout, kind: char, table: &str) -> Vec<String> {
    let sql = format!(
        "SELECT conname || ' ' || pg_get_constraintdef(oid) FROM pg_constraint \
         WHERE contype = '{kind}' AND conrelid = 'public.{table}'::regclass ORDER BY 1"
    );
    let mut client = r.database.connect().expect("a client");
    rows(&mut client, &sql)
}

/// What start refuses a batch for; nothing has changed.
fn refused(change: &str) -> String {
    let mut r = Rollout::prepare(BASE, ROWS, change);
    let error = r.start().expect_err("a refusal");
    assert_eq!(error.kind(), reshape_runtime::ErrorKind::Refused, "{}", error.report());
    assert_eq!(catalog(&mut r.old), r.before);
    error.report()
}

const SHORT: &str = "short CHECK ((length(name) < 20))";
const REGION: &str = "users_region_check CHECK ((region <> ''::text))";
const KEY: &str = "orders_user_id_fkey FOREIGN KEY (user_id) REFERENCES users(id)";

const REPLACE: &str = r#"
    [[actions]]
    type = "remove_check"
    table = "users"
    check = "short"

    [[actions]]
    type = "add_check"
    table = "users"
    check = { name = "short", expression = "length(name) < 10" }
"#;

const CASCADE: &str = r#"
    [[actions]]
    type = "remove_foreign_key"
    table = "orders"
    foreign_key = "orders_user_id_fkey"

    [[actions]]
    type = "add_foreign_key"
    table = "orders"
    foreign_key = { columns = ["user_id"], referenced_table = "users", referenced_columns = ["id"], on_delete = "SET NULL" }
"#;

/// A batch of several migrations after [`BASE`].
fn batch(changes: &[&str]) -> (Rollout, reshape_runtime::Migrator) {
    let r = Rollout::prepare(BASE, ROWS, "[[actions]]\ntype = 'custom'\nstart = 'SELECT 1'");
    let names: Vec<String> = (2..).take(changes.len()).map(|n| format!("{n}_change")).collect();
    let mut files = vec![("1_base", BASE)];
    files.extend(names.iter().map(String::as_str).zip(changes.iter().copied()));
    let migrator = reshape_runtime::Migrator::new(migrations(&files), r.database.url());
    (r, migrator)
}

#[test]
fn a_column_takes_along_what_the_batch_has_added_on_it_alone() {
    both_ways(
        r#"
        [[actions]]
        type = "add_check"
        table = "users"
        check = { name = "named", expression = "email <> ''" }

        [[actions]]
        type = "add_foreign_key"
        table = "orders"
        foreign_key = { columns = ["code"], referenced_table = "users", referenced_columns = ["id"] }

        [[actions]]
        type = "remove_column"
        table = "users"
        column = "email"

        [[actions]]
        type = "remove_column"
        table = "orders"
        column = "code"
        "#,
        |r| {
            rows(&mut r.old, "UPDATE users SET email = ''");
        },
        |r| assert_eq!(constraints(r, 'f', "orders"), [KEY]),
    );
}

#[test]
fn constraints_that_are_not_valid_stay_as_they_are() {
    let prepare = format!(
        "{ROWS}; ALTER TABLE public.users ADD CONSTRAINT later CHECK (code > 1) NOT VALID;
         ALTER TABLE public.orders ADD CONSTRAINT loose FOREIGN KEY (code) REFERENCES public.users (id) NOT VALID"
    );
    let mut r = Rollout::begin(BASE, &prepare, REPLACE);
    r.complete();
    let later = "later CHECK ((code > 1)) NOT VALID";
    assert_eq!(constraints(&mut r, 'c', "users")[0], later);
    assert_eq!(
        constraints(&mut r, 'f', "orders")[0],
        "loose FOREIGN KEY (code) REFERENCES users(id) NOT VALID"
    );
}

#[test]
fn a_name_that_is_taken_or_unknown_is_refused_with_what_is_there() {
    let add = |name: &str| {
        format!(
            "[[actions]]\ntype = 'add_check'\ntable = 'users'\ncheck = {{ name = '{name}', expression = 'true' }}\n"
        )
    };
    assert_eq!(
        refused(&add("users_pkey")),
        "the migration `2_change`, action 1 is refused: table `users` has a constraint `users_pkey` already\n  \
         help: choose another name, or remove that constraint first"
    );
    assert_eq!(
        refused("[[actions]]\ntype = 'remove_check'\ntable = 'users'\ncheck = 'users_regin_check'"),
        "the migration `2_change`, action 1 is refused: table `users` has no check `users_regin_check` in the database\n  \
         help: did you mean `users_region_check`?"
    );
    let mut r = Rollout::prepare(
        BASE,
        "ALTER TABLE public.orders RENAME CONSTRAINT orders_user_id_fkey TO buyer",
        "[[actions]]\ntype = 'remove_foreign_key'\ntable = 'orders'\nforeign_key = 'orders_user_id_fkey'",
    );
    assert_eq!(
        r.start().expect_err("a refusal").report(),
        "the migration `2_change`, action 1 is refused: table `orders` has no foreign key `orders_user_id_fkey` in the database\n  \
         help: it has `buyer`"
    );
    assert_eq!(catalog(&mut r.old), r.before);
}

#[test]
fn a_foreign_key_to_columns_that_are_not_unique_is_refused() {
    let mut r = Rollout::prepare(
        BASE,
        "DROP INDEX public.users_region_code; CREATE UNIQUE INDEX ON public.users (region, code) WHERE code > 0;
         ALTER TABLE public.users ADD UNIQUE (region, code) DEFERRABLE",
        r#"
        [[actions]]
        type = "add_foreign_key"
        table = "orders"
        foreign_key = { columns = ["code", "region"], referenced_table = "users", referenced_columns = ["code", "region"] }
        "#,
    );
    assert_eq!(
        r.start().expect_err("a refusal").report(),
        "the migration `2_change`, action 1 is refused: no primary key or unique index of table `users` in the database is over \
         exactly `code` and `region`\n  help: a foreign key refers to a unique key: add one first, with `add_index` and `unique = true`"
    );
    assert_eq!(catalog(&mut r.old), r.before);
}

#[test]
fn a_check_cannot_name_a_column_by_a_name_that_it_does_not_have_any_more() {
    // On the old column the check would go when the batch is complete. SQL of the user's own has mentioned that one, so the build is not certain.
    let change = r#"
        [[actions]]
        type = "custom"
        start = "-- about email"

        [[actions]]
        type = "alter_column"
        table = "users"
        column = "email"
        up = "lower(email)"
        changes = { name = "mail" }

        [[actions]]
        type = "add_check"
        table = "users"
        check = { name = "at", expression = "email LIKE '%@%'" }
    "#;
    let mut r = Rollout::prepare(BASE, ROWS, change);
    let error = r.start().expect_err("no such column");
    assert_eq!(
        error.report(),
        "the step `add columns to `users`` failed: column \"email\" does not exist; the batch was rolled back"
    );
    assert_eq!(catalog(&mut r.old), r.before);
}

#[test]
fn a_foreign_key_must_not_need_an_index_that_the_batch_removes() {
    let change = r#"
        [[actions]]
        type = "remove_index"
        index = "users_region_code"

        [[actions]]
        type = "add_index"
        table = "users"
        index = { name = "users_code_region", columns = ["code", "region"], unique = true }

        [[actions]]
        type = "add_foreign_key"
        table = "orders"
        foreign_key = { columns = ["code", "region"], referenced_table = "users", referenced_columns = ["code", "region"] }
    "#;
    assert_eq!(
        refused(change),
        "the migration `2_change`, action 3 is refused: the foreign key `orders_code_region_fkey` would refer to the index \
         `users_region_code`, which the same batch removes\n  help: complete the batch that removes the index first, then add the \
         foreign key"
    );
}

#[test]
fn what_cannot_be_checked_is_refused() {
    let whole_row = r#"
        [[actions]]
        type = "add_column"
        table = "users"
        up = "lower(name)"
        column = { name = "low", type = "text" }

        [[actions]]
        type = "add_check"
        table = "users"
        check = { name = "full", expression = "users IS NOT NULL" }
    "#;
    let refusal = refused(whole_row);
    assert!(
        refusal.contains("action 2 is refused: the check `full` over whole rows of `users`"),
        "{refusal}"
    );
    let shared = r#"
        [[actions]]
        type = "add_check"
        table = "users"
        check = { name = "either", expression = "email <> name" }

        [[actions]]
        type = "remove_column"
        table = "users"
        column = "email"
    "#;
    assert_eq!(
        refused(shared),
        "the migration `2_change`, action 2 is refused: column `users`.`email` cannot be removed: the check `either`, which the \
         same batch adds, needs it\n  help: remove that first"
    );
}

#[test]
fn a_check_cannot_name_a_table_whose_name_another_one_takes() {
    let change = r#"
        [[actions]]
        type = "rename_table"
        table = "users"
        new_name = "people"

        [[actions]]
        type = "add_check"
        table = "people"
        check = { name = "named", expression = "people.name <> ''" }

        [[actions]]
        type = "rename_table"
        table = "people"
        new_name = "persons"

        [[actions]]
        type = "create_table"
        name = "people"
        primary_key = "id"
        columns = [{ name = "id", type = "integer" }]
    "#;
    assert_eq!(
        refused(change),
        "the migration `2_change`, action 2 is refused: the check `named` names the table `people`, a name that another table has by \
         the end of the batch\n  help: leave the table's name out of the expression"
    );
}

#[test]
fn a_check_must_not_need_an_enum_that_the_batch_removes() {
    let base = r#"
        [[actions]]
        type = "create_enum"
        name = "mood"
        values = ["calm"]

        [[actions]]
        type = "create_table"
        name = "users"
        primary_key = "id"
        columns = [{ name = "id", type = "integer" }, { name = "tone", type = "text" }]
    "#;
    let change = r#"
        [[actions]]
        type = "add_check"
        table = "users"
        check = { name = "known", expression = "tone::mood IS NOT NULL" }

        [[actions]]
        type = "remove_enum"
        enum = "mood"
    "#;
    let mut r = Rollout::prepare(base, "", change);
    assert_eq!(
        r.start().expect_err("a refusal").report(),
        "the migration `2_change`, action 2 is refused: enum `mood` cannot be removed: the check `known` of `users`, which the same \
         batch adds, names it\n  help: leave the type out of the check"
    );
    assert_eq!(catalog(&mut r.old), r.before);
}

macro_rules! golden {
    ($($name:ident: $change:expr;)*) => {$(
        #[test]
        fn $name() {
            insta::assert_snapshot!(golden(BASE, $change).expect("a plan"));
        }
    )*};
}

golden! {
    the_plan_of_a_check_that_is_replaced: REPLACE;
    the_plan_of_a_foreign_key_that_is_replaced: CASCADE;
    the_plan_of_a_new_table_that_refers_to_a_column_which_is_replaced_later: r#"
        [[actions]]
        type = "create_table"
        name = "lines"
        primary_key = "id"
        columns = [{ name = "id", type = "integer" }, { name = "order_id", type = "bigint" }, { name = "user_id", type = "integer" }]
        foreign_keys = [
          { columns = ["order_id"], referenced_table = "orders", referenced_columns = ["id"] },
          { columns = ["user_id"], referenced_table = "users", referenced_columns = ["id"] },
        ]

        [[actions]]
        type = "alter_column"
        table = "orders"
        column = "id"
        changes = { type = "bigint" }

        [[actions]]
        type = "rename_table"
        table = "lines"
        new_name = "items"
    "#;
    the_plan_of_a_check_under_the_names_of_its_point: r#"
        [[actions]]
        type = "alter_column"
        table = "users"
        column = "email"
        up = "lower(email)"
        changes = { nullable = false }

        [[actions]]
        type = "rename_table"
        table = "users"
        new_name = "people"

        [[actions]]
        type = "add_check"
        table = "people"
        check = { name = "low", expression = "people.email = lower(email)" }
    "#;
}
