//! What users have of their own: roles, foreign keys, triggers; and what is refused.

use std::time::Duration;

use postgres::Client;
use reshape_runtime::Event;
use reshape_tests::{BASE, CHANGE, Rollout, client, rows};

use crate::junction::{ACCOUNT_ROWS, ACCOUNTS, JUNCTION};
use crate::not_null::not_null;
use crate::{MOVE, NEW, OLD, ROWS, USERS, new, old, sees};

/// A role of the server's, which goes with the test.
struct Role {
    name: String,
    admin: Client,
}

impl Role {
    fn new(r: &Rollout, name: &str) -> Self {
        let mut admin = r.database.connect().expect("a client");
        let suffix =
            rows(&mut admin, "SELECT oid FROM pg_database WHERE datname = current_database()")
                .remove(0);
        let name = format!("cross_{name}_{suffix}");
        rows(&mut admin, &format!("CREATE ROLE {name}"));
        Self { name, admin }
    }

    fn grant(&mut self, schema: &str, table: &str) {
        let name = &self.name;
        let sql = format!(
            "GRANT USAGE ON SCHEMA {schema} TO {name}; GRANT SELECT, INSERT, UPDATE, DELETE ON {schema}.{table} TO {name}"
        );
        rows(&mut self.admin, &sql);
    }

    fn client(&self, r: &Rollout, version: &str) -> Client {
        let mut client = client(&r.database, version);
        rows(&mut client, &format!("SET ROLE {}", self.name));
        client
    }
}

impl Drop for Role {
    fn drop(&mut self) {
        let sql = format!("DROP OWNED BY {0}; DROP ROLE {0}", self.name);
        self.admin.batch_execute(&sql).expect("the role goes");
    }
}

/// Who may write one of the tables need not have any right on the other.
#[test]
fn a_role_without_rights_on_the_other_table_writes_its_own() {
    let r = &mut Rollout::prepare(&not_null(USERS), ROWS, &not_null(MOVE));
    let (mut user, mut profile) = (Role::new(r, "user"), Role::new(r, "profile"));
    for schema in ["public", "migration_1_base"] {
        user.grant(schema, "users");
        profile.grant(schema, "profiles");
    }
    r.start().unwrap_or_else(|error| panic!("{}", error.report()));
    let mut client = user.client(r, BASE);
    rows(&mut client, "INSERT INTO users VALUES (4, 'x', 'four')");
    rows(&mut client, "UPDATE users SET email = 'changed' WHERE id = 1");
    rows(&mut client, "DELETE FROM users WHERE id = 2");
    assert!(client.batch_execute("SELECT * FROM profiles").is_err());
    let mut client = profile.client(r, BASE);
    rows(&mut client, "INSERT INTO profiles VALUES (40, 4)");
    assert!(client.batch_execute("SELECT * FROM users").is_err());
    sees(r, NEW, &["10|1|changed", "20|2|alan@x", "40|4|four"]);
    let mut client = profile.client(r, CHANGE);
    rows(&mut client, "UPDATE profiles SET email = 'new' WHERE id = 10");
    rows(&mut client, "INSERT INTO profiles (id, user_id, email) VALUES (50, 5, 'five')");
    rows(&mut user.client(r, CHANGE), "INSERT INTO users VALUES (5, 'x')");
    rows(&mut client, "DELETE FROM profiles WHERE id = 10");
    sees(r, OLD, &["1|new", "3|grace@x", "4|four", "5|five"]);
    // The functions are ours alone: nobody may put one on a table of his own. (A heartbeat is no trigger.)
    let public = "SELECT proname FROM pg_proc WHERE pronamespace = 'reshape'::regnamespace AND prosecdef \
                  AND prorettype = 'trigger'::regtype AND has_function_privilege('public', oid, 'EXECUTE')";
    sees(r, public, &[]);
    r.complete();
    drop((user, profile));
}

#[test]
fn foreign_keys_cascade_or_not() {
    for (clause, not_null_too) in [
        ("", false),
        ("", true),
        ("ON DELETE CASCADE ON UPDATE CASCADE", false),
        ("ON DELETE CASCADE ON UPDATE CASCADE", true),
    ] {
        let text = |text: &str| if not_null_too { not_null(text) } else { text.to_owned() };
        let sql = format!(
            "{ROWS}; ALTER TABLE public.profiles ADD FOREIGN KEY (user_id) REFERENCES public.users {clause}"
        );
        let mut r = Rollout::begin(&text(USERS), &sql, &text(MOVE));
        let goes = "DELETE FROM users WHERE id = 1";
        if clause.is_empty() {
            assert!(r.old.batch_execute(goes).is_err());
            assert!(r.new.batch_execute(goes).is_err());
            old(&mut r, "DELETE FROM profiles WHERE user_id = 1");
        }
        old(&mut r, goes);
        sees(&mut r, NEW, &["20|2|alan@x"]);
        sees(&mut r, OLD, &["2|alan@x", "3|grace@x"]);
        if !clause.is_empty() {
            old(&mut r, "UPDATE users SET id = 22, email = 'a' WHERE id = 2");
            sees(&mut r, NEW, &["20|22|a"]);
            new(&mut r, "UPDATE users SET id = 2 WHERE id = 22");
            sees(&mut r, NEW, &["20|2|a"]);
            sees(&mut r, OLD, &["2|a", "3|grace@x"]);
            // What a transaction has written itself is checked again when a trigger of ours writes it.
            let both = "BEGIN; INSERT INTO users VALUES (9, 'x', 'nine'); INSERT INTO profiles VALUES (90, 9);
                UPDATE users SET id = 10 WHERE id = 9; DELETE FROM users WHERE id = 10; COMMIT";
            old(&mut r, both);
            sees(&mut r, NEW, &["20|2|a"]);
        }
        new(&mut r, "DELETE FROM profiles WHERE user_id = 2");
        new(&mut r, "DELETE FROM users WHERE id = 2");
        old(
            &mut r,
            "BEGIN; INSERT INTO users VALUES (7, 'x', 'seven'); INSERT INTO profiles VALUES (70, 7); COMMIT",
        );
        new(
            &mut r,
            "BEGIN; INSERT INTO users VALUES (8, 'x'); INSERT INTO profiles VALUES (80, 8, '', 'eight'); COMMIT",
        );
        sees(&mut r, NEW, &["70|7|seven", "80|8|eight"]);
        sees(&mut r, OLD, &["3|grace@x", "7|seven", "8|eight"]);
        r.abort();
        r.start().expect("a second start");
        r.complete();
    }
}

/// Triggers of the user's, before and after, that write the row, the other table and a third one.
#[test]
fn triggers_that_write() {
    let base = format!(
        r#"{USERS}
        [[actions]]
        type = "create_table"
        name = "log"
        primary_key = "id"
        columns = [{{ name = "id", type = "integer", generated = "ALWAYS AS IDENTITY" }}, {{ name = "what", type = "text" }}]
        "#
    );
    let sql = format!(
        "{ROWS};
        CREATE FUNCTION public.tidy() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.email := lower(NEW.email); RETURN NEW; END $$;
        CREATE TRIGGER tidy BEFORE INSERT OR UPDATE ON public.users FOR EACH ROW EXECUTE FUNCTION public.tidy();
        CREATE FUNCTION public.touch() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.bio := coalesce(NEW.bio, '') || '+'; RETURN NEW; END $$;
        CREATE TRIGGER touch BEFORE INSERT OR UPDATE ON public.profiles FOR EACH ROW EXECUTE FUNCTION public.touch();
        CREATE FUNCTION public.follow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
          IF TG_OP = 'INSERT' THEN INSERT INTO public.profiles (id, user_id) VALUES (NEW.id * 10, NEW.id); END IF;
          INSERT INTO public.log (what) VALUES (NEW.email); RETURN NULL; END $$;
        CREATE TRIGGER follow AFTER INSERT OR UPDATE ON public.users FOR EACH ROW EXECUTE FUNCTION public.follow()"
    );
    let mut r = Rollout::begin(&base, &sql, MOVE);
    let list = "SELECT id, bio, email FROM migration_2_change.profiles ORDER BY id";
    sees(&mut r, list, &["10|-|ada@x", "20|-|alan@x"]);
    old(&mut r, "UPDATE users SET email = 'ADA' WHERE id = 1");
    old(&mut r, "INSERT INTO users VALUES (4, 'x', 'FOUR')");
    sees(&mut r, list, &["10|+|ada", "20|-|alan@x", "40|+|four"]);
    new(&mut r, "UPDATE profiles SET email = 'Alan' WHERE id = 20");
    // `tidy` makes what it does of an old column, and that reaches no new one.
    sees(&mut r, OLD, &["1|ada", "2|alan", "3|grace@x", "4|four"]);
    sees(&mut r, list, &["10|+|ada", "20|+|Alan", "40|+|four"]);
    sees(&mut r, "SELECT what FROM migration_1_base.log ORDER BY id", &["ada", "four", "alan"]);
    new(&mut r, "INSERT INTO profiles (id, user_id, email) VALUES (55, 5, 'Five')");
    new(&mut r, "INSERT INTO users VALUES (5, 'x')");
    sees(&mut r, OLD, &["1|ada", "2|alan", "3|grace@x", "4|four", "5|five"]);
    // `follow` writes to the table itself, which is what old clients do.
    sees(&mut r, &list.replace(" ORDER", " WHERE user_id = 5 ORDER"), &["50|+|five", "55|+|Five"]);
    r.abort();
    r.start().expect("a second start");
    r.complete();
}

/// Old clients write while the tables are being filled; what they do is there in the end.
#[test]
fn old_clients_write_during_the_backfill() {
    let change = format!(
        r#"
        [[actions]]
        type = "alter_column"
        table = "users"
        column = "name"
        up = "upper(name)"
        changes = {{ name = "title" }}
        {}
        [[actions]]
        type = "add_column"
        table = "profiles"
        column = {{ name = "shout", type = "text" }}
        up = "email || '!'"
        "#,
        MOVE.replace("users.email", "title || email")
    );
    let fill = "INSERT INTO users SELECT i, 'n' || i, 'e' || i FROM generate_series(1, 600) i; \
                INSERT INTO profiles SELECT i, i, repeat('x', 800) FROM generate_series(1, 600) i";
    let mut r = Rollout::prepare(USERS, fill, &change);
    let mut writer = client(&r.database, BASE);
    let mut n = 0;
    let observer = move |event: &Event| {
        if let Event::Backfill { .. } | Event::StepStarted { .. } = event {
            n += 1;
            let [one, two, three] = [37, 53, 71].map(|step| n * step % 600 + 1);
            for sql in [
                format!("UPDATE users SET email = 'w{n}' WHERE id = {one}"),
                format!("UPDATE users SET name = 'w{n}' WHERE id = {two}"),
                format!("UPDATE profiles SET bio = bio || '{n}' WHERE id = {three}"),
                format!("UPDATE profiles SET user_id = {one} WHERE id = {two}"),
                format!("INSERT INTO profiles VALUES ({n} + 1000, {three})"),
                format!("INSERT INTO users VALUES ({n} + 1000, 'new', 'e')"),
                format!("UPDATE profiles SET user_id = {n} + 1000 WHERE id = {three}"),
                format!("DELETE FROM users WHERE id = {n} + 300"),
            ] {
                rows(&mut writer, &sql);
            }
        }
    };
    let mut migrator = r.migrator().batch_duration(Duration::from_millis(1)).observer(observer);
    migrator.start().unwrap_or_else(|error| panic!("{}", error.report()));
    let wrong = "SELECT p.id, p.email, p.shout, u.name, u.email FROM migration_2_change.profiles p \
                 LEFT JOIN migration_1_base.users u ON u.id = p.user_id \
                 WHERE p.email IS DISTINCT FROM upper(u.name) || u.email OR p.shout IS DISTINCT FROM p.email || '!'";
    sees(&mut r, wrong, &[]);
    old(&mut r, "UPDATE users SET email = 'all' WHERE id % 2 = 0");
    old(&mut r, "UPDATE profiles SET user_id = 3 WHERE id % 5 = 0");
    sees(&mut r, wrong, &[]);
    r.complete();
}

/// SQL of the user's own that mentions these columns, so that the build is not certain of them and the server has to say it.
const UNCERTAIN: &str = "[[actions]]\ntype = 'custom'\nstart = '-- users profiles mail email name g role account_role user_account_connections'\n\n";

#[test]
fn what_cannot_be_is_refused() {
    let cases = [
        (
            MOVE.replace("value = \"users.email\"", "value = \"users.mail\""),
            "column users.mail does not exist",
        ),
        (
            MOVE.replace("type = \"text\"", "type = \"integer\""),
            "is of type integer but expression is of type text",
        ),
        (
            format!(
                "{MOVE}[[actions]]\ntype = 'add_column'\ntable = 'users'\ncolumn = {{ name = 'x', type = 'text' }}\nup = {{ table = 'users', value = 'name', where = 'true' }}"
            ),
            "from another row of `users`",
        ),
    ];
    for (change, message) in cases {
        let mut r = Rollout::prepare(USERS, ROWS, &format!("{UNCERTAIN}{change}"));
        let error = r.start().expect_err("a refusal");
        assert!(error.report().contains(message), "{}", error.report());
        assert_eq!(reshape_tests::catalog(&mut r.old), r.before);
    }
    let sql = format!(
        "{ROWS}; ALTER TABLE public.users ADD g text GENERATED ALWAYS AS (upper(name)) STORED"
    );
    let change = MOVE.replace("users.email", "users.g");
    let mut r = Rollout::prepare(USERS, &sql, &format!("{UNCERTAIN}{change}"));
    let error = r.start().expect_err("a refusal");
    assert!(error.report().contains("generated column `users`.`g`"), "{}", error.report());
    assert_eq!(reshape_tests::catalog(&mut r.old), r.before);
    let cases = [
        (JUNCTION.replace("        user_id = \"users.id\"\n", ""), "gives no value for `user_id`"),
        (
            JUNCTION.replace(
                "where = \"users.account_id IS NOT NULL\"",
                "upsert_constraint = \"nothing\"",
            ),
            "no unique index `nothing`",
        ),
        (
            JUNCTION.replace("UPPER(users.account_role)", "UPPER(users.role)"),
            "column users.role does not exist",
        ),
        (JUNCTION.replace("UPPER(users.account_role)", "NULL"), "null value in column \"role\""),
        (
            format!(
                "{JUNCTION}[[actions]]\ntype = 'add_column'\ntable = 'user_account_connections'\nup = 'role'\ncolumn = {{ name = 'x', type = 'text' }}"
            ),
            "which the same batch fills",
        ),
    ];
    for (change, message) in cases {
        let mut r = Rollout::prepare(ACCOUNTS, ACCOUNT_ROWS, &format!("{UNCERTAIN}{change}"));
        let error = r.start().expect_err("a refusal");
        assert!(error.report().contains(message), "{}", error.report());
        assert_eq!(reshape_tests::catalog(&mut r.old), r.before);
    }
}
