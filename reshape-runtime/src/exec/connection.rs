//! Where a connection comes from, and what its refusal means.
//!
//! **Invariant:** no message contains a password: a URL is never shown, only host, user and database.

use std::fmt;
use std::thread::sleep;
use std::time::Duration;

use postgres::config::{Host, SslMode};
use postgres::error::SqlState;
use postgres::{Client, Config, NoTls};

use super::Settings;
use super::retry::{Retry, describe};
use super::thread;
use crate::error::{Error, ErrorKind};
use crate::observer::{Event, Observer};

/// What [`Migrator::new`](super::Migrator::new) takes as a connection: a URL or a key-value string (`&str`, `String`), a
/// [`postgres::Config`], an open [`postgres::Client`] (which cannot be opened again when it is lost), or a [`Connector`].
pub trait IntoConnection: sealed::Sealed {
    #[doc(hidden)]
    fn into_source(self) -> Source;
}

mod sealed {
    pub trait Sealed {}
    impl Sealed for &str {}
    impl Sealed for String {}
    impl Sealed for &String {}
    impl Sealed for postgres::Config {}
    impl Sealed for postgres::Client {}
    impl Sealed for super::Connector {}
}

type Open = Box<dyn FnMut() -> Result<Client, postgres::Error> + Send>;

/// Opens connections in a way of your own, e.g. with TLS.
///
/// ```no_run
/// # let migrations = reshape_runtime::Migrations::embedded(&[]);
/// # use postgres::NoTls as MyTls;
/// use reshape_runtime::{Connector, Migrator};
///
/// let connector = Connector::new(|| postgres::Client::connect("host=db sslmode=require", MyTls));
/// let migrator = Migrator::new(&migrations, connector);
/// ```
pub struct Connector(Open);

impl Connector {
    /// `open` is called on the thread that does the work, once per command and again whenever the connection was lost.
    pub fn new(open: impl FnMut() -> Result<Client, postgres::Error> + Send + 'static) -> Self {
        Self(Box::new(open))
    }
}

impl fmt::Debug for Connector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Connector")
    }
}

/// Where a connection comes from.
#[doc(hidden)]
pub struct Source(Kind);

enum Kind {
    /// Not parsed yet, so that making a migrator cannot fail.
    Text(String),
    Config(Box<Config>),
    Connector(Open),
    /// Empty while a command uses it, and for good after one that panicked.
    Client(Option<Box<Client>>),
}

impl IntoConnection for &str {
    fn into_source(self) -> Source {
        Source(Kind::Text(self.to_owned()))
    }
}

impl IntoConnection for String {
    fn into_source(self) -> Source {
        Source(Kind::Text(self))
    }
}

impl IntoConnection for &String {
    fn into_source(self) -> Source {
        Source(Kind::Text(self.clone()))
    }
}

impl IntoConnection for Config {
    fn into_source(self) -> Source {
        Source(Kind::Config(Box::new(self)))
    }
}

impl IntoConnection for Client {
    fn into_source(self) -> Source {
        Source(Kind::Client(Some(Box::new(self))))
    }
}

impl IntoConnection for Connector {
    fn into_source(self) -> Source {
        Source(Kind::Connector(self.0))
    }
}

impl Drop for Source {
    fn drop(&mut self) {
        if let Kind::Client(slot) = &mut self.0
            && let Some(client) = slot.take()
        {
            // A client blocks on its runtime when it is dropped, which panics inside another runtime.
            thread::drop_there(client);
        }
    }
}

/// Why a connection could not be opened.
pub(super) enum Refused {
    /// For a while: there are too many connections, or the server is starting up or shutting down.
    ForNow(Error),
    /// There is nobody at the address; worth another try only where a connection existed before.
    Unreachable(Error),
    /// Trying again would not help.
    ForGood(Error),
}

impl Source {
    /// Whether a lost connection can be opened again.
    pub(super) fn can_reconnect(&self) -> bool {
        !matches!(self.0, Kind::Client(_))
    }

    /// Opens the first connection of a command; tries again within the retry budget while the server has no room.
    pub(super) fn open(
        &mut self,
        settings: &Settings,
        observer: &mut dyn Observer,
    ) -> Result<Client, Error> {
        let mut retry = Retry::new(settings);
        loop {
            let error = match self.connect() {
                Ok(client) => return Ok(client),
                Err(Refused::ForNow(error)) => error,
                Err(Refused::Unreachable(error) | Refused::ForGood(error)) => return Err(error),
            };
            let Some(delay) = retry.next() else { return Err(error) };
            let reason = error.message().to_owned();
            observer.event(&Event::Retry { reason, attempt: retry.attempt(), delay });
            sleep(delay);
        }
    }

    /// Opens a connection, or hands out the open one.
    pub(super) fn connect(&mut self) -> Result<Client, Refused> {
        match &mut self.0 {
            Kind::Text(text) => {
                let config = text.parse::<Config>().map_err(|error| {
                    Refused::ForGood(
                        Error::new(
                            ErrorKind::Connect,
                            format!("the connection string is not valid: {}", describe(&error)),
                        )
                        .with_help(
                            "a URL looks like `postgres://user:password@host:5432/database`; `sslmode` is \
                             `disable`, `prefer` (no TLS here) or `require`",
                        ),
                    )
                })?;
                connect(config)
            }
            Kind::Config(config) => connect((**config).clone()),
            Kind::Connector(open) => open().map_err(|error| refused(&error, "the server", None)),
            Kind::Client(slot) => match slot.take() {
                Some(client) => Ok(*client),
                None => Err(Refused::ForGood(
                    Error::new(ErrorKind::Connect, "the connection that was handed over is lost")
                        .with_help("pass a URL or a `Connector`, which can connect again"),
                )),
            },
        }
    }

    /// Takes an open client back after a command; any other connection is closed.
    pub(super) fn give_back(&mut self, client: Client) {
        match &mut self.0 {
            Kind::Client(slot) if !client.is_closed() => *slot = Some(Box::new(client)),
            Kind::Client(_) | Kind::Text(_) | Kind::Config(_) | Kind::Connector(_) => drop(client),
        }
    }
}

/// What to do about a connection that needs TLS.
const TLS_HELP: &str = if cfg!(feature = "tls") {
    "with `sslmode=require` the server's certificate is verified: `SSL_CERT_FILE` names the file of an authority that the \
     system does not know; for anything else pass a `Connector`"
} else {
    "switch on the feature `tls` of `reshape-runtime`, or pass a `Connector` that opens connections with your TLS library"
};

fn connect(mut config: Config) -> Result<Client, Refused> {
    if config.get_application_name().is_none() {
        config.application_name("reshape");
    }
    if config.get_connect_timeout().is_none() {
        config.connect_timeout(Duration::from_secs(10));
    }
    if config.get_ssl_mode() == SslMode::Require {
        #[cfg(feature = "tls")]
        return super::tls::connect(&config);
        #[cfg(not(feature = "tls"))]
        return Err(Refused::ForGood(
            Error::new(ErrorKind::Connect, "the connection asks for TLS (`sslmode=require`)")
                .with_help(TLS_HELP),
        ));
    }
    config.connect(NoTls).map_err(|error| refused(&error, &address(&config), Some(&config)))
}

pub(super) fn address(config: &Config) -> String {
    let port = |i: usize| {
        let ports = config.get_ports();
        ports.get(i).or(ports.first()).copied().unwrap_or(5432)
    };
    let mut places: Vec<String> = Vec::new();
    for (i, host) in config.get_hosts().iter().enumerate() {
        places.push(match host {
            Host::Tcp(name) => format!("`{name}:{}`", port(i)),
            #[cfg(unix)]
            Host::Unix(path) => format!("`{}/.s.PGSQL.{}`", path.display(), port(i)),
        });
    }
    if places.is_empty() {
        places.extend(
            config.get_hostaddrs().iter().enumerate().map(|(i, ip)| format!("`{ip}:{}`", port(i))),
        );
    }
    if places.is_empty() { String::from("the server") } else { places.join(" or ") }
}

pub(super) fn refused(error: &postgres::Error, address: &str, config: Option<&Config>) -> Refused {
    let text = describe(error);
    let user = config.and_then(Config::get_user).unwrap_or_default();
    let fail = |message: String| Error::new(ErrorKind::Connect, message).with_sqlstate(error);
    let Some(code) = error.code() else {
        // "no password given", "no host given": wrong on this side, not on the network's.
        if text.contains("invalid configuration") || text.contains("authentication") {
            return Refused::ForGood(
                Error::new(ErrorKind::Connect, format!("cannot connect to {address}: {text}"))
                    .with_help("complete the connection string: `postgres://user:password@host:5432/database`"),
            );
        }
        if text.contains("TLS") {
            return Refused::ForGood(
                fail(format!("cannot connect to {address}: {text}")).with_help(TLS_HELP),
            );
        }
        return Refused::Unreachable(
            Error::new(ErrorKind::Connect, format!("cannot reach {address}: {text}"))
                .with_help("check host and port, and that the server is running and accepts connections from here"),
        );
    };
    match code {
        c if *c == SqlState::TOO_MANY_CONNECTIONS || *c == SqlState::CANNOT_CONNECT_NOW => {
            Refused::ForNow(fail(format!("{address} accepts no connection now: {text}")))
        }
        // The words of the server for a login that `pg_hba.conf` allows on an encrypted connection alone, or not at all.
        c if *c == SqlState::INVALID_AUTHORIZATION_SPECIFICATION
            && text.ends_with("no encryption") =>
        {
            Refused::ForGood(fail(format!("{address} refused the login of `{user}`: {text}")).with_help(
                "the server may accept it with TLS: add `sslmode=require` to the connection string; else check user and \
                 database, and the server's `pg_hba.conf`",
            ))
        }
        c if *c == SqlState::INVALID_PASSWORD
            || *c == SqlState::INVALID_AUTHORIZATION_SPECIFICATION =>
        {
            Refused::ForGood(
                fail(format!("{address} refused the login of `{user}`: {text}"))
                    .with_help("check user and password, and the server's `pg_hba.conf`"),
            )
        }
        c if *c == SqlState::INVALID_CATALOG_NAME => Refused::ForGood(
            fail(format!("{address} has no such database: {text}"))
                .with_help("check the database's name, or create it with `createdb`"),
        ),
        _ => Refused::ForGood(fail(format!("{address} refused the connection: {text}"))),
    }
}
