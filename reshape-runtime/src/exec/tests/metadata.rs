//! The metadata: ours, the command line's, and a newer one.

use super::{Fixture, batch};
use crate::error::ErrorKind;
use crate::exec::Migrator;
use crate::plan::Refusal;
use crate::report::{Outcome, State};

/// What the command line leaves, with its version 1 applied.
fn command_line(fixture: &mut Fixture, state: &str, actions: &str) {
    let sql = format!(
        "CREATE SCHEMA reshape; \
         CREATE TABLE reshape.data (key text PRIMARY KEY, value jsonb); \
         CREATE TABLE reshape.migrations (index int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, \
           name text, description text, actions jsonb, completed_at timestamp DEFAULT now()); \
         INSERT INTO reshape.data VALUES ('state', '{{\"state\": \"{state}\"}}'), ('version', '\"0.11.2\"'); \
         INSERT INTO reshape.migrations (name, actions) VALUES ('1', '{actions}')"
    );
    fixture.client.batch_execute(&sql).unwrap();
}

fn with_1() -> crate::plan::Plan {
    let mut plan = batch();
    plan.migrations.insert(0, super::migration("1"));
    plan
}

#[test]
fn a_batch_of_the_command_line_is_refused() {
    for state in ["applying", "in_progress", "completing", "aborting"] {
        let mut fixture = Fixture::new();
        command_line(&mut fixture, state, "[]");
        let before = fixture.text(
            "SELECT string_agg(format('%s %s', key, value), ',' ORDER BY key) FROM reshape.data",
        );
        let mut migrator = fixture.migrator_for(with_1());
        let errors =
            [migrator.start(), migrator.complete(), migrator.abort()].map(Result::unwrap_err);
        for error in errors {
            assert_eq!(error.kind(), ErrorKind::Metadata);
            assert!(error.help().unwrap().contains("`reshape migration"), "{error:?}");
        }
        let after = fixture.text(
            "SELECT string_agg(format('%s %s', key, value), ',' ORDER BY key) FROM reshape.data",
        );
        assert_eq!(before, after);
        assert_eq!(fixture.text("SELECT to_regclass('reshape.batch')"), "");
    }
}

#[test]
fn an_idle_database_of_the_command_line_is_taken_over() {
    let mut fixture = Fixture::new();
    command_line(&mut fixture, "idle", r#"[{"type": "custom", "start": "1", "abort": null}]"#);
    let mut plan = with_1();
    let set = crate::Migrations::owned(std::mem::take(&mut plan.migrations));
    let status = super::Migrator::new(&set, fixture.database.url()).status().unwrap();
    assert_eq!((status.current.as_deref(), status.pending), (Some("1"), vec![String::from("2")]));
    assert_eq!(fixture.text("SELECT to_regclass('reshape.batch')"), "");

    let mut migrator = super::Migrator::new(&set, fixture.database.url()).planner(move |request| {
        assert_eq!(request.base, Some("1"));
        Ok(crate::plan::Plan { migrations: request.pending.to_vec(), ..plan.clone() })
    });
    assert_eq!(migrator.start().unwrap().migrations, ["2"]);
    fixture.assert_both();
    let state = "SELECT value ->> 'state' FROM reshape.data WHERE key = 'state'";
    assert_eq!(fixture.text(state), "embedded");
    assert_eq!(
        fixture.text("SELECT value #>> '{}' FROM reshape.data WHERE key = 'version'"),
        "0.11.2"
    );
    migrator.complete().unwrap();
    assert_eq!(
        fixture.text("SELECT string_agg(name, ',' ORDER BY index) FROM reshape.migrations"),
        "1,2"
    );
}

#[test]
fn a_migration_edited_since_the_command_line_applied_it_is_found() {
    let mut fixture = Fixture::new();
    command_line(&mut fixture, "idle", r#"[{"type": "custom", "start": "something else"}]"#);
    let error = fixture.migrator_for(with_1()).start().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::History);
    assert!(error.to_string().contains("`1` (applied on "), "{error}");
    // Actions that cannot be read are no reason to refuse.
    fixture
        .client
        .batch_execute("UPDATE reshape.migrations SET actions = '[{\"type\": \"old\"}]'")
        .unwrap();
    fixture.migrator_for(with_1()).start().unwrap();
}

#[test]
fn a_batch_in_older_metadata_can_be_aborted() {
    let mut fixture = Fixture::new();
    fixture.migrator().start().unwrap();
    fixture
        .client
        .batch_execute(
            "ALTER TABLE reshape.migrations DROP COLUMN namespace, DROP COLUMN requires; \
             DROP TABLE reshape.tables, reshape.changing; \
             UPDATE reshape.data SET value = '1' WHERE key = 'metadata'",
        )
        .unwrap();
    assert_eq!(fixture.detached().abort().unwrap().outcome, Outcome::Aborted);
    fixture.assert_old();
}

#[test]
fn older_metadata_is_brought_up_to_date() {
    let mut fixture = Fixture::new();
    fixture.migrator().start().unwrap();
    // Layout 1, with its batch in progress.
    fixture
        .client
        .batch_execute(
            "ALTER TABLE reshape.migrations DROP COLUMN namespace, DROP COLUMN requires; \
             DROP TABLE reshape.tables, reshape.changing; \
             UPDATE reshape.data SET value = '1' WHERE key = 'metadata'",
        )
        .unwrap();
    assert_eq!(fixture.migrator().status().unwrap().state, State::InProgress);
    assert_eq!(fixture.migrator().start().unwrap().outcome, Outcome::Nothing);
    assert_eq!(fixture.migrator().complete().unwrap().outcome, Outcome::Completed);
    assert_eq!(fixture.migrator().status().unwrap().applied.len(), 1);
    let layout: String = fixture
        .client
        .query_one("SELECT value::text FROM reshape.data WHERE key = 'metadata'", &[])
        .unwrap()
        .get(0);
    assert_eq!(layout, "2");
}

#[test]
fn newer_metadata_is_not_touched() {
    let mut fixture = Fixture::new();
    fixture.migrator().start().unwrap();
    fixture
        .client
        .batch_execute(
            "UPDATE reshape.data SET value = '3' WHERE key = 'metadata'; UPDATE reshape.batch SET token = token - 1",
        )
        .unwrap();
    let mut migrator = fixture.migrator();
    for error in [migrator.start(), migrator.complete(), migrator.abort()].map(Result::unwrap_err) {
        assert_eq!(error.kind(), ErrorKind::Metadata);
        assert!(error.to_string().contains("layout 3"), "{error}");
    }
    // Also where the newer layout has other tables.
    fixture.client.batch_execute("DROP TABLE reshape.batch").unwrap();
    assert_eq!(fixture.migrator().start().unwrap_err().kind(), ErrorKind::Metadata);
}

#[test]
fn a_refused_batch_leaves_no_trace() {
    let mut fixture = Fixture::new();
    let mut migrator = fixture.migrator().planner(|_| {
        Err(Refusal {
            migration: String::from("2"),
            action: Some(1),
            message: String::from("it is too dangerous"),
            help: Some(String::from("do not")),
        })
    });
    let error = migrator.start().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Refused);
    assert_eq!(error.message(), "the migration `2`, action 1 is refused: it is too dangerous");
    assert_eq!(error.help(), Some("do not"));
    assert_eq!(fixture.text("SELECT to_regnamespace('reshape')"), "");
}

#[test]
fn status_tells_the_batch() {
    let fixture = Fixture::new();
    let status = fixture.migrator().status().unwrap();
    assert_eq!((status.state, status.pending), (State::Idle, vec![String::from("2")]));
    fixture.migrator().start().unwrap();
    let status = fixture.migrator().status().unwrap();
    assert_eq!(status.state, State::InProgress);
    assert_eq!((status.current.as_deref(), status.target.as_deref()), (Some("1"), Some("2")));
    assert_eq!(status.batch, ["2"]);
    assert_eq!(status.progress, Some((6, 8)));
    assert_eq!(status.live_schemas, ["migration_1", "migration_2"]);
    assert_eq!(status.migrator, None);
    assert!(status.pending.is_empty() && status.unknown.is_empty() && status.applied.is_empty());
}

#[test]
fn a_batch_that_another_version_of_the_program_began_is_started_afresh() {
    let mut fixture = Fixture::new();
    // It died after the first step; then its migration was edited.
    assert!(super::crash(fixture.migrator(), 3, Migrator::start));
    let mut plan = batch();
    plan.migrations[0].checksum = "another checksum".into();
    let report = fixture.migrator_for(plan).start().unwrap();
    assert_eq!(report.outcome, Outcome::Started);
    assert_eq!(report.steps[0].title, "undo: add the column");
    fixture.assert_both();
}
