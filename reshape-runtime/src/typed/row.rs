//! Rows, decoded by the names of their columns.

use postgres::Row;
use postgres::types::{FromSqlOwned, Kind, Type, WasNull};

use super::binary::Binary;
use super::column::Table;
use super::error::Error;

/// What can be made of a row of the driver: of `postgres` and of `tokio-postgres`, whose rows are the same.
#[diagnostic::on_unimplemented(
    message = "no row can be made a `{Self}`",
    label = "the rows would be of type `{Self}`",
    note = "if that is `()`, the statement gives no rows: use `.execute`, or add `RETURNING`"
)]
pub trait FromRow: Sized {
    /// Decodes the row, by the names of its columns; it may have others.
    ///
    /// # Errors
    ///
    /// A column is missing, or has a value of another type, or NULL where that is not expected; the error names it.
    fn from_row(row: &Row) -> Result<Self, Error>;
}

/// A row of a table, with all its columns.
pub trait TableRow: FromRow {
    /// The table.
    const TABLE: Table<Self>;
}

/// Decodes rows.
///
/// # Errors
///
/// As [`FromRow::from_row`], for the first row that cannot be decoded.
pub fn decode<R: FromRow>(rows: &[Row]) -> Result<Vec<R>, Error> {
    rows.iter().map(R::from_row).collect()
}

/// A row whose columns are looked up by name, exactly.
#[derive(Debug)]
pub struct Fields<'a> {
    row: &'a Row,
    /// For errors; empty if the row is not of one table.
    table: &'static str,
}

impl<'a> Fields<'a> {
    /// The fields of a row of `table`.
    pub fn new(row: &'a Row, table: &'static str) -> Self {
        Self { row, table }
    }

    /// The value of the column `name`.
    ///
    /// # Errors
    ///
    /// There is no such column, or its value is not a `T`.
    pub fn get<T: FromSqlOwned>(&self, name: &str) -> Result<T, Error> {
        let columns = self.row.columns();
        let Some(position) = columns.iter().position(|column| column.name() == name) else {
            let known = columns.iter().map(|column| format!("`{}`", column.name())).collect();
            return Err(Error::column(self.described(name), known));
        };
        self.row.try_get(position).map_err(|error| {
            let described = self.described(name);
            match error.into_source() {
                Some(source) if source.is::<WasNull>() && self.is_array(position) => {
                    Error::value(described, "an element of the array is NULL")
                }
                Some(source) => Error::value(described, source),
                None => Error::value(described, "it has another type"),
            }
        })
    }

    /// Whether the value is an array, and not NULL itself.
    fn is_array(&self, position: usize) -> bool {
        let is = |ty: &Type| matches!(ty.kind(), Kind::Array(_));
        let ty = self.row.columns()[position].type_();
        let array = is(ty) || matches!(ty.kind(), Kind::Domain(base) if is(base));
        array && matches!(self.row.try_get::<_, Option<Binary>>(position), Ok(Some(_)))
    }

    fn described(&self, name: &str) -> String {
        if self.table.is_empty() {
            format!("column `{name}`")
        } else {
            format!("column `{name}` of table `{}`", self.table)
        }
    }
}
