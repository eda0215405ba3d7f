//! One database of a fleet, or one schema in it.
//!
//! **Invariant:** neither its name nor an error about its address contains a password.

use std::fmt;
use std::str::FromStr;

use postgres::Config;
use postgres::config::Host;

use crate::error::{Error, ErrorKind};
use crate::exec::retry::describe;
use crate::sql::tenant::MARK;

/// One database of a [`Fleet`](super::Fleet).
#[derive(Clone)]
pub struct Target {
    name: String,
    pub(super) config: Config,
    schema: Option<String>,
}

impl Target {
    /// The database that the configuration leads to, called `host:port/database`.
    pub fn new(config: Config) -> Self {
        Self { name: address(&config), config, schema: None }
    }

    /// The same under a name of your own in reports: that of the tenant, say.
    pub fn named(name: impl Into<String>, config: Config) -> Self {
        Self { name: name.into(), config, schema: None }
    }

    /// The tables of one tenant in the database, which are in that schema: see [`Migrations::in_schema`](crate::Migrations::in_schema). Its name
    /// gets the schema after it: `host:port/database@schema`.
    #[must_use]
    pub fn in_schema(mut self, schema: &str) -> Self {
        self.name = format!("{}{MARK}{schema}", self.name);
        self.schema = Some(schema.to_owned());
        self
    }

    #[cfg(feature = "cli")]
    pub(crate) fn config(&self) -> Config {
        self.config.clone()
    }

    /// The schema, if it is not the whole database.
    pub fn schema(&self) -> Option<&str> {
        self.schema.as_deref()
    }

    /// What it is called in reports.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Where the tables of a set in the schema `home` are that say none: the same for the same database and schema, whoever logs in.
    pub(super) fn place<'t>(&'t self, home: &'t str) -> (String, &'t str) {
        (address(&self.config), self.schema.as_deref().unwrap_or(home))
    }
}

impl From<Config> for Target {
    fn from(config: Config) -> Self {
        Self::new(config)
    }
}

impl FromStr for Target {
    type Err = Error;

    /// From a URL or a key-value string.
    fn from_str(text: &str) -> Result<Self, Error> {
        let config = text.parse::<Config>().map_err(|error| {
            Error::new(
                ErrorKind::Connect,
                format!("this is not the address of a database: {}", describe(&error)),
            )
            .with_help("a URL looks like `postgres://user:password@host:5432/database`")
        })?;
        Ok(Self::new(config))
    }
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Target").field(&self.name).finish()
    }
}

/// `host:port/database`; several hosts with commas in between.
fn address(config: &Config) -> String {
    let ports = config.get_ports();
    let hosts = config.get_hosts().iter().map(|host| match host {
        Host::Tcp(name) => name.clone(),
        #[cfg(unix)]
        Host::Unix(folder) => folder.display().to_string(),
    });
    let mut hosts: Vec<String> = hosts.collect();
    if hosts.is_empty() {
        hosts.extend(config.get_hostaddrs().iter().map(ToString::to_string));
    }
    for (n, host) in hosts.iter_mut().enumerate() {
        let port = ports.get(n).or(ports.first()).copied().unwrap_or(5432);
        host.push_str(&format!(":{port}"));
    }
    // The server's default for a database is the name of the role.
    let database = config.get_dbname().or(config.get_user()).unwrap_or_default();
    format!("{}/{database}", hosts.join(","))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_tells_where_and_nothing_secret() {
        let name = |text: &str| text.parse::<Target>().unwrap().name().to_owned();
        assert_eq!(name("postgres://u:hunter2@h:6432/d"), "h:6432/d");
        assert_eq!(name("host=/run/pg dbname=d password=hunter2"), "/run/pg:5432/d");
        assert_eq!(name("postgres://u@a:1,b:2/"), "a:1,b:2/u");
        assert_eq!(name("hostaddr=10.0.0.1 dbname=d"), "10.0.0.1:5432/d");
        let target = Target::named("acme", "postgres://u:hunter2@h/d".parse().unwrap());
        assert_eq!(format!("{target:?}"), "Target(\"acme\")");
        assert_eq!(target.place("public"), (String::from("h:5432/d"), "public"));
        let schema = target.in_schema("t1");
        assert_eq!((schema.name(), schema.schema()), ("acme@t1", Some("t1")));
        assert_eq!(schema.place("public"), (String::from("h:5432/d"), "t1"));
    }

    #[test]
    fn an_address_that_is_none_is_not_repeated() {
        let error = "postgres://u:hunter2@h:port/d".parse::<Target>().unwrap_err();
        assert!(error.message().starts_with("this is not the address of a database: "));
        assert!(!error.report().contains("hunter2"), "{}", error.report());
    }
}
