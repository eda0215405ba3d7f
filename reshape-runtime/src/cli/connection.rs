//! Which database: flags, environment, `.env`, defaults.
//!
//! **Invariant:** what stands on the command line wins. (The `reshape` command line prefers the environment.)
//!
//! **Invariant:** the file `.env` is read, never loaded: the process's environment stays as it is.

use std::collections::HashMap;
use std::fmt;

use clap::Args;
use postgres::Config;

use super::setting::{Setting, dotenv};

/// How to reach the database.
///
/// Each setting comes from the command line, else the environment, else the file `.env` (here or in a folder above), else
/// its default. A URL beats single settings from the same source and from those after it; what it leaves out is taken
/// from them.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Connection")]
pub struct ConnectionOptions {
    /// Address of the database, e.g. `postgres://user:password@host/database` [env: `DB_URL`, `DATABASE_URL`]
    #[arg(long)]
    url: Option<Secret>,
    /// Host name, address or folder of the socket [env: `DB_HOST`, `PGHOST`] [default: localhost]
    #[arg(long)]
    host: Option<String>,
    /// Port [env: `DB_PORT`, `PGPORT`] [default: 5432]
    #[arg(long)]
    port: Option<u16>,
    /// Name of the database [env: `DB_NAME`, `PGDATABASE`] [default: postgres]
    #[arg(short, long)]
    database: Option<String>,
    /// Role [env: `DB_USERNAME`, `PGUSER`] [default: postgres]
    #[arg(short, long)]
    username: Option<String>,
    /// Password [env: `DB_PASSWORD`, `PGPASSWORD`] [default: postgres]
    #[arg(short, long)]
    password: Option<Secret>,
}

/// A value that `Debug` does not show.
#[derive(Clone)]
pub(super) struct Secret(String);

impl From<String> for Secret {
    fn from(value: String) -> Self {
        Self(value)
    }
}

impl Secret {
    /// Whether it is an address, not the name of a database: a URL or a key-value string.
    fn is_address(&self) -> bool {
        self.0.contains("://") || self.0.contains('=')
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("…")
    }
}

/// A setting that makes no sense. Its message names where it stands, and never contains a URL or a password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidConnection(pub(super) String);

impl fmt::Display for InvalidConnection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for InvalidConnection {}

impl ConnectionOptions {
    /// The connection these options, the environment and `.env` ask for.
    ///
    /// # Errors
    ///
    /// If a URL or a port cannot be parsed, or `.env` cannot be read.
    pub fn config(&self) -> Result<Config, InvalidConnection> {
        let environment = |name: &str| std::env::var(name).ok();
        self.resolve(&environment, &dotenv()?)
    }

    /// The connections that these texts ask for. One that is an address is read as `--url` is; anything else is the name of a database on the server
    /// that these options lead to. Each text comes with where it stands, for messages.
    pub(super) fn targets(
        &self,
        texts: impl IntoIterator<Item = (String, Secret)>,
    ) -> Result<Vec<Config>, InvalidConnection> {
        let environment = |name: &str| std::env::var(name).ok();
        let file = dotenv()?;
        let mut server = None;
        let target = |(origin, text): (String, Secret)| {
            if text.is_address() {
                let options = Self { url: Some(text), ..self.clone() };
                return options.resolve(&environment, &file).map_err(|error| {
                    match error.0.strip_prefix("`--url`") {
                        Some(rest) => InvalidConnection(origin + rest),
                        None => error,
                    }
                });
            }
            let mut config = match &server {
                Some(config) => Config::clone(config),
                None => server.insert(self.resolve(&environment, &file)?).clone(),
            };
            config.dbname(&text.0);
            Ok(config)
        };
        texts.into_iter().map(target).collect()
    }

    fn resolve(
        &self,
        environment: &dyn Fn(&str) -> Option<String>,
        file: &HashMap<String, String>,
    ) -> Result<Config, InvalidConnection> {
        let find = |flag: Option<String>, option: &str, names: &[&str]| {
            Setting::find(flag, option, names, environment, file)
        };
        let url =
            find(self.url.as_ref().map(|url| url.0.clone()), "--url", &["DB_URL", "DATABASE_URL"]);
        let base = match &url {
            Some(url) => url.value.parse::<Config>().map_err(|error| {
                InvalidConnection(format!(
                    "{} is not the address of a database: {}\n  help: it looks like \
                     `postgres://user:password@host:5432/database`; `sslmode` is `disable`, `prefer` or `require`",
                    url.origin,
                    causes(&error)
                ))
            })?,
            None => defaults(),
        };
        // Without a URL every setting is better than its default.
        let rank = url.as_ref().map(|url| url.rank);
        let wanted = |setting: Option<Setting>, missing: bool| {
            setting.filter(|setting| missing || rank.is_none_or(|rank| setting.rank > rank))
        };

        let host = find(self.host.clone(), "--host", &["DB_HOST", "PGHOST"]);
        let port = find(self.port.map(|port| port.to_string()), "--port", &["DB_PORT", "PGPORT"]);
        let name = find(self.database.clone(), "--database", &["DB_NAME", "PGDATABASE"]);
        let user = find(self.username.clone(), "--username", &["DB_USERNAME", "PGUSER"]);
        let password = find(
            self.password.as_ref().map(|password| password.0.clone()),
            "--password",
            &["DB_PASSWORD", "PGPASSWORD"],
        );
        let nowhere = base.get_hosts().is_empty() && base.get_hostaddrs().is_empty();
        let host = wanted(host, nowhere);
        let port = wanted(port, base.get_ports().is_empty()).map(|port| port.port()).transpose()?;

        let mut config = readdressed(&base, host.map(|host| host.value), port);
        if let Some(name) = wanted(name, base.get_dbname().is_none()) {
            config.dbname(&name.value);
        }
        if let Some(user) = wanted(user, base.get_user().is_none()) {
            config.user(&user.value);
        }
        if let Some(password) = wanted(password, base.get_password().is_none()) {
            config.password(password.value);
        }
        Ok(config)
    }
}

fn defaults() -> Config {
    let mut config = Config::new();
    config.host("localhost").port(5432).dbname("postgres").user("postgres").password("postgres");
    config
}

/// `base` with other hosts or ports. `Config` can add to its lists but not empty them, so everything else is copied.
fn readdressed(base: &Config, host: Option<String>, port: Option<u16>) -> Config {
    if host.is_none() && port.is_none() {
        return base.clone();
    }
    let mut config = Config::new();
    config
        .ssl_mode(base.get_ssl_mode())
        .ssl_negotiation(base.get_ssl_negotiation())
        .keepalives(base.get_keepalives())
        .keepalives_idle(base.get_keepalives_idle())
        .target_session_attrs(base.get_target_session_attrs())
        .channel_binding(base.get_channel_binding())
        .load_balance_hosts(base.get_load_balance_hosts());
    base.get_user().map(|user| config.user(user));
    base.get_password().map(|password| config.password(password));
    base.get_dbname().map(|name| config.dbname(name));
    base.get_options().map(|options| config.options(options));
    base.get_application_name().map(|name| config.application_name(name));
    base.get_connect_timeout().map(|timeout| config.connect_timeout(*timeout));
    base.get_tcp_user_timeout().map(|timeout| config.tcp_user_timeout(*timeout));
    base.get_keepalives_interval().map(|interval| config.keepalives_interval(interval));
    base.get_keepalives_retries().map(|retries| config.keepalives_retries(retries));
    if let Some(host) = host {
        config.host(&host);
    } else {
        for host in base.get_hosts() {
            match host {
                postgres::config::Host::Tcp(name) => config.host(name),
                #[cfg(unix)]
                postgres::config::Host::Unix(path) => config.host_path(path),
            };
        }
        for address in base.get_hostaddrs() {
            config.hostaddr(*address);
        }
    }
    let one = port.or_else(|| base.get_ports().first().copied());
    if config.get_hosts().len() > 1 && port.is_none() {
        for port in base.get_ports() {
            config.port(*port);
        }
    } else if let Some(port) = one {
        config.port(port);
    }
    config
}

/// The message of the driver and of what is below it; neither repeats the URL.
fn causes(error: &dyn std::error::Error) -> String {
    match error.source() {
        Some(source) => format!("{error}: {}", causes(source)),
        None => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use postgres::config::Host;

    use super::*;

    fn map(pairs: &[(&str, &str)]) -> HashMap<String, String> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    fn resolve(
        options: &ConnectionOptions,
        environment: &[(&str, &str)],
        file: &[(&str, &str)],
    ) -> Result<String, InvalidConnection> {
        let environment = map(environment);
        let config = options.resolve(&|name| environment.get(name).cloned(), &map(file))?;
        let hosts = config.get_hosts().iter().map(|host| match host {
            Host::Tcp(name) => name.clone(),
            #[cfg(unix)]
            Host::Unix(path) => path.display().to_string(),
        });
        Ok(format!(
            "{}:{}@{}:{}/{}",
            config.get_user().unwrap_or("-"),
            config.get_password().map_or("-".into(), String::from_utf8_lossy),
            hosts.collect::<Vec<_>>().join(","),
            config.get_ports().iter().map(u16::to_string).collect::<Vec<_>>().join(","),
            config.get_dbname().unwrap_or("-"),
        ))
    }

    fn url(text: &str) -> ConnectionOptions {
        ConnectionOptions { url: Some(text.to_owned().into()), ..Default::default() }
    }

    #[test]
    fn everything_has_a_default() {
        let none = ConnectionOptions::default();
        assert_eq!(resolve(&none, &[], &[]).unwrap(), "postgres:postgres@localhost:5432/postgres");
        let empty = [("DB_URL", ""), ("PGHOST", ""), ("DB_PORT", "")];
        assert_eq!(
            resolve(&none, &empty, &[]).unwrap(),
            "postgres:postgres@localhost:5432/postgres"
        );
    }

    #[test]
    fn a_flag_beats_the_environment_beats_the_file() {
        let flags = ConnectionOptions { host: Some("flag".into()), ..Default::default() };
        let environment = [("DB_HOST", "env"), ("DB_NAME", "env"), ("PGDATABASE", "pg")];
        let file = [("DB_HOST", "file"), ("DB_NAME", "file"), ("DB_USERNAME", "file")];
        assert_eq!(resolve(&flags, &environment, &file).unwrap(), "file:postgres@flag:5432/env");
    }

    #[test]
    fn the_variables_of_libpq_count() {
        let environment = [
            ("PGHOST", "/run/pg"),
            ("PGPORT", "6543"),
            ("PGDATABASE", "d"),
            ("PGUSER", "u"),
            ("PGPASSWORD", "p"),
        ];
        let none = ConnectionOptions::default();
        assert_eq!(resolve(&none, &environment, &[]).unwrap(), "u:p@/run/pg:6543/d");
    }

    #[test]
    fn a_url_beats_settings_of_its_rank_and_below() {
        let both = ConnectionOptions { host: Some("other".into()), ..url("postgres://u:p@h:1/d") };
        let settings =
            [("DB_HOST", "x"), ("DB_PORT", "9"), ("DB_NAME", "x"), ("DB_URL", "nonsense")];
        assert_eq!(resolve(&both, &settings, &settings).unwrap(), "u:p@h:1/d");
        let none = ConnectionOptions::default();
        let from_environment = [("DATABASE_URL", "postgres://u:p@h:1/d"), ("DB_NAME", "x")];
        assert_eq!(resolve(&none, &from_environment, &settings[..3]).unwrap(), "u:p@h:1/d");
    }

    #[test]
    fn settings_of_a_higher_rank_change_a_url() {
        let file = [("DATABASE_URL", "postgres://u:p@h:1,i:2/d?connect_timeout=7")];
        let resolve = |flags: &ConnectionOptions, environment: &[(&str, &str)]| {
            resolve(flags, environment, &file).unwrap()
        };
        let none = ConnectionOptions::default();
        assert_eq!(resolve(&none, &[]), "u:p@h,i:1,2/d");
        assert_eq!(resolve(&none, &[("PGDATABASE", "e")]), "u:p@h,i:1,2/e");
        assert_eq!(resolve(&none, &[("PGPORT", "3")]), "u:p@h,i:3/d");
        assert_eq!(resolve(&none, &[("DB_HOST", "j")]), "u:p@j:1/d");
        let flags = ConnectionOptions {
            host: Some("j".into()),
            port: Some(3),
            username: Some("v".into()),
            password: Some("q".to_owned().into()),
            ..none
        };
        assert_eq!(resolve(&flags, &[("DB_HOST", "k")]), "v:q@j:3/d");
        let config = flags.resolve(&|_| None, &map(&file)).unwrap();
        assert_eq!(config.get_connect_timeout(), Some(&std::time::Duration::from_secs(7)));
    }

    #[test]
    fn a_flag_changes_a_url_of_the_environment() {
        let flags = ConnectionOptions { database: Some("e".into()), ..Default::default() };
        let environment = [("DATABASE_URL", "postgres://u:p@h:1/d"), ("DB_HOST", "x")];
        assert_eq!(resolve(&flags, &environment, &[]).unwrap(), "u:p@h:1/e");
    }

    #[test]
    fn what_a_url_leaves_out_comes_from_below() {
        let environment = [("PGPASSWORD", "secret"), ("PGUSER", "x")];
        assert_eq!(
            resolve(&url("postgres://u@h/d"), &environment, &[]).unwrap(),
            "u:secret@h:5432/d"
        );
        assert_eq!(resolve(&url("postgres:///d"), &[], &[("DB_HOST", "h")]).unwrap(), "-:-@h:/d");
    }

    #[test]
    fn a_target_is_an_address_or_a_name() {
        let texts = |texts: &[&str]| -> Vec<(String, Secret)> {
            texts.iter().map(|text| (String::from("line 1"), (*text).to_owned().into())).collect()
        };
        let options = url("postgres://u:p@h:1/d");
        let targets = options.targets(texts(&["postgres://v:q@i:2/e", "tenant 1"])).unwrap();
        let places: Vec<_> = targets
            .iter()
            .map(|config| (config.get_user().unwrap(), config.get_dbname().unwrap()))
            .collect();
        assert_eq!(places, [("v", "e"), ("u", "tenant 1")]);
        let error = options.targets(texts(&["postgres://u:hunter2@h:port/d"])).unwrap_err();
        assert!(error.0.starts_with("line 1 is not the address of a database: "), "{error}");
        assert!(!error.0.contains("hunter2"), "{error}");
    }

    #[test]
    fn nonsense_is_named_without_secrets() {
        let none = ConnectionOptions::default();
        let error = resolve(&none, &[("DB_PORT", "http")], &[]).unwrap_err();
        assert_eq!(error.to_string(), "`DB_PORT` is not a port: `http`");
        let error = resolve(&none, &[], &[("DB_PORT", "70000")]).unwrap_err();
        assert_eq!(error.to_string(), "`DB_PORT` in `.env` is not a port: `70000`");
        let error = resolve(&url("postgres://u:hunter2@h:port/d"), &[], &[]).unwrap_err();
        assert!(error.to_string().starts_with("`--url` is not the address of a database: "));
        assert!(!error.to_string().contains("hunter2"), "{error}");
    }
}
