//! The error of everything that talks to a database.

use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;

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
    /// Instances still use the version that would be removed.
    InUse,
    /// A lock on a table was not to be had within the retry budget.
    LockTimeout,
    /// The database is in a state in which the command makes no sense, e.g. `complete` while a batch is being applied.
    State,
    /// The database's migrations and the embedded ones do not fit together.
    History,
    /// The version is not there yet, and nobody is migrating.
    Behind,
    /// The planner refuses the batch; nothing was changed.
    Refused,
    /// The database is managed by the `reshape` command line, which is in the middle of a batch, or by a newer version of this crate.
    Metadata,
    /// Tables of the batch are not what the migrations before it say; nothing was changed.
    Drift,
    /// A statement of the batch failed; it was rolled back.
    Failed,
    /// Another migrator took over while this one was cut off.
    Fenced,
    /// A setting cannot be understood.
    Setting,
    /// Anything else the server reports.
    Database,
}

/// Why a command failed, and what to do about it.
///
/// `Display` gives the message, below it what there is to show (a diff, say), and, where there is one, a last line `help: …`; [`Error::report`] adds the causes. `Debug`
/// (`{:?}`) is the report too, since that is what `fn main() -> Result<(), Box<dyn std::error::Error>>` prints; `{:#?}` shows the
/// fields.
///
/// ```text
/// Error: cannot reach `localhost:5432`: error connecting to server: Connection refused (os error 111)
///   help: check host and port, and that the server is running and accepts connections from here
/// ```
///
/// What the server said is part of the message, not a cause, so that reporters which print the chain of causes (`anyhow`,
/// `eyre`) do not say it twice.
#[derive(Clone)]
pub struct Error {
    kind: ErrorKind,
    message: String,
    details: Option<String>,
    help: Option<String>,
    sqlstate: Option<String>,
    source: Option<Arc<dyn StdError + Send + Sync>>,
}

// Errors are made where a database is.
#[cfg(feature = "client")]
impl Error {
    pub(crate) fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            details: None,
            help: None,
            sqlstate: None,
            source: None,
        }
    }

    /// Lines that belong to the message and are shown below it.
    pub(crate) fn with_details(mut self, details: impl Into<String>) -> Self {
        self.details = Some(details.into());
        self
    }

    pub(crate) fn with_help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    pub(crate) fn with_source(
        mut self,
        source: impl Into<Box<dyn StdError + Send + Sync>>,
    ) -> Self {
        self.source = Some(Arc::from(source.into()));
        self
    }

    /// Adds to the help.
    pub(crate) fn with_more_help(mut self, more: &str) -> Self {
        self.help = Some(match self.help {
            Some(help) => format!("{help}; {more}"),
            None => more.to_owned(),
        });
        self
    }

    /// Keeps the SQLSTATE of the server's error, whose text the message contains.
    pub(crate) fn with_sqlstate(mut self, error: &postgres::Error) -> Self {
        self.sqlstate = error.code().map(|code| code.code().to_owned());
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

    /// The message alone, on one line.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// What to do about it, where that is known.
    pub fn help(&self) -> Option<&str> {
        self.help.as_deref()
    }

    /// The SQLSTATE of the server's error, five characters, if the server reported one: e.g. `23505`, a violated unique key.
    pub fn sqlstate(&self) -> Option<&str> {
        self.sqlstate.as_deref()
    }

    /// The message, the causes and the help, on several lines, for a terminal or a log.
    pub fn report(&self) -> String {
        let mut text = self.message.clone();
        for line in self.details.iter().flat_map(|details| details.lines()) {
            text.push_str(&format!("\n  {line}"));
        }
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
        f.write_str(&self.message)?;
        for line in self.details.iter().flat_map(|details| details.lines()) {
            write!(f, "\n  {line}")?;
        }
        match &self.help {
            Some(help) => write!(f, "\n  help: {help}"),
            None => Ok(()),
        }
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !f.alternate() {
            return f.write_str(&self.report());
        }
        let Self { kind, message, details, help, sqlstate, source } = self;
        f.debug_struct("Error")
            .field("kind", kind)
            .field("message", message)
            .field("details", details)
            .field("help", help)
            .field("sqlstate", sqlstate)
            .field("source", source)
            .finish()
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

    fn error() -> Error {
        let cause = std::io::Error::other("the disk is full");
        Error::new(ErrorKind::Failed, "the step `x` failed")
            .with_help("make room")
            .with_source(cause)
    }

    #[test]
    fn main_prints_the_report() {
        let boxed: Box<dyn StdError> = Box::new(error());
        assert_eq!(
            format!("Error: {boxed:?}"),
            "Error: the step `x` failed\n  caused by: the disk is full\n  help: make room"
        );
        assert!(format!("{:#?}", error()).contains("kind: Failed"));
    }

    #[test]
    fn display_has_the_help_and_the_message_is_one_line() {
        assert_eq!(error().to_string(), "the step `x` failed\n  help: make room");
        assert_eq!(error().message(), "the step `x` failed");
    }

    #[test]
    fn errors_can_cross_threads() {
        fn check<T: Send + Sync + 'static>() {}
        check::<Error>();
    }
}
