//! Version 2 of the service: a user has a first name, a last name and an email.

use std::process::ExitCode;

use postgres::{Client, Error, NoTls, Row, Statement};
use reshape_runtime::schema_query;
use rollout::person::{NO_EMAIL, Person, Seen};
use rollout::traffic::Users;
use rollout::{migrations, service};

/// What selects the view of the tables that the newest embedded migration leads to.
const SCHEMA: &str = schema_query!();

struct Version2 {
    client: Client,
    add: Statement,
    change: Statement,
    remove: Statement,
    get: Statement,
    newest: Statement,
}

impl Users for Version2 {
    const VERSION: &'static str = "v2";

    fn connect(url: &str) -> Result<Self, Error> {
        let mut client = Client::connect(url, NoTls)?;
        client.batch_execute(SCHEMA)?;
        Ok(Self {
            add: client.prepare(
                "INSERT INTO users (first_name, last_name, email, stamp, written_by)
                 VALUES ($1, $2, $3, $4, 'v2') RETURNING id",
            )?,
            change: client.prepare(
                "UPDATE users SET first_name = $2, last_name = $3, email = $4, stamp = $5, written_by = 'v2'
                 WHERE id = $1",
            )?,
            remove: client.prepare("DELETE FROM users WHERE id = $1")?,
            get: client.prepare(
                "SELECT id, first_name, last_name, email, stamp, written_by FROM users WHERE id = $1",
            )?,
            newest: client.prepare(
                "SELECT id, first_name, last_name, email, stamp, written_by FROM users ORDER BY id DESC LIMIT 20",
            )?,
            client,
        })
    }

    fn add(&mut self, stamp: i64) -> Result<i64, Error> {
        let Person { first_name, last_name, email } = Person::of(stamp);
        let email = email.as_deref().unwrap_or(NO_EMAIL);
        let row = self.client.query_one(&self.add, &[&first_name, &last_name, &email, &stamp])?;
        row.try_get(0)
    }

    fn change(&mut self, id: i64, stamp: i64) -> Result<u64, Error> {
        let Person { first_name, last_name, email } = Person::of(stamp);
        let email = email.as_deref().unwrap_or(NO_EMAIL);
        self.client.execute(&self.change, &[&id, &first_name, &last_name, &email, &stamp])
    }

    fn remove(&mut self, id: i64) -> Result<u64, Error> {
        self.client.execute(&self.remove, &[&id])
    }

    fn get(&mut self, id: i64) -> Result<Option<Seen>, Error> {
        self.client.query_opt(&self.get, &[&id])?.as_ref().map(seen).transpose()
    }

    fn newest(&mut self) -> Result<Vec<Seen>, Error> {
        self.client.query(&self.newest, &[])?.iter().map(seen).collect()
    }
}

fn seen(row: &Row) -> Result<Seen, Error> {
    let (first, last): (String, String) = (row.try_get("first_name")?, row.try_get("last_name")?);
    // Never NULL here: reading it as `String` would fail if it were.
    let email: String = row.try_get("email")?;
    Ok(Seen {
        id: row.try_get("id")?,
        name: format!("{first} {last}"),
        email: Some(email),
        stamp: row.try_get("stamp")?,
        written_by: row.try_get("written_by")?,
    })
}

fn main() -> ExitCode {
    service::run::<Version2>(migrations::SET)
}
