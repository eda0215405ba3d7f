//! Rows to insert.
//!
//! **Invariant:** a column's default and NULL are never taken for each other.

use postgres::GenericClient;
use postgres::types::ToSql;

use super::error::Error;
use super::param::Param;
use super::row::{FromRow, TableRow};

/// The value of a column that has a default: that, or one of ours. For a column that accepts NULL it is an `Insert<Option<T>>`, and
/// `Insert::Value(None)` is NULL, whatever the default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Insert<T> {
    /// The column's default, computed by the server.
    #[default]
    Default,
    /// This value.
    Value(T),
}

impl<T> From<T> for Insert<T> {
    fn from(value: T) -> Self {
        Self::Value(value)
    }
}

/// A column's name, quoted, and its value; `None` for the default.
pub type Value<'a> = (&'static str, Option<&'a (dyn ToSql + Sync)>);

/// A row to insert.
pub trait NewRow {
    /// What comes of it.
    type Row: TableRow;

    /// The columns and their values.
    fn values(&self) -> Vec<Value<'_>>;

    /// Inserts the row and gives it back as the server has it, with defaults and generated columns.
    ///
    /// # Errors
    ///
    /// The server's, and those of [`FromRow::from_row`].
    fn insert(&self, client: &mut impl GenericClient) -> Result<Self::Row, Error> {
        let values = self.values();
        let (sql, params) = statement::<Self::Row>(&values);
        let params = params.iter().map(|param| param as &(dyn ToSql + Sync)).collect::<Vec<_>>();
        Self::Row::from_row(&client.query_one(&sql, &params)?)
    }

    /// The same on a client of `tokio-postgres`.
    ///
    /// # Errors
    ///
    /// As [`insert`](Self::insert).
    #[cfg(feature = "tokio")]
    fn insert_async(
        &self,
        client: &(impl tokio_postgres::GenericClient + Sync),
    ) -> impl Future<Output = Result<Self::Row, Error>> + Send
    where
        Self: Sync,
    {
        async move {
            let values = self.values();
            let (sql, params) = statement::<Self::Row>(&values);
            let params =
                params.iter().map(|param| param as &(dyn ToSql + Sync)).collect::<Vec<_>>();
            Self::Row::from_row(&client.query_one(&sql, &params).await?)
        }
    }
}

#[doc(hidden)]
pub fn value<T: ToSql + Sync>(value: &T) -> Option<&(dyn ToSql + Sync)> {
    Some(value)
}

impl<T: ToSql + Sync> Insert<T> {
    #[doc(hidden)]
    pub fn given(&self) -> Option<&(dyn ToSql + Sync)> {
        match self {
            Self::Default => None,
            Self::Value(value) => Some(value),
        }
    }
}

/// Columns that get their defaults are left out: that is the same, and the view's default counts.
fn statement<'a, R: TableRow>(values: &[Value<'a>]) -> (String, Vec<Param<'a>>) {
    let given = || values.iter().filter_map(|(name, value)| value.map(|value| (*name, value)));
    let params = given().map(|(_, value)| Param(value)).collect::<Vec<_>>();
    let (table, select) = (R::TABLE.quoted(), R::TABLE.select());
    // `SELECT a, b FROM t`: what stands between is what RETURNING wants.
    let returned = select
        .strip_prefix("SELECT ")
        .and_then(|rest| rest.strip_suffix(table))
        .and_then(|rest| rest.strip_suffix(" FROM "))
        .filter(|columns| !columns.is_empty())
        .unwrap_or("*");
    let columns = given().map(|(name, _)| name).collect::<Vec<_>>().join(", ");
    let numbers = (1..=params.len()).map(|number| format!("${number}")).collect::<Vec<_>>();
    let sql = if params.is_empty() {
        format!("INSERT INTO {table} DEFAULT VALUES RETURNING {returned}")
    } else {
        let numbers = numbers.join(", ");
        format!("INSERT INTO {table} ({columns}) VALUES ({numbers}) RETURNING {returned}")
    };
    (sql, params)
}
