//! Everything that typed modules and `query!` offer, without a warning.
#![deny(warnings, missing_docs, missing_debug_implementations, unreachable_pub, clippy::pedantic)]

use reshape_runtime::query;
use reshape_runtime::typed::{Enumeration, Error, NewRow, TableRow};

reshape_runtime::migrations!();

use migrations::schema::{Mood, NewUsers, Users, users};
use migrations::versions::v0001_users;

/// The rows of a version as an application would use them.
///
/// # Errors
///
/// The database's.
pub fn application(client: &mut reshape_runtime::typed::postgres::Client) -> Result<Vec<Users>, Error> {
    let user = NewUsers { mood: Mood::Sad.into(), ..NewUsers::new(users::Required { full_name: "Ada" }) }.insert(client)?;
    let found = query!("SELECT id, full_name, mood FROM users WHERE id = $1", user.id).one(client)?;
    assert_eq!((found.id, found.full_name, found.mood), (user.id, user.full_name, user.mood));
    let count = query!(r#"SELECT count(*) AS "users!" FROM users WHERE id > $1"#, 1 + 2).one(client)?;
    assert!(count.users >= 0);
    query!("DELETE FROM users WHERE full_name = $1", String::from("Bob")).execute(client)?;
    query!(as Users, "SELECT * FROM users").all(client)
}

/// A type with the name of one of the typed module, and rows of its own.
mod own {
    use reshape_runtime::typed::{Error, Fields, FromRow, postgres::Row};

    /// Only a number.
    #[derive(Debug)]
    pub(crate) struct Users {
        pub(crate) id: i64,
    }

    impl FromRow for Users {
        fn from_row(row: &Row) -> Result<Self, Error> {
            Ok(Self { id: Fields::new(row, "").get("id")? })
        }
    }
}

/// Rows of any type, of one that another module has, and of an older version.
///
/// # Errors
///
/// The database's.
pub fn rows<R: reshape_runtime::typed::FromRow>(
    client: &mut reshape_runtime::typed::postgres::Client,
) -> Result<Vec<R>, Error> {
    let own = query!(as own::Users, "SELECT id FROM users").all(client)?;
    assert!(own.iter().all(|user| user.id > 0));
    let _ = query!(as v0001_users::Users, "SELECT id, full_name AS name, mood FROM users").all(client)?;
    let _ = query!(as Users, "SELECT full_name, mood, id, 1 AS more FROM users").all(client)?;
    query!(as R, "SELECT id FROM users").all(client)
}

fn main() {
    println!("{}", Users::TABLE.select());
    println!("{:?} {} {}", users::FULL_NAME, users::FULL_NAME.data_type(), users::TABLE);
    println!("{}", v0001_users::Users::TABLE.select());
    println!("{}", v0001_users::posts::TABLE.select());
    println!("{:?}", Mood::VALUES);
    let id = 3;
    println!("{:?}", query!("SELECT id FROM users WHERE id = $1", id).sql());
}
