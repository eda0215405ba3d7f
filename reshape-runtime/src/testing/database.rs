//! A database for one test.
//!
//! **Invariant:** only databases whose name was drawn here are ever dropped.

use std::sync::Arc;

use postgres::{Client, Config};

use super::Server;
use super::address::with_database;
use super::admin::connect;
use super::keeper::Keeper;
use super::statements::create_database;
use crate::Error;

/// A fresh database. Dropping the value drops it, and ends the sessions that are still connected to it.
#[derive(Debug)]
pub struct TestDatabase {
    name: String,
    url: String,
    keeper: Arc<Keeper>,
}

impl TestDatabase {
    pub(super) fn create(on: &Server) -> Result<Self, Error> {
        let keeper = Arc::clone(&on.keeper);
        let (name, ()) = keeper
            .lease(|client, name| create_database(client, name, "template0", keeper.strategy))?;
        Ok(Self { url: with_database(on.url(), &name), name, keeper })
    }

    /// Its name, which needs no quotes.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its connection string.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The same as a configuration.
    pub fn config(&self) -> Config {
        let mut config = self.keeper.config.clone();
        config.dbname(&self.name);
        config
    }

    /// A new connection. The client blocks: it is not for use inside an asynchronous runtime.
    pub fn connect(&self) -> Result<Client, Error> {
        connect(&self.config())
    }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        self.keeper.drop_now(&self.name);
    }
}
