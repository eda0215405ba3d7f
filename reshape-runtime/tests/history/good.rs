//! A history in which everything is right.

use reshape_runtime::history::History;
use serde_json::json;

use crate::{base, told_of};

/// A long history as people write it, in which everything is right.
#[test]
fn a_good_history_has_no_problem() {
    let migrations = json!([
        base(),
        {"name": "0002_catalogue", "checksum": "", "actions": [
            {"type": "create_enum", "name": "currency", "values": ["EUR", "SEK", "USD"]},
            {"type": "create_table", "name": "products", "primary_key": ["sku", "region"],
                "comment": "what is for sale", "columns": [
                {"name": "sku", "type": "varchar(40)"},
                {"name": "region", "type": "CHAR(2)"},
                {"name": "price", "type": "numeric(12, 2)", "nullable": false, "default": "0"},
                {"name": "currency", "type": "currency", "nullable": false, "default": "'EUR'"},
                {"name": "search", "type": "tsvector",
                    "generated": "ALWAYS AS (to_tsvector('simple', sku)) STORED"}],
                "checks": [{"expression": "price >= 0"},
                    {"name": "sku_not_empty", "expression": "sku <> ''"}]},
            {"type": "create_table", "name": "lines", "primary_key": "number", "columns": [
                {"name": "number", "type": "bigserial"},
                {"name": "order_id", "type": "uuid", "nullable": false},
                {"name": "sku", "type": "text"}, {"name": "region", "type": "text"},
                {"name": "parent", "type": "integer"},
                {"name": "place", "type": "int", "generated": "by default as identity"}],
                "foreign_keys": [
                    {"columns": ["order_id"], "referenced_table": "orders",
                        "referenced_columns": ["id"], "on_delete": "CASCADE"},
                    {"columns": ["region", "sku"], "referenced_table": "products",
                        "referenced_columns": ["region", "sku"]},
                    {"columns": ["parent"], "referenced_table": "lines",
                        "referenced_columns": ["number"]}]},
        ]},
        {"name": "0003_split_name", "checksum": "", "actions": [
            {"type": "add_column", "table": "users",
                "column": {"name": "first_name", "type": "text", "nullable": false},
                "up": "split_part(name, ' ', 1)"},
            {"type": "add_column", "table": "users",
                "column": {"name": "last_name", "type": "text", "nullable": false},
                "up": "split_part(name, ' ', 2)"},
            {"type": "remove_column", "table": "users", "column": "name",
                "down": "first_name || ' ' || last_name"},
            {"type": "alter_column", "table": "users", "column": "email",
                "up": "COALESCE(email, 'N/A')", "changes": {"nullable": false}},
            {"type": "add_index", "table": "users", "index": {"name": "users_by_name",
                "columns": ["last_name", {"column": "first_name", "direction": "desc"},
                    {"expression": "lower(email)"}], "where": "email <> 'N/A'"}},
        ]},
        {"name": "0004_rename", "checksum": "", "actions": [
            {"type": "rename_table", "table": "users", "new_name": "accounts"},
            {"type": "alter_column", "table": "accounts", "column": "email",
                "changes": {"name": "mail", "type": "varchar(200)"}},
            {"type": "alter_column", "table": "orders", "column": "user_id",
                "changes": {"name": "account_id"}},
            {"type": "add_column", "table": "orders", "column": {"name": "mail", "type": "text"},
                "up": {"table": "accounts", "value": "accounts.mail",
                    "where": "orders.account_id = accounts.id"}},
            {"type": "add_foreign_key", "table": "orders", "foreign_key": {"columns": ["mail"],
                "referenced_table": "accounts", "referenced_columns": ["mail"]}},
        ]},
        {"name": "0005_tidy", "checksum": "", "actions": [
            {"type": "remove_foreign_key", "table": "orders", "foreign_key": "orders_mail_fkey"},
            {"type": "remove_index", "index": "users_email"},
            {"type": "add_index", "table": "accounts",
                "index": {"name": "users_email", "columns": ["mail"], "type": "hash"}},
            {"type": "remove_check", "table": "products", "check": "sku_not_empty"},
            {"type": "add_check", "table": "products",
                "check": {"name": "sku_not_empty", "expression": "length(sku) > 2"}},
            {"type": "remove_foreign_key", "table": "lines",
                "foreign_key": "lines_region_sku_fkey"},
            {"type": "remove_table", "table": "products"},
            {"type": "remove_enum", "enum": "currency"},
            {"type": "custom", "start": "SELECT 1", "abort": "SELECT 2"},
        ]},
    ]);
    assert_eq!(told_of(&migrations), Vec::<String>::new());

    let migrations = serde_json::from_value(json!({ "migrations": migrations })).unwrap();
    let (history, _) = History::replay(&migrations);
    assert_eq!(history.schema_after(0).unwrap().tables().count(), 0);
    assert_eq!(names(&history, 1), ["users(id!, name!, email)", "orders(id!, user_id)"]);
    assert_eq!(
        names(&history, 2)[2..],
        [
            "products(sku!, region!, price!, currency!, search)",
            "lines(number!, order_id!, sku, region, parent, place!)"
        ]
    );
    assert_eq!(
        names(&history, 5),
        [
            "accounts(id!, mail!, first_name!, last_name!)",
            "orders(id!, account_id, mail)",
            "lines(number!, order_id!, sku, region, parent, place!)"
        ]
    );
    let latest = history.latest();
    let orders = latest.table("orders").unwrap();
    assert_eq!(orders.foreign_keys.len(), 1);
    assert_eq!(orders.foreign_keys[0].name, "orders_user_id_fkey");
    assert_eq!(orders.foreign_keys[0].columns, ["account_id"]);
    assert_eq!(orders.foreign_keys[0].referenced_table, "accounts");
    let number = latest.table("lines").unwrap().column("number").unwrap();
    assert_eq!(number.data_type, "bigint");
    assert_eq!(number.default.as_deref(), Some("nextval('lines_number_seq'::regclass)"));
    let indexes: Vec<_> = latest.table("accounts").unwrap().indexes.iter().collect();
    assert_eq!(
        indexes.iter().map(|index| index.name.as_ref()).collect::<Vec<_>>(),
        ["users_by_name", "users_email"]
    );
    assert_eq!(latest.enums().map(|found| found.name.as_str()).collect::<Vec<_>>(), ["mood"]);
    assert!(history.schema_after(6).is_none());
}

/// Each table after the first `count` migrations, with its columns; `!` is NOT NULL.
fn names(history: &History, count: usize) -> Vec<String> {
    let schema = history.schema_after(count).expect("a version");
    let column = |column: &reshape_runtime::model::Column| {
        format!("{}{}", column.name, if column.nullable { "" } else { "!" })
    };
    schema
        .tables()
        .map(|table| {
            let columns: Vec<_> = table.columns.iter().map(column).collect();
            format!("{}({})", table.name, columns.join(", "))
        })
        .collect()
}
