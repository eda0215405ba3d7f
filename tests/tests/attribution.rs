//! Who wrote a row, where only the session tells: for clients with a `search_path` of their own making, and with few rights.

use reshape_tests::{Rollout, rows};

const USERS: &str = r#"
    [[actions]]
    type = "create_table"
    name = "users"
    primary_key = "id"
    columns = [
        { name = "id", type = "integer", generated = "BY DEFAULT AS IDENTITY" },
        { name = "name", type = "text" },
    ]
"#;

/// `name` is in both versions, so an update of nothing else does not tell who wrote it.
const UPPER: &str = r#"
    [[actions]]
    type = "add_column"
    table = "users"
    up = "upper(name)"
    column = { name = "upper_name", type = "text" }
"#;

/// Everything that the functions use, made to mean something else for whoever searches this schema first.
const OTHERWISE: &str = "
    CREATE SCHEMA otherwise;
    CREATE FUNCTION otherwise.upper(text) RETURNS text LANGUAGE sql AS $$ SELECT 'stolen' $$;
    CREATE FUNCTION otherwise.array_position(name[], name) RETURNS integer LANGUAGE sql AS $$ SELECT NULL::integer $$;
    CREATE FUNCTION otherwise.current_schemas(boolean) RETURNS name[] LANGUAGE sql AS $$ SELECT NULL::name[] $$;
    CREATE FUNCTION otherwise.current_setting(text, boolean) RETURNS text LANGUAGE sql AS $$ SELECT 'neither' $$;
    CREATE FUNCTION otherwise.never(integer, integer) RETURNS boolean LANGUAGE sql AS $$ SELECT false $$;
    CREATE FUNCTION otherwise.never(text, text) RETURNS boolean LANGUAGE sql AS $$ SELECT false $$;
    CREATE FUNCTION otherwise.always(text, text) RETURNS boolean LANGUAGE sql AS $$ SELECT true $$;
    CREATE OPERATOR otherwise.< (LEFTARG = integer, RIGHTARG = integer, FUNCTION = otherwise.never);
    CREATE OPERATOR otherwise.= (LEFTARG = text, RIGHTARG = text, FUNCTION = otherwise.never);
    CREATE OPERATOR otherwise.<> (LEFTARG = text, RIGHTARG = text, FUNCTION = otherwise.always);
    CREATE DOMAIN otherwise.name AS pg_catalog.text CHECK (false);
    CREATE DOMAIN otherwise.text AS pg_catalog.text CHECK (false);
    CREATE DOMAIN otherwise.bool AS pg_catalog.bool CHECK (false);
";

fn upper_name(r: &mut Rollout) -> String {
    rows(&mut r.new, "SELECT upper_name FROM users WHERE id = 1").remove(0)
}

#[test]
fn what_a_client_searches_first_changes_nothing() {
    let mut r = Rollout::begin(USERS, "INSERT INTO users (name) VALUES ('one')", UPPER);
    let mut client = r.database.connect().expect("a client");
    rows(&mut client, OTHERWISE);
    let mut write = |version: &str, sql: &str| {
        let path = format!("SET search_path TO otherwise, pg_catalog, \"migration_{version}\"");
        rows(&mut client, &path);
        rows(&mut client, sql);
    };
    write("1_base", "UPDATE users SET name = 'old' WHERE id = 1");
    assert_eq!(upper_name(&mut r), "OLD");
    write("2_change", "UPDATE users SET name = 'new' WHERE id = 1");
    assert_eq!(upper_name(&mut r), "OLD", "a new client has not changed it");
    // What a client says counts, wherever it searches.
    write(
        "1_base",
        "SET reshape.version = '2_change'; UPDATE users SET name = 'newer' WHERE id = 1",
    );
    assert_eq!(upper_name(&mut r), "OLD");
    write(
        "2_change",
        "SET reshape.version = '1_base'; UPDATE users SET name = 'older' WHERE id = 1",
    );
    assert_eq!(upper_name(&mut r), "OLDER");
    write("1_base", "RESET reshape.version; INSERT INTO users (name) VALUES ('added')");
    assert_eq!(rows(&mut r.new, "SELECT upper_name FROM users WHERE id = 2"), ["ADDED"]);
    r.complete();
}

/// Conditions of triggers are evaluated with the client's rights, unlike what the triggers call.
#[test]
fn a_client_may_ask_who_it_is_whatever_functions_it_may_call() {
    let mut r = Rollout::prepare(USERS, "INSERT INTO users (name) VALUES ('one')", UPPER);
    let mut admin = r.database.connect().expect("a client");
    rows(&mut admin, "ALTER DEFAULT PRIVILEGES REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC");
    r.start().unwrap_or_else(|error| panic!("{}", error.report()));
    let role = rows(
        &mut admin,
        "SELECT 'few_rights_' || oid FROM pg_database WHERE datname = current_database()",
    )
    .remove(0);
    rows(
        &mut admin,
        &format!(
            "CREATE ROLE {role}; GRANT USAGE ON SCHEMA public, \"migration_1_base\" TO {role}; GRANT SELECT, UPDATE ON public.users, \"migration_1_base\".users TO {role}"
        ),
    );
    rows(&mut admin, &format!("SET ROLE {role}; SET search_path TO \"migration_1_base\""));
    let written = admin.batch_execute("UPDATE users SET name = 'two' WHERE id = 1");
    rows(&mut admin, &format!("RESET ROLE; DROP OWNED BY {role}; DROP ROLE {role}"));
    written.expect("an update");
    assert_eq!(upper_name(&mut r), "TWO");
}
