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

fn main() {
    println!("{}", Users::TABLE.select());
    println!("{:?} {} {}", users::FULL_NAME, users::FULL_NAME.data_type(), users::TABLE);
    println!("{}", v0001_users::Users::TABLE.select());
    println!("{}", v0001_users::posts::TABLE.select());
    println!("{:?}", Mood::VALUES);
    let id = 3;
    println!("{:?}", query!("SELECT id FROM users WHERE id = $1", id).sql());
}
