//! What migrations have made is what they say, in whatever words.

use std::fs;
use std::path::Path;

use reshape_runtime::model::{Action, Transform};
use reshape_runtime::{Migrations, Migrator};
use reshape_tests::{assert_no_drift, database, migrations};

/// Applies one migration after the other, with a comparison after each.
fn applied(all: &Migrations) {
    let database = database();
    for migration in all.migrations.iter() {
        let some = all.up_to(&migration.name).expect("a migration of the set");
        let mut migrator = Migrator::new(some, database.url());
        migrator.start().unwrap_or_else(|error| panic!("{}", error.report()));
        migrator.complete().unwrap_or_else(|error| panic!("{}", error.report()));
        assert_no_drift(&mut migrator);
    }
}

#[test]
fn the_cases_that_are_good_have_none() {
    let cases = Path::new(env!("CARGO_MANIFEST_DIR")).join("cases/good");
    for case in ["all_actions_toml", "all_actions_json"] {
        let all = reshape_build::load(&[cases.join(case)]).expect("good migrations");
        // The cases are there to be parsed; on a server this expression needs a type.
        let mut kept = all.migrations.to_vec();
        for action in kept.iter_mut().flat_map(|migration| migration.actions.to_mut()) {
            if let Action::RemoveColumn(removed) = action
                && removed.column == "mood"
            {
                removed.down = Some(Transform::Expression("NULL::mood".into()));
            }
        }
        // Nor can a server do all of the fourth.
        kept.truncate(3);
        applied(&Migrations::owned(kept));
    }
}

#[test]
fn a_type_is_the_same_in_every_spelling() {
    let types = "int integer int4 INT8 bigint smallint int2 serial bigserial smallserial serial4|decimal|decimal(10)|dec(4,2)|\
        numeric|numeric(12,3)|numeric( 5 , 0 )|real|float4|float|float(24)|float(25)|double precision|float8|text|varchar|\
        varchar(20)|character varying|character varying (20)|char varying(3)|char|char(3)|character|character(4)|bpchar|\"char\"|\
        name|bool|boolean|date|time|time(3)|time with time zone|timetz(2)|time(1) with time zone|timestamp|timestamp(0)|\
        timestamp without time zone|timestamptz|timestamptz(3)|timestamp(3) with time zone|TIMESTAMP WITH TIME ZONE|interval|\
        interval(3)|interval year to month|uuid|bytea|json|jsonb|inet|cidr|macaddr|bit|bit(3)|bit varying|varbit(4)|\
        bit varying(5)|money|xml|oid|tsvector|tsquery|point|int4range|tstzrange|numrange|datemultirange|regclass|text[]|\
        text[][]|int[3]|text ARRAY|varchar(5)[]|_int4|pg_catalog.int4|\"int4\"|mood|\"mood\"|public.mood|mood[]|\"Odd Name\"|\
        national character varying(7)|nchar(2)|short_text|public.short_text|pair|crm.level|pg_lsn|xid8|interval day to second(2)";
    let types = types.split('|').enumerate().flat_map(|(at, part)| {
        // The first part has types of one word.
        if at == 0 { part.split(' ').collect() } else { vec![part.trim()] }
    });
    let columns: Vec<String> = types
        .enumerate()
        .map(|(at, sql)| format!("    {{ name = \"c{at}\", type = '{sql}' }},\n"))
        .collect();
    let first = "
        [[actions]]
        type = \"create_enum\"
        name = \"mood\"
        values = [\"a\", \"b\"]
        [[actions]]
        type = \"create_enum\"
        name = \"Odd Name\"
        values = [\"a\"]
        [[actions]]
        type = \"custom\"
        start = '''
            CREATE DOMAIN public.short_text AS varchar(10);
            CREATE TYPE public.pair AS (a int, b int);
            CREATE SCHEMA crm; CREATE TYPE crm.level AS ENUM ('low')'''
    ";
    let second = format!(
        "[[actions]]\ntype = \"create_table\"\nname = \"t\"\nprimary_key = \"c0\"\ncolumns = [\n{}]\n",
        columns.concat()
    );
    let all = migrations(&[("1_types", first), ("2_table", &second)]);
    applied(&all);
}

/// A default means the same however the server prints it.
#[test]
fn a_default_is_the_same_in_every_spelling() {
    let columns = [
        ("int", "0"),
        ("int", "-1"),
        ("int", "+7"),
        ("int", "'5'"),
        ("int", "1 + 1"),
        ("int", "NULL"),
        ("int", "(3)"),
        ("int", "-(3)"),
        ("int", "length('abc')"),
        ("int", "int4('5')"),
        ("int", "CAST('6' AS int)"),
        ("smallint", "1"),
        ("bigint", "10000000000"),
        ("bigint", "-10000000000"),
        ("numeric", "1.50"),
        ("numeric(10,2)", "1.567"),
        ("numeric", ".5"),
        ("numeric", "1e3"),
        ("real", "1.5"),
        ("double precision", "'NaN'"),
        ("text", "''"),
        ("text", "'it''s'"),
        ("text", "'a\\b'"),
        ("text", "E'a\\nb'"),
        ("text", "'a' || 'b'"),
        ("text", "$$dollar$$"),
        ("text", "U&'\\0061'"),
        ("text", "NULL::text"),
        ("text", "CAST(NULL AS text)"),
        ("text", "5"),
        ("text", "current_user"),
        ("text", "lower('A')"),
        ("text", "'a' COLLATE \"C\""),
        ("varchar(3)", "'abc'"),
        ("varchar(3)", "NULL"),
        ("char(5)", "'a'"),
        ("char(5)", "'a    '"),
        ("boolean", "true"),
        ("boolean", "'t'"),
        ("boolean", "'no'"),
        ("boolean", "1 = 1"),
        ("timestamptz", "now()"),
        ("timestamptz", "NOW ( )"),
        ("timestamptz", "CURRENT_TIMESTAMP"),
        ("timestamptz", "pg_catalog.now()"),
        ("timestamptz", "'2020-01-01'"),
        ("timestamptz", "'infinity'"),
        ("timestamp", "now()"),
        ("date", "now()"),
        ("date", "CURRENT_DATE"),
        ("date", "'today'"),
        ("date", "'2020-01-01'"),
        ("interval", "'1 day'"),
        ("uuid", "gen_random_uuid()"),
        ("uuid", "'00000000-0000-0000-0000-00000000000A'"),
        ("jsonb", "'{\"b\":1,\"a\":2}'"),
        ("json", "'{}'"),
        ("jsonb", "'[]'::jsonb"),
        ("text[]", "'{}'"),
        ("text[]", "ARRAY['a','b']"),
        ("text[]", "ARRAY[]::text[]"),
        ("bytea", "'\\xdead'"),
        ("bit(3)", "B'101'"),
        ("inet", "'127.0.0.1'"),
        ("mood", "'a'"),
        ("mood", "'b'::mood"),
        ("money", "0"),
        ("int", "(public.select_1())"),
    ];
    let columns: Vec<String> = columns
        .iter()
        .enumerate()
        .map(|(at, (sql, default))| {
            format!("    {{ name = \"c{at}\", type = {sql:?}, default = {default:?} }},\n")
        })
        .collect();
    let first = "
        [[actions]]
        type = \"create_enum\"
        name = \"mood\"
        values = [\"a\", \"b\"]
        [[actions]]
        type = \"custom\"
        start = 'CREATE FUNCTION select_1() RETURNS int LANGUAGE sql AS $$SELECT 1$$'
    ";
    let second = format!(
        "[[actions]]\ntype = \"create_table\"\nname = \"t\"\nprimary_key = \"id\"\ncolumns = [\n\
           {{ name = \"id\", type = \"int\" }},\n{}]\n",
        columns.concat()
    );
    applied(&migrations(&[("1_types", first), ("2_table", &second)]));
}

/// What goes with a column goes without a word of any migration.
#[test]
fn what_goes_with_a_column_is_not_missed() {
    let first = r#"
        [[actions]]
        type = "create_table"
        name = "t"
        primary_key = "id"
        columns = [
            { name = "id", type = "int" },
            { name = "a", type = "int" },
            { name = "b", type = "int" },
            { name = "c", type = "text" },
        ]
        checks = [{ name = "t_ab", expression = "a < b" }, { name = "t_b", expression = "b > 0" }]

        [[actions]]
        type = "add_index"
        table = "t"
        index = { name = "t_partial", columns = ["c"], where = "b > 0" }

        [[actions]]
        type = "add_index"
        table = "t"
        index = { name = "t_expression", columns = [{ expression = "a + b" }, "c"] }
    "#;
    let second = r#"
        [[actions]]
        type = "alter_column"
        table = "t"
        column = "c"
        changes = { name = "d", type = "varchar(10)", default = "'x'" }

        [[actions]]
        type = "rename_table"
        table = "t"
        new_name = "u"
    "#;
    let third = r#"
        [[actions]]
        type = "remove_index"
        index = "t_expression"

        [[actions]]
        type = "remove_index"
        index = "t_partial"

        [[actions]]
        type = "remove_check"
        table = "u"
        check = "t_ab"

        [[actions]]
        type = "remove_column"
        table = "u"
        column = "b"
    "#;
    applied(&migrations(&[("1_a", first), ("2_b", second), ("3_c", third)]));
}

/// All that the binary tests of the repository apply is compared, too; here a program's history as it grows.
#[test]
fn a_long_history_has_none() {
    let files: Vec<(String, String)> =
        fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/rollout/migrations"))
            .expect("a folder")
            .map(|file| file.expect("a file").path())
            .map(|path| {
                let stem = path.file_stem().expect("a name").to_string_lossy().into_owned();
                (stem, fs::read_to_string(&path).expect("a text"))
            })
            .collect();
    let files: Vec<(&str, &str)> = files.iter().map(|(a, b)| (a.as_str(), b.as_str())).collect();
    let all = migrations(&files);
    assert!(!all.migrations.is_empty());
    applied(&all);
    // Where nothing has been applied, there is nothing to miss.
    assert_no_drift(&mut Migrator::new(&all, database().url()));
}

/// A parent's new type is its children's, of which their own migrations say nothing. While the batch is in progress, its own check stands on a
/// system column.
#[test]
fn children_follow_their_parents() {
    let database = database();
    let setup = "CREATE TABLE public.p (id int PRIMARY KEY, k int); CREATE TABLE public.i (x int) INHERITS (public.p); \
                 ALTER TABLE public.i ADD CONSTRAINT whose CHECK (tableoid = 'public.i'::regclass)";
    database.connect().expect("a client").batch_execute(setup).expect("the tables");
    let baseline =
        Migrator::detached(database.url()).baseline(&["public".to_owned()]).expect("a baseline");
    let change = "[[actions]]\ntype = 'alter_column'\ntable = 'p'\ncolumn = 'k'\nup = 'k'\ndown = 'k'\nchanges = { type = 'bigint' }\n";
    let own =
        "[[actions]]\ntype = 'add_column'\ntable = 'i'\ncolumn = { name = 'own', type = 'text' }\n";
    let before = reshape_build::baseline::toml(&baseline);
    let set = migrations(&[("baseline", &before), ("1_wide", change), ("2_own", own)]);
    for name in ["1_wide", "2_own"] {
        let mut migrator = Migrator::new(set.up_to(name).expect("a name"), database.url());
        migrator.start().unwrap_or_else(|error| panic!("{}", error.report()));
        migrator.drift().unwrap_or_else(|error| panic!("{}", error.report()));
        migrator.complete().unwrap_or_else(|error| panic!("{}", error.report()));
        assert_no_drift(&mut migrator);
    }
}
