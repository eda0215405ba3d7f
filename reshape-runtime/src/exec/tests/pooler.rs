//! A pooler in transaction mode: each transaction has another session of the server.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;

use postgres::Config;
use postgres::config::{Host, SslMode};

use super::{Fixture, batch};
use crate::error::ErrorKind;
use crate::exec::Migrator;
use crate::model::Migrations;
use crate::report::State;

/// One message: its type (none of a client's first one) and its whole text.
fn message(stream: &mut TcpStream, has_type: bool) -> std::io::Result<(u8, Vec<u8>)> {
    let mut whole = vec![0; if has_type { 5 } else { 4 }];
    stream.read_exact(&mut whole)?;
    let kind = if has_type { whole[0] } else { 0 };
    let length = u32::from_be_bytes([0, 1, 2, 3].map(|i| whole[whole.len() - 4 + i])) as usize;
    let mut body = vec![0; length - 4];
    stream.read_exact(&mut body)?;
    whole.extend(body);
    Ok((kind, whole))
}

/// Passes answers on until the server is ready; whether it is outside a transaction.
fn answers(server: &mut TcpStream, client: Option<&mut TcpStream>) -> std::io::Result<bool> {
    let mut client = client;
    loop {
        let (kind, whole) = message(server, true)?;
        if let Some(client) = &mut client {
            client.write_all(&whole)?;
        }
        if kind == b'Z' {
            return Ok(whole.last() == Some(&b'I'));
        }
    }
}

fn serve(mut client: TcpStream, address: &(String, u16)) -> std::io::Result<()> {
    let (_, login) = message(&mut client, false)?;
    let mut servers = [TcpStream::connect(address)?, TcpStream::connect(address)?];
    for (n, server) in servers.iter_mut().enumerate() {
        server.write_all(&login)?;
        answers(server, (n == 0).then_some(&mut client))?;
    }
    let mut turn = 0;
    loop {
        let (kind, whole) = message(&mut client, true)?;
        servers[turn].write_all(&whole)?;
        // A query, or the end of a round of the extended protocol.
        if [b'Q', b'S'].contains(&kind) && answers(&mut servers[turn], Some(&mut client))? {
            turn = 1 - turn;
        }
    }
}

/// The same database by way of the pooler; `None` if the server lets nobody in without a password, or listens on a socket alone.
pub(in crate::exec) fn pooled(config: &Config) -> Option<Config> {
    let [Host::Tcp(host)] = config.get_hosts() else { return None };
    if config.get_password().is_some() {
        return None;
    }
    let address = (host.clone(), config.get_ports().first().copied().unwrap_or(5432));
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for client in listener.incoming() {
            let address = address.clone();
            // An error is the end of a connection.
            thread::spawn(move || serve(client.unwrap(), &address));
        }
    });
    let mut pooled = Config::new();
    pooled.host("127.0.0.1").port(port).ssl_mode(SslMode::Disable);
    pooled.user(config.get_user().unwrap()).dbname(config.get_dbname().unwrap());
    Some(pooled)
}

#[test]
fn a_pooler_in_transaction_mode_is_found_out() {
    let fixture = Fixture::new();
    let Some(config) = pooled(&fixture.database.config()) else {
        // The proxy does not know how to log in with a password.
        return;
    };
    // What only reads works.
    let plan = batch();
    let set = Migrations::owned(plan.migrations.clone());
    let mut migrator = Migrator::new(set, config).planner(move |_| Ok(plan.clone()));
    migrator.status().unwrap();
    assert_eq!(migrator.validate().unwrap_err().kind(), ErrorKind::Behind);
    let error = migrator.start().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Connect);
    assert!(error.message().contains("PgBouncer's transaction mode"), "{error}");
    assert_eq!(fixture.migrator().status().unwrap().state, State::Idle);
    fixture.migrator().start().unwrap();
}
