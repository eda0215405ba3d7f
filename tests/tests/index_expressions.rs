//! Indexes over expressions whose columns the same batch changes: they mean what they say at their point of the batch.

use reshape_tests::{Rollout, catalog, rows};

const USERS: &str = r#"
[[actions]]
type = "create_table"
name = "users"
primary_key = "id"
columns = [
  { name = "id", type = "integer", generated = "BY DEFAULT AS IDENTITY" },
  { name = "name", type = "text", nullable = false },
  { name = "email", type = "text" },
  { name = "code", type = "integer", default = "1" },
]
"#;

const ROWS: &str =
    "INSERT INTO users (name, email, code) VALUES ('ada', 'a@x', 1), ('alan', 'b@x', 2)";

const ALTER: &str = "[[actions]]\ntype = 'alter_column'\ntable = 'users'\ncolumn = 'email'\nup = \"upper(email)\"\n\
                     down = 'lower(email)'\nchanges = { name = 'mail' }\n";

const INDEXES: &str = "SELECT indexdef FROM pg_indexes WHERE schemaname = 'public' AND indexname NOT LIKE '%pkey' ORDER BY 1";

fn index(table: &str, index: &str) -> String {
    format!("[[actions]]\ntype = 'add_index'\ntable = '{table}'\nindex = {{ {index} }}\n")
}

/// Starts, aborts, starts again, completes: the indexes.
fn built(change: &str) -> Vec<String> {
    let mut r = Rollout::begin(USERS, ROWS, change);
    let during = rows(&mut r.old, INDEXES);
    r.abort();
    r.start().unwrap_or_else(|error| panic!("{}", error.report()));
    rows(&mut r.old, "INSERT INTO users (name, email, code) VALUES ('grace', 'g@x', 3)");
    r.complete();
    let indexes = rows(&mut r.new, INDEXES);
    assert_eq!(indexes.len(), during.len());
    indexes
}

#[test]
fn over_a_replaced_column() {
    let change = [
        ALTER,
        &index(
            "users",
            "name = 'by_mail', columns = [{ expression = 'lower(users.mail)', direction = 'DESC' }, 'mail', 'id', { expression = \"(mail)::varchar\", nulls = 'FIRST' }], where = \"mail <> 'mail' AND code > 0\"",
        ),
        &index("users", "name = 'partial', columns = ['mail'], where = 'mail IS NOT NULL'"),
        &index(
            "users",
            "name = 'by_words', type = 'gin', columns = [{ expression = \"to_tsvector('simple', mail)\" }]",
        ),
    ];
    assert_eq!(
        built(&change.concat()),
        [
            "CREATE INDEX by_mail ON public.users USING btree (lower(mail) DESC, mail, id, ((mail)::character varying) NULLS FIRST) WHERE ((mail <> 'mail'::text) AND (code > 0))",
            "CREATE INDEX by_words ON public.users USING gin (to_tsvector('simple'::regconfig, mail))",
            "CREATE INDEX partial ON public.users USING btree (mail) WHERE (mail IS NOT NULL)",
        ]
    );
}

#[test]
fn over_columns_whose_names_change_before_and_after() {
    let change = [
        // name and email swap their names, the table gets another one.
        "[[actions]]\ntype = 'alter_column'\ntable = 'users'\ncolumn = 'name'\nchanges = { name = 'aside' }\n",
        "[[actions]]\ntype = 'alter_column'\ntable = 'users'\ncolumn = 'email'\nchanges = { name = 'name' }\n",
        "[[actions]]\ntype = 'alter_column'\ntable = 'users'\ncolumn = 'aside'\nchanges = { name = 'email' }\n",
        "[[actions]]\ntype = 'rename_table'\ntable = 'users'\nnew_name = 'people'\n",
        &index(
            "people",
            "name = 'swapped', columns = [{ expression = \"people.email || '/' || people.name\" }]",
        ),
        // Added, and replaced and renamed afterwards.
        "[[actions]]\ntype = 'add_column'\ntable = 'people'\nup = 'code + 1'\ncolumn = { name = 'next', type = 'integer' }\n",
        &index(
            "people",
            "name = 'by_next', unique = true, columns = [{ expression = 'next + 0' }]",
        ),
        "[[actions]]\ntype = 'alter_column'\ntable = 'people'\ncolumn = 'next'\nup = 'next * 2'\nchanges = { name = 'double', type = 'bigint' }\n",
    ];
    assert_eq!(
        built(&change.concat()),
        [
            "CREATE INDEX swapped ON public.people USING btree ((((email || '/'::text) || name)))",
            "CREATE UNIQUE INDEX by_next ON public.people USING btree (((double + 0)))",
        ]
    );
}

/// A column that cannot be seen at that point is none, although the table has it until contract.
#[test]
fn over_a_column_that_is_gone() {
    let remove = "[[actions]]\ntype = 'remove_column'\ntable = 'users'\ncolumn = 'email'\n";
    let wanted = index("users", "name = 'gone', columns = [{ expression = 'lower(email)' }]");
    for (change, message) in [
        (format!("{remove}{wanted}"), "column \"email\" does not exist"),
        (
            format!("{wanted}{remove}"),
            "an expression of the index `gone`, which the same batch adds, needs it",
        ),
        (format!("{ALTER}{wanted}"), "column \"email\" does not exist"),
    ] {
        // SQL of the user's own has mentioned the column, so the build is not certain.
        let custom = "[[actions]]\ntype = 'custom'\nstart = '-- users email'\n\n";
        let mut r = Rollout::prepare(USERS, ROWS, &format!("{custom}{change}"));
        let error = r.start().expect_err("a failure").report();
        assert!(error.contains(message), "{error}");
        assert_eq!(catalog(&mut r.old), r.before);
    }
}
