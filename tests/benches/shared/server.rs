//! Databases on one server, each a copy of one that was prepared.
//!
//! **Invariant:** what is compared begins with copies of the same database, right after a checkpoint: a table that has been filled before has
//! free space, and filling it once more is another experiment.

use postgres::{Client, Config, NoTls};
use reshape_runtime::testing::Server;
use reshape_runtime::{Migrations, Migrator};

/// A server, by way of its maintenance database.
pub(crate) struct Databases {
    config: Config,
    admin: Client,
    made: Vec<String>,
    /// Stops a private server when it is dropped.
    _private: Option<Server>,
}

impl Databases {
    /// The server of `DATABASE_URL`, which `tests/bench` starts as one in production is; else a private one, without fsync and autovacuum.
    pub(crate) fn new() -> Self {
        let (config, private) = match std::env::var("DATABASE_URL") {
            Ok(url) if !url.is_empty() => (url.parse::<Config>().unwrap(), None),
            _ => {
                let server = Server::start().unwrap();
                (server.config(), Some(server))
            }
        };
        let admin = config.connect(NoTls).unwrap();
        Self { config, admin, made: Vec::new(), _private: private }
    }

    /// A database with this set completed, and then this SQL.
    pub(crate) fn prepare(&mut self, name: &str, set: &Migrations, sql: &str) -> Config {
        let config = self.create(name, "template0");
        if !set.migrations.is_empty() {
            done(Migrator::new(set, config.clone()).start_and_complete());
        }
        let mut client = config.connect(NoTls).unwrap();
        client.batch_execute(sql).unwrap();
        // Outside a transaction, so not together with the rest.
        client.batch_execute("VACUUM (FREEZE, ANALYZE)").unwrap();
        config
    }

    /// A copy of what was prepared under that name.
    pub(crate) fn copy(&mut self, of: &str) -> Config {
        let name = format!("{of}_copy");
        let config = self.create(&name, of);
        self.admin.batch_execute("CHECKPOINT").unwrap();
        config
    }

    /// So many copies of what was prepared under that name, side by side; `called` tells them from others.
    pub(crate) fn copies(&mut self, of: &str, called: &str, count: usize) -> Vec<Config> {
        (0..count).map(|number| self.create(&format!("{of}_{called}_{number}"), of)).collect()
    }

    /// Drops what was prepared under that name, and its copy: large ones would fill the disk.
    pub(crate) fn forget(&mut self, name: &str) {
        for name in [format!("reshape_bench_{name}"), format!("reshape_bench_{name}_copy")] {
            self.admin
                .batch_execute(&format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"))
                .unwrap();
            self.made.retain(|made| *made != name);
        }
    }

    fn create(&mut self, name: &str, template: &str) -> Config {
        let name = format!("reshape_bench_{name}");
        let template = match template {
            "template0" => template.to_owned(),
            prepared => format!("reshape_bench_{prepared}"),
        };
        self.admin.batch_execute(&format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)")).unwrap();
        self.admin.batch_execute(&format!("CREATE DATABASE {name} TEMPLATE {template}")).unwrap();
        let mut config = self.config.clone();
        config.dbname(&name);
        self.made.push(name);
        config
    }
}

impl Drop for Databases {
    fn drop(&mut self) {
        for name in &self.made {
            let _ =
                self.admin.batch_execute(&format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"));
        }
    }
}

/// The result of a command of the migrator.
pub(crate) fn done<T>(result: Result<T, reshape_runtime::Error>) -> T {
    result.unwrap_or_else(|error| panic!("{}", error.report()))
}

/// A number from the environment.
pub(crate) fn setting(name: &str, default: i64) -> i64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}
