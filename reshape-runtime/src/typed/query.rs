//! Statements that `query!` has checked.

use std::fmt;
use std::marker::PhantomData;

use postgres::types::ToSql;
use postgres::{GenericClient, Row};

use super::error::Error;
use super::param::Param;
use super::row::FromRow;

/// A statement with its parameters, whose rows are of the type `R`; of type `()` if it gives none. Made by [`query!`](crate::query).
///
/// It borrows its parameters, as `format_args!` does: run it in the statement that makes it, or keep what it borrows in variables.
pub struct Query<'a, R> {
    sql: &'static str,
    params: Vec<Param<'a>>,
    row: PhantomData<fn() -> R>,
}

impl<'a, R> Query<'a, R> {
    #[doc(hidden)]
    pub fn new(sql: &'static str, params: &[&'a (dyn ToSql + Sync)]) -> Self {
        Self { sql, params: params.iter().copied().map(Param).collect(), row: PhantomData }
    }

    /// The statement, to prepare it, say.
    pub fn sql(&self) -> &'static str {
        self.sql
    }

    /// The parameters, in order.
    pub fn params(&self) -> Vec<&(dyn ToSql + Sync)> {
        self.params.iter().map(|param| param as &(dyn ToSql + Sync)).collect()
    }

    /// Runs it, and gives the number of rows that it has changed, or would give.
    ///
    /// # Errors
    ///
    /// The server's.
    pub fn execute(&self, client: &mut impl GenericClient) -> Result<u64, Error> {
        Ok(client.execute(self.sql, &self.params())?)
    }

    /// The same on a client of `tokio-postgres`.
    ///
    /// # Errors
    ///
    /// As [`execute`](Self::execute).
    #[cfg(feature = "tokio")]
    pub async fn execute_async(
        &self,
        client: &(impl tokio_postgres::GenericClient + Sync),
    ) -> Result<u64, Error> {
        Ok(client.execute(self.sql, &self.params()).await?)
    }
}

// The bound is the methods' own, so that the compiler says what `FromRow` says about a type that is none.
impl<R> Query<'_, R> {
    /// Runs it, and gives all its rows.
    ///
    /// # Errors
    ///
    /// The server's, and those of [`FromRow::from_row`].
    pub fn all(&self, client: &mut impl GenericClient) -> Result<Vec<R>, Error>
    where
        R: FromRow,
    {
        super::decode(&client.query(self.sql, &self.params())?)
    }

    /// Runs it, and gives its one row.
    ///
    /// # Errors
    ///
    /// As [`all`](Self::all); there is no row, or there are several.
    pub fn one(&self, client: &mut impl GenericClient) -> Result<R, Error>
    where
        R: FromRow,
    {
        only(&client.query(self.sql, &self.params())?)?.ok_or(Error::rows("one row", "none"))
    }

    /// Runs it, and gives its row, if there is one.
    ///
    /// # Errors
    ///
    /// As [`all`](Self::all); there are several rows.
    pub fn optional(&self, client: &mut impl GenericClient) -> Result<Option<R>, Error>
    where
        R: FromRow,
    {
        only(&client.query(self.sql, &self.params())?)
    }

    /// [`all`](Self::all) on a client of `tokio-postgres`.
    ///
    /// # Errors
    ///
    /// As [`all`](Self::all).
    #[cfg(feature = "tokio")]
    pub async fn all_async(
        &self,
        client: &(impl tokio_postgres::GenericClient + Sync),
    ) -> Result<Vec<R>, Error>
    where
        R: FromRow,
    {
        super::decode(&client.query(self.sql, &self.params()).await?)
    }

    /// [`one`](Self::one) on a client of `tokio-postgres`.
    ///
    /// # Errors
    ///
    /// As [`one`](Self::one).
    #[cfg(feature = "tokio")]
    pub async fn one_async(
        &self,
        client: &(impl tokio_postgres::GenericClient + Sync),
    ) -> Result<R, Error>
    where
        R: FromRow,
    {
        only(&client.query(self.sql, &self.params()).await?)?.ok_or(Error::rows("one row", "none"))
    }

    /// [`optional`](Self::optional) on a client of `tokio-postgres`.
    ///
    /// # Errors
    ///
    /// As [`optional`](Self::optional).
    #[cfg(feature = "tokio")]
    pub async fn optional_async(
        &self,
        client: &(impl tokio_postgres::GenericClient + Sync),
    ) -> Result<Option<R>, Error>
    where
        R: FromRow,
    {
        only(&client.query(self.sql, &self.params()).await?)
    }
}

fn only<R: FromRow>(rows: &[Row]) -> Result<Option<R>, Error> {
    match rows {
        [] => Ok(None),
        [row] => R::from_row(row).map(Some),
        [_, _, ..] => Err(Error::rows("one row", "several")),
    }
}

impl<R> fmt::Debug for Query<'_, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Query").field("sql", &self.sql).field("params", &self.params).finish()
    }
}
