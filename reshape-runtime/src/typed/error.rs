//! The error of typed access.

use std::error::Error as StdError;
use std::fmt;

/// Why a typed statement failed: the server said so, or a value is not what its column's type promises.
pub struct Error(Box<Kind>);

#[derive(Debug)]
enum Kind {
    Database(postgres::Error),
    /// A value that cannot be decoded.
    Value {
        column: String,
        source: Box<dyn StdError + Send + Sync>,
    },
    /// A column that the row has not; the ones that it has.
    Column {
        column: String,
        known: Vec<String>,
    },
    /// A number of rows other than the one that was asked for.
    #[cfg(feature = "query")]
    Rows {
        wanted: &'static str,
        found: &'static str,
    },
}

impl Error {
    pub(super) fn value(
        column: String,
        source: impl Into<Box<dyn StdError + Send + Sync>>,
    ) -> Self {
        Self(Box::new(Kind::Value { column, source: source.into() }))
    }

    pub(super) fn column(column: String, known: Vec<String>) -> Self {
        Self(Box::new(Kind::Column { column, known }))
    }

    #[cfg(feature = "query")]
    pub(super) fn rows(wanted: &'static str, found: &'static str) -> Self {
        Self(Box::new(Kind::Rows { wanted, found }))
    }

    /// What the driver or the server said, if the error is theirs; `code` gives the SQLSTATE.
    pub fn database(&self) -> Option<&postgres::Error> {
        match &*self.0 {
            Kind::Database(error) => Some(error),
            Kind::Value { .. } | Kind::Column { .. } => None,
            #[cfg(feature = "query")]
            Kind::Rows { .. } => None,
        }
    }

    #[cfg(feature = "query")]
    /// Whether one row was asked for, and there was none or there were several.
    pub fn is_row_count(&self) -> bool {
        matches!(*self.0, Kind::Rows { .. })
    }
}

impl From<postgres::Error> for Error {
    fn from(error: postgres::Error) -> Self {
        Self(Box::new(Kind::Database(error)))
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &*self.0 {
            Kind::Database(error) => {
                write!(f, "{error}")?;
                // The driver's own text of a server's error says nothing but that there is one.
                error.as_db_error().map_or(Ok(()), |server| write!(f, ": {}", server.message()))
            }
            Kind::Value { column, source } => write!(f, "cannot decode {column}: {source}"),
            Kind::Column { column, known } => {
                write!(f, "the row has no {column}\n  help: it has {}", known.join(", "))
            }
            #[cfg(feature = "query")]
            Kind::Rows { wanted, found } => write!(f, "expected {wanted}, found {found}"),
        }
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if f.alternate() {
            f.debug_tuple("Error").field(&self.0).finish()
        } else {
            write!(f, "{self}")
        }
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match &*self.0 {
            // Its text is part of the message.
            Kind::Database(error) => error.source().filter(|_| error.as_db_error().is_none()),
            Kind::Value { .. } | Kind::Column { .. } => None,
            #[cfg(feature = "query")]
            Kind::Rows { .. } => None,
        }
    }
}
