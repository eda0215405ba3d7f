//! Foreign keys and checks.

use serde_json::json;

use crate::told;

#[test]
fn remove_column_that_is_referred_to() {
    let told = told(&json!([
     {"type": "add_index", "table": "users", "index": {"name": "users_name", "columns": ["name"], "unique": true}},
     {"type": "add_column", "table": "orders", "column": {"name": "who", "type": "varchar(9)"}},
     {"type": "add_foreign_key", "table": "orders", "foreign_key": {"columns": ["who"], "referenced_table": "users", "referenced_columns": ["name"]}},
     {"type": "remove_column", "table": "users", "column": "name"}
    ]));
    assert_eq!(
        told,
        [
            "1.3 column: column `name` of table `users` is referred to by foreign key `orders_who_fkey` of table `orders` | remove the foreign key first, with `remove_foreign_key` | 1.2 foreign_key: created here",
        ]
    );
}

#[test]
fn index_that_a_foreign_key_needs() {
    let told = told(&json!([
     {"type": "add_column", "table": "orders", "column": {"name": "who", "type": "text"}},
     {"type": "add_foreign_key", "table": "orders", "foreign_key": {"columns": ["who"], "referenced_table": "users", "referenced_columns": ["email"]}},
     {"type": "remove_index", "index": "users_email"}
    ]));
    assert_eq!(
        told,
        [
            "1.2 index: index `users_email` is what foreign key `orders_who_fkey` of table `orders` refers to | remove the foreign key first, with `remove_foreign_key`",
        ]
    );
}

#[test]
fn foreign_key_with_mistakes() {
    let told = told(&json!([
     {"type": "add_foreign_key", "table": "orders", "foreign_key": {"columns": ["user_id", "id"], "referenced_table": "users", "referenced_columns": ["id"]}},
     {"type": "add_foreign_key", "table": "orders", "foreign_key": {"columns": ["usr_id"], "referenced_table": "users", "referenced_columns": ["id"]}},
     {"type": "add_foreign_key", "table": "orders", "foreign_key": {"columns": ["user_id"], "referenced_table": "user", "referenced_columns": ["id"]}},
     {"type": "add_foreign_key", "table": "orders", "foreign_key": {"columns": ["user_id"], "referenced_table": "users", "referenced_columns": ["idd"]}},
     {"type": "add_foreign_key", "table": "orders", "foreign_key": {"columns": ["user_id"], "referenced_table": "users", "referenced_columns": ["name"]}},
     {"type": "add_foreign_key", "table": "orders", "foreign_key": {"columns": ["id"], "referenced_table": "users", "referenced_columns": ["id"]}},
     {"type": "add_foreign_key", "table": "orders", "foreign_key": {"columns": ["user_id"], "referenced_table": "nowhere", "referenced_columns": ["id"]}},
     {"type": "add_foreign_key", "table": "orders", "foreign_key": {"columns": [], "referenced_table": "users", "referenced_columns": []}}
    ]));
    assert_eq!(
        told,
        [
            "1.0 foreign_key.referenced_columns: the foreign key has 2 columns and refers to 1 | it takes one referenced column for each of its columns, in the same order",
            "1.1 foreign_key.columns.0: table `orders` has no column `usr_id` | did you mean `user_id`?",
            "1.2 foreign_key.referenced_table: table `user` does not exist | did you mean `users`?",
            "1.3 foreign_key.referenced_columns.0: table `users` has no column `idd` | did you mean `id`?",
            "1.4 foreign_key.columns.0: the foreign key cannot compare `orders.user_id` of type `int8` with `users.name` of type `text` | give `orders.user_id` the type of `users.name`, which is `text` | 0.1 columns.1.name: created here",
            "1.5 foreign_key.columns.0: the foreign key cannot compare `orders.id` of type `uuid` with `users.id` of type `bigint` | give `orders.id` the type of `users.id`, which is `bigint` | 0.1 columns.0.name: created here",
            "1.6 foreign_key.referenced_table: table `nowhere` does not exist | no earlier action creates this table; if it was in the database before the first migration, let `reshape baseline` write down what was there; one that `custom` SQL made is not known",
            "1.7 foreign_key.columns: the foreign key has no columns",
        ]
    );
}

#[test]
fn foreign_keys_of_create_table() {
    let told = told(
        &json!([{"type": "create_table", "name": "t", "primary_key": "id", "columns": [{"name": "id", "type": "int"}, {"name": "parent", "type": "int"}, {"name": "feeling", "type": "mood"}],
        "foreign_keys": [
        {"columns": ["parent"], "referenced_table": "t", "referenced_columns": ["id"]},
        {"columns": ["parent"], "referenced_table": "users", "referenced_columns": ["id"]},
        {"columns": ["feeling"], "referenced_table": "t", "referenced_columns": ["id"]}
        ]}]),
    );
    assert_eq!(
        told,
        [
            "1.0 foreign_keys.2.columns.0: the foreign key cannot compare `t.feeling` of type `mood` with `t.id` of type `int` | give `t.feeling` the type of `t.id`, which is `int` | 1.0 columns.0.name: created here",
        ]
    );
}

#[test]
fn foreign_keys_are_named_as_postgres_names_them() {
    let told = told(&json!([
     {"type": "add_foreign_key", "table": "orders", "foreign_key": {"columns": ["user_id"], "referenced_table": "users", "referenced_columns": ["id"]}},
     {"type": "remove_foreign_key", "table": "orders", "foreign_key": "orders_user_id_fkey"},
     {"type": "remove_foreign_key", "table": "orders", "foreign_key": "orders_user_id_fkey1"},
     {"type": "remove_foreign_key", "table": "orders", "foreign_key": "orders_user_id_fkey1"},
     {"type": "remove_foreign_key", "table": "orders", "foreign_key": "orders_user_id_fk"}
    ]));
    assert_eq!(
        told,
        [
            "1.3 foreign_key: foreign key `orders_user_id_fkey1` of table `orders` was removed by `0002_case` | 1.2 foreign_key: removed here",
            "1.4 foreign_key: table `orders` has no foreign key `orders_user_id_fk` | no earlier action creates this foreign key; if it was in the database before the first migration, let `reshape baseline` write down what was there; one that `custom` SQL made is not known",
        ]
    );
}

#[test]
fn unknown_foreign_key() {
    let told = told(&json!([
     {"type": "remove_foreign_key", "table": "orders", "foreign_key": "orders_usr_id_fkey"},
     {"type": "remove_foreign_key", "table": "users", "foreign_key": "x"}
    ]));
    assert_eq!(
        told,
        [
            "1.0 foreign_key: table `orders` has no foreign key `orders_usr_id_fkey` | did you mean `orders_user_id_fkey`?",
            "1.1 foreign_key: table `users` has no foreign key `x` | no earlier action creates this foreign key; if it was in the database before the first migration, let `reshape baseline` write down what was there; one that `custom` SQL made is not known",
        ]
    );
}

#[test]
fn remove_table_that_is_referred_to() {
    let told = told(&json!([{"type": "remove_table", "table": "users"}]));
    assert_eq!(
        told,
        [
            "1.0 table: table `users` is referred to by foreign key `orders_user_id_fkey` of table `orders` | remove the foreign key first, with `remove_foreign_key` | 0.3 foreign_keys.0: created here",
        ]
    );
}

#[test]
fn remove_table_after_its_foreign_key() {
    let told = told(&json!([
     {"type": "remove_foreign_key", "table": "orders", "foreign_key": "orders_user_id_fkey"},
     {"type": "remove_table", "table": "users"}
    ]));
    assert_eq!(told, Vec::<String>::new());
}

#[test]
fn checks() {
    let told = told(&json!([
     {"type": "add_check", "table": "users", "check": {"name": "users_name_check", "expression": "true"}},
     {"type": "add_check", "table": "orders", "check": {"name": "orders_user_id_fkey", "expression": "true"}},
     {"type": "add_check", "table": "orders", "check": {"expression": "true"}},
     {"type": "remove_check", "table": "users", "check": "users_nam_check"},
     {"type": "add_check", "table": "users", "check": {"name": "users_name_check", "expression": "name <> ''"}},
     {"type": "remove_check", "table": "users", "check": "something"}
    ]));
    assert_eq!(
        told,
        [
            "1.1 check.name: table `orders` has a constraint `orders_user_id_fkey` already, created by `0001_base` | 0.3 foreign_keys.0: created here",
            "1.2 check: the check has no name | give it a `name`, by which `remove_check` can find it",
            "1.3 check: table `users` has no check `users_nam_check` | did you mean `users_name_check`?",
            "1.5 check: table `users` has no check `something` | it has `users_name_check`",
        ]
    );
}

#[test]
fn a_check_without_a_name_is_named_by_postgres() {
    let told = told(&json!([
     {"type": "create_table", "name": "t", "columns": [{"name": "a", "type": "integer"}], "primary_key": "a", "checks": [{"expression": "a > 0"}]},
     {"type": "remove_check", "table": "t", "check": "positive"},
     {"type": "remove_check", "table": "t", "check": "t_a_check"},
     {"type": "remove_check", "table": "t", "check": "t_a_check"}
    ]));
    assert_eq!(
        told,
        [
            "1.1 check: table `t` has no check `positive` | no earlier action creates this check; if it was in the database before the first migration, let `reshape baseline` write down what was there; one that `custom` SQL made is not known",
            "1.3 check: check `t_a_check` of table `t` was removed by `0002_case` | 1.2 check: removed here",
        ]
    );
}

#[test]
fn a_partial_or_plain_index_is_no_unique_key() {
    let told = told(&json!([
     {"type": "add_column", "table": "orders", "column": {"name": "who", "type": "text"}},
     {"type": "add_index", "table": "users", "index": {"name": "i", "columns": ["name"], "unique": true, "where": "id > 0"}},
     {"type": "add_index", "table": "users", "index": {"name": "j", "columns": ["name"]}},
     {"type": "add_index", "table": "users", "index": {"name": "k", "columns": ["name", {"expression": "lower(name)"}], "unique": true}},
     {"type": "add_foreign_key", "table": "orders", "foreign_key": {"columns": ["who"], "referenced_table": "users", "referenced_columns": ["name"]}},
     {"type": "remove_index", "index": "i"}
    ]));
    assert_eq!(
        told,
        [
            "1.4 foreign_key.referenced_columns: no primary key or unique index of table `users` is over exactly `name` | a foreign key refers to a unique key; add one first, with `add_index` and `unique = true`",
        ]
    );
}

#[test]
fn keys_follow_a_renamed_column() {
    let told = told(&json!([
     {"type": "alter_column", "table": "orders", "column": "id", "changes": {"name": "number"}},
     {"type": "remove_column", "table": "orders", "column": "number"},
     {"type": "add_column", "table": "orders", "column": {"name": "mail", "type": "text"}},
     {"type": "add_foreign_key", "table": "orders", "foreign_key": {"columns": ["mail"], "referenced_table": "users", "referenced_columns": ["email"]}},
     {"type": "alter_column", "table": "users", "column": "email", "changes": {"name": "contact"}},
     {"type": "alter_column", "table": "orders", "column": "mail", "changes": {"name": "post"}},
     {"type": "remove_column", "table": "users", "column": "contact"}
    ]));
    assert_eq!(
        told,
        [
            "1.1 column: column `number` is in the primary key of table `orders` | a column of a primary key cannot be removed | 1.0 changes.name: so named here",
            "1.6 column: column `contact` of table `users` is referred to by foreign key `orders_mail_fkey` of table `orders` | remove the foreign key first, with `remove_foreign_key` | 1.3 foreign_key: created here",
        ]
    );
}

#[test]
fn a_foreign_key_goes_with_its_column() {
    let told = told(&json!([
     {"type": "remove_column", "table": "orders", "column": "user_id"},
     {"type": "remove_table", "table": "users"}
    ]));
    assert_eq!(told, Vec::<String>::new());
}

#[test]
fn comparable_types_of_foreign_keys() {
    let told = told(&json!([
     {"type": "create_enum", "name": "color", "values": ["red"]},
     {"type": "create_table", "name": "n", "columns": [{"name": "id", "type": "numeric(9)"}], "primary_key": "id"},
     {"type": "create_table", "name": "m", "columns": [{"name": "id", "type": "mood"}], "primary_key": "id"},
     {"type": "create_table", "name": "l", "columns": [{"name": "id", "type": "text[]"}], "primary_key": "id"},
     {"type": "create_table", "name": "d", "columns": [{"name": "id", "type": "email_address"}], "primary_key": "id"},
     {"type": "create_table", "name": "t", "primary_key": "a", "columns": [
       {"name": "a", "type": "int"}, {"name": "b", "type": "numeric"}, {"name": "c", "type": "color"}, {"name": "d", "type": "text"}],
      "foreign_keys": [
       {"columns": ["a"], "referenced_table": "n", "referenced_columns": ["id"]},
       {"columns": ["b"], "referenced_table": "t", "referenced_columns": ["a"]},
       {"columns": ["c"], "referenced_table": "m", "referenced_columns": ["id"]},
       {"columns": ["d"], "referenced_table": "l", "referenced_columns": ["id"]},
       {"columns": ["d"], "referenced_table": "d", "referenced_columns": ["id"]}]},
     {"type": "create_table", "name": "o", "columns": [{"name": "id", "type": "varchar(9)[]"}], "primary_key": "id",
      "foreign_keys": [{"columns": ["id"], "referenced_table": "l", "referenced_columns": ["id"]}]},
     {"type": "create_table", "name": "p", "columns": [{"name": "id", "type": "int ARRAY"}], "primary_key": "id",
      "foreign_keys": [{"columns": ["id"], "referenced_table": "l", "referenced_columns": ["id"]}]}
    ]));
    assert_eq!(
        told,
        [
            "1.5 foreign_keys.1.columns.0: the foreign key cannot compare `t.b` of type `numeric` with `t.a` of type `int` | give `t.b` the type of `t.a`, which is `int` | 1.5 columns.0.name: created here",
            "1.5 foreign_keys.2.columns.0: the foreign key cannot compare `t.c` of type `color` with `m.id` of type `mood` | give `t.c` the type of `m.id`, which is `mood` | 1.2 columns.0.name: created here",
            "1.5 foreign_keys.3.columns.0: the foreign key cannot compare `t.d` of type `text` with `l.id` of type `text[]` | give `t.d` the type of `l.id`, which is `text[]` | 1.3 columns.0.name: created here",
        ]
    );
}
