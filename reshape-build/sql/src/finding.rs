//! What is wrong with SQL, and where.

use std::ops::Range;

/// Something that surely does not work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What kind of mistake it is.
    pub rule: Rule,
    /// The bytes of the SQL that are to blame; empty at the end, where something is missing.
    pub range: Range<usize>,
    /// What is wrong: lower case, names in backticks, no full stop.
    pub message: String,
    /// What to do about it.
    pub help: Option<String>,
    /// What would explain it, if the caller knows what became of it.
    pub related: Option<Related>,
}

/// The kinds of mistakes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Rule {
    /// It does not parse.
    Syntax,
    /// A column that is not there.
    UnknownColumn,
    /// A column's name that several relations have.
    AmbiguousColumn,
    /// A table, or the name that qualifies a column, that is not there.
    UnknownTable,
    /// A slip of a function's name.
    UnknownFunction,
    /// A value of a type that is not the one that is needed, or an operand that the operator cannot have.
    TypeMismatch,
    /// A literal that is no value of its enum type.
    UnknownEnumValue,
    /// Something that is not allowed at this place: an aggregate, a sub-select, a column in a default.
    NotAllowed,
    /// A function that may give another result the next time, where the result is kept.
    Volatile,
    /// The wrong number of values, or of columns.
    Count,
    /// A generated column that gets a value.
    Generated,
    /// A column that must have a value and gets none.
    MissingValue,
    /// An ON CONFLICT that no unique key fits.
    Conflict,
    /// A column that is neither grouped nor in an aggregate.
    Ungrouped,
    /// A type that is not found without its schema.
    TypeSchema,
}

/// Something that a finding speaks of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Related {
    /// A relation by its name.
    Table(String),
    /// A column of a relation.
    Column(String, String),
}

impl Finding {
    pub(crate) fn new(rule: Rule, range: Range<usize>, message: impl Into<String>) -> Self {
        Self { rule, range, message: message.into(), help: None, related: None }
    }

    pub(crate) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    pub(crate) fn related(mut self, related: Related) -> Self {
        self.related = Some(related);
        self
    }
}
