//! What a partition has of its own, and what is refused.

use reshape_tests::{Rollout, rows, table_made_by};

use super::{CHANGE, COLUMNS, ROWS, base, refusal};

#[test]
fn a_partition_is_changed_with_its_table() {
    // The history has to know it by name.
    let base = base("range")
        + &table_made_by(
            "CREATE TABLE readings_x PARTITION OF readings FOR VALUES FROM ('2027-01-01') TO ('2028-01-01')",
            "readings_x",
            &COLUMNS,
        );
    for change in [
        "type = 'add_column'\ntable = 'readings_x'\ncolumn = { name = 'x', type = 'text' }",
        "type = 'rename_table'\ntable = 'readings_x'\nnew_name = 'y'",
        "type = 'remove_table'\ntable = 'readings_x'",
        "type = 'remove_column'\ntable = 'readings_x'\ncolumn = 'size'",
        "type = 'alter_column'\ntable = 'readings_x'\ncolumn = 'size'\nchanges = { name = 'x' }",
        "type = 'add_index'\ntable = 'readings_x'\nindex = { name = 'i', columns = ['size'] }",
    ] {
        let refused = refusal(&base, "", &format!("[[actions]]\n{change}\n"));
        assert!(refused.contains("is a partition of `public.readings`"), "{refused}");
        assert!(refused.contains("help: change `public.readings`"), "{refused}");
    }
}

#[test]
fn the_partition_key_stays() {
    for (scheme, column) in [
        ("range", "at"),
        ("list", "city"),
        ("hash", "city"),
        ("two levels", "at"),
        ("two levels", "city"),
    ] {
        let remove = format!(
            "[[actions]]\ntype = 'remove_column'\ntable = 'readings'\ncolumn = '{column}'\ndown = \"NULL\"\n"
        );
        let replace = format!(
            "[[actions]]\ntype = 'alter_column'\ntable = 'readings'\ncolumn = '{column}'\nup = \"NULL\"\ndown = \"NULL\"\nchanges = {{ nullable = true }}\n"
        );
        for change in [remove, replace] {
            let refused = refusal(&base(scheme), "", &change);
            assert!(refused.contains("part of a partition key"), "{scheme}: {refused}");
        }
    }
    let unique = "[[actions]]\ntype = 'add_index'\ntable = 'readings'\nindex = { name = 'u', columns = ['id', 'at'], unique = true }\n";
    let refused = refusal(&base("two levels"), "", unique);
    assert!(refused.contains("lacks `city`"), "{refused}");
    let expression = table_made_by(
        "CREATE TABLE readings (id int, at date, city text, name text, size int) PARTITION BY RANGE ((id + size))",
        "readings",
        &COLUMNS,
    );
    let remove = "[[actions]]\ntype = 'remove_column'\ntable = 'readings'\ncolumn = 'size'\n";
    let refused = refusal(&expression, "", remove);
    assert!(refused.contains("part of a partition key"), "{refused}");
}

/// What only one partition has would go without a word when the column of the whole table goes.
#[test]
fn what_a_partition_has_of_its_own_is_not_lost() {
    let remove = "[[actions]]\ntype = 'remove_column'\ntable = 'readings'\ncolumn = 'size'\n";
    let replace = "[[actions]]\ntype = 'alter_column'\ntable = 'readings'\ncolumn = 'size'\nchanges = { type = 'bigint' }\n";
    let remove_table = "[[actions]]\ntype = 'remove_table'\ntable = 'readings'\n";
    let function =
        "CREATE FUNCTION public.f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'";
    for (scheme, partition) in
        [("range", "public.readings_b"), ("two levels", "\"Old data\".\"Rome''s\"")]
    {
        let p = partition.replace("''", "'");
        for (object, change, message) in [
            (format!("CREATE INDEX own ON {p} (size, name)"), remove, "own depends on it"),
            (format!("CREATE INDEX own ON {p} (size)"), replace, "own depends"),
            (
                format!("ALTER TABLE {p} ADD CONSTRAINT own CHECK (size < 1000)"),
                replace,
                "constraint own on table",
            ),
            (
                format!("ALTER TABLE {p} ADD CONSTRAINT own CHECK (size < 1000 + id)"),
                remove,
                "constraint own on table",
            ),
            (
                format!("CREATE VIEW public.own AS SELECT size FROM {p}"),
                remove,
                "view public.own depends",
            ),
            (
                format!("CREATE VIEW public.own AS SELECT size FROM {p}"),
                replace,
                "view public.own depends",
            ),
            (
                format!("CREATE VIEW public.own AS SELECT size FROM {p}"),
                remove_table,
                "view public.own depends",
            ),
            (
                format!(
                    "{function}; CREATE TRIGGER own BEFORE UPDATE OF size ON {p} FOR EACH ROW EXECUTE FUNCTION public.f()"
                ),
                remove,
                "trigger own on table",
            ),
            (format!("CREATE POLICY own ON {p} USING (size > 0)"), remove, "policy own on table"),
            (
                format!("CREATE STATISTICS public.own ON size, name FROM {p}"),
                replace,
                "statistics object public.own",
            ),
            (
                format!("ALTER TABLE {p} ALTER COLUMN size SET DEFAULT 7"),
                replace,
                "default on partition",
            ),
            (
                format!("ALTER TABLE {p} ALTER COLUMN size SET NOT NULL"),
                replace,
                "NOT NULL on partition",
            ),
            (
                format!("ALTER TABLE {p} ALTER COLUMN size SET STATISTICS 7"),
                replace,
                "statistics target on partition",
            ),
            (format!("COMMENT ON COLUMN {p}.size IS 'own'"), replace, "comment on partition"),
            (
                format!("GRANT SELECT (size) ON {p} TO PUBLIC"),
                replace,
                "column rights on partition",
            ),
            (
                format!("CREATE RULE own AS ON UPDATE TO {p} DO INSTEAD NOTHING"),
                CHANGE,
                "the rule `own`",
            ),
            (
                format!(
                    "{function}; CREATE TRIGGER aaa BEFORE UPDATE ON {p} FOR EACH ROW EXECUTE FUNCTION public.f(); ALTER TRIGGER aaa ON {p} RENAME TO \"!\""
                ),
                CHANGE,
                "the trigger `!`",
            ),
        ] {
            // A view of a partition next to the table comes along as one of the table does.
            if scheme == "range" && change == replace && object.starts_with("CREATE VIEW") {
                let mut r = Rollout::begin(&base(scheme), &format!("{ROWS}; {object}"), change);
                r.complete();
                assert_eq!(
                    rows(&mut r.new, "SELECT DISTINCT pg_typeof(size)::text FROM public.own"),
                    ["bigint"]
                );
                continue;
            }
            let refused = refusal(&base(scheme), &object, change);
            assert!(refused.contains(message), "{object}: {refused}");
        }
        // The table's own go, and come, along.
        let table = "CREATE INDEX own ON public.readings (size); CREATE TABLE public.other (id int, at date, city text)";
        let mut r = Rollout::begin(&base(scheme), table, remove);
        r.complete();
        let mut r = Rollout::begin(&base(scheme), table, remove_table);
        r.complete();
    }
}

#[test]
fn a_foreign_partition_is_refused() {
    let foreign = "CREATE FOREIGN DATA WRAPPER w; CREATE SERVER s FOREIGN DATA WRAPPER w;
        CREATE FOREIGN TABLE public.far PARTITION OF public.readings FOR VALUES FROM ('2027-01-01') TO ('2028-01-01') SERVER s";
    let bare = table_made_by(
        "CREATE TABLE readings (id int, at date, city text, name text NOT NULL, size int) PARTITION BY RANGE (at)",
        "readings",
        &COLUMNS,
    );
    let refused = refusal(&bare, foreign, CHANGE);
    assert!(refused.contains("whose partition `far` is a foreign table"), "{refused}");
}

#[test]
fn a_trigger_of_one_partition_changes_rows_as_any_other() {
    let trigger = "CREATE FUNCTION public.f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN NEW.name := NEW.name || ''!''; RETURN NEW; END';
        CREATE TRIGGER t BEFORE INSERT OR UPDATE ON public.readings_b FOR EACH ROW EXECUTE FUNCTION public.f()";
    let mut r = Rollout::begin(&base("range"), &format!("{ROWS}; {trigger}"), CHANGE);
    // The backfill changes nothing that clients can see.
    assert_eq!(rows(&mut r.old, "SELECT name FROM readings WHERE id = 2"), ["two"]);
    rows(&mut r.new, "UPDATE readings SET shout = 'Loud' WHERE id IN (1, 2)");
    assert_eq!(
        rows(&mut r.old, "SELECT name FROM readings WHERE id < 3 ORDER BY id"),
        ["loud", "loud!"]
    );
    assert_eq!(
        rows(&mut r.new, "SELECT shout FROM readings WHERE id < 3 ORDER BY id"),
        ["Loud", "LOUD!"]
    );
    r.complete();
}
