//! Guarantee G2 for replaced columns: what hangs on the old column hangs on the new one, is used and enforced while both versions are live, and
//! is what it was before once the batch is complete. After a rollback nothing is different.

use reshape_tests::{Rollout, catalog, rows};

const BASE: &str = r#"
[[actions]]
type = "create_table"
name = "users"
primary_key = "id"
columns = [
  { name = "id", type = "integer" },
  { name = "name", type = "text", nullable = false },
  { name = "code", type = "integer", nullable = false },
  { name = "label", type = "varchar(40)" },
  { name = "tag", type = "varchar(40) COLLATE \"C\"" },
]

[[actions]]
type = "create_table"
name = "other"
primary_key = "id"
columns = [{ name = "id", type = "integer" }, { name = "code", type = "integer" }]
"#;

const ROWS: &str = "INSERT INTO users SELECT i, 'n' || i, i, 'l' || i FROM generate_series(1, 50) i; INSERT INTO other SELECT i, i FROM generate_series(1, 50) i";

/// `code` becomes bigint and `label` text.
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

[[actions]]
type = "alter_column"
table = "users"
column = "tag"
changes = { type = "text" }
"#;

/// The same, with new names for the columns and the table.
const REPLACE_AND_RENAME: &str = r#"
[[actions]]
type = "rename_table"
table = "users"
new_name = "people"

[[actions]]
type = "alter_column"
table = "people"
column = "code"
changes = { type = "bigint", name = "number" }

[[actions]]
type = "alter_column"
table = "people"
column = "label"
changes = { type = "text", name = "caption" }

[[actions]]
type = "alter_column"
table = "people"
column = "tag"
changes = { type = "text" }
"#;

/// Lines of the catalog without what the change itself changes. The names of `REPLACE_AND_RENAME` are put back.
fn normal(lines: &[String], renamed: bool) -> Vec<String> {
    let mut lines: Vec<String> = lines
        .iter()
        .filter(|line| !line.contains("migration_") && !line.contains(" reshape_"))
        .map(|line| {
            let mut line = line
                .replace("character varying(40)", "text")
                .replace("(label)::text", "label")
                .replace("label::text", "label");
            if renamed {
                line = line
                    .replace("people", "users")
                    .replace("caption", "label")
                    .replace("number", "code");
            }
            // The type is what changes, and what a sequence can count to.
            if line.starts_with("column ") || line.starts_with("sequence ") {
                line.replace(" integer ", " bigint ").replace("2147483647", "9223372036854775807")
            } else {
                line
            }
        })
        .map(|line| {
            line.replace("::bigint", "")
                .replace("::integer", "")
                .replace("(users.label)::text", "users.label")
                .replace("(old.label)::text", "old.label")
                .replace("label AS label", "label")
                .replace("code AS code", "code")
        })
        .collect();
    lines.sort();
    lines
}

/// Each kind of object: what makes it, and a write that it has to refuse (in the version's schema, through the new client), if it refuses any.
const OBJECTS: &[(&str, &str, Option<&str>)] = &[
    ("index", "CREATE INDEX i ON public.users (code)", None),
    (
        "index of several",
        "CREATE INDEX i ON public.users (name, code DESC NULLS LAST, label NULLS FIRST)",
        None,
    ),
    (
        "index with included columns",
        "CREATE INDEX i ON public.users (name) INCLUDE (code, label)",
        None,
    ),
    (
        "index over an expression",
        "CREATE INDEX i ON public.users ((code + 1), lower(label), name)",
        None,
    ),
    (
        "partial index",
        "CREATE INDEX i ON public.users (name) WHERE code > 3 AND label IS NOT NULL",
        None,
    ),
    (
        "index with an operator class",
        "CREATE INDEX i ON public.users (label text_pattern_ops)",
        None,
    ),
    ("index with a collation", "CREATE INDEX i ON public.users (label COLLATE \"C\")", None),
    (
        "index with parameters",
        "CREATE INDEX i ON public.users (code) WITH (fillfactor = 70); COMMENT ON INDEX public.i IS 'it''s one'",
        None,
    ),
    ("hash index", "CREATE INDEX i ON public.users USING hash (label)", None),
    (
        "brin index",
        "CREATE INDEX i ON public.users USING brin (name, label text_bloom_ops (n_distinct_per_range = 16))",
        None,
    ),
    (
        "statistics of an index",
        "CREATE INDEX i ON public.users ((code + 1)); ALTER INDEX public.i ALTER COLUMN 1 SET STATISTICS 77",
        None,
    ),
    (
        "clustered index",
        "CREATE INDEX i ON public.users (code); ALTER TABLE public.users CLUSTER ON i",
        None,
    ),
    (
        "unique index",
        "CREATE UNIQUE INDEX i ON public.users (code)",
        Some("UPDATE {t} SET {code} = 2 WHERE id = 1"),
    ),
    (
        "unique constraint",
        "ALTER TABLE public.users ADD CONSTRAINT u UNIQUE (label, code); COMMENT ON CONSTRAINT u ON public.users IS 'both'",
        Some("UPDATE {t} SET {code} = 2, {label} = 'l2' WHERE id = 1"),
    ),
    (
        "primary key",
        "ALTER TABLE public.users DROP CONSTRAINT users_pkey, ADD PRIMARY KEY (code)",
        Some("UPDATE {t} SET {code} = 2 WHERE id = 1"),
    ),
    (
        "check",
        "ALTER TABLE public.users ADD CONSTRAINT c CHECK (code < 1000 AND name <> label); COMMENT ON CONSTRAINT c ON public.users IS 'few'",
        Some("UPDATE {t} SET {code} = 1000 WHERE id = 1"),
    ),
    (
        "check that is not valid",
        "ALTER TABLE public.users ADD CONSTRAINT c CHECK (code > 0) NOT VALID",
        Some("UPDATE {t} SET {code} = 0 WHERE id = 5"),
    ),
    (
        "foreign key from",
        "ALTER TABLE public.users ADD CONSTRAINT f FOREIGN KEY (code) REFERENCES public.other (id) ON DELETE CASCADE ON UPDATE CASCADE DEFERRABLE",
        Some("UPDATE {t} SET {code} = 77 WHERE id = 1"),
    ),
    (
        "foreign key to",
        "ALTER TABLE public.users ADD UNIQUE (code); ALTER TABLE public.other ADD CONSTRAINT f FOREIGN KEY (code) REFERENCES public.users (code) MATCH FULL ON UPDATE SET NULL",
        Some("INSERT INTO other VALUES (77, 77)"),
    ),
    (
        "foreign key to itself",
        "ALTER TABLE public.users ADD UNIQUE (code), ADD COLUMN boss int REFERENCES public.users (code)",
        None,
    ),
    (
        "foreign key to the primary key",
        "ALTER TABLE public.users DROP CONSTRAINT users_pkey, ADD PRIMARY KEY (code); ALTER TABLE public.other ADD CONSTRAINT f FOREIGN KEY (code) REFERENCES public.users",
        Some("INSERT INTO other VALUES (77, 77)"),
    ),
    (
        "replica identity",
        "CREATE UNIQUE INDEX i ON public.users (code); ALTER TABLE public.users REPLICA IDENTITY USING INDEX i",
        None,
    ),
    (
        "serial",
        "CREATE SEQUENCE public.s AS integer START 60 OWNED BY public.users.code; ALTER TABLE public.users ALTER COLUMN code SET DEFAULT nextval('public.s'); SELECT nextval('public.s'); COMMENT ON SEQUENCE public.s IS 'digits'",
        None,
    ),
    (
        "identity",
        "ALTER TABLE public.users ALTER COLUMN code ADD GENERATED BY DEFAULT AS IDENTITY (START 60 INCREMENT 3 CACHE 2); SELECT nextval('public.users_code_seq')",
        None,
    ),
    (
        "statistics target",
        "ALTER TABLE public.users ALTER COLUMN code SET STATISTICS 7, ALTER COLUMN label SET (n_distinct = 5)",
        None,
    ),
    (
        "statistics",
        "CREATE STATISTICS public.st (ndistinct, mcv) ON code, label FROM public.users; CREATE STATISTICS public.se ON lower(label), (code + 1), name FROM public.users; ALTER STATISTICS public.st SET STATISTICS 50",
        None,
    ),
    ("comment", "COMMENT ON COLUMN public.users.code IS 'the code'", None),
    (
        "view",
        "CREATE VIEW public.v WITH (security_barrier = true) AS SELECT u.code AS c, label, u.name FROM public.users u JOIN public.other o ON o.code = u.code; COMMENT ON VIEW public.v IS 'a view'; COMMENT ON COLUMN public.v.c IS 'a column'; GRANT SELECT ON public.v TO PUBLIC",
        None,
    ),
    (
        "view of a view",
        "CREATE VIEW public.a AS SELECT code, id FROM public.users; CREATE VIEW public.b AS SELECT max(code) AS m FROM public.a; CREATE VIEW public.c AS SELECT m, a.id FROM public.b, public.a",
        None,
    ),
    (
        "updatable view",
        "CREATE VIEW public.v AS SELECT id, code, name FROM public.users WHERE code > 0 WITH CASCADED CHECK OPTION; ALTER VIEW public.v ALTER COLUMN code SET DEFAULT 5",
        None,
    ),
    (
        "view that groups by the key",
        "ALTER TABLE public.users DROP CONSTRAINT users_pkey, ADD PRIMARY KEY (code); CREATE VIEW public.v AS SELECT name, code FROM public.users GROUP BY code",
        None,
    ),
    (
        "policy",
        "CREATE POLICY p ON public.users AS RESTRICTIVE FOR UPDATE TO PUBLIC USING (code > 0) WITH CHECK (label <> ''); COMMENT ON POLICY p ON public.users IS 'a policy'",
        None,
    ),
    (
        "policy of another table",
        "CREATE POLICY p ON public.other USING (EXISTS (SELECT FROM public.users u WHERE u.code = other.code))",
        None,
    ),
    (
        "trigger with a condition",
        "CREATE FUNCTION public.f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'; CREATE TRIGGER t BEFORE UPDATE ON public.users FOR EACH ROW WHEN (NEW.code > 5 AND OLD.label <> '') EXECUTE FUNCTION public.f('x'); COMMENT ON TRIGGER t ON public.users IS 'a trigger'; ALTER TABLE public.users ENABLE ALWAYS TRIGGER t",
        None,
    ),
    (
        "trigger of columns",
        "CREATE FUNCTION public.f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'; CREATE TRIGGER t AFTER INSERT OR UPDATE OF code, name, label OR DELETE ON public.users FOR EACH ROW EXECUTE FUNCTION public.f()",
        None,
    ),
];

fn begun(object: &str, change: &str) -> Rollout {
    let sql = format!("{ROWS}; {object}");
    Rollout::begin(BASE, &sql, change)
}

#[test]
fn what_hangs_on_a_replaced_column_is_what_it_was() {
    let mut different = Vec::new();
    for (name, object, _) in OBJECTS {
        for (change, renamed) in [(REPLACE, false), (REPLACE_AND_RENAME, true)] {
            let mut r = begun(object, change);
            r.complete();
            let (after, before) = (normal(&catalog(&mut r.new), renamed), normal(&r.before, false));
            let lost = before.iter().filter(|line| !after.contains(line));
            different.extend(lost.map(|line| format!("{name}, renamed {renamed}: lost {line}")));
            let new = after.iter().filter(|line| !before.contains(line));
            different.extend(new.map(|line| format!("{name}, renamed {renamed}: new {line}")));
        }
    }
    assert!(different.is_empty(), "{}", different.join("\n"));
}

#[test]
fn a_rollback_leaves_it_as_it_was() {
    for (_, object, _) in OBJECTS {
        begun(object, REPLACE).abort();
    }
}

#[test]
fn constraints_hold_for_new_clients_before_and_after_completion() {
    for (name, object, write) in OBJECTS {
        let Some(write) = write else { continue };
        for (change, table, code, label) in [
            (REPLACE, "users", "code", "label"),
            (REPLACE_AND_RENAME, "people", "number", "caption"),
        ] {
            let write =
                write.replace("{t}", table).replace("{code}", code).replace("{label}", label);
            let mut r = begun(object, change);
            for _ in 0..2 {
                let error = r.new.batch_execute(&write).expect_err(name);
                let code = error.code().map(|code| code.code().to_owned()).unwrap_or_default();
                assert!(code.starts_with("23"), "{name}: {error:?}");
                r.migrator().complete().unwrap_or_else(|error| panic!("{}", error.report()));
            }
        }
    }
}

#[test]
fn numbers_go_on_where_they_were_for_both_versions() {
    for kind in ["serial", "identity"] {
        let object = OBJECTS.iter().find(|(name, ..)| *name == kind).expect("an object").1;
        let mut r = begun(object, REPLACE);
        let draw = "INSERT INTO users (id, name) VALUES ($1, 'x') RETURNING code::bigint";
        let first: i64 = r.old.query_one(draw, &[&101]).expect("an insert").get(0);
        let last = rows(&mut r.old, "SELECT lastval()");
        assert_eq!(last, [first.to_string()], "{kind}");
        let second: i64 = r.new.query_one(draw, &[&102]).expect("an insert").get(0);
        assert_eq!(rows(&mut r.new, "SELECT lastval()"), [second.to_string()], "{kind}");
        assert!(second > first, "{kind}: {first}, {second}");
        let seen = "SELECT code FROM users WHERE id > 100 ORDER BY id";
        assert_eq!(rows(&mut r.old, seen), [first.to_string(), second.to_string()]);
        assert_eq!(rows(&mut r.new, seen), [first.to_string(), second.to_string()]);
        // A number of the client's own is kept.
        r.new
            .batch_execute("INSERT INTO users (id, name, code) VALUES (103, 'y', 3000)")
            .expect("an insert");
        assert_eq!(rows(&mut r.old, "SELECT code FROM users WHERE id = 103"), ["3000"]);
        r.complete();
        let third: i64 = r.new.query_one(draw, &[&104]).expect("an insert").get(0);
        assert!(third > second && third < 3000, "{kind}: {second}, {third}");
    }
}

#[test]
fn a_trigger_of_columns_fires_for_clients_of_both_versions() {
    let object = "CREATE TABLE public.log (what text); \
        CREATE FUNCTION public.f() RETURNS trigger LANGUAGE plpgsql AS \
          'BEGIN INSERT INTO public.log VALUES (TG_OP || OLD.code || NEW.code); RETURN NEW; END'; \
        CREATE TRIGGER t AFTER UPDATE OF code ON public.users FOR EACH ROW EXECUTE FUNCTION public.f()";
    let mut r = begun(object, REPLACE);
    let count = |client: &mut postgres::Client, expected: &str| {
        client.batch_execute("UPDATE users SET code = code + 100 WHERE id = 1; UPDATE users SET name = 'z' WHERE id = 1").expect("writes");
        assert_eq!(rows(client, "SELECT count(*) FROM public.log"), [expected]);
    };
    count(&mut r.old, "1");
    count(&mut r.new, "2");
    r.migrator().complete().unwrap_or_else(|error| panic!("{}", error.report()));
    count(&mut r.new, "3");
}

#[test]
fn a_start_that_breaks_a_rule_says_which_and_by_which_rows() {
    let up = |sql: &str| {
        format!(
            "[[actions]]\ntype = 'alter_column'\ntable = 'users'\ncolumn = 'code'\nup = '{sql}'\ndown = 'code::integer'\nchanges = {{ type = 'bigint' }}"
        )
    };
    let cases = [
        (
            "check",
            "code + 990",
            "the check `c` of `users` is violated by 41 rows, e.g. id = 10, code = 1000, name = 'n10', label = 'l10'",
        ),
        (
            "unique index",
            "code / 2 * 2",
            "the unique index `i` of `users` is violated by 48 rows, e.g. id = 2 and id = 3, both with code = 2",
        ),
        (
            "foreign key from",
            "code + 10",
            "the foreign key `f` of `users` is violated by 10 rows, e.g. id = ",
        ),
    ];
    for (kind, expression, message) in cases {
        let object = OBJECTS.iter().find(|(name, ..)| *name == kind).expect("an object").1;
        let r = Rollout::prepare(BASE, &format!("{ROWS}; {object}"), &up(expression));
        let error = r.start().expect_err("a refusal").report();
        assert!(error.contains(message), "{kind}: {error}");
        assert!(!error.contains("__reshape"), "{kind}: {error}");
    }
}

#[test]
fn a_serial_column_may_become_anything_with_another_default() {
    let object = OBJECTS.iter().find(|(name, ..)| *name == "serial").expect("an object").1;
    let change = "[[actions]]\ntype = 'alter_column'\ntable = 'users'\ncolumn = 'code'\nup = 'md5(code::text)::uuid'\n\
                  down = 'hashtext(code::text)'\nchanges = { type = 'uuid', default = 'gen_random_uuid()' }";
    let mut r = begun(object, change);
    r.new.batch_execute("INSERT INTO users (id, name) VALUES (101, 'x')").expect("an insert");
    r.old.batch_execute("INSERT INTO users (id, name) VALUES (102, 'y')").expect("an insert");
    assert_eq!(rows(&mut r.new, "SELECT count(DISTINCT code) FROM users"), ["52"]);
    r.complete();
    r.new.batch_execute("INSERT INTO users (id, name) VALUES (103, 'z')").expect("an insert");
    let without = "[[actions]]\ntype = 'alter_column'\ntable = 'users'\ncolumn = 'code'\nup = 'md5(code::text)::uuid'\n\
                   down = 'hashtext(code::text)'\nchanges = { type = 'uuid' }";
    let r = Rollout::prepare(BASE, &format!("{ROWS}; {object}"), without);
    let error = r.start().expect_err("a refusal").report();
    assert!(
        error.contains("draws its values from a sequence, so it cannot become `uuid`"),
        "{error}"
    );
}
