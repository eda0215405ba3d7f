//! Roles that own nothing work through the old and the new version before, during and after a batch; a migrator needs no more than to own
//! what it changes, and what it may not do comes out before anything is changed.

use postgres::Client;
use reshape_runtime::testing::TestDatabase;
use reshape_runtime::{Migrations, Migrator};
use reshape_tests::{catalog, database, migrations, rows};

const BASE: &str = r#"
[[actions]]
type = "create_table"
name = "users"
primary_key = "id"
columns = [
  { name = "id", type = "integer", generated = "BY DEFAULT AS IDENTITY" },
  { name = "name", type = "text", nullable = false },
  { name = "email", type = "text" },
  { name = "secret", type = "text", default = "'s'" },
]
"#;

const CHANGE: &str = r#"
[[actions]]
type = "alter_column"
table = "users"
column = "name"
up = "upper(name)"
down = "lower(nick)"
changes = { name = "nick" }

[[actions]]
type = "add_column"
table = "users"
up = "length(email)"
column = { name = "size", type = "integer" }

[[actions]]
type = "create_table"
name = "notes"
primary_key = "id"
columns = [{ name = "id", type = "integer", generated = "BY DEFAULT AS IDENTITY" }, { name = "body", type = "text" }]
"#;

/// Roles belong to the server, which other tests use, too: their names end in the database's.
struct Roles {
    database: TestDatabase,
    admin: Client,
    suffix: String,
}

impl Drop for Roles {
    fn drop(&mut self) {
        let sql = format!("SELECT rolname FROM pg_roles WHERE rolname LIKE '%\\_{}'", self.suffix);
        for role in rows(&mut self.admin, &sql) {
            drop(
                self.admin
                    .batch_execute(&format!("DROP OWNED BY {role} CASCADE; DROP ROLE {role}")),
            );
        }
    }
}

impl Roles {
    fn new(roles: &[&str]) -> Self {
        let database = database();
        let mut admin = database.connect().expect("a client");
        let suffix = rows(
            &mut admin,
            "SELECT 'r' || oid FROM pg_database WHERE datname = current_database()",
        )
        .remove(0);
        let this = Self { database, admin, suffix };
        let mut this = this;
        for role in roles {
            let sql = this.sql(&format!("CREATE ROLE {role}_#"));
            rows(&mut this.admin, &sql);
        }
        this
    }

    fn sql(&self, sql: &str) -> String {
        sql.replace('#', &self.suffix)
    }

    fn run(&mut self, sql: &str) -> Vec<String> {
        let sql = self.sql(sql);
        rows(&mut self.admin, &sql)
    }

    /// A session of the role, with that `search_path`.
    fn client(&self, role: &str, version: &str) -> Client {
        let mut client = self.database.connect().expect("a client");
        client
            .batch_execute(
                &self
                    .sql(&format!("SET ROLE {role}_#; SET search_path TO \"migration_{version}\"")),
            )
            .expect("a role");
        client
    }

    fn migrator(&self, role: &str, history: &Migrations) -> Migrator {
        let client = self.client(role, "nothing");
        Migrator::new(history, client)
    }
}

fn start(r: &Roles, role: &str, history: &Migrations) {
    r.migrator(role, history).start().unwrap_or_else(|error| panic!("{}", error.report()));
}

fn complete(r: &Roles, role: &str, history: &Migrations) {
    r.migrator(role, history).complete().unwrap_or_else(|error| panic!("{}", error.report()));
}

/// What the app does as `role`, in the old version and in the new one.
fn work(r: &Roles, role: &str, old: bool, new: bool) {
    if old {
        let mut client = r.client(role, "1_rights");
        rows(&mut client, "INSERT INTO users (name, email) VALUES ('old', 'o@x')");
        rows(&mut client, "UPDATE users SET name = 'older', email = 'older@x' WHERE name = 'old'");
        assert!(
            !rows(&mut client, "SELECT id, name, email FROM users WHERE name = 'older'").is_empty()
        );
    }
    if new {
        let mut client = r.client(role, "2_change");
        rows(&mut client, "INSERT INTO users (nick, email) VALUES ('NEW', 'n@x')");
        rows(&mut client, "UPDATE users SET nick = 'NEWER', email = 'newer@x' WHERE nick = 'NEW'");
        assert!(
            !rows(&mut client, "SELECT id, nick, email FROM users WHERE nick = 'NEWER'").is_empty()
        );
    }
}

/// A whole rollout, with `grants` made on the table of the first version.
fn rollout(grants: &str, roles: &[&str]) -> Roles {
    let mut r = Roles::new(&["owner", "app", "other"]);
    let name = r.run("SELECT quote_ident(current_database())").remove(0);
    r.run(&format!("GRANT CREATE ON DATABASE {name} TO owner_#; GRANT CREATE, USAGE ON SCHEMA public TO owner_#"));
    // Rights on the tables count for the next version's views, hence one in between.
    let nothing = "[[actions]]\ntype = 'custom'\nstart = 'SELECT'\n";
    let history = migrations(&[("1_base", BASE), ("1_rights", nothing), ("2_change", CHANGE)]);
    let first = history.up_to("1_base").expect("the first");
    start(&r, "owner", &first);
    complete(&r, "owner", &first);
    r.run(grants);
    let second = history.up_to("1_rights").expect("the second");
    start(&r, "owner", &second);
    complete(&r, "owner", &second);
    for role in roles {
        work(&r, role, true, false);
    }
    start(&r, "owner", &history);
    for role in roles {
        work(&r, role, true, true);
    }
    r.migrator("owner", &history).abort().unwrap_or_else(|error| panic!("{}", error.report()));
    for role in roles {
        work(&r, role, true, false);
    }
    start(&r, "owner", &history);
    for role in roles {
        work(&r, role, true, true);
    }
    complete(&r, "owner", &history);
    for role in roles {
        work(&r, role, false, true);
    }
    r
}

#[test]
fn table_rights() {
    let r = rollout("GRANT SELECT, INSERT, UPDATE ON public.users TO app_#", &["app", "owner"]);
    let mut new = r.client("app", "2_change");
    assert!(new.batch_execute("DELETE FROM users").is_err());
    let mut other = r.client("other", "2_change");
    assert!(other.batch_execute("SELECT FROM users").is_err());
}

#[test]
fn column_rights() {
    let r = rollout(
        "GRANT SELECT (id, name, email), INSERT (name, email), UPDATE (name, email) ON public.users TO app_#",
        &["app"],
    );
    let mut new = r.client("app", "2_change");
    assert!(new.batch_execute("SELECT secret FROM users").is_err());
    assert!(new.batch_execute("UPDATE users SET secret = ''").is_err());
}

#[test]
fn public_rights() {
    rollout("GRANT SELECT, INSERT, UPDATE ON public.users TO PUBLIC", &["app", "other"]);
}

#[test]
fn default_rights_reach_a_new_table() {
    let r = rollout(
        "GRANT SELECT, INSERT, UPDATE ON public.users TO app_#; \
         ALTER DEFAULT PRIVILEGES FOR ROLE owner_# IN SCHEMA public GRANT SELECT, INSERT ON TABLES TO app_#",
        &["app"],
    );
    let mut new = r.client("app", "2_change");
    rows(&mut new, "INSERT INTO notes (body) VALUES ('x')");
    assert_eq!(rows(&mut new, "SELECT * FROM notes"), ["1|x"]);
    assert!(new.batch_execute("DELETE FROM notes").is_err());
}

/// The app owns the table and somebody else migrates, as a member of the owner.
#[test]
fn the_owner_of_a_table_need_not_be_the_migrator() {
    let mut r = Roles::new(&["owner", "deployer"]);
    let name = r.run("SELECT quote_ident(current_database())").remove(0);
    r.run(&format!(
        "GRANT CREATE ON DATABASE {name} TO deployer_#; GRANT CREATE, USAGE ON SCHEMA public TO deployer_#, owner_#; \
         GRANT owner_# TO deployer_#"
    ));
    let history = migrations(&[("1_base", BASE), ("2_change", CHANGE)]);
    let first = history.up_to("1_base").expect("the first");
    start(&r, "deployer", &first);
    complete(&r, "deployer", &first);
    r.run("ALTER TABLE public.users OWNER TO owner_#");
    start(&r, "deployer", &history);
    work(&r, "owner", false, true);
    complete(&r, "deployer", &history);
    work(&r, "owner", false, true);
}

#[test]
fn what_the_migrator_may_not_do_is_refused_at_start() {
    let mut r = Roles::new(&["owner", "deployer"]);
    let name = r.run("SELECT quote_ident(current_database())").remove(0);
    r.run(&format!("GRANT CREATE ON DATABASE {name} TO deployer_#; GRANT CREATE, USAGE ON SCHEMA public TO deployer_#, owner_#"));
    let first = migrations(&[("1_base", BASE)]);
    start(&r, "deployer", &first);
    complete(&r, "deployer", &first);
    let cases = [
        (
            "[[actions]]\ntype = 'remove_table'\ntable = 'users'",
            "ALTER TABLE public.users OWNER TO owner_#",
            "table `users` belongs to another role",
            "ALTER TABLE public.users OWNER TO deployer_#",
        ),
        (
            "[[actions]]\ntype = 'rename_table'\ntable = 'users'\nnew_name = 'people'",
            "REVOKE CREATE ON SCHEMA public FROM deployer_#, PUBLIC",
            "the role may not create tables in schema `public`",
            "GRANT CREATE ON SCHEMA public TO deployer_#",
        ),
        (
            "[[actions]]\ntype = 'alter_column'\ntable = 'users'\ncolumn = 'email'\nchanges = { default = \"'x'\" }",
            "ALTER VIEW migration_1_base.users OWNER TO owner_#",
            "the views of `1_base` belong to another role",
            "ALTER VIEW migration_1_base.users OWNER TO deployer_#",
        ),
    ];
    r.run("GRANT CREATE ON SCHEMA migration_1_base TO owner_#");
    for (change, spoil, message, mend) in cases {
        let history = migrations(&[("1_base", BASE), ("2_change", change)]);
        r.run(spoil);
        let before = catalog(&mut r.admin);
        let error = r.migrator("deployer", &history).start().expect_err("a refusal");
        assert!(error.report().contains(message), "{}", error.report());
        assert_eq!(catalog(&mut r.admin), before);
        r.run(mend);
    }
}

/// A function with a `search_path` and rights of its own, as old as the first version.
#[test]
fn security_definer_writers_count_as_what_they_write() {
    let mut r = rollout("GRANT SELECT, INSERT, UPDATE ON public.users TO app_#", &["app"]);
    let mut app = r.client("app", "2_change");
    r.run(
        "CREATE FUNCTION public.put(n text) RETURNS void LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog \
           AS $$ INSERT INTO migration_2_change.users (nick) VALUES (n) $$",
    );
    rows(&mut app, "SELECT public.put('X')");
    assert_eq!(rows(&mut app, "SELECT nick FROM users WHERE nick = 'X'"), ["X"]);
}

/// From PostgreSQL 15 on the views ask for the client's rights; before, they would ask for their owner's, so the batch is refused.
#[test]
fn row_level_security_holds_in_every_version() {
    let mut r = Roles::new(&["owner", "app"]);
    let name = r.run("SELECT quote_ident(current_database())").remove(0);
    r.run(&format!("GRANT CREATE ON DATABASE {name} TO owner_#; GRANT CREATE, USAGE ON SCHEMA public TO owner_#"));
    let history = migrations(&[("1_base", BASE), ("2_change", CHANGE)]);
    let first = history.up_to("1_base").expect("the first");
    start(&r, "owner", &first);
    complete(&r, "owner", &first);
    r.run(
        "INSERT INTO public.users (name, email) VALUES ('mine', 'app'), ('theirs', 'other'); \
         GRANT SELECT, INSERT, UPDATE ON public.users TO app_#; ALTER TABLE public.users ENABLE ROW LEVEL SECURITY; \
         CREATE POLICY own ON public.users USING (email = 'app')",
    );
    let version: u32 = r.run("SHOW server_version_num").remove(0).parse().expect("a number");
    if version < 150_000 {
        let error = r.migrator("owner", &history).start().expect_err("a refusal");
        assert!(error.report().contains("row-level security"), "{}", error.report());
        // Who accepts it is let through, and the views bypass it, as it says.
        let allow = "[[allow]]\nlint = 'row_security_bypass'\nreason = 'a test'\n";
        let history = migrations(&[("1_base", BASE), ("2_change", &format!("{allow}{CHANGE}"))]);
        start(&r, "owner", &history);
        let mut app = r.client("app", "2_change");
        assert_eq!(rows(&mut app, "SELECT nick FROM users ORDER BY id"), ["MINE", "THEIRS"]);
        complete(&r, "owner", &history);
        return;
    }
    start(&r, "owner", &history);
    let mut app = r.client("app", "2_change");
    assert_eq!(rows(&mut app, "SELECT nick FROM users"), ["MINE"]);
    assert!(app.batch_execute("INSERT INTO users (nick, email) VALUES ('X', 'other')").is_err());
    rows(&mut app, "UPDATE users SET nick = 'STILL'");
    complete(&r, "owner", &history);
    assert_eq!(rows(&mut app, "SELECT nick FROM users"), ["STILL"]);
    assert_eq!(r.run("SELECT nick FROM public.users ORDER BY id"), ["STILL", "THEIRS"]);
}

/// With FORCE the owner itself sees only some rows, and a backfill would leave out the others.
#[test]
fn forced_row_level_security_stops_a_backfill() {
    let mut r = Roles::new(&["owner"]);
    let name = r.run("SELECT quote_ident(current_database())").remove(0);
    r.run(&format!("GRANT CREATE ON DATABASE {name} TO owner_#; GRANT CREATE, USAGE ON SCHEMA public TO owner_#"));
    let history = migrations(&[("1_base", BASE), ("2_change", CHANGE)]);
    let first = history.up_to("1_base").expect("the first");
    start(&r, "owner", &first);
    complete(&r, "owner", &first);
    r.run(
        "INSERT INTO public.users (name, email) VALUES ('mine', 'app'), ('theirs', 'other'); \
         ALTER TABLE public.users ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY; \
         CREATE POLICY own ON public.users USING (secret = 'app')",
    );
    let before = catalog(&mut r.admin);
    let error = r.migrator("owner", &history).start().expect_err("a refusal");
    assert!(error.report().contains("row-level security"), "{}", error.report());
    assert_eq!(catalog(&mut r.admin), before);
}
