//! Guarantee G2: whatever depends on what a batch changes is carried over, or the batch is refused before anything is changed. And what is
//! not refused at start cannot fail at completion.

use reshape_tests::{Rollout, catalog};

const BASE: &str = r#"
[[actions]]
type = "create_enum"
name = "mood"
values = ["calm", "angry"]

[[actions]]
type = "create_table"
name = "users"
primary_key = "id"
columns = [
  { name = "id", type = "integer", generated = "BY DEFAULT AS IDENTITY" },
  { name = "name", type = "text", nullable = false },
  { name = "code", type = "integer" },
  { name = "mood", type = "mood", default = "'calm'" },
]

[[actions]]
type = "create_table"
name = "other"
primary_key = "id"
columns = [{ name = "id", type = "integer" }, { name = "code", type = "integer" }]

[[actions]]
type = "add_index"
table = "other"
index = { name = "other_code", columns = ["code"] }
"#;

const CHANGES: &[(&str, &str)] = &[
    ("remove_table", "[[actions]]\ntype = 'remove_table'\ntable = 'users'"),
    ("remove_column", "[[actions]]\ntype = 'remove_column'\ntable = 'users'\ncolumn = 'code'"),
    (
        "replace",
        "[[actions]]\ntype = 'alter_column'\ntable = 'users'\ncolumn = 'code'\nchanges = { type = 'bigint' }",
    ),
    ("rename_table", "[[actions]]\ntype = 'rename_table'\ntable = 'users'\nnew_name = 'people'"),
    (
        "rename_column",
        "[[actions]]\ntype = 'alter_column'\ntable = 'users'\ncolumn = 'code'\nchanges = { name = 'number' }",
    ),
    (
        "default",
        "[[actions]]\ntype = 'alter_column'\ntable = 'users'\ncolumn = 'code'\nchanges = { default = '7' }",
    ),
    (
        "nullable",
        "[[actions]]\ntype = 'alter_column'\ntable = 'users'\ncolumn = 'name'\nchanges = { nullable = true }",
    ),
    (
        "add",
        "[[actions]]\ntype = 'add_column'\ntable = 'users'\nup = 'code + 1'\ncolumn = { name = 'next', type = 'integer' }",
    ),
    (
        "remove_enum",
        "[[actions]]\ntype = 'remove_column'\ntable = 'users'\ncolumn = 'mood'\n[[actions]]\ntype = 'remove_enum'\nenum = 'mood'",
    ),
];

const OBJECTS: &[(&str, &str)] = &[
    ("nothing", "SELECT"),
    ("view", "CREATE VIEW public.v AS SELECT code, name, mood FROM public.users"),
    ("matview", "CREATE MATERIALIZED VIEW public.v AS SELECT code, name, mood FROM public.users"),
    ("view on the version's view", "CREATE VIEW public.v AS SELECT id FROM migration_1_base.users"),
    (
        "function on the version's view",
        "CREATE FUNCTION public.f() RETURNS bigint LANGUAGE sql BEGIN ATOMIC SELECT count(*) FROM migration_1_base.users; END",
    ),
    (
        "function of the version's row type",
        "CREATE FUNCTION public.f(u migration_1_base.users) RETURNS text LANGUAGE sql AS 'SELECT 1::text'",
    ),
    ("table in the version's schema", "CREATE TABLE migration_1_base.mine (id int)"),
    (
        "function in the version's schema",
        "CREATE FUNCTION migration_1_base.f() RETURNS int LANGUAGE sql AS 'SELECT 1'",
    ),
    ("rule", "CREATE RULE r AS ON UPDATE TO public.users WHERE NEW.code = 99 DO ALSO NOTHING"),
    ("instead rule", "CREATE RULE r AS ON UPDATE TO public.users DO INSTEAD NOTHING"),
    (
        "rule elsewhere",
        "CREATE RULE r AS ON DELETE TO public.other DO ALSO UPDATE public.users SET code = 0 WHERE mood = 'calm'",
    ),
    ("policy", "CREATE POLICY p ON public.users USING (code > 0 AND mood = 'calm')"),
    (
        "policy elsewhere",
        "CREATE POLICY p ON public.other USING (EXISTS (SELECT FROM public.users WHERE code > 0 AND mood = 'calm'))",
    ),
    (
        "foreign key to",
        "CREATE UNIQUE INDEX u ON public.users (code); ALTER TABLE public.other ADD FOREIGN KEY (code) REFERENCES public.users (code)",
    ),
    (
        "foreign key to the key",
        "ALTER TABLE public.other ADD FOREIGN KEY (code) REFERENCES public.users",
    ),
    (
        "foreign key from",
        "INSERT INTO public.other SELECT i, i FROM generate_series(1,3) i; ALTER TABLE public.users ADD FOREIGN KEY (code) REFERENCES public.other",
    ),
    (
        "sql function",
        "CREATE FUNCTION public.f() RETURNS bigint LANGUAGE sql BEGIN ATOMIC SELECT sum(code) FROM public.users WHERE mood = 'calm'; END",
    ),
    (
        "trigger WHEN",
        "CREATE FUNCTION public.f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'; CREATE TRIGGER t BEFORE UPDATE ON public.users FOR EACH ROW WHEN (NEW.code > 5 AND NEW.mood = 'calm') EXECUTE FUNCTION public.f()",
    ),
    (
        "trigger OF",
        "CREATE FUNCTION public.f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'; CREATE TRIGGER t BEFORE UPDATE OF code, mood ON public.users FOR EACH ROW EXECUTE FUNCTION public.f()",
    ),
    (
        "trigger null",
        "CREATE FUNCTION public.f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'; CREATE TRIGGER t BEFORE UPDATE ON public.users FOR EACH ROW EXECUTE FUNCTION public.f()",
    ),
    ("statistics", "CREATE STATISTICS public.s ON code, mood, name FROM public.users"),
    ("publication", "CREATE PUBLICATION p FOR TABLE public.users"),
    ("publication columns", "CREATE PUBLICATION p FOR TABLE public.users (id, code, mood)"),
    ("publication where", "CREATE PUBLICATION p FOR TABLE public.users WHERE (id > 3)"),
    (
        "generated",
        "ALTER TABLE public.users ADD COLUMN g int GENERATED ALWAYS AS (code + 1) STORED",
    ),
    ("index", "CREATE INDEX i ON public.users (code)"),
    ("index of two", "CREATE INDEX i ON public.users (code, name)"),
    ("index include", "CREATE INDEX i ON public.users (name) INCLUDE (code)"),
    ("index expression", "CREATE INDEX i ON public.users ((code + 1))"),
    ("index expression of two", "CREATE INDEX i ON public.users ((code + id))"),
    ("index partial", "CREATE INDEX i ON public.users (name) WHERE code > 0"),
    ("index partial itself", "CREATE INDEX i ON public.users (code) WHERE name > ''"),
    ("unique", "ALTER TABLE public.users ADD UNIQUE (code)"),
    ("unique of two", "ALTER TABLE public.users ADD UNIQUE (code, id)"),
    ("exclusion", "ALTER TABLE public.users ADD EXCLUDE ((code + id) WITH =)"),
    ("check", "ALTER TABLE public.users ADD CHECK (code <> 12345)"),
    ("check of two", "ALTER TABLE public.users ADD CHECK (code <> id + 12345)"),
    ("check of mood", "ALTER TABLE public.users ADD CHECK (mood >= 'calm')"),
    (
        "row type",
        "CREATE FUNCTION public.f(u public.users) RETURNS text LANGUAGE sql AS 'SELECT 1::text'",
    ),
    (
        "row type array",
        "CREATE FUNCTION public.f(u public.users[]) RETURNS text LANGUAGE sql AS 'SELECT 1::text'",
    ),
    ("row type column", "ALTER TABLE public.other ADD COLUMN u public.users"),
    ("row type array column", "ALTER TABLE public.other ADD COLUMN u public.users[]"),
    ("row type dom", "SELECT"),
    ("row type domain", "CREATE DOMAIN public.d AS public.users"),
    ("row type composite", "CREATE TYPE public.c AS (u public.users)"),
    (
        "sequence used elsewhere",
        "CREATE SEQUENCE public.s OWNED BY public.users.code; ALTER TABLE public.other ALTER COLUMN code SET DEFAULT nextval('public.s')",
    ),
    (
        "sequence used by a view",
        "CREATE SEQUENCE public.s OWNED BY public.users.code; CREATE VIEW public.v AS SELECT last_value FROM public.s",
    ),
    (
        "serial",
        "CREATE SEQUENCE public.s OWNED BY public.users.code; ALTER TABLE public.users ALTER COLUMN code SET DEFAULT nextval('public.s')",
    ),
    (
        "identity sequence elsewhere",
        "ALTER TABLE public.other ALTER COLUMN code SET DEFAULT nextval('public.users_id_seq')",
    ),
    ("view in the version's schema", "CREATE VIEW migration_1_base.mine AS SELECT 1 AS one"),
    ("collation", "ALTER TABLE public.users ADD COLUMN tag text COLLATE \"C\""),
    ("target", "ALTER TABLE public.users ALTER COLUMN code SET STATISTICS 7"),
    ("options", "ALTER TABLE public.users ALTER COLUMN code SET (n_distinct = 5)"),
    (
        "replica identity",
        "ALTER TABLE public.users ALTER COLUMN code SET NOT NULL; CREATE UNIQUE INDEX i ON public.users (code); ALTER TABLE public.users REPLICA IDENTITY USING INDEX i",
    ),
    (
        "replica identity name",
        "CREATE UNIQUE INDEX i ON public.users (name); ALTER TABLE public.users REPLICA IDENTITY USING INDEX i",
    ),
    ("replica identity full", "ALTER TABLE public.users REPLICA IDENTITY FULL"),
    ("child", "CREATE TABLE public.child () INHERITS (public.users)"),
    (
        "parent",
        "CREATE TABLE public.parent (name text NOT NULL); ALTER TABLE public.users INHERIT public.parent",
    ),
    ("enum named people", "CREATE TYPE public.people AS ENUM ('a')"),
    ("domain named people", "CREATE DOMAIN public.people AS int"),
    ("composite named people", "CREATE TYPE public.people AS (a int)"),
    (
        "key of name",
        "ALTER TABLE public.users DROP CONSTRAINT users_pkey, ADD PRIMARY KEY (id, name)",
    ),
    ("group by key", "CREATE VIEW public.v AS SELECT name, code FROM public.users GROUP BY id"),
    ("domain of enum", "CREATE DOMAIN public.d AS public.mood"),
    (
        "function of enum",
        "CREATE FUNCTION public.f(m public.mood) RETURNS int LANGUAGE sql AS 'SELECT 1'",
    ),
    ("enum array elsewhere", "ALTER TABLE public.other ADD COLUMN m public.mood[]"),
    (
        "default of enum elsewhere",
        "ALTER TABLE public.other ADD COLUMN m text DEFAULT ('calm'::public.mood)::text",
    ),
];

fn find(list: &'static [(&str, &str)], name: &str) -> &'static str {
    let found = list.iter().find(|(known, _)| *known == name);
    found.map_or_else(|| panic!("{name}"), |(_, sql)| *sql)
}

/// The refusal, or `None` if the batch has been started and completed.
fn outcome(object: &str, change: &str) -> Option<String> {
    let rows = format!(
        "INSERT INTO users (name, code) SELECT 'n' || i, i FROM generate_series(1, 3) i; {}",
        find(OBJECTS, object)
    );
    let mut r = Rollout::prepare(BASE, &rows, find(CHANGES, change));
    if let Err(error) = r.start() {
        assert_eq!(catalog(&mut r.old), r.before, "{object}, {change}: {}", error.report());
        return Some(error.report());
    }
    let done = r.migrator().complete();
    done.unwrap_or_else(|error| panic!("{object}, {change}: {}", error.report()));
    None
}

/// `(object, change, what the refusal says)`
const REFUSED: &[(&str, &str, &str)] = &[
    ("view on the version's view", "add", "view public.v depends on the views of `1_base`"),
    (
        "function on the version's view",
        "add",
        "function public.f() depends on the views of `1_base`",
    ),
    ("function of the version's row type", "add", "depends on the views of `1_base`"),
    ("table in the version's schema", "rename_column", "table migration_1_base.mine depends"),
    ("view in the version's schema", "rename_column", "view migration_1_base.mine depends"),
    ("function in the version's schema", "default", "function migration_1_base.f() depends"),
    ("instead rule", "add", "the rule `r` rewrites"),
    ("instead rule", "replace", "the rule `r` rewrites"),
    ("policy elsewhere", "remove_table", "policy p on table public.other depends on it"),
    (
        "foreign key to",
        "remove_table",
        "constraint other_code_fkey on table public.other depends on it",
    ),
    (
        "trigger null",
        "add",
        "a trigger of table \"public\".\"users\" has kept rows from being filled",
    ),
    ("index expression of two", "remove_column", "index public.i depends on it"),
    ("row type array", "remove_table", "function public.f(public.users[]) depends on it"),
    ("row type array column", "remove_table", "column u of table public.other depends on it"),
    ("row type domain", "remove_table", "type public.d depends on it"),
    ("row type composite", "remove_table", "column u of composite type public.c depends on it"),
    (
        "sequence used elsewhere",
        "remove_table",
        "default value for column code of table public.other depends on it",
    ),
    (
        "sequence used elsewhere",
        "remove_column",
        "default value for column code of table public.other depends on it",
    ),
    ("sequence used by a view", "remove_column", "view public.v depends on it"),
    ("exclusion", "replace", "index public.users_expr_excl depends on it"),
    ("matview", "replace", "materialized view public.v depends on it"),
    (
        "generated",
        "replace",
        // What depends is the column itself before PostgreSQL 15, and its default from then on.
        "column g of table public.users depends on it",
    ),
    ("sql function", "replace", "function public.f() depends on it"),
    ("rule elsewhere", "replace", "rule r on table public.other depends on it"),
    (
        "sequence used elsewhere",
        "replace",
        "default value for column code of table public.other depends on it",
    ),
    ("replica identity", "remove_column", "index public.i depends on it"),
    ("replica identity name", "nullable", "index public.i needs it"),
    ("key of name", "nullable", "users_pkey"),
    ("enum named people", "rename_table", "the name `people` is taken"),
    ("domain named people", "rename_table", "the name `people` is taken"),
    ("composite named people", "rename_table", "the name `people` is taken"),
];

#[test]
fn what_cannot_come_along_is_refused_at_start() {
    let mut wrong = Vec::new();
    for (object, change, message) in REFUSED {
        let refusal = outcome(object, change).unwrap_or_else(|| String::from("none"));
        if !refusal.contains(message) {
            wrong.push(format!("{object}, {change}: {refusal}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn what_can_come_along_is_not_refused() {
    for (object, change) in [
        ("nothing", "remove_enum"),
        ("serial", "remove_table"),
        ("serial", "remove_column"),
        ("index", "remove_column"),
        ("rule", "rename_table"),
        ("view", "rename_column"),
    ] {
        assert_eq!(outcome(object, change), None, "{object}, {change}");
    }
}

#[test]
#[ignore = "hundreds of databases: minutes"]
fn every_object_with_every_change() {
    for (object, _) in OBJECTS {
        for (change, _) in CHANGES {
            outcome(object, change);
        }
    }
}

/// What contract makes again from its own text has to fit the new type; that comes out at start.
#[test]
fn what_does_not_fit_the_new_type_is_found_at_start() {
    let change = "[[actions]]\ntype = 'alter_column'\ntable = 'users'\ncolumn = 'name'\nup = 'substr(name, 2)::integer'\n\
                  down = \"'n' || name\"\nchanges = { type = 'integer' }";
    let objects = [
        (
            "CREATE VIEW public.v AS SELECT upper(name) AS u FROM public.users",
            "function upper(integer) does not exist",
        ),
        (
            "CREATE VIEW public.a AS SELECT name FROM public.users; CREATE VIEW public.v AS SELECT upper(name) AS u FROM public.a",
            "function upper(integer) does not exist",
        ),
        (
            "CREATE VIEW public.v AS SELECT id, name FROM public.users; ALTER VIEW public.v ALTER COLUMN name SET DEFAULT 'abc'",
            "is of type integer but default expression is of type text",
        ),
        (
            "CREATE POLICY p ON public.users USING (name <> 'x')",
            "operator does not exist: integer <> text",
        ),
        (
            "CREATE FUNCTION public.f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'; \
             CREATE TRIGGER t BEFORE UPDATE ON public.users FOR EACH ROW WHEN (NEW.name <> 'x') EXECUTE FUNCTION public.f()",
            "operator does not exist: integer <> text",
        ),
    ];
    for (object, message) in objects {
        let rows = format!(
            "INSERT INTO users (name, code) SELECT 'n' || i, i FROM generate_series(1, 3) i; {object}"
        );
        let mut r = Rollout::prepare(BASE, &rows, change);
        let error = r.start().expect_err(object).report();
        assert!(error.contains(message), "{object}: {error}");
        assert_eq!(catalog(&mut r.old), r.before, "{object}");
    }
}

#[test]
fn names_of_ours_and_of_the_users_stay_apart() {
    let object = "INSERT INTO users (name, code) VALUES ('a', 1); ALTER TABLE public.users ADD CONSTRAINT code_not_null CHECK (code > 0)";
    let change = "[[actions]]\ntype = 'alter_column'\ntable = 'users'\ncolumn = 'code'\nup = 'coalesce(code, 1)'\nchanges = { type = 'bigint', nullable = false }";
    let mut r = Rollout::begin(BASE, object, change);
    r.complete();
}
