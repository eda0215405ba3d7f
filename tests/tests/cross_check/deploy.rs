//! The ways in which a history gets into a database.

use postgres::Client;
use reshape_runtime::{Error, ErrorKind, Migrations, Migrator};
use reshape_tests::{client, database, rows};

use super::Tally;

/// What is not supported yet, or is not to be proven without rows: refused before anything has changed.
const REFUSED: &[&str] = &[
    "not supported yet",
    "in the same batch",
    "that the same batch",
    "and the same batch",
    "several columns",
    "is taken",
    "depends on",
    "draws its values from a sequence",
];

/// What the build does not judge: the server does, and everything is rolled back.
const UNJUDGED: &[&str] = &[
    "has no default operator class for access method",
    // It may be somebody else's.
    "type \"mood\" does not exist",
];

/// How a deployment ended.
#[derive(Debug)]
enum End {
    /// The tables of the last version, and their rows.
    Applied(Vec<String>),
    Refused(&'static str),
    /// By rows that break a new rule.
    Broken,
}

pub(super) fn accepted(set: &Migrations, tally: &mut Tally) -> Result<(), String> {
    let all: Vec<&str> = set.migrations.iter().map(|migration| &*migration.name).collect();
    let (Some(first), Some(last)) = (all.first(), all.last()) else { return Ok(()) };
    let truth = deploy(set, &all).map_err(|why| format!("one by one: {why}"))?;
    let ends: &[&str] = if first == last { &[last] } else { &[first, last] };
    let batch = deploy(set, ends).map_err(|why| format!("in one batch: {why}"))?;
    let empty = deploy(set, &[last]).map_err(|why| format!("in an empty database: {why}"))?;
    if let End::Refused(why) = empty {
        *tally.refused.entry(why).or_default() += 1;
    }
    match (truth, batch) {
        (End::Applied(truth), End::Applied(batch)) if truth == batch => tally.applied += 1,
        (End::Applied(truth), End::Applied(batch)) => {
            return Err(format!("one by one:\n{truth:#?}\nin one batch:\n{batch:#?}"));
        }
        (End::Applied(_), End::Broken) => return Err("only the batch is stopped by rows".into()),
        (End::Refused(why), _) | (_, End::Refused(why)) => {
            *tally.refused.entry(why).or_default() += 1;
        }
        (End::Broken, _) => tally.broken += 1,
    }
    Ok(())
}

/// Starts and completes each of `versions`, one after the other; after the first, every table gets a row.
fn deploy(set: &Migrations, versions: &[&str]) -> Result<End, String> {
    let database = database();
    for (number, version) in versions.iter().enumerate() {
        let mut migrator = Migrator::new(set.up_to(version).expect("one of them"), database.url());
        let ran = migrator.start().and_then(|_| migrator.complete());
        if let Err(error) = ran {
            return ended(&error).ok_or_else(|| format!("{version}: {}", error.report()));
        }
        if number == 0 && versions.len() > 1 {
            fill(&mut client(&database, version)).map_err(|error| format!("{error:?}"))?;
        }
    }
    let last = versions.last().expect("one at least");
    Ok(End::Applied(contents(&mut client(&database, last), last)))
}

fn ended(error: &Error) -> Option<End> {
    let report = error.report();
    if error.kind() == ErrorKind::Refused {
        return REFUSED.iter().find(|known| report.contains(**known)).map(|why| End::Refused(why));
    }
    if let Some(why) = UNJUDGED.iter().find(|known| report.contains(**known)) {
        return Some(End::Refused(why));
    }
    let broken = ["violat", "NULL", "duplicate", "invalid input", "out of range"];
    broken.iter().any(|word| report.contains(word)).then_some(End::Broken)
}

/// A row for each table of the version, whatever its columns are.
fn fill(client: &mut Client) -> Result<(), postgres::Error> {
    client.batch_execute(
        "DO $$
         DECLARE it record;
         BEGIN
           FOR it IN
             SELECT c.relname, string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum) AS columns,
               string_agg(CASE (SELECT typname FROM pg_type t WHERE t.oid = a.atttypid)
                 WHEN 'bool' THEN 'true' WHEN 'date' THEN $q$'2001-01-01'$q$ WHEN 'mood' THEN $q$'ok'$q$
                 WHEN '_int4' THEN 'ARRAY[1]' ELSE $q$'1'$q$ END, ', ' ORDER BY a.attnum) AS row
             FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
             WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r'
             GROUP BY c.oid, c.relname
           LOOP
             EXECUTE format('INSERT INTO public.%I (%s) VALUES (%s)', it.relname, it.columns, it.row);
           END LOOP;
         END $$",
    )
}

/// Every table of the version: its columns with their types, and its rows.
fn contents(client: &mut Client, version: &str) -> Vec<String> {
    let columns = format!(
        "SELECT c.relname, a.attname, format_type(a.atttypid, a.atttypmod)
         FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0
         WHERE c.relnamespace = '\"migration_{version}\"'::regnamespace ORDER BY 1, 2"
    );
    let mut all = rows(client, &columns);
    let tables = format!(
        "SELECT relname FROM pg_class WHERE relnamespace = '\"migration_{version}\"'::regnamespace ORDER BY 1"
    );
    for table in rows(client, &tables) {
        let of_table = format!("SELECT to_jsonb(t) FROM \"{table}\" AS t ORDER BY 1");
        all.extend(rows(client, &of_table).into_iter().map(|row| format!("{table}: {row}")));
    }
    all
}
