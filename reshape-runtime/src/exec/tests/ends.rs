//! How the transaction of a step ends, and what a backfill sees of those who write beside it.

use std::sync::mpsc;
use std::time::Duration;

use super::proxy::{self, Fate};
use super::{Fixture, batch, plan, publish, sql};
use crate::Migrations;
use crate::exec::connection::IntoConnection;
use crate::exec::run::Run;
use crate::exec::set::Set;
use crate::exec::{Migrator, Settings};
use crate::observer::Event;
use crate::plan::{Phase, Plan};

/// What the server is sent by start and complete, or by start and abort.
fn messages(plan: Plan, ends_well: bool) -> Option<Vec<String>> {
    let fixture = Fixture::new();
    let (send, messages) = mpsc::channel();
    let config = proxy::start(&fixture.database.config(), move |_, text| {
        let _ = send.send(text.to_owned());
        Fate::Passed
    })?;
    let set = Migrations::owned(plan.migrations.clone());
    let mut migrator = Migrator::new(&set, config).planner(move |_| Ok(plan.clone()));
    migrator.start().unwrap();
    if ends_well {
        migrator.complete().unwrap()
    } else {
        migrator.abort().unwrap()
    };
    Some(messages.try_iter().collect())
}

/// The message with that text that is not the plan's, and the next one.
fn with<'m>(text: &str, messages: &'m [String]) -> [&'m str; 2] {
    let is_it = |message: &String| message.contains(text) && !message.contains("reshape.batch (");
    let at = messages.iter().position(|message| is_it(message) && message.contains("reshape_xid"));
    let at = at.unwrap_or_else(|| panic!("{text} is in none of {messages:#?}"));
    [&messages[at], &messages[at + 1]]
}

const LATER: &str = "SET LOCAL synchronous_commit TO off";

/// Who waits for the locks waits neither for another message nor for the disk; and the next step does not begin before it is written.
#[test]
fn what_is_locked_is_free_with_the_last_statement() {
    let Some(all) = messages(batch(), true) else { return };
    for statement in ["ADD COLUMN", "RENAME COLUMN"] {
        let [message, next] = with(statement, &all);
        assert!(message.contains(LATER) && message.trim_end_matches('\0').ends_with("COMMIT"));
        assert!(next.contains("FOR SHARE; COMMIT"), "{next}");
    }
    let Some(all) = messages(batch(), false) else { return };
    let [message, next] = with("DROP COLUMN", &all);
    assert!(message.contains(LATER) && next.contains("FOR SHARE; COMMIT"), "{message}\n{next}");
}

/// Others go by it.
#[test]
fn a_version_is_live_once_it_is_on_the_disk() {
    let Some(all) = messages(batch(), true) else { return };
    let [message, next] = with("CREATE SCHEMA migration_2", &all);
    assert!(message.contains("COMMIT") && !message.contains(LATER), "{message}");
    assert!(!next.contains("FOR SHARE; COMMIT"), "{next}");
}

#[test]
fn sql_of_the_users_is_looked_at_before_it_is_committed() {
    let own = sql(Phase::Expand, "own", &["SELECT 'of the user'"], &[]).custom();
    let Some(all) = messages(plan(vec![own.locking("whatever it takes"), publish_alone()]), true)
    else {
        return;
    };
    let [message, next] = with("'of the user'", &all);
    assert!(!message.contains("COMMIT") && next.contains("COMMIT"), "{message}\n{next}");
}

fn publish_alone() -> crate::plan::Step {
    let mut step = publish();
    step.work = sql(Phase::Publish, "", &["CREATE SCHEMA migration_2"], &[]).work;
    step
}

#[test]
fn ranges_are_shorter_while_others_write() {
    let mut fixture = Fixture::new();
    fixture.migrator().start().unwrap();
    let mut source = fixture.database.url().into_source();
    let mut observer = |_: &Event| {};
    let settings = Settings { batch_duration: Duration::from_millis(50), ..Settings::default() };
    let mut run = Run::open(&mut source, Set::new("default"), &settings, &mut observer).unwrap();
    assert_eq!(run.range_duration(), Duration::from_millis(50));
    run.pause_asked().unwrap();
    for _ in 0..1000 {
        fixture.client.batch_execute("INSERT INTO public.log VALUES ('x')").unwrap();
    }
    run.pause_asked().unwrap();
    assert_eq!(run.range_duration(), Duration::from_millis(10));
    run.close();
}
