//! Kinds of values, and functions with an inverse between them: what `up` and `down` compute, as SQL and in the model.

use crate::random::{Cell, Random};

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Kind {
    Int,
    Text,
    /// `v` and an integer.
    Tagged,
}

/// A function with an inverse.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Fun {
    Negate,
    Reverse,
    Tag,
    Untag,
    /// No expression: the type changes.
    Widen,
    /// NULL becomes a word.
    Fill,
}

impl Fun {
    pub(crate) fn of(kind: Kind) -> &'static [Self] {
        match kind {
            Kind::Int => &[Self::Negate, Self::Tag, Self::Widen],
            Kind::Text => &[Self::Reverse],
            Kind::Tagged => &[Self::Untag],
        }
    }

    pub(crate) fn result(self) -> Kind {
        match self {
            Self::Negate | Self::Untag | Self::Widen => Kind::Int,
            Self::Reverse | Self::Fill => Kind::Text,
            Self::Tag => Kind::Tagged,
        }
    }

    pub(crate) fn sql(self, x: &str) -> String {
        match self {
            Self::Negate => format!("1000 - {x}"),
            Self::Reverse => format!("reverse({x})"),
            Self::Tag => format!("'v' || {x}"),
            Self::Untag => format!("substr({x}, 2)::integer"),
            Self::Widen => x.to_owned(),
            Self::Fill => format!("coalesce({x}, 'none')"),
        }
    }

    pub(crate) fn back_sql(self, x: &str) -> String {
        match self {
            Self::Negate | Self::Reverse | Self::Widen => self.sql(x),
            Self::Tag => Self::Untag.sql(x),
            Self::Untag => Self::Tag.sql(x),
            Self::Fill => format!("nullif({x}, 'none')"),
        }
    }

    pub(crate) fn apply(self, cell: &Cell) -> Cell {
        let Some(text) = cell else { return (self == Self::Fill).then(|| String::from("none")) };
        Some(match self {
            Self::Negate => (1000 - text.parse::<i64>().expect("an integer")).to_string(),
            Self::Reverse => text.chars().rev().collect(),
            Self::Tag => format!("v{text}"),
            Self::Untag => text[1..].to_owned(),
            Self::Widen | Self::Fill => text.clone(),
        })
    }

    pub(crate) fn back(self, cell: &Cell) -> Cell {
        match self {
            Self::Negate | Self::Reverse | Self::Widen => self.apply(cell),
            Self::Tag => Self::Untag.apply(cell),
            Self::Untag => Self::Tag.apply(cell),
            Self::Fill => cell.clone().filter(|text| text != "none"),
        }
    }
}

pub(crate) fn sql_type(fun: Fun, from: &'static str) -> &'static str {
    match fun {
        Fun::Negate => from,
        Fun::Widen => "bigint",
        Fun::Untag => "integer",
        Fun::Reverse | Fun::Tag | Fun::Fill => "text",
    }
}

pub(crate) fn value(random: &mut Random, kind: Kind) -> String {
    let n = random.next(2000).to_string();
    match kind {
        Kind::Int => n,
        Kind::Text => format!("it's \\{n}"),
        Kind::Tagged => format!("v{n}"),
    }
}
