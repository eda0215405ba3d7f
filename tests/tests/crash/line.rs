//! The line between a migrator and its server: it breaks at a message of the test's choice.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use postgres::Config;
use postgres::config::Host;

/// When, with regard to a message of the client, something happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Moment {
    /// The server does not get it.
    Before,
    /// The server has got it, and is at it.
    During,
    /// The server has answered, and the client does not see it.
    After,
}

impl Moment {
    pub(crate) const ALL: [Self; 3] = [Self::Before, Self::During, Self::After];
}

/// A line that breaks once.
#[derive(Clone)]
pub(crate) struct Line {
    port: u16,
    state: Arc<Mutex<State>>,
}

struct State {
    /// Messages of all connections so far, those of the login left out.
    seen: usize,
    at: (usize, Moment),
    /// What happens then, once; afterwards the connection is cut.
    then: Option<Box<dyn FnOnce() + Send>>,
}

impl Line {
    /// Breaks at message number `at`, counted from 0 over all connections; `then` happens just before the line is cut.
    pub(crate) fn new(
        server: &Config,
        at: (usize, Moment),
        then: impl FnOnce() + Send + 'static,
    ) -> Self {
        let [Host::Tcp(host)] = server.get_hosts() else {
            panic!("the tests' servers have a port")
        };
        let server = (host.clone(), server.get_ports()[0]);
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let state = Arc::new(Mutex::new(State { seen: 0, at, then: Some(Box::new(then)) }));
        let shared = Arc::clone(&state);
        thread::spawn(move || {
            for client in listener.incoming() {
                let (Ok(client), Ok(server)) = (client, TcpStream::connect(&server)) else {
                    continue;
                };
                let state = Arc::clone(&shared);
                // An error is the end of a connection, which both sides see.
                thread::spawn(move || forward(client, server, &state));
            }
        });
        Self { port, state }
    }

    /// The URL of the database by way of this line.
    pub(crate) fn url(&self, server: &Config) -> String {
        let user = server.get_user().unwrap();
        let password = server.get_password().map(|p| format!(":{}", String::from_utf8_lossy(p)));
        format!(
            "postgres://{user}{}@127.0.0.1:{}/{}?sslmode=disable",
            password.unwrap_or_default(),
            self.port,
            server.get_dbname().unwrap()
        )
    }

    /// Whether it has broken.
    pub(crate) fn has_broken(&self) -> bool {
        self.state.lock().unwrap().then.is_none()
    }
}

fn cut(state: &Mutex<State>, client: &TcpStream, server: &TcpStream) {
    let then = state.lock().unwrap().then.take();
    if let Some(then) = then {
        then();
    }
    let _ = client.shutdown(Shutdown::Both);
    let _ = server.shutdown(Shutdown::Both);
}

fn forward(
    mut client: TcpStream,
    mut server: TcpStream,
    state: &Arc<Mutex<State>>,
) -> std::io::Result<()> {
    let (mut back, mut front) = (server.try_clone()?, client.try_clone()?);
    // Whether the next answer is the last one.
    let is_last = Arc::new(Mutex::new(false));
    thread::spawn({
        let (state, is_last) = (Arc::clone(state), Arc::clone(&is_last));
        move || -> std::io::Result<()> {
            let mut buffer = [0; 8192];
            loop {
                let length = back.read(&mut buffer)?;
                if length == 0 {
                    return front.shutdown(Shutdown::Both);
                }
                if *is_last.lock().unwrap() {
                    cut(&state, &front, &back);
                    return Ok(());
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
        let is_login = is_first || head[0] == b'p';
        is_first = false;
        let moment = {
            let mut state = state.lock().unwrap();
            let is_it = !is_login && state.seen == state.at.0 && state.then.is_some();
            state.seen += usize::from(!is_login);
            is_it.then_some(state.at.1)
        };
        if moment == Some(Moment::Before) {
            cut(state, &client, &server);
            return Ok(());
        }
        *is_last.lock().unwrap() = moment == Some(Moment::After);
        server.write_all(&[head, body].concat())?;
        if moment == Some(Moment::During) {
            cut(state, &client, &server);
            return Ok(());
        }
    }
}
