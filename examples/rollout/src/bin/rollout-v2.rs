//! Version 2 of the service: a user has a first name, a last name and an email.

use std::process::ExitCode;

use postgres::{Client, NoTls};
use reshape_runtime::typed::Error;
use reshape_runtime::{query, schema_query};
use rollout::migrations::schema;
use rollout::person::{NO_EMAIL, Person, Seen};
use rollout::traffic::Users;
use rollout::{migrations, service};

/// What selects the view of the tables that the newest embedded migration leads to.
const SCHEMA: &str = schema_query!();

/// Every statement was checked when this was compiled: a column of version 1 would be an error there.
struct Version2 {
    client: Client,
}

impl Users for Version2 {
    const VERSION: &'static str = "v2";

    fn connect(url: &str) -> Result<Self, Error> {
        let mut client = Client::connect(url, NoTls)?;
        client.batch_execute(SCHEMA)?;
        Ok(Self { client })
    }

    fn add(&mut self, stamp: i64) -> Result<i64, Error> {
        let Person { first_name, last_name, email } = Person::of(stamp);
        let email = email.as_deref().unwrap_or(NO_EMAIL);
        let row = query!(
            "INSERT INTO users (first_name, last_name, email, stamp, written_by)
             VALUES ($1, $2, $3, $4, 'v2') RETURNING id",
            first_name,
            last_name,
            email,
            stamp
        )
        .one(&mut self.client)?;
        Ok(row.id)
    }

    fn change(&mut self, id: i64, stamp: i64) -> Result<u64, Error> {
        let Person { first_name, last_name, email } = Person::of(stamp);
        let email = email.as_deref().unwrap_or(NO_EMAIL);
        query!(
            "UPDATE users SET first_name = $2, last_name = $3, email = $4, stamp = $5, written_by = 'v2'
             WHERE id = $1",
            id,
            first_name,
            last_name,
            email,
            stamp
        )
        .execute(&mut self.client)
    }

    fn remove(&mut self, id: i64) -> Result<u64, Error> {
        query!("DELETE FROM users WHERE id = $1", id).execute(&mut self.client)
    }

    fn get(&mut self, id: i64) -> Result<Option<Seen>, Error> {
        let row = query!(as schema::Users, "SELECT * FROM users WHERE id = $1", id)
            .optional(&mut self.client)?;
        Ok(row.map(seen))
    }

    fn newest(&mut self) -> Result<Vec<Seen>, Error> {
        let rows = query!(as schema::Users, "SELECT * FROM users ORDER BY id DESC LIMIT 20")
            .all(&mut self.client)?;
        Ok(rows.into_iter().map(seen).collect())
    }
}

/// The email is no `Option` in this version: a row without one would be an error.
fn seen(row: schema::Users) -> Seen {
    let schema::Users { id, first_name, last_name, email, stamp, written_by } = row;
    Seen { id, stamp, written_by, name: format!("{first_name} {last_name}"), email: Some(email) }
}

fn main() -> ExitCode {
    service::run::<Version2>(migrations::SET)
}
