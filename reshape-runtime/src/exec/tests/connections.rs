//! Servers that cannot be reached, or refuse; where no server refuses on demand, a listener that says what one would say.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::mpsc;
use std::thread;

use postgres::config::SslMode;

use crate::error::ErrorKind;
use crate::exec::Migrator;
use crate::observer::Event;
use crate::testing::Server;

/// A server that refuses each connection with the next of `codes`; its port.
fn refusing(codes: &'static [&'static str]) -> u16 {
    refusing_with("no way in", codes)
}

fn refusing_with(message: &'static str, codes: &'static [&'static str]) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for code in codes {
            let (mut stream, _) = listener.accept().unwrap();
            let mut length = [0; 4];
            stream.read_exact(&mut length).unwrap();
            let mut rest = vec![0; u32::from_be_bytes(length) as usize - 4];
            stream.read_exact(&mut rest).unwrap();
            let fields = format!("SFATAL\0VFATAL\0C{code}\0M{message}\0\0");
            let length = u32::try_from(fields.len() + 4).unwrap();
            stream
                .write_all(&[b"E", &length.to_be_bytes()[..], fields.as_bytes()].concat())
                .unwrap();
        }
    });
    port
}

fn url(port: u16) -> String {
    format!("postgres://joe:secret@127.0.0.1:{port}/shop?sslmode=disable")
}

#[test]
fn a_wrong_password_is_an_error_that_does_not_show_it() {
    let error = Migrator::detached(url(refusing(&["28P01"]))).status().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Connect);
    assert!(error.to_string().contains("refused the login of `joe`"), "{error}");
    assert!(error.help().unwrap().contains("check user and password"));
    assert!(!error.report().contains("secret") && !format!("{error:?}").contains("secret"));
}

#[test]
fn a_server_that_has_no_room_now_is_tried_again() {
    let port = refusing(&["53300", "57P03", "28P01"]);
    let (send, receive) = mpsc::channel();
    let mut migrator = Migrator::detached(url(port)).observer(move |event: &Event| {
        if let Event::Retry { attempt, .. } = event {
            send.send(*attempt).unwrap();
        }
    });
    let error = migrator.status().unwrap_err();
    assert!(error.to_string().contains("refused the login"), "{error}");
    drop(migrator);
    assert_eq!(receive.iter().collect::<Vec<_>>(), [1, 2]);

    let mut migrator =
        Migrator::detached(url(refusing(&["53300"; 8]))).retry_budget(std::time::Duration::ZERO);
    let error = migrator.status().unwrap_err();
    assert!(error.to_string().contains("accepts no connection now: no way in"), "{error}");
}

#[test]
fn a_server_that_is_not_there_is_an_error_that_names_it() {
    // Bound and dropped: nobody listens there.
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let error = Migrator::detached(url(port)).status().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Connect);
    assert!(error.to_string().starts_with(&format!("cannot reach `127.0.0.1:{port}`")), "{error}");
}

#[test]
fn a_database_that_is_not_there_is_an_error_that_names_it() {
    let mut config = Server::shared().unwrap().config();
    config.dbname("reshape_test_nowhere");
    let error = Migrator::detached(config).status().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Connect);
    assert!(
        error.to_string().contains("database \"reshape_test_nowhere\" does not exist"),
        "{error}"
    );
}

#[test]
fn a_connection_string_is_judged_by_the_first_command() {
    let error = Migrator::detached("postgres://joe:secret@host:x/shop").status().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Connect);
    assert!(error.to_string().starts_with("the connection string is not valid"), "{error}");
    assert!(!error.report().contains("secret"));

    let error = Migrator::detached("dbname=shop").status().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Connect);
    assert!(error.help().unwrap().contains("postgres://"), "{error:?}");
}

#[test]
fn an_encrypted_connection_is_never_replaced_by_a_plain_one() {
    let server = Server::start().unwrap();
    let mut config = server.config();
    config.ssl_mode(SslMode::Require);
    let error = Migrator::detached(config).status().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Connect);
    assert!(error.message().contains("TLS"), "{error}");
    assert!(error.help().unwrap().contains("`Connector`"), "{error}");
}

#[test]
fn a_login_that_needs_tls_is_told_about_it() {
    let port = refusing_with("no pg_hba.conf entry for host \"::1\", no encryption", &["28000"]);
    let error = Migrator::detached(url(port)).status().unwrap_err();
    assert!(error.help().unwrap().contains("sslmode=require"), "{error}");
    let error = Migrator::detached(url(refusing(&["28000"]))).status().unwrap_err();
    assert!(!error.help().unwrap().contains("sslmode"), "{error}");
}
