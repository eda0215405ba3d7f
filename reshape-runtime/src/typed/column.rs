//! Tables and columns as constants.

use std::fmt;
use std::marker::PhantomData;

use postgres::Row;
use postgres::types::FromSqlOwned;

use super::error::Error;
use super::row::Fields;

/// A table of a version, whose rows are of the type `R`.
pub struct Table<R> {
    name: &'static str,
    quoted: &'static str,
    select: &'static str,
    row: PhantomData<fn() -> R>,
}

impl<R> Table<R> {
    #[doc(hidden)]
    pub const fn new(name: &'static str, quoted: &'static str, select: &'static str) -> Self {
        Self { name, quoted, select, row: PhantomData }
    }

    /// Its name, unquoted.
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// Its name as SQL wants it, without a schema.
    pub const fn quoted(&self) -> &'static str {
        self.quoted
    }

    /// `SELECT` of all columns that this version knows, by name; conditions can be put behind it.
    pub const fn select(&self) -> &'static str {
        self.select
    }
}

/// A column of a table whose rows are of the type `R`; its values are of the type `T`, an [`Option`] if it accepts NULL.
pub struct Column<R, T> {
    table: &'static str,
    name: &'static str,
    quoted: &'static str,
    data_type: &'static str,
    types: PhantomData<fn() -> (R, T)>,
}

impl<R, T> Column<R, T> {
    #[doc(hidden)]
    pub const fn new(
        table: &'static str,
        name: &'static str,
        quoted: &'static str,
        data_type: &'static str,
    ) -> Self {
        Self { table, name, quoted, data_type, types: PhantomData }
    }

    /// Its name, unquoted.
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// Its name as SQL wants it.
    pub const fn quoted(&self) -> &'static str {
        self.quoted
    }

    /// Its type, as the migration says it.
    pub const fn data_type(&self) -> &'static str {
        self.data_type
    }

    /// Its value in a row that has a column of that name.
    ///
    /// # Errors
    ///
    /// There is no such column, or its value is of another type.
    pub fn get(&self, row: &Row) -> Result<T, Error>
    where
        T: FromSqlOwned,
    {
        Fields::new(row, self.table).get(self.name)
    }
}

impl<R> Clone for Table<R> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<R> Copy for Table<R> {}

impl<R> fmt::Debug for Table<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Table").field(&self.name).finish()
    }
}

/// The name as SQL wants it.
impl<R> fmt::Display for Table<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.quoted)
    }
}

impl<R, T> Clone for Column<R, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<R, T> Copy for Column<R, T> {}

impl<R, T> fmt::Debug for Column<R, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Column").field(&self.table).field(&self.name).finish()
    }
}

/// The name as SQL wants it.
impl<R, T> fmt::Display for Column<R, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.quoted)
    }
}
