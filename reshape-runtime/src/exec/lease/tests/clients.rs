//! Clients without a lease are recognised by what they use.

use postgres::NoTls;

use super::started;
use crate::exec::tests::Fixture;
use crate::instance::Evidence;
use crate::report::Outcome;

fn session(fixture: &Fixture, name: &str, sql: &str) -> postgres::Client {
    let mut client = fixture.database.config().application_name(name).connect(NoTls).unwrap();
    client.batch_execute(sql).unwrap();
    client
}

/// Version, evidence and name of everybody that status knows of.
fn seen(fixture: &Fixture) -> Vec<(Option<String>, Evidence, Option<String>)> {
    let status = fixture.detached().status().unwrap();
    status.instances.into_iter().map(|i| (i.version, i.evidence, i.application_name)).collect()
}

#[test]
fn open_transactions_and_idle_sessions_of_the_versions_are_seen() {
    let fixture = started();
    let _old = session(&fixture, "old", "BEGIN; SELECT id FROM migration_1.users LIMIT 1");
    let _new = session(&fixture, "new", "BEGIN; SELECT id FROM migration_2.users LIMIT 1");
    let _set = session(&fixture, "set", "SET search_path TO \"migration_1\"");
    let _other = session(&fixture, "other", "SET search_path TO migration_10, migration_1_x");
    let _table = session(&fixture, "table", "BEGIN; SELECT id FROM public.users LIMIT 1");
    let (one, two) = (Some(String::from("1")), Some(String::from("2")));
    let name = |name: &str| Some(name.to_owned());
    assert_eq!(
        seen(&fixture),
        [
            (one.clone(), Evidence::Transaction, name("old")),
            (one, Evidence::LastStatement, name("set")),
            (two, Evidence::Transaction, name("new")),
        ]
    );
}

#[test]
fn those_without_a_lease_are_noted_and_keep_nobody_from_completing() {
    let mut fixture = started();
    let _set = session(&fixture, "set", "SET search_path TO \"migration_1\"");
    let report = fixture.detached().complete().unwrap();
    assert_eq!(report.outcome, Outcome::Completed);
    assert_eq!(report.notes.len(), 1, "{report:?}");
    let note = &report.notes[0];
    let begin = "1 session without a lease may still use `1`: `set` (no lease, idle, pid ";
    assert!(note.starts_with(begin), "{note}");
    fixture.assert_new();
}

/// Before the first migration clients use the plain tables: those that use one without a view of the new version.
#[test]
fn clients_of_the_plain_tables_are_seen() {
    let mut fixture = Fixture::new();
    let mut plan = crate::exec::tests::batch();
    plan.base = None;
    fixture.migrator_for(plan).start().unwrap();
    // The fixture's session spoke of both schemas before.
    assert_eq!(fixture.state(), "in_progress");
    let _old = session(&fixture, "old", "BEGIN; SELECT id FROM public.users LIMIT 1");
    let _new = session(&fixture, "new", "BEGIN; SELECT id FROM migration_2.users LIMIT 1");
    let _other = session(&fixture, "other", "BEGIN; SELECT * FROM public.log");
    let name = |name: &str| Some(name.to_owned());
    assert_eq!(
        seen(&fixture),
        [
            (None, Evidence::Transaction, name("old")),
            (Some(String::from("2")), Evidence::Transaction, name("new"))
        ]
    );
}
