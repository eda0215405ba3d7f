//! The key that everything refers to becomes a bigint while clients of both versions write: no error, no row without its parent, no number twice.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use postgres::Client;
use reshape_tests::{BASE, CHANGE, Rollout, client, rows};

const TABLES: &str = r#"
[[actions]]
type = "create_table"
name = "orders"
primary_key = "id"
columns = [
  { name = "id", type = "KIND" },
  { name = "note", type = "text" },
]

[[actions]]
type = "create_table"
name = "items"
primary_key = "id"
columns = [
  { name = "id", type = "integer", generated = "ALWAYS AS IDENTITY" },
  { name = "order_id", type = "integer", nullable = false },
  { name = "name", type = "text" },
]
foreign_keys = [{ columns = ["order_id"], referenced_table = "orders", referenced_columns = ["id"], on_delete = "CASCADE" }]

[[actions]]
type = "add_index"
table = "items"
index = { name = "items_by_order", columns = ["order_id"] }
"#;

const ROWS: &str = "INSERT INTO orders (note) SELECT 'n' FROM generate_series(1, 3000); \
                    INSERT INTO items (order_id, name) SELECT id, 'i' FROM orders, generate_series(1, 2)";

const PARENT: &str = r#"
[[actions]]
type = "alter_column"
table = "orders"
column = "id"
changes = { type = "bigint" }
"#;

const BOTH: &str = r#"
[[actions]]
type = "alter_column"
table = "orders"
column = "id"
changes = { type = "bigint" }

[[actions]]
type = "alter_column"
table = "items"
column = "order_id"
changes = { type = "bigint", name = "of_order" }
"#;

/// Orders with two items each, some of them deleted again; returns how many orders are left, for each of which there are two items.
fn write(
    client: &mut Client,
    order: &str,
    rounds: usize,
    stop: &AtomicBool,
) -> Result<i64, postgres::Error> {
    let mut kept = 0;
    for round in 0.. {
        if round >= rounds && stop.load(Ordering::SeqCst) {
            break;
        }
        let mut transaction = client.transaction()?;
        let id: i64 = transaction
            .query_one("INSERT INTO orders (note) VALUES ('w') RETURNING id::bigint", &[])?
            .get(0);
        let sql = format!(
            "INSERT INTO items ({order}, name) SELECT id, 'w' FROM orders, generate_series(1, 2) WHERE id = {id}"
        );
        assert_eq!(transaction.execute(&sql, &[])?, 2);
        transaction.commit()?;
        client.batch_execute(&format!("UPDATE orders SET note = 'x' WHERE id = {id}"))?;
        client.batch_execute(&format!("UPDATE items SET name = 'y' WHERE {order} = {id}"))?;
        if round % 3 == 0 {
            assert_eq!(client.execute(&format!("DELETE FROM orders WHERE id = {id}"), &[])?, 1);
        } else {
            kept += 1;
        }
    }
    Ok(kept)
}

fn under_load(kind: &str, change: &str, order: &str) {
    let generated = match kind {
        "serial" => TABLES.replace("KIND", "serial"),
        _ => TABLES.replace(
            r#"type = "KIND""#,
            &format!(r#"type = "integer", generated = "{kind} AS IDENTITY""#),
        ),
    };
    let mut r = Rollout::prepare(&generated, ROWS, change);
    let stop_old = Arc::new(AtomicBool::new(false));
    let stop_new = Arc::new(AtomicBool::new(false));
    let spawn = |version: &'static str, order: String, stop: &Arc<AtomicBool>| {
        let mut client = client(&r.database, version);
        let stop = Arc::clone(stop);
        thread::spawn(move || write(&mut client, &order, 20, &stop))
    };
    let old: Vec<_> = (0..2).map(|_| spawn(BASE, String::from("order_id"), &stop_old)).collect();
    r.start().unwrap_or_else(|error| panic!("{}", error.report()));
    let new: Vec<_> = (0..2).map(|_| spawn(CHANGE, order.to_owned(), &stop_new)).collect();
    stop_old.store(true, Ordering::SeqCst);
    let mut kept = 0;
    for writer in old {
        kept += writer.join().expect("a writer").expect("no error");
    }
    r.complete();
    stop_new.store(true, Ordering::SeqCst);
    for writer in new {
        kept += writer.join().expect("a writer").expect("no error");
    }
    let seen = rows(
        &mut r.new,
        &format!(
            "SELECT count(*), count(DISTINCT o.id), (SELECT count(*) FROM orders), pg_typeof(max(o.id)) \
             FROM orders o JOIN items i ON i.{order} = o.id"
        ),
    );
    let orders = 3000 + kept;
    assert_eq!(seen, [format!("{}|{orders}|{orders}|bigint", 2 * orders)]);
    assert_eq!(rows(&mut r.new, "SELECT count(*) FROM items"), [format!("{}", 2 * orders)]);
    let constraints = "SELECT conname, convalidated FROM pg_constraint WHERE contype IN ('p', 'f') AND conrelid::regclass::text IN ('public.orders', 'public.items') ORDER BY 1";
    assert_eq!(
        rows(&mut r.new, constraints),
        ["items_order_id_fkey|t", "items_pkey|t", "orders_pkey|t"]
    );
    // Numbers go on, now beyond what an integer holds.
    r.new
        .batch_execute("SELECT setval(pg_get_serial_sequence('public.orders', 'id'), 3000000000); INSERT INTO orders (note) VALUES ('big')")
        .expect("a big number");
    assert_eq!(rows(&mut r.new, "SELECT id FROM orders WHERE note = 'big'"), ["3000000001"]);
    r.new
        .batch_execute(&format!("INSERT INTO items ({order}) VALUES (-1)"))
        .expect_err("no parent");
}

#[test]
fn a_serial_key_becomes_bigint_under_load() {
    under_load("serial", PARENT, "order_id");
}

#[test]
fn an_identity_key_becomes_bigint_under_load() {
    under_load("ALWAYS", PARENT, "order_id");
}

#[test]
fn a_key_and_what_refers_to_it_become_bigint_under_load() {
    under_load("BY DEFAULT", BOTH, "of_order");
}

#[test]
fn both_foreign_keys_hold_while_both_versions_are_live() {
    let mut r = Rollout::begin(&TABLES.replace("KIND", "serial"), ROWS, BOTH);
    for (client, order) in [(&mut r.old, "order_id"), (&mut r.new, "of_order")] {
        let error = client
            .batch_execute(&format!("INSERT INTO items ({order}) VALUES (-1)"))
            .expect_err("no parent");
        assert_eq!(error.code().map(postgres::error::SqlState::code), Some("23503"));
        client
            .batch_execute("DELETE FROM orders WHERE id = (SELECT min(id) FROM orders)")
            .expect("a cascade");
    }
    assert_eq!(rows(&mut r.old, "SELECT count(*) FROM items"), ["5996"]);
    r.abort();
}

/// A foreign key whose table or column the batch removes does not come along to the key that replaces the one it refers to.
#[test]
fn a_foreign_key_that_goes_does_not_keep_the_key_from_becoming_bigint() {
    let base = TABLES.replace("KIND", "integer");
    let rows_of =
        "INSERT INTO orders VALUES (1, 'n'); INSERT INTO items (order_id, name) VALUES (1, 'i')";
    let removals = [
        "type = \"remove_table\"\ntable = \"items\"",
        "type = \"remove_column\"\ntable = \"items\"\ncolumn = \"order_id\"\ndown = \"1\"",
    ];
    for removal in removals.map(|removal| format!("[[actions]]\n{removal}\n")) {
        // For PostgreSQL 14.
        let allow = "[[allow]]\nlint = \"row_security_bypass\"\nreason = \"a test\"\n";
        for change in [format!("{allow}{removal}{PARENT}"), format!("{allow}{PARENT}{removal}")] {
            let mut r = Rollout::begin(&base, rows_of, &change);
            rows(&mut r.new, "INSERT INTO orders VALUES (2, 'new')");
            rows(&mut r.old, "INSERT INTO items (order_id, name) VALUES (2, 'old')");
            assert!(r.old.batch_execute("INSERT INTO items (order_id) VALUES (9)").is_err());
            r.abort();
            r.start().unwrap_or_else(|error| panic!("{}", error.report()));
            r.complete();
            rows(&mut r.new, "INSERT INTO orders VALUES (5000000000, 'many')");
        }
    }
}

#[test]
fn a_policy_of_a_table_that_goes_does_not_keep_the_column_that_it_reads_from_being_replaced() {
    let base = TABLES.replace("KIND", "integer");
    let data = "INSERT INTO orders VALUES (1, 'n'); INSERT INTO items (order_id, name) VALUES (1, 'i');
        ALTER TABLE public.items ENABLE ROW LEVEL SECURITY;
        CREATE POLICY reads ON public.items USING (EXISTS (SELECT FROM public.orders AS o WHERE o.id = order_id))";
    let removal = "[[actions]]\ntype = \"remove_table\"\ntable = \"items\"\n";
    // For PostgreSQL 14.
    let allow = "[[allow]]\nlint = \"row_security_bypass\"\nreason = \"a test\"\n";
    for change in [format!("{allow}{removal}{PARENT}"), format!("{allow}{PARENT}{removal}")] {
        let mut r = Rollout::begin(&base, data, &change);
        r.abort();
        r.start().unwrap_or_else(|error| panic!("{}", error.report()));
        r.complete();
        rows(&mut r.new, "INSERT INTO orders VALUES (5000000000, 'many')");
    }
}

/// A lock on the table does not stop `nextval`: the sequence itself is locked before the number is read with which the new one goes on.
#[test]
fn no_number_is_drawn_while_a_new_sequence_takes_over() {
    let tables = TABLES.replace("\"KIND\"", "\"integer\", generated = \"BY DEFAULT AS IDENTITY\"");
    let mut r = Rollout::begin(&tables, "INSERT INTO orders (note) VALUES ('n')", PARENT);
    let mut other = r.database.connect().expect("a connection");
    // The completion has to wait for this table once it has read the number.
    let mut blocker = r.database.connect().expect("a connection");
    let lock = "BEGIN; LOCK TABLE public.items IN ACCESS SHARE MODE";
    blocker.batch_execute(lock).expect("a lock");
    let mut migrator = r.migrator().lock_timeout(Duration::from_mins(1));
    let completion = thread::spawn(move || migrator.complete());
    let waits = "SELECT FROM pg_locks WHERE NOT granted AND relation = 'public.items'::regclass";
    while rows(&mut other, waits).is_empty() {
        assert!(!completion.is_finished(), "the completion does not wait for the table");
        thread::sleep(Duration::from_millis(10));
    }
    let draw = "SET lock_timeout = '200ms'; SELECT nextval('public.orders_id_seq')";
    let drawn = other.batch_execute(draw);
    drop(blocker);
    completion.join().expect("no panic").unwrap_or_else(|error| panic!("{}", error.report()));
    let error = drawn.expect_err("the sequence is locked");
    assert_eq!(error.code(), Some(&postgres::error::SqlState::LOCK_NOT_AVAILABLE));
    assert_eq!(rows(&mut r.new, "INSERT INTO orders (note) VALUES ('x') RETURNING id"), ["2"]);
}

/// As documented: a view cannot tell whether a number was given against the rules.
#[test]
fn new_clients_may_give_numbers_to_an_identity_until_the_batch_is_complete() {
    let tables = TABLES.replace("\"KIND\"", "\"integer\", generated = \"ALWAYS AS IDENTITY\"");
    let mut r = Rollout::begin(&tables, "INSERT INTO orders (note) VALUES ('n')", PARENT);
    let given = "INSERT INTO orders (id, note) VALUES (50, 'x')";
    assert!(r.old.batch_execute(given).is_err());
    rows(&mut r.new, given);
    let ignored =
        "INSERT INTO orders (id, note) OVERRIDING USER VALUE VALUES (60, 'x') RETURNING id";
    assert_eq!(rows(&mut r.new, ignored), ["60"]);
    // The old column has drawn a number for each of them.
    assert_eq!(rows(&mut r.new, "INSERT INTO orders (note) VALUES ('x') RETURNING id"), ["4"]);
    assert_eq!(rows(&mut r.old, "SELECT id FROM orders ORDER BY id"), ["1", "4", "50", "60"]);
    r.complete();
    assert!(r.new.batch_execute("INSERT INTO orders (id, note) VALUES (70, 'x')").is_err());
    assert_eq!(rows(&mut r.new, "INSERT INTO orders (note) VALUES ('x') RETURNING id"), ["5"]);
}
