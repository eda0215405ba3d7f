//! The command line over TLS: the certificate is verified.
//!
//! `tests/tls` has the certificate of an authority made for this test, and one of that authority for `localhost`, with its key.

// All of this is test code.
#![allow(clippy::unwrap_used)]

use std::process::{Command, Output};

use reshape_runtime::testing::Server;

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/tls");

/// A private server that accepts encrypted connections.
fn server() -> Server {
    let server = Server::start().unwrap();
    let mut client = server.config().connect(postgres::NoTls).unwrap();
    for name in ["server.pem", "server.key"] {
        let text = std::fs::read_to_string(format!("{FOLDER}/{name}")).unwrap();
        // The server writes the file, so that it owns it and has the mode it insists on.
        let lines: Vec<String> = text.lines().map(|line| format!("('{line}')")).collect();
        let copy =
            format!("COPY (VALUES {}) TO PROGRAM 'umask 077; cat > {name}'", lines.join(", "));
        client.batch_execute(&copy).unwrap();
        let setting = if name == "server.key" { "ssl_key_file" } else { "ssl_cert_file" };
        client.batch_execute(&format!("ALTER SYSTEM SET {setting} = '{name}'")).unwrap();
    }
    client.batch_execute("ALTER SYSTEM SET ssl = on").unwrap();
    client.batch_execute("SELECT pg_reload_conf()").unwrap();
    // The postmaster reads its configuration when the signal arrives.
    while client.query_one("SHOW ssl", &[]).unwrap().get::<_, String>(0) != "on" {
        client = server.config().connect(postgres::NoTls).unwrap();
    }
    server
}

fn status(url: &str, authority: &str) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_reshape"));
    command.args(["status", "--url", &format!("{url}?sslmode=require")]);
    command.env("SSL_CERT_FILE", authority).current_dir(std::env::temp_dir());
    command.env_remove("SSL_CERT_DIR").output().unwrap()
}

#[test]
fn the_certificate_of_the_server_is_verified() {
    let server = server();
    let trusted = status(server.url(), &format!("{FOLDER}/authority.pem"));
    let error = String::from_utf8(trusted.stderr).unwrap();
    assert!(trusted.status.success(), "{error}");

    // The server's own certificate is no authority that signed it.
    let unknown = status(server.url(), &format!("{FOLDER}/server.pem"));
    let error = String::from_utf8(unknown.stderr).unwrap();
    assert_eq!(unknown.status.code(), Some(1), "{error}");
    assert!(error.contains("certificate") && error.contains("`SSL_CERT_FILE`"), "{error}");

    let missing = status(server.url(), &format!("{FOLDER}/none.pem"));
    let error = String::from_utf8(missing.stderr).unwrap();
    assert!(error.contains("no certificate authority was found"), "{error}");
}
