//! A schema with every type, in three versions, as the build script describes it.
//!
//! **Invariant:** not a warning, whatever a user's crate denies.
#![deny(warnings, missing_docs, missing_debug_implementations, unreachable_pub, clippy::pedantic)]

use std::error::Error;

use postgres::Client;
use reshape_runtime::Migrator;
use reshape_runtime::testing::{Server, TestDatabase};
use reshape_runtime::typed::postgres::types::private::BytesMut;
use reshape_runtime::typed::postgres::types::{FromSql, IsNull, ToSql, Type, to_sql_checked};

reshape_runtime::migrations!();

/// A database with every migration completed, and a client of its newest version.
///
/// # Panics
///
/// If there is no server, or a migration fails.
pub fn newest() -> (TestDatabase, Client) {
    let database = Server::shared().and_then(Server::database).expect("a database");
    let mut migrator = Migrator::new(migrations::SET, database.url());
    migrator.start().expect("a start");
    migrator.complete().expect("a completion");
    let mut client = database.connect().expect("a connection");
    client.batch_execute(migrations::SCHEMA_QUERY).expect("the version's schema");
    (database, client)
}

/// A type of ours for a domain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shout(pub String);

impl FromSql<'_> for Shout {
    fn from_sql(ty: &Type, raw: &[u8]) -> Result<Self, Box<dyn Error + Sync + Send>> {
        Ok(Self(<String as FromSql<'_>>::from_sql(ty, raw)?.to_uppercase()))
    }

    fn accepts(ty: &Type) -> bool {
        <String as FromSql<'_>>::accepts(ty)
    }
}

impl ToSql for Shout {
    fn to_sql(
        &self,
        ty: &Type,
        out: &mut BytesMut,
    ) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        self.0.to_sql(ty, out)
    }

    fn accepts(ty: &Type) -> bool {
        <String as ToSql>::accepts(ty)
    }

    to_sql_checked!();
}
