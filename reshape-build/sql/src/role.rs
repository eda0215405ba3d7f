//! What expressions are for, which decides what they may contain.

/// What an expression is for, which decides what it may contain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// A column's default: no columns, no sub-selects, no aggregates.
    Default,
    /// What computes a generated column: immutable.
    Generated,
    /// A check.
    Check,
    /// A key of an index: immutable.
    IndexKey,
    /// The `where` of an index: immutable.
    IndexPredicate,
    /// A value that `up` computes from a row: what UPDATE takes.
    Value,
    /// A value that `down` computes from a row: what PL/pgSQL assigns, which is a query.
    Back,
    /// A value from a row of another table, which is locked.
    Lookup,
    /// A value of a row of a new table, in the SELECT that fills it.
    Fill,
    /// The `where` of `up` or `down`.
    Condition,
}

impl Role {
    /// Whether the result is kept, so that it must not change: the expression is immutable.
    pub(crate) fn is_kept(self) -> bool {
        match self {
            Self::Generated | Self::IndexKey | Self::IndexPredicate => true,
            Self::Default
            | Self::Check
            | Self::Value
            | Self::Back
            | Self::Lookup
            | Self::Fill
            | Self::Condition => false,
        }
    }

    /// What it is called, where sub-selects are not allowed.
    pub(crate) fn without_selects(self) -> Option<&'static str> {
        Some(match self {
            Self::Default => "a default",
            Self::Generated => "a generated column",
            Self::Check => "a check",
            Self::IndexKey => "an index",
            Self::IndexPredicate => "the condition of an index",
            Self::Value | Self::Back | Self::Lookup | Self::Fill | Self::Condition => return None,
        })
    }

    /// What it is called, where aggregates, window functions and functions that return rows are not allowed.
    pub(crate) fn without_aggregates(self) -> Option<&'static str> {
        match self {
            Self::Value => Some("`up`"),
            Self::Lookup => Some("a value from another table"),
            Self::Condition => Some("a condition"),
            Self::Back | Self::Fill => None,
            Self::Default
            | Self::Generated
            | Self::Check
            | Self::IndexKey
            | Self::IndexPredicate => self.without_selects(),
        }
    }

    /// What it is called, where the system column is not allowed: <https://www.postgresql.org/docs/current/ddl-system-columns.html>
    pub(crate) fn without_system_column(self, name: &str) -> Option<&'static str> {
        match self {
            Self::Generated | Self::Check if name == "tableoid" => None,
            Self::Generated | Self::Check | Self::IndexKey | Self::IndexPredicate => {
                self.without_selects()
            }
            Self::Default
            | Self::Value
            | Self::Back
            | Self::Lookup
            | Self::Fill
            | Self::Condition => None,
        }
    }

    pub(crate) fn is_condition(self) -> bool {
        match self {
            Self::Check | Self::IndexPredicate | Self::Condition => true,
            Self::Default
            | Self::Generated
            | Self::IndexKey
            | Self::Value
            | Self::Back
            | Self::Lookup
            | Self::Fill => false,
        }
    }
}
