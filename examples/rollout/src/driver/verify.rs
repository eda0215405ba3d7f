//! What the database looks like when it is over.

use postgres::Client;
use reshape_runtime::schema_query;
use reshape_runtime::testing::TestDatabase;
use rollout::person::Seen;

use super::Failure;

/// How many rows that are wrong are shown.
const SHOWN: usize = 10;

/// Names in the schema `public` that only a rollout needs. All of them are to be gone.
const LEFTOVERS: &str = r"
    SELECT 'relation ' || relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relname LIKE '%\_\_reshape%'
    UNION ALL
    SELECT 'column ' || attname || ' of ' || relname FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid
     WHERE relnamespace = 'public'::regnamespace AND NOT attisdropped AND attname LIKE '%\_\_reshape%'
    UNION ALL
    SELECT 'constraint ' || conname FROM pg_constraint WHERE connamespace = 'public'::regnamespace AND conname LIKE '%\_\_reshape%'
    UNION ALL
    SELECT 'trigger ' || tgname FROM pg_trigger WHERE tgrelid = 'public.users'::regclass AND NOT tgisinternal
    UNION ALL
    SELECT 'function ' || proname FROM pg_proc WHERE pronamespace = 'public'::regnamespace AND proname LIKE '%\_\_reshape%'
    UNION ALL
    SELECT 'schema ' || nspname FROM pg_namespace WHERE nspname = 'migration_0001_users'";

/// Compares every row with what was written, and the table with what version 2 wants. Returns what is wrong.
pub(super) fn database(database: &TestDatabase, expected: u64) -> Result<Vec<String>, Failure> {
    let mut client = database.connect()?;
    client.batch_execute(schema_query!())?;
    let mut wrong = rows(&mut client, expected)?;

    for row in client.query(LEFTOVERS, &[])? {
        wrong.push(format!("left over: {}", row.try_get::<_, String>(0)?));
    }
    let row = client.query_one(
        "SELECT (SELECT array_agg(attname::text ORDER BY attname) FROM pg_attribute
                  WHERE attrelid = 'public.users'::regclass AND attnum > 0 AND NOT attisdropped AND attnotnull),
                EXISTS (SELECT FROM pg_index WHERE indexrelid = to_regclass('public.users_by_name') AND indisvalid)",
        &[],
    )?;
    let required: Vec<String> = row.try_get(0)?;
    if required != ["email", "first_name", "id", "last_name", "stamp", "written_by"] {
        wrong.push(format!("these columns are NOT NULL, and no others: {}", required.join(", ")));
    }
    if !row.try_get::<_, bool>(1)? {
        wrong.push("the index `users_by_name` is missing or invalid".to_owned());
    }
    Ok(wrong)
}

fn rows(client: &mut Client, expected: u64) -> Result<Vec<String>, Failure> {
    let mut wrong = Vec::new();
    let rows = client
        .query("SELECT id, first_name, last_name, email, stamp, written_by FROM users", &[])?;
    if rows.len() as u64 != expected {
        wrong.push(format!("there are {} rows, not {expected}", rows.len()));
    }
    let mut faults = 0;
    for row in &rows {
        let (first, last): (String, String) = (row.try_get(1)?, row.try_get(2)?);
        let seen = Seen {
            id: row.try_get(0)?,
            name: format!("{first} {last}"),
            email: row.try_get(3)?,
            stamp: row.try_get(4)?,
            written_by: row.try_get(5)?,
        };
        if let Some(fault) = seen.fault() {
            faults += 1;
            if faults <= SHOWN {
                wrong.push(fault);
            }
        }
    }
    if faults > SHOWN {
        wrong.push(format!("and {} more rows", faults - SHOWN));
    }
    Ok(wrong)
}
