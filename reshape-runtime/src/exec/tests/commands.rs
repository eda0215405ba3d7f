//! Commands from threads, runtimes, roles and connections of every kind.

use std::sync::mpsc;

use postgres::{Config, NoTls};
use serde_json::json;

use super::proxy::{self, Fate};
use super::{Fixture, batch, crash};
use crate::error::ErrorKind;
use crate::exec::{Connector, Migrator};
use crate::model::{Action, Migration};
use crate::plan::Work;
use crate::report::{Outcome, State};

fn runtimes() -> [tokio::runtime::Runtime; 2] {
    [
        tokio::runtime::Builder::new_current_thread().build().unwrap(),
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap(),
    ]
}

#[test]
fn a_migrator_can_move_to_another_thread() {
    fn check<T: Send + 'static>() {}
    check::<Migrator>();
}

#[test]
fn commands_work_inside_an_async_runtime() {
    for runtime in runtimes() {
        let mut fixture = Fixture::new();
        let mut migrator = fixture.migrator();
        runtime.block_on(async {
            migrator.start().unwrap();
            migrator.status().unwrap();
            migrator.complete().unwrap();
        });
        fixture.assert_new();
    }
}

#[test]
fn an_open_client_works_inside_an_async_runtime() {
    for runtime in runtimes() {
        let mut fixture = Fixture::new();
        let plan = batch();
        let set = crate::Migrations::owned(plan.migrations.clone());
        let client = fixture.database.connect().unwrap();
        let mut migrator = Migrator::new(&set, client).planner(move |_| Ok(plan.clone()));
        runtime.block_on(async move {
            migrator.start().unwrap();
            migrator.complete().unwrap();
            // Not used any more, and dropped in here.
            drop(migrator);
        });
        fixture.assert_new();
        fixture.wait_until_unlocked();
    }
}

#[test]
fn an_open_client_gives_the_lock_back_and_is_gone_after_a_panic() {
    let mut fixture = Fixture::new();
    let mut migrator = Migrator::detached(fixture.database.connect().unwrap());
    fixture.migrator().start().unwrap();
    migrator.abort().unwrap();
    // Would fail if the first one still held the lock.
    fixture.migrator().start_to("2").unwrap();
    fixture.assert_both();

    let mut migrator = migrator.observer(|_: &crate::Event| std::panic::resume_unwind(Box::new(1)));
    let abort = std::panic::AssertUnwindSafe(|| migrator.abort());
    assert!(std::panic::catch_unwind(abort).is_err());
    fixture.wait_until_unlocked();
    let error = migrator.abort().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Connect);
    assert!(error.to_string().contains("is lost"), "{error}");
    fixture.assert_both();
}

#[test]
fn a_lost_open_client_is_an_error_and_another_run_goes_on() {
    let mut fixture = Fixture::new();
    let plan = batch();
    let set = crate::Migrations::owned(plan.migrations.clone());
    let mut victim = fixture.database.connect().unwrap();
    let pid: i32 = victim.query_one("SELECT pg_backend_pid()", &[]).unwrap().get(0);
    let mut killer = fixture.database.connect().unwrap();
    let mut migrator = Migrator::new(&set, victim).planner(move |_| Ok(plan.clone())).observer(
        move |event: &crate::Event| {
            if matches!(event, crate::Event::StepStarted { step: 2, .. }) {
                killer.execute("SELECT pg_terminate_backend($1, 10000)", &[&pid]).unwrap();
            }
        },
    );
    let error = migrator.start().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Connect);
    assert_eq!(fixture.state(), "applying");
    let report = fixture.migrator().start().unwrap();
    assert_eq!(report.steps.len(), 4, "{report:?}");
    fixture.assert_both();
}

#[test]
fn a_connector_opens_connections() {
    let mut fixture = Fixture::new();
    let config = fixture.database.config();
    let plan = batch();
    let set = crate::Migrations::owned(plan.migrations.clone());
    let mut migrator = Migrator::new(&set, Connector::new(move || config.connect(NoTls)))
        .planner(move |_| Ok(plan.clone()));
    migrator.start().unwrap();
    migrator.complete().unwrap();
    fixture.assert_new();
}

#[test]
fn timeouts_and_search_path_of_the_role_do_not_matter() {
    let mut fixture = Fixture::new();
    let name = fixture.database.name().to_owned();
    fixture
        .client
        .batch_execute(&format!(
            "CREATE SCHEMA evil; CREATE FUNCTION evil.now() RETURNS timestamptz LANGUAGE sql AS 'SELECT 1/0; SELECT NULL::timestamptz'; \
             ALTER DATABASE {name} SET statement_timeout = '50ms'; \
             ALTER DATABASE {name} SET search_path = evil, pg_catalog; \
             ALTER DATABASE {name} SET default_transaction_isolation = 'serializable'"
        ))
        .unwrap();
    let mut plan = batch();
    plan.steps
        .insert(1, super::sql(crate::plan::Phase::Expand, "sleep", &["SELECT pg_sleep(0.2)"], &[]));
    fixture.migrator_for(plan).start().unwrap();
    fixture.assert_both();
}

#[test]
fn a_read_only_database_is_an_error() {
    let mut fixture = Fixture::new();
    let mut config = fixture.database.config();
    config.options("-c default_transaction_read_only=on");
    let plan = batch();
    let set = crate::Migrations::owned(plan.migrations.clone());
    let error = Migrator::new(&set, config).start().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ReadOnly);
    assert_eq!(fixture.text("SELECT to_regnamespace('reshape')"), "");
}

#[test]
fn a_role_without_rights_is_told_what_to_grant() {
    let mut fixture = Fixture::new();
    let database = fixture.database.name().to_owned();
    // Roles belong to the whole server: this one has the database's name.
    fixture.client.batch_execute(&format!("CREATE ROLE {database} LOGIN")).unwrap();
    let mut config = fixture.database.config();
    config.user(&database);
    let plan = batch();
    let set = crate::Migrations::owned(plan.migrations.clone());
    let error = Migrator::new(&set, config.clone()).start().unwrap_err();
    fixture.migrator().start().unwrap();
    let unreadable = Migrator::new(&set, config).status().unwrap_err();
    fixture.client.batch_execute(&format!("DROP ROLE {database}")).unwrap();
    assert_eq!(error.kind(), ErrorKind::Permission);
    let help = error.help().unwrap();
    assert!(
        help.contains(&format!("GRANT CREATE ON DATABASE \"{database}\" TO \"{database}\"")),
        "{help}"
    );
    assert_eq!(unreadable.kind(), ErrorKind::Permission);
}

#[test]
fn a_role_that_does_not_own_the_tables_is_told_before_anything_changes() {
    let mut fixture = Fixture::new();
    // Roles belong to the whole server: this one has the database's name.
    let role = fixture.database.name().to_owned();
    // Before PostgreSQL 15 everybody may create something in `public`.
    let grant = format!(
        "CREATE ROLE {role} LOGIN; GRANT CREATE ON DATABASE {role} TO {role}; \
         REVOKE CREATE ON SCHEMA public FROM PUBLIC"
    );
    fixture.client.batch_execute(&grant).unwrap();
    let mut config = fixture.database.config();
    config.user(&role);
    let mut plan = batch();
    let Work::Sql { statements } = &mut plan.steps[0].work else { panic!("the first step is SQL") };
    statements.insert(0, "ALTER TABLE \"public\".\"users\" ADD COLUMN x int".into());
    let set = crate::Migrations::owned(plan.migrations.clone());
    let error = Migrator::new(&set, config).planner(move |_| Ok(plan.clone())).start().unwrap_err();
    fixture.client.batch_execute(&format!("DROP OWNED BY {role}; DROP ROLE {role}")).unwrap();
    assert_eq!(error.kind(), ErrorKind::Permission);
    assert!(error.message().contains("does not own the table `public.users`"), "{error}");
    let help = error.help().unwrap();
    assert!(help.contains(&format!("ALTER TABLE public.users OWNER TO {role}")), "{help}");
    assert!(help.contains(&format!("GRANT CREATE ON SCHEMA public TO {role}")), "{help}");
    assert_eq!(fixture.text("SELECT to_regnamespace('reshape')"), "");
}

#[test]
fn an_ordinary_role_that_owns_its_tables_is_enough() {
    let mut fixture = Fixture::new();
    // Roles belong to the whole server: this one has the database's name.
    let role = fixture.database.name().to_owned();
    let hand_over = format!(
        "CREATE ROLE {role} LOGIN; GRANT CREATE ON DATABASE {role} TO {role}; \
         GRANT ALL ON SCHEMA public TO {role}; ALTER TABLE public.users OWNER TO {role}; \
         ALTER TABLE public.log OWNER TO {role}; ALTER SCHEMA migration_1 OWNER TO {role}; \
         ALTER VIEW migration_1.users OWNER TO {role}"
    );
    fixture.client.batch_execute(&hand_over).unwrap();
    let mut config = fixture.database.config();
    config.user(&role);
    let plan = batch();
    let set = crate::Migrations::owned(plan.migrations.clone());
    let mut migrator = Migrator::new(&set, config).planner(move |_| Ok(plan.clone()));
    let outcomes = [migrator.start(), migrator.abort(), migrator.start(), migrator.complete()]
        .map(|report| report.map(|report| report.outcome).map_err(|error| error.report()));
    let back =
        format!("REASSIGN OWNED BY {role} TO CURRENT_USER; DROP OWNED BY {role}; DROP ROLE {role}");
    fixture.client.batch_execute(&back).unwrap();
    assert_eq!(
        outcomes,
        [Outcome::Started, Outcome::Aborted, Outcome::Started, Outcome::Completed].map(Ok)
    );
    fixture.assert_new();
}

#[test]
fn an_old_instance_comes_up_whatever_became_of_the_new_version() {
    let mut fixture = Fixture::new();
    fixture.migrator().start().unwrap();
    fixture.detached().complete().unwrap();
    fixture.client.batch_execute("CREATE SCHEMA migration_1").unwrap();
    let old = crate::Migrations::owned(vec![super::migration("2")]);
    let mut newer = batch();
    newer.migrations = vec![super::migration("2"), super::migration("3")];
    newer.steps = vec![super::sql(crate::plan::Phase::Expand, "wait", &["SELECT 1"], &[])];
    let set = crate::Migrations::owned(newer.migrations.clone());
    let new = || {
        let newer = newer.clone();
        Migrator::new(&set, fixture.database.url()).planner(move |request| {
            Ok(crate::plan::Plan { migrations: request.pending.to_vec(), ..newer.clone() })
        })
    };
    // Half started, then in progress: version 2 is live.
    assert!(crash(new(), 1, Migrator::start));
    let mut old = Migrator::new(&old, fixture.database.url());
    assert_eq!(old.start().unwrap().outcome, Outcome::Ahead);
    new().start().unwrap();
    assert_eq!(old.start().unwrap().outcome, Outcome::Ahead);
    // Its view is gone.
    fixture.client.batch_execute("DROP SCHEMA migration_2 CASCADE").unwrap();
    let error = old.start().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::History);
    assert!(error.to_string().contains("has been retired"), "{error}");
}

/// What a migrator says to the server: the types of the messages, and their texts.
fn listen(fixture: &Fixture) -> Option<(Config, mpsc::Receiver<(char, String)>)> {
    let (send, messages) = mpsc::channel();
    let config = proxy::start(&fixture.database.config(), move |kind, text| {
        send.send((char::from(kind), text.to_owned())).unwrap();
        Fate::Passed
    });
    Some((config?, messages))
}

/// Up to the farewell.
fn messages(all: &mpsc::Receiver<(char, String)>) -> Vec<(char, String)> {
    all.iter().take_while(|(kind, _)| *kind != 'X').collect()
}

#[test]
fn a_start_without_work_is_one_round_trip() {
    let fixture = Fixture::new();
    fixture.migrator().start().unwrap();
    for state in [State::InProgress, State::Idle] {
        let Some((config, all)) = listen(&fixture) else { return };
        let set = crate::Migrations::owned(batch().migrations);
        let mut migrator = Migrator::new(&set, config);
        assert_eq!(migrator.status().unwrap().state, state);
        messages(&all);
        assert_eq!(migrator.start().unwrap().outcome, Outcome::Nothing);
        let messages = messages(&all);
        let [('Q', query)] = messages.as_slice() else { panic!("{messages:?}") };
        // Not the one that reads the whole history.
        assert!(!query.contains("reshape.migrations"), "{query}");
        if state == State::InProgress {
            fixture.detached().complete().unwrap();
        }
    }
}

#[test]
fn a_hundred_tables_take_few_round_trips() {
    let migrations = (0..100).map(|number| {
        let action = json!([{
            "type": "create_table", "name": format!("t{number}"), "primary_key": ["id"],
            "columns": [{"name": "id", "type": "int"}, {"name": "name", "type": "text"}],
        }]);
        Migration {
            name: format!("{number:03}").into(),
            actions: serde_json::from_value::<Vec<Action>>(action).unwrap().into(),
            ..super::migration("x")
        }
    });
    let set = crate::Migrations::owned(migrations.collect());
    let fixture = Fixture::new();
    let empty = "DROP SCHEMA migration_1, public CASCADE; CREATE SCHEMA public";
    fixture.database.connect().unwrap().batch_execute(empty).unwrap();
    let Some((config, all)) = listen(&fixture) else { return };
    Migrator::new(&set, config).start_and_complete().unwrap();
    let messages = messages(&all);
    assert!(messages.iter().all(|(kind, _)| *kind == 'Q'), "{messages:#?}");
    assert!(messages.len() <= 30, "{} round trips: {messages:#?}", messages.len());
}

#[test]
fn a_migrator_can_be_sent_to_another_thread() {
    fn sendable<T: Send>(_: &T) {}
    sendable(&Migrator::detached("host=nowhere"));
}
