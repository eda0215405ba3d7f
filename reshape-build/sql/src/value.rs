//! What is known of the value of an expression.

use std::ops::Range;
use std::rc::Rc;

use crate::types::Type;

/// What is known of the type of a value.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Nothing.
    #[default]
    Unknown,
    /// A string constant, or NULL: it takes the type that is needed. Its text, where it has one that is known.
    Literal(Option<String>),
    /// A parameter: likewise.
    Parameter(Place),
    /// Its type.
    Of(Type),
}

/// One place at which a parameter stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    /// The `1` of `$1`.
    pub(crate) number: u32,
    /// The byte of the text, with what was put before it.
    pub(crate) at: usize,
}

/// What is known of the value of an expression.
#[derive(Clone, Debug, Default)]
pub(crate) struct Value {
    /// Its type.
    pub(crate) kind: Kind,
    /// Whether it may be NULL, where that is certain.
    pub(crate) nullable: Option<bool>,
    /// The table and column that it is, if it is one as it stands.
    pub(crate) source: Option<(String, String)>,
    /// What it is made of, if it is a row that is written out: `(a, b)`.
    pub(crate) row: Rc<[Part]>,
}

/// A value of a row, and where it stands.
pub(crate) type Part = (Value, Range<usize>);

impl Value {
    pub(crate) fn of(name: &'static str) -> Self {
        Self { kind: Kind::Of(Type::built_in(name)), ..Self::default() }
    }

    pub(crate) fn typed(data_type: Option<Type>) -> Self {
        Self { kind: data_type.map_or(Kind::Unknown, Kind::Of), ..Self::default() }
    }

    pub(crate) fn null_if(mut self, nullable: Option<bool>) -> Self {
        self.nullable = nullable;
        self
    }

    /// Its type, where that is certain.
    pub(crate) fn data_type(&self) -> Option<&Type> {
        match &self.kind {
            Kind::Of(data_type) => Some(data_type),
            Kind::Unknown | Kind::Literal(_) | Kind::Parameter(_) => None,
        }
    }

    /// Whether it takes the type that is needed.
    pub(crate) fn is_open(&self) -> bool {
        matches!(self.kind, Kind::Literal(_) | Kind::Parameter(_))
    }
}

/// Whether a value may be NULL that is NULL if one of these is.
pub(crate) fn any_null<'v>(values: impl IntoIterator<Item = &'v Value>) -> Option<bool> {
    let mut result = Some(false);
    for value in values {
        match value.nullable {
            Some(true) => return Some(true),
            Some(false) => {}
            None => result = None,
        }
    }
    result
}
