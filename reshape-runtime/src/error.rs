//! The error of everything that talks to a database.

use std::error::Error as StdError;
use std::fmt;

/// What a program can decide by. People read the message and the help.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The server cannot be reached, or refuses the connection or the login.
    Connect,
    /// The server is a read-only standby.
    ReadOnly,
    /// The role lacks a right.
    Permission,
    /// Another migrator is at work and did not finish within the deadline.
    Locked,
    /// A lock on a table was not to be had within the retry budget.
    LockTimeout,
    /// The database is in a state in which the command makes no sense, e.g. `complete` while a batch is being applied.
    State,
    /// The database's migrations and the embedded ones do not fit together.
    History,
    /// The planner refuses the batch; nothing was changed.
    Refused,
    /// The database is managed by the `reshape` command line, which is in the middle of a batch, or by a newer version of this crate.
    Metadata,
    /// A statement of the batch failed; it was rolled back.
    Failed,
    /// Another migrator took over while this one was cut off.
    Fenced,
    /// Anything else the server reports.
    Database,
}

/// Why a command failed, and what to do about it.
///
/// `Display` gives the message alone, on one line; [`Error::report`] the message, the causes and the help, and so does
/// `Debug`, which is what people see when `main` returns an error.
pub struct Error {
    kind: ErrorKind,
    message: String,
    help: Option<String>,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

// Errors are made where a database is.
#[cfg(feature = "client")]
impl Error {
    pub(crate) fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), help: None, source: None }
    }

    pub(crate) fn with_help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    pub(crate) fn with_source(
        mut self,
        source: impl Into<Box<dyn StdError + Send + Sync>>,
    ) -> Self {
        self.source = Some(source.into());
        self
    }

    /// Adds to the message what became of the batch.
    pub(crate) fn and(mut self, consequence: &str) -> Self {
        self.message = format!("{}; {consequence}", self.message);
        self
    }
}

impl Error {
    /// What kind of failure it is.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// What to do about it, where that is known.
    pub fn help(&self) -> Option<&str> {
        self.help.as_deref()
    }

    /// The message, the causes and the help, on several lines, for a terminal or a log.
    pub fn report(&self) -> String {
        let mut text = self.message.clone();
        let mut cause = self.source();
        while let Some(error) = cause {
            text.push_str(&format!("\n  caused by: {error}"));
            cause = error.source();
        }
        if let Some(help) = &self.help {
            text.push_str(&format!("\n  help: {help}"));
        }
        text
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.report())
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source.as_ref().map(|source| source.as_ref() as &(dyn StdError + 'static))
    }
}

#[cfg(all(test, feature = "client"))]
mod tests {
    use super::*;

    #[test]
    fn a_main_that_returns_it_prints_the_help() {
        let error = Error::new(ErrorKind::State, "a batch is in progress").with_help("complete it");
        assert_eq!(format!("{error:?}"), "a batch is in progress\n  help: complete it");
    }
}
