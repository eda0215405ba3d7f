//! What the typed modules of a schema are made of.
//!
//! `reshape-build` writes the types of the tables next to the migrations, and [`migrations!`](crate::migrations) makes them the module `schema`:
//! for a table `users` a struct `Users`, which is a row, a struct `NewUsers`, which is a row to insert, and a module `users` with a constant for
//! the table and for each column, and with the struct `Required`: the columns that a new row has to be given.
//!
//! ```ignore
//! use migrations::schema::{NewUsers, Users, users};
//!
//! let ada = NewUsers::new(users::Required { name: "Ada" }).insert(&mut client)?;
//! let bob = NewUsers { email: Some("bob@example.org".into()), ..NewUsers::new(users::Required { name: "Bob" }) }.insert(&mut client)?;
//! let all: Vec<Users> = typed::decode(&client.query(users::TABLE.select(), &[])?)?;
//! let name = users::NAME.get(&client.query_one("SELECT name FROM users LIMIT 1", &[])?)?;
//! ```
//!
//! Values are given by name. A column that comes to be required breaks code that does not give it when that is compiled, with its name in the message;
//! a column that accepts NULL or has a default breaks nothing.
//!
//! Names are not qualified: the connection says which version it speaks, with [`schema_query!`](crate::schema_query).
//!
//! # Types
//!
//! | Postgres | Rust |
//! |---|---|
//! | `smallint`, `integer`, `bigint` | `i16`, `i32`, `i64` |
//! | `real`, `double precision` | `f32`, `f64` |
//! | `boolean` | `bool` |
//! | `text`, `varchar`, `char`, `name`, `citext` | [`String`] |
//! | `bytea` | `Vec<u8>` |
//! | `"char"`, `oid` | `i8`, `u32` |
//! | `inet` | [`IpAddr`](std::net::IpAddr), without the netmask |
//! | `timestamptz`, `timestamp` | [`SystemTime`](std::time::SystemTime), unless a library is chosen |
//! | `date`, `time`, `uuid`, `json`, `jsonb`, `numeric` | a library's type, if one is chosen in the build script, else [`Binary`] |
//! | an enum type | a Rust enum |
//! | an array | [`Vec`]; an element that is NULL is an error |
//! | anything else | [`Binary`] |
//!
//! A column that accepts NULL is an [`Option`]. The build script chooses libraries, and types for the rest: `Builder::library`, `Builder::rust_type`.
//!
//! **Invariant:** the code that is written out has constants and one line per column; what it does is here.

mod binary;
mod column;
mod enumeration;
mod error;
#[cfg(feature = "query")]
#[doc(hidden)]
pub mod fits;
mod insert;
mod param;
#[cfg(feature = "query")]
mod query;
mod row;

pub use binary::Binary;
pub use column::{Column, Table};
pub use enumeration::Enumeration;
pub use error::Error;
pub use insert::{Insert, NewRow, Value};
#[cfg(feature = "query")]
pub use query::Query;
pub use row::{Fields, FromRow, TableRow, decode};

#[doc(hidden)]
pub use enumeration::{enumeration_from_sql, enumeration_matches};
#[doc(hidden)]
pub use insert::value;
#[doc(hidden)]
pub use postgres;

/// The crates whose types columns may have, in the version that this crate decodes.
pub mod library {
    #[cfg(feature = "chrono")]
    pub use chrono;
    #[cfg(feature = "jiff")]
    pub use jiff;
    #[cfg(feature = "rust_decimal")]
    pub use rust_decimal;
    #[cfg(feature = "json")]
    pub use serde_json;
    #[cfg(feature = "time")]
    pub use time;
    #[cfg(feature = "uuid")]
    pub use uuid;
}
