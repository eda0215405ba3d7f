//! Triggers of the user's own, before, between and after ours.

use reshape_tests::{Rollout, catalog, rows};

const BASE: &str = r#"
[[actions]]
type = "create_table"
name = "users"
primary_key = "id"
columns = [
  { name = "id", type = "integer", generated = "BY DEFAULT AS IDENTITY" },
  { name = "name", type = "text", nullable = false },
  { name = "email", type = "text" },
  { name = "writes", type = "integer", nullable = false, default = "0" },
]

[[actions]]
type = "create_table"
name = "log"
primary_key = "id"
columns = [{ name = "id", type = "integer", generated = "BY DEFAULT AS IDENTITY" }, { name = "what", type = "text" }]
"#;

const CHANGE: &str = r#"
[[actions]]
type = "alter_column"
table = "users"
column = "name"
up = "'<' || name || '>'"
down = "trim(name, '<>')"
changes = { nullable = false }

[[actions]]
type = "alter_column"
table = "users"
column = "email"
up = "'<' || email || '>'"
down = "trim(email, '<>')"
changes = { name = "address" }

[[actions]]
type = "alter_column"
table = "log"
column = "what"
up = "upper(what)"
down = "lower(what)"
changes = { nullable = true }
"#;

const ROWS: &str = "INSERT INTO users (name, email) VALUES ('ada', 'ADA'), ('alan', NULL);";

fn trigger(name: &str, when: &str, body: &str) -> String {
    format!(
        "{ROWS} CREATE FUNCTION public.f() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {body} END $$; \
         CREATE TRIGGER \"{name}\" {when} ON public.users FOR EACH ROW EXECUTE FUNCTION public.f()"
    )
}

const OLD: &str = "SELECT name, email FROM migration_1_base.users ORDER BY id";
const NEW: &str = "SELECT name, address FROM migration_2_change.users ORDER BY id";

#[test]
fn a_backfill_changes_nothing_that_a_trigger_would() {
    let sql = trigger(
        "touch",
        "BEFORE UPDATE",
        "NEW.writes := NEW.writes + 1; NEW.name := NEW.name || '!'; RETURN NEW;",
    );
    let mut r = Rollout::begin(BASE, &sql, CHANGE);
    assert_eq!(
        rows(&mut r.old, "SELECT name, email, writes FROM users ORDER BY id"),
        ["ada|ADA|0", "alan|-|0"]
    );
    rows(&mut r.old, "UPDATE users SET email = 'x' WHERE id = 1");
    rows(&mut r.new, "UPDATE users SET address = '<y>' WHERE id = 2");
    assert_eq!(rows(&mut r.old, OLD), ["ada!|x", "alan!|y"]);
    assert_eq!(rows(&mut r.old, NEW), ["<ada!>|<x>", "<alan!>|<y>"]);
    r.complete();
}

/// The user's trigger knows the old columns: what it makes of a new client's row is a write of the old version.
#[test]
fn what_a_trigger_makes_of_a_new_clients_row_reaches_the_new_version() {
    let sql =
        trigger("normal", "BEFORE INSERT OR UPDATE", "NEW.email := lower(NEW.email); RETURN NEW;");
    let mut r = Rollout::begin(BASE, &sql, CHANGE);
    rows(&mut r.new, "INSERT INTO users (name, address) VALUES ('<<Grace>', '<GRACE>')");
    rows(&mut r.new, "UPDATE users SET address = '<ALAN>' WHERE id = 2");
    // `name` is as the new client wrote it, although `up` of `down` of it would be something else.
    assert_eq!(rows(&mut r.old, OLD), ["ada|ADA", "alan|alan", "Grace|grace"]);
    assert_eq!(rows(&mut r.old, NEW), ["<ada>|<ADA>", "<alan>|<alan>", "<<Grace>|<grace>"]);
    rows(&mut r.new, "UPDATE users SET name = '<ada>>' WHERE id = 1");
    assert_eq!(rows(&mut r.old, NEW)[0], "<ada>>|<ada>");
    assert_eq!(rows(&mut r.old, OLD)[0], "ada|ada");
    r.complete();
}

#[test]
fn after_triggers_write_to_the_same_table_and_to_another() {
    let sql = trigger(
        "after",
        "AFTER INSERT OR UPDATE",
        "IF pg_trigger_depth() = 1 THEN \
           UPDATE public.users SET writes = writes + 1, email = coalesce(email, 'none') WHERE id = NEW.id; \
           INSERT INTO public.log (what) VALUES (NEW.name); \
         END IF; RETURN NULL;",
    );
    let mut r = Rollout::begin(BASE, &sql, CHANGE);
    // The backfill has fired it, too, as the report says.
    assert_eq!(rows(&mut r.old, OLD), ["ada|ADA", "alan|none"]);
    assert_eq!(rows(&mut r.old, NEW), ["<ada>|<ADA>", "<alan>|<none>"]);
    rows(&mut r.new, "INSERT INTO users (name) VALUES ('<new>')");
    rows(&mut r.old, "INSERT INTO users (name) VALUES ('old')");
    assert_eq!(rows(&mut r.old, OLD)[2..], ["new|none", "old|none"]);
    assert_eq!(rows(&mut r.old, NEW)[2..], ["<new>|<none>", "<old>|<none>"]);
    assert_eq!(rows(&mut r.new, "SELECT what FROM log ORDER BY id DESC LIMIT 2"), ["OLD", "NEW"]);
    r.complete();
}

#[test]
fn triggers_that_fire_before_the_first_or_after_the_last_are_refused() {
    for name in ["~~last", "ärger", " first", "!!"] {
        for when in ["BEFORE INSERT", "BEFORE UPDATE OF writes"] {
            let mut r = Rollout::prepare(BASE, &trigger(name, when, "RETURN NEW;"), CHANGE);
            let error = r.start().expect_err("a refusal");
            assert!(error.report().contains(&format!("trigger `{name}`")), "{}", error.report());
            assert_eq!(catalog(&mut r.old), r.before);
        }
    }
    for name in ["!a", "~0", "Zz", "0", "{"] {
        let r = Rollout::begin(BASE, &trigger(name, "BEFORE UPDATE", "RETURN NEW;"), CHANGE);
        drop(r);
    }
}

/// It skips the row, so the backfill has to say so, except where there was nothing to fill.
#[test]
fn a_trigger_that_returns_null_is_noticed() {
    let change = CHANGE.replace("column = \"name\"", "column = \"writes\"").replace(
        "up = \"'<' || name || '>'\"\ndown = \"trim(name, '<>')\"\nchanges = { nullable = false }",
        "changes = { name = \"count\" }",
    );
    let body = "IF OLD.name = 'alan' THEN RETURN NULL; END IF; RETURN NEW;";
    // There is no address to fill in Alan's row.
    drop(Rollout::begin(BASE, &trigger("skip", "BEFORE UPDATE", body), &change));
    let body = "IF OLD.name = 'ada' THEN RETURN NULL; END IF; RETURN NEW;";
    let mut r = Rollout::prepare(BASE, &trigger("skip", "BEFORE UPDATE", body), &change);
    let error = r.start().expect_err("a row is empty");
    assert!(error.report().contains("has kept rows from being filled"), "{}", error.report());
    assert_eq!(catalog(&mut r.old), r.before);
}
