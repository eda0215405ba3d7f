//! What a check finds, and where.

use std::borrow::Cow;
use std::ops::Range;

use crate::rule::Rule;

/// Where in a set of migrations something stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct At {
    /// Index of the migration in the set; [`At::BASELINE`] for the set's baseline.
    pub migration: usize,
    /// Index of the action in the migration; [`At::NO_ACTION`] for the migration itself.
    pub action: usize,
}

impl At {
    /// The `action` of a place that is the migration itself: its path leads from the top of the file (`["name"]`).
    pub const NO_ACTION: usize = usize::MAX;

    /// The `migration` of a place in the set's baseline.
    pub const BASELINE: usize = usize::MAX;

    /// The migration itself rather than one of its actions.
    pub const fn whole(migration: usize) -> Self {
        Self { migration, action: Self::NO_ACTION }
    }
}

/// One step on the way from an action to one of its values, as in its file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Segment {
    /// A key of a table.
    Key(Cow<'static, str>),
    /// An index of an array.
    Index(usize),
}

impl From<&'static str> for Segment {
    fn from(key: &'static str) -> Self {
        Self::Key(key.into())
    }
}

impl From<String> for Segment {
    fn from(key: String) -> Self {
        Self::Key(key.into())
    }
}

impl From<usize> for Segment {
    fn from(index: usize) -> Self {
        Self::Index(index)
    }
}

/// A path from an action's table to one of its values: `place!["columns", 2, "name"]`.
macro_rules! place {
    ($($segment:expr),* $(,)?) => {
        Vec::from([$($crate::schema::Segment::from($segment)),*])
    };
}
pub(crate) use place;

/// `base` and one step further.
pub(crate) fn join(base: &[Segment], segment: impl Into<Segment>) -> Vec<Segment> {
    let mut path = base.to_vec();
    path.push(segment.into());
    path
}

/// Something in a history that does not fit what comes before it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// What it breaks.
    pub rule: Rule,
    /// The action, or the migration itself ([`At::NO_ACTION`]).
    pub at: At,
    /// The value that is to blame, as a path from the action's table (from the top of the file, where it is the migration
    /// itself); empty for the whole action.
    pub path: Vec<Segment>,
    /// Which bytes of that value are to blame, where it is a string and not the whole of it is: SQL, mostly.
    pub within: Option<Range<usize>>,
    /// What is wrong: lower case, names in backticks, no full stop.
    pub message: String,
    /// What to do about it, where that is known.
    pub help: Option<String>,
    /// Another place that explains it, and what happened there, e.g. "removed here".
    pub related: Option<(At, Vec<Segment>, String)>,
}
