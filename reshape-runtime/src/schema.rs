//! The simulated schema: what the tables, columns, indexes and types of a version are, as far as the history says.
//!
//! **Invariant:** pure. No database, no files: the build script checks a whole history with this.

/// Where in a set of migrations something stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct At {
    /// Index of the migration in the set.
    pub migration: usize,
    /// Index of the action in the migration.
    pub action: usize,
}

/// One step on the way from an action to one of its values, as in its file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Segment {
    /// A key of a table.
    Key(std::borrow::Cow<'static, str>),
    /// An index of an array.
    Index(usize),
}

impl From<&'static str> for Segment {
    fn from(key: &'static str) -> Self {
        Self::Key(key.into())
    }
}

impl From<usize> for Segment {
    fn from(index: usize) -> Self {
        Self::Index(index)
    }
}

/// Something in a history that does not fit what comes before it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The action.
    pub at: At,
    /// The value in the action that is to blame, as a path from the action's table; empty for the whole action.
    pub path: Vec<Segment>,
    /// What is wrong: lower case, names in backticks, no full stop.
    pub message: String,
    /// What to do about it, where that is known.
    pub help: Option<String>,
    /// Another place that explains it, and what happened there, e.g. "removed here".
    pub related: Option<(At, Vec<Segment>, String)>,
}

/// The simulated schema.
#[derive(Clone, Debug, Default)]
pub struct Schema {}
