//! A proxy between a migrator and its server that watches the messages and can cut the line.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use postgres::Config;
use postgres::config::{Host, SslMode};

/// What becomes of a message of the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// The server gets it.
    Passed,
    /// The server does not get it, and the line is cut.
    Lost,
    /// The server gets it and answers, but the line is cut before the client sees the answer.
    Unanswered,
}

/// A connection string of a server behind a proxy that asks `judge` about each message, by its type and its text, but not
/// about those of the login. `None` if the server listens on a socket of the file system alone.
pub(super) fn start(
    config: &Config,
    judge: impl FnMut(u8, &str) -> Fate + Send + 'static,
) -> Option<Config> {
    let [Host::Tcp(host)] = config.get_hosts() else { return None };
    let server = (host.clone(), config.get_ports().first().copied().unwrap_or(5432));
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let judge = Arc::new(Mutex::new(judge));
    thread::spawn(move || {
        for client in listener.incoming() {
            let (server, judge) = (TcpStream::connect(&server).unwrap(), Arc::clone(&judge));
            // An error is the end of a line, which the client sees too.
            thread::spawn(move || forward(client.unwrap(), server, &judge));
        }
    });
    let mut proxied = Config::new();
    proxied.host("127.0.0.1").port(port).ssl_mode(SslMode::Disable);
    proxied.user(config.get_user().unwrap()).dbname(config.get_dbname().unwrap());
    if let Some(password) = config.get_password() {
        proxied.password(password);
    }
    Some(proxied)
}

fn forward(
    mut client: TcpStream,
    mut server: TcpStream,
    judge: &Mutex<impl FnMut(u8, &str) -> Fate>,
) -> std::io::Result<()> {
    let (mut back, mut front) = (server.try_clone()?, client.try_clone()?);
    // Whether answers still reach the client.
    let is_cut = Arc::new(Mutex::new(false));
    thread::spawn({
        let is_cut = Arc::clone(&is_cut);
        move || -> std::io::Result<()> {
            let mut buffer = [0; 8192];
            loop {
                let length = back.read(&mut buffer)?;
                if length == 0 || *is_cut.lock().unwrap() {
                    return front.shutdown(Shutdown::Both);
                }
                front.write_all(&buffer[..length])?;
            }
        }
    });
    let mut is_first = true;
    loop {
        // The first message has no type.
        let mut head = vec![0; if is_first { 4 } else { 5 }];
        client.read_exact(&mut head)?;
        let length = u32::from_be_bytes([0, 1, 2, 3].map(|i| head[head.len() - 4 + i]));
        let mut body = vec![0; length as usize - 4];
        client.read_exact(&mut body)?;
        // `p` belongs to the login.
        let fate = if is_first || head[0] == b'p' {
            Fate::Passed
        } else {
            (judge.lock().unwrap())(head[0], &String::from_utf8_lossy(&body))
        };
        is_first = false;
        if fate == Fate::Lost {
            server.shutdown(Shutdown::Both)?;
            return client.shutdown(Shutdown::Both);
        }
        *is_cut.lock().unwrap() = fate == Fate::Unanswered;
        server.write_all(&[head, body].concat())?;
    }
}
