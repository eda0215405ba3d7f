//! What hangs on a replaced column together with what else the batch does, and with what others have made: columns that swap their names, names
//! that Postgres makes up, rights that nobody has asked for, views of other sessions.

use reshape_tests::{Rollout, rows};

const BASE: &str = r#"
[[actions]]
type = "create_table"
name = "users"
primary_key = "id"
columns = [
  { name = "id", type = "integer" },
  { name = "name", type = "text" },
  { name = "code", type = "integer" },
  { name = "num", type = "integer" },
  { name = "label", type = "varchar(40)" },
]
"#;

const ROWS: &str =
    "INSERT INTO users SELECT i, 'n' || i, i, i + 100, 'l' || i FROM generate_series(1, 20) i";

const REPLACE: &str = r#"
[[actions]]
type = "alter_column"
table = "users"
column = "code"
changes = { type = "bigint" }

[[actions]]
type = "alter_column"
table = "users"
column = "label"
changes = { type = "text" }
"#;

/// `code` becomes a bigint that is called `num`, and `num` is called `code`; the batch's own index is over both.
const SWAP: &str = r#"
[[actions]]
type = "alter_column"
table = "users"
column = "code"
changes = { type = "bigint", name = "between" }

[[actions]]
type = "alter_column"
table = "users"
column = "num"
changes = { name = "code" }

[[actions]]
type = "add_index"
table = "users"
index = { name = "own", columns = ["between", "code"] }

[[actions]]
type = "alter_column"
table = "users"
column = "between"
changes = { name = "num" }
"#;

fn begin(object: &str, change: &str) -> Rollout {
    Rollout::begin(BASE, &format!("{ROWS}; {object}"), change)
}

/// The columns of each index but the primary key's, in order.
fn index_columns(r: &mut Rollout) -> Vec<String> {
    rows(
        &mut r.new,
        "SELECT c.relname, string_agg(a.attname, ' ' ORDER BY a.attnum) FROM pg_index i \
         JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_attribute a ON a.attrelid = c.oid \
         WHERE i.indrelid = 'public.users'::regclass AND NOT i.indisprimary GROUP BY 1 ORDER BY 1",
    )
}

#[test]
fn an_index_over_two_columns_that_swap_their_names_comes_along() {
    let mut r = begin(
        "CREATE UNIQUE INDEX i ON public.users (code, num); ALTER TABLE public.users ADD CONSTRAINT u UNIQUE (num, code)",
        SWAP,
    );
    r.new.batch_execute("UPDATE users SET num = 7, code = 8 WHERE id = 1").expect("a write");
    assert_eq!(rows(&mut r.old, "SELECT code, num FROM users WHERE id = 1"), ["7|8"]);
    r.complete();
    assert_eq!(index_columns(&mut r), ["i|num code", "own|num code", "u|code num"]);
}

#[test]
fn names_that_an_index_makes_of_its_columns_names_are_not_left() {
    let object = "CREATE INDEX a ON public.users (code, num) INCLUDE (code); \
                  CREATE INDEX b ON public.users (label, label text_pattern_ops); \
                  CREATE INDEX c ON public.users ((code::bigint), code, (label::text), lower(name))";
    begin(object, REPLACE).abort();
    let mut r = begin(object, REPLACE);
    r.complete();
    assert_eq!(
        index_columns(&mut r),
        ["a|code num expr", "b|label expr", "c|expr code expr1 lower"]
    );
}

#[test]
fn a_column_may_get_the_name_that_an_expression_has_in_an_index() {
    let change = "[[actions]]\ntype = 'alter_column'\ntable = 'users'\ncolumn = 'code'\nchanges = { type = 'bigint', name = 'lower' }";
    let mut r = begin("CREATE INDEX i ON public.users (lower(name), code)", change);
    r.complete();
    assert_eq!(index_columns(&mut r), ["i|expr lower"]);
}

#[test]
fn default_privileges_give_nobody_rights_on_what_is_made_again() {
    let object = "CREATE VIEW public.v AS SELECT code FROM public.users; \
                  CREATE VIEW public.w AS SELECT code FROM public.users; GRANT SELECT ON public.w TO pg_monitor; \
                  ALTER TABLE public.users ALTER COLUMN code SET NOT NULL, ALTER COLUMN code ADD GENERATED ALWAYS AS IDENTITY; \
                  ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT ALL ON TABLES TO PUBLIC, pg_monitor; \
                  ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT ALL ON SEQUENCES TO PUBLIC, pg_monitor";
    let rights = "SELECT c.relname, g.grantee::regrole, string_agg(g.privilege_type, ' ') FROM pg_class c, aclexplode(c.relacl) g \
                  WHERE c.relname IN ('v', 'w', 'users_code_seq') AND g.grantee <> c.relowner GROUP BY 1, 2 ORDER BY 1, 2";
    let mut r = begin(object, REPLACE);
    let before = rows(&mut r.old, rights);
    assert_eq!(before, ["w|pg_monitor|SELECT"]);
    r.complete();
    assert_eq!(rows(&mut r.new, rights), before);
}

#[test]
fn a_temporary_view_of_another_session_refuses_the_batch_until_that_ends() {
    let r = Rollout::prepare(BASE, ROWS, REPLACE);
    let mut other = r.database.connect().unwrap_or_else(|error| panic!("{}", error.report()));
    other
        .batch_execute("CREATE TEMPORARY VIEW mine AS SELECT code FROM public.users")
        .expect("a temporary view");
    let error = r.start().expect_err("a refusal").report();
    assert!(error.contains("`mine` is a temporary view"), "{error}");
}

/// A view that groups by a key may select every other column of the table; the new column has the key only in contract.
#[test]
fn a_view_that_groups_by_a_replaced_key_is_tried_at_start() {
    let change = "[[actions]]\ntype = 'alter_column'\ntable = 'users'\ncolumn = 'id'\nup = 'id::text'\ndown = 'id::integer'\nchanges = { type = 'text' }\n";
    let view = |selected: &str| {
        format!(
            "{ROWS}; CREATE VIEW public.v AS SELECT {selected}, code FROM public.users GROUP BY id"
        )
    };
    let mut r = Rollout::prepare(BASE, &view("abs(id) AS a"), change);
    let error = r.start().expect_err("no such function").report();
    assert!(error.contains("function abs(text) does not exist"), "{error}");
    assert_eq!(reshape_tests::catalog(&mut r.old), r.before);
    let mut r = Rollout::begin(BASE, &view("id || 'x' AS a"), change);
    r.abort();
    r.start().expect("a second start");
    r.complete();
    let list = "SELECT * FROM public.v ORDER BY code LIMIT 2";
    assert_eq!(rows(&mut r.new, list), ["1x|1", "2x|2"]);
}

/// What the owner of a view may not do with it, it may not do afterwards.
#[test]
fn an_owner_does_not_get_back_the_rights_that_it_has_given_up() {
    let sql = format!(
        "{ROWS}; CREATE VIEW public.v AS SELECT code FROM public.users; REVOKE INSERT, DELETE ON public.v FROM CURRENT_USER; \
         CREATE VIEW public.none AS SELECT code FROM public.users; REVOKE ALL ON public.none FROM CURRENT_USER; \
         CREATE VIEW public.plain AS SELECT code FROM public.users; GRANT SELECT ON public.plain TO PUBLIC"
    );
    let rights = "SELECT relname, relacl FROM pg_class WHERE relname IN ('v', 'none', 'plain') AND relnamespace = 'public'::regnamespace ORDER BY 1";
    let mut r = Rollout::begin(BASE, &sql, REPLACE);
    let before = rows(&mut r.old, rights);
    r.complete();
    assert_eq!(rows(&mut r.new, rights), before);
}
