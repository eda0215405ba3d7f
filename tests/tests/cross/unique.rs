//! Rows that make two of which a unique index of the new table takes but one.

use reshape_tests::Rollout;

use crate::{ROWS, USERS};

#[test]
fn a_fill_that_breaks_a_unique_index_says_by_which_rows() {
    let create = |up: &str| {
        format!(
            "[[actions]]\ntype = 'create_table'\nname = 'names'\nprimary_key = 'user_id'\n\
             columns = [{{ name = 'user_id', type = 'integer' }}, {{ name = 'label', type = 'text' }}]\n\
             up = {{ table = 'users', values = {{ user_id = 'users.id', label = 'lower(users.name)' }}{up} }}\n\
             [[actions]]\ntype = 'add_index'\ntable = 'names'\nindex = {{ name = 'names_label', columns = ['label'], unique = true }}\n\
             [[actions]]\ntype = 'alter_column'\ntable = 'names'\ncolumn = 'label'\nchanges = {{ name = 'name' }}\n"
        )
    };
    let sql = format!(
        "{ROWS}; INSERT INTO users VALUES (4, 'ADA'), (5, 'x'), (6, 'aDa'), (7, NULL), (8, NULL)"
    )
    .replace("NULL", "''");
    for (up, message) in [
        ("", "the unique index `names_label` of `names` is violated by 5 rows, e.g. name = "),
        (
            ", where = \"users.name <> ''\"",
            "the unique index `names_label` of `names` is violated by 3 rows, e.g. name = 'ada'",
        ),
    ] {
        let mut r = Rollout::prepare(USERS, &sql, &create(up));
        let error = r.start().expect_err("two of a name").report();
        assert!(error.contains(message), "{error}");
        assert!(error.contains("make those rows of `users` differ"), "{error}");
        assert_eq!(reshape_tests::catalog(&mut r.old), r.before);
    }
    // The upsert goes by the index, and the primary key is in its way.
    let change = create(", where = 'users.id IN (2, 3, 5)', upsert_constraint = 'names_label'")
        .replace("'users.id'", "'users.id % 3'");
    let r = Rollout::prepare(USERS, &sql, &change);
    let error = r.start().expect_err("two of a number").report();
    assert!(
        error.contains("the unique index `names_pkey` of `names` is violated by 2 rows"),
        "{error}"
    );
    let mut r = Rollout::begin(USERS, &sql, &create(", where = \"users.id < 4\""));
    r.complete();
}
