//! Version 1 of the service: a user has a name, and perhaps an email.

use std::process::ExitCode;

use postgres::{Client, NoTls, Row, Statement};
use reshape_runtime::schema_query;
use reshape_runtime::typed::{Error, FromRow};
use rollout::migrations::versions::v0001_users;
use rollout::person::{Person, Seen};
use rollout::traffic::Users;
use rollout::{migrations, service};

/// What selects version 1's view of the tables: one constant, sent once per connection.
const SCHEMA: &str = schema_query!("0001_users");

struct Version1 {
    client: Client,
    add: Statement,
    change: Statement,
    remove: Statement,
    get: Statement,
    newest: Statement,
}

impl Users for Version1 {
    const VERSION: &'static str = "v1";

    fn connect(url: &str) -> Result<Self, Error> {
        let mut client = Client::connect(url, NoTls)?;
        client.batch_execute(SCHEMA)?;
        Ok(Self {
            add: client.prepare(
                "INSERT INTO users (name, email, stamp, written_by) VALUES ($1, $2, $3, 'v1') RETURNING id",
            )?,
            change: client.prepare(
                "UPDATE users SET name = $2, email = $3, stamp = $4, written_by = 'v1' WHERE id = $1",
            )?,
            remove: client.prepare("DELETE FROM users WHERE id = $1")?,
            get: client.prepare("SELECT id, name, email, stamp, written_by FROM users WHERE id = $1")?,
            newest: client.prepare(
                "SELECT id, name, email, stamp, written_by FROM users ORDER BY id DESC LIMIT 20",
            )?,
            client,
        })
    }

    fn add(&mut self, stamp: i64) -> Result<i64, Error> {
        let person = Person::of(stamp);
        let row = self.client.query_one(&self.add, &[&person.name(), &person.email, &stamp])?;
        v0001_users::users::ID.get(&row)
    }

    fn change(&mut self, id: i64, stamp: i64) -> Result<u64, Error> {
        let person = Person::of(stamp);
        Ok(self.client.execute(&self.change, &[&id, &person.name(), &person.email, &stamp])?)
    }

    fn remove(&mut self, id: i64) -> Result<u64, Error> {
        Ok(self.client.execute(&self.remove, &[&id])?)
    }

    fn get(&mut self, id: i64) -> Result<Option<Seen>, Error> {
        self.client.query_opt(&self.get, &[&id])?.as_ref().map(seen).transpose()
    }

    fn newest(&mut self) -> Result<Vec<Seen>, Error> {
        self.client.query(&self.newest, &[])?.iter().map(seen).collect()
    }
}

fn seen(row: &Row) -> Result<Seen, Error> {
    // The table as this version knows it, whatever later migrations make of it.
    let v0001_users::Users { id, name, email, stamp, written_by } = FromRow::from_row(row)?;
    Ok(Seen { id, stamp, written_by, name, email })
}

fn main() -> ExitCode {
    let known = migrations::SET.up_to("0001_users").expect("the migration is embedded");
    service::run::<Version1>(known)
}
