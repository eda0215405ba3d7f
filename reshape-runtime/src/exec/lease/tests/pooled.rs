//! Heartbeats, and a proxy that gives every message another session.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use postgres::Config;
use postgres::config::{Host, SslMode};

use super::{changes, instance, started, until};
use crate::error::ErrorKind;
use crate::exec::lease::Lease;
use crate::instance::LeaseChange;
use crate::report::Outcome;

const BEATS: &str = "SELECT count(*) FROM reshape.leases";
/// An instance that died long ago.
const EXPIRED: &str = "INSERT INTO reshape.leases (namespace, version, instance, since, beat, ttl) \
    VALUES ('default', '1', 'dead', now(), now() - interval '31 s', '30 s')";

#[test]
fn a_heartbeat_counts_for_as_long_as_it_lives() {
    let mut fixture = started();
    fixture.client.batch_execute(EXPIRED).unwrap();
    let options = instance(&fixture, "web-1").heartbeat(Duration::from_mins(1));
    let lease = options.take().unwrap();
    assert_eq!(fixture.text(BEATS), "2");
    let error = fixture.detached().complete().unwrap_err();
    assert!(error.message().contains("used by 1 instance: `web-1` (heartbeat, since"), "{error}");
    // Killed, as far as the server can see: nobody beats any more.
    let stop = "UPDATE reshape.leases SET beat = beat - interval '61 s'";
    fixture.client.batch_execute(stop).unwrap();
    assert_eq!(fixture.detached().complete().unwrap().outcome, Outcome::Completed);
    assert_eq!(fixture.text(BEATS), "0");
    drop(lease);
}

#[test]
fn a_heartbeat_is_renewed_and_notices_that_its_version_is_gone() {
    let mut fixture = started();
    let options = instance(&fixture, "web-1").heartbeat(Duration::from_millis(600));
    let (options, changes) = changes(options);
    let lease = options.take().unwrap();
    assert_eq!(changes.recv().unwrap(), LeaseChange::Held);
    // As if it had not been heard of for long: it is heard of again.
    fixture.client.batch_execute("UPDATE reshape.leases SET beat = '2000-01-01'").unwrap();
    until(&mut fixture, "SELECT count(*) FROM reshape.leases WHERE beat > '2001-01-01'", "1");
    fixture.detached().force(true).complete().unwrap();
    assert!(matches!(changes.recv().unwrap(), LeaseChange::Lost(_)));
    assert!(lease.is_lost());
    assert_eq!(fixture.text(BEATS), "0");
}

#[test]
fn a_heartbeat_needs_metadata_that_knows_leases() {
    let mut fixture = started();
    fixture.client.batch_execute("DROP FUNCTION reshape.beat; DROP TABLE reshape.leases").unwrap();
    let options = instance(&fixture, "web-1").heartbeat(Duration::from_mins(1));
    assert_eq!(options.take().unwrap_err().kind(), ErrorKind::Metadata);
    // A batch of an older version of the crate is completed all the same.
    assert_eq!(fixture.detached().complete().unwrap().outcome, Outcome::Completed);
}

#[test]
fn a_heartbeat_lives_behind_a_proxy_that_pools_and_a_lock_is_refused_there() {
    let mut fixture = started();
    let Some(pool) = pool(&fixture.database.config()) else { return };
    let options = Lease::options(super::old(), pool.clone()).name("web-1");
    let (options, changes) = changes(options.heartbeat(Duration::from_millis(300)));
    let lease = options.take().unwrap();
    assert_eq!(changes.recv().unwrap(), LeaseChange::Held);
    // Renewed by way of a session that has never heard of it.
    let first = fixture.text("SELECT max(beat) FROM reshape.leases");
    until(&mut fixture, &format!("SELECT max(beat) > '{first}' FROM reshape.leases"), "t");
    assert_eq!(fixture.detached().complete().unwrap_err().kind(), ErrorKind::InUse);
    drop(lease);
    assert_eq!(fixture.text(BEATS), "0");

    let error = Lease::take(super::old(), pool).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Connect);
    assert!(error.help().unwrap().contains(".heartbeat("), "{error}");
}

/// A proxy that sends every simple query of a client to a session of its own, three in turn, as one that pools transactions may do.
fn pool(config: &Config) -> Option<Config> {
    let [Host::Tcp(host)] = config.get_hosts() else { return None };
    let server = (host.clone(), config.get_ports().first().copied().unwrap_or(5432));
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for client in listener.incoming() {
            let server = server.clone();
            // An error is the end of a line, which the client sees too.
            thread::spawn(move || serve(client.unwrap(), &server));
        }
    });
    let mut pooled = Config::new();
    pooled.host("127.0.0.1").port(port).ssl_mode(SslMode::Disable);
    pooled.user(config.get_user().unwrap()).dbname(config.get_dbname().unwrap());
    if config.get_password().is_some() {
        // A login that asks for something cannot be repeated.
        return None;
    }
    Some(pooled)
}

fn serve(mut client: TcpStream, server: &(String, u16)) -> std::io::Result<()> {
    let mut startup = vec![0; 4];
    client.read_exact(&mut startup)?;
    let mut body = vec![0; u32::from_be_bytes([0, 1, 2, 3].map(|i| startup[i])) as usize - 4];
    client.read_exact(&mut body)?;
    startup.extend(body);
    let mut sessions = Vec::new();
    for number in 0..3 {
        let mut session = TcpStream::connect(server)?;
        session.write_all(&startup)?;
        let greeting = until_ready(&mut session)?;
        if number == 0 {
            client.write_all(&greeting)?;
        }
        sessions.push(session);
    }
    for number in 0.. {
        let mut head = [0; 5];
        client.read_exact(&mut head)?;
        let mut body =
            vec![0; u32::from_be_bytes([head[1], head[2], head[3], head[4]]) as usize - 4];
        client.read_exact(&mut body)?;
        let session = &mut sessions[number % 3];
        session.write_all(&[&head[..], &body].concat())?;
        if head[0] == b'X' {
            break;
        }
        client.write_all(&until_ready(session)?)?;
    }
    Ok(())
}

/// What a session says until it is ready for a query.
fn until_ready(session: &mut TcpStream) -> std::io::Result<Vec<u8>> {
    let mut said = Vec::new();
    loop {
        let mut head = [0; 5];
        session.read_exact(&mut head)?;
        let mut body =
            vec![0; u32::from_be_bytes([head[1], head[2], head[3], head[4]]) as usize - 4];
        session.read_exact(&mut body)?;
        said.extend(head);
        said.extend(body);
        if head[0] == b'Z' {
            return Ok(said);
        }
    }
}
