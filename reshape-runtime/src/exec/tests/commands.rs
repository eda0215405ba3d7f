//! Commands from threads, runtimes, roles and connections of every kind.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc;
use std::thread;

use postgres::NoTls;
use postgres::config::Host;

use super::{Fixture, batch, crash};
use crate::error::ErrorKind;
use crate::exec::{Connector, Migrator};
use crate::report::Outcome;

fn runtimes() -> [tokio::runtime::Runtime; 2] {
    [
        tokio::runtime::Builder::new_current_thread().build().unwrap(),
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap(),
    ]
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

#[test]
fn a_start_without_work_is_one_round_trip() {
    let fixture = Fixture::new();
    fixture.migrator().start().unwrap();
    fixture.detached().complete().unwrap();
    let (port, queries) = counting_proxy(&fixture.database.config());
    let mut config = fixture.database.config();
    if matches!(config.get_hosts(), [Host::Tcp(_)]) {
        // A port of its own; the host stays, for the password's sake.
        config = port_of(&config, port);
        let set = crate::Migrations::owned(batch().migrations);
        assert_eq!(Migrator::new(&set, config).start().unwrap().outcome, Outcome::Nothing);
        assert_eq!(queries.iter().collect::<Vec<_>>(), [b'Q']);
    }
}

fn port_of(config: &postgres::Config, port: u16) -> postgres::Config {
    let mut proxied = postgres::Config::new();
    proxied.host("127.0.0.1").port(port).ssl_mode(postgres::config::SslMode::Disable);
    proxied.user(config.get_user().unwrap()).dbname(config.get_dbname().unwrap());
    if let Some(password) = config.get_password() {
        proxied.password(password);
    }
    proxied
}

/// Forwards one connection, and sends the type of each message of the client but those of the login and the farewell.
fn counting_proxy(config: &postgres::Config) -> (u16, mpsc::Receiver<u8>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let (send, receive) = mpsc::channel();
    let [Host::Tcp(host)] = config.get_hosts() else { return (port, receive) };
    let server = (host.clone(), config.get_ports().first().copied().unwrap_or(5432));
    thread::spawn(move || {
        let (mut client, _) = listener.accept().unwrap();
        let mut server = TcpStream::connect(server).unwrap();
        let (mut back, mut front) = (server.try_clone().unwrap(), client.try_clone().unwrap());
        thread::spawn(move || std::io::copy(&mut back, &mut front));
        let mut is_first = true;
        loop {
            // The first message has no type.
            let mut head = vec![0; if is_first { 4 } else { 5 }];
            if client.read_exact(&mut head).is_err() {
                break;
            }
            let length = u32::from_be_bytes(head[head.len() - 4..].try_into().unwrap());
            let mut body = vec![0; length as usize - 4];
            client.read_exact(&mut body).unwrap();
            if !is_first && !b"pX".contains(&head[0]) {
                send.send(head[0]).unwrap();
            }
            is_first = false;
            server.write_all(&[head, body].concat()).unwrap();
        }
    });
    (port, receive)
}

#[test]
fn a_migrator_can_be_sent_to_another_thread() {
    fn sendable<T: Send>(_: &T) {}
    sendable(&Migrator::detached("host=nowhere"));
}
