//! What Postgres's operators take, and what they give.
//!
//! `operators.txt` was made by asking PostgreSQL 14 to 18 about all pairs of the common types: `operator left result : right …`. Two of its operators are none: `:=` says which types
//! can be assigned to a column of the left one, `::` which can be cast to it. `coalesce` says what type two branches have together.

const OPERATORS: &str = include_str!("operators.txt");

/// The types that were asked about.
const ASKED: &[&str] = &[
    "int2",
    "int4",
    "int8",
    "numeric",
    "float4",
    "float8",
    "text",
    "varchar",
    "bpchar",
    "name",
    "bool",
    "date",
    "time",
    "timetz",
    "timestamp",
    "timestamptz",
    "interval",
    "uuid",
    "bytea",
    "json",
    "jsonb",
    "inet",
    "cidr",
    "money",
    "xml",
    "bit",
    "varbit",
    "oid",
];

/// What comes of an operator between two types.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// A value of this type.
    Gives(&'static str),
    /// There is no such operator.
    Nothing,
    /// It was not asked about.
    Unknown,
}

/// What `left operator right` gives.
pub(crate) fn outcome(operator: &str, left: &str, right: &str) -> Outcome {
    if !ASKED.contains(&left) || !ASKED.contains(&right) {
        return Outcome::Unknown;
    }
    let operator = if operator == "!=" { "<>" } else { operator };
    let mut known = false;
    for line in lines(operator) {
        known = true;
        let mut words = line[operator.len() + 1..].split(' ');
        if words.next() != Some(left) {
            continue;
        }
        let result = words.next().unwrap_or("-");
        if words.any(|word| word == right) {
            return Outcome::Gives(result);
        }
    }
    if known { Outcome::Nothing } else { Outcome::Unknown }
}

/// The lines of the operator, which stand together.
fn lines(operator: &str) -> impl Iterator<Item = &'static str> {
    let begin = format!("\n{operator} ");
    let start = if OPERATORS.starts_with(&begin[1..]) {
        Some(0)
    } else {
        OPERATORS.find(&begin).map(|at| at + 1)
    };
    let rest = start.map_or("", |start| &OPERATORS[start..]);
    rest.lines().take_while(move |line| line.starts_with(&begin[1..]))
}

/// Whether a value of the type `from` surely cannot be assigned to a column of the type `to`.
pub(crate) fn cannot_assign(from: &str, to: &str) -> bool {
    outcome(":=", to, from) == Outcome::Nothing
}

/// Whether a value of the type `from` surely cannot be cast to the type `to`.
pub(crate) fn cannot_cast(from: &str, to: &str) -> bool {
    outcome("::", to, from) == Outcome::Nothing
}

/// Whether a type is one of those that were asked about.
pub(crate) fn is_asked(name: &str) -> bool {
    ASKED.contains(&name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outcomes_are_those_of_a_server() {
        assert_eq!(outcome("+", "int4", "int8"), Outcome::Gives("int8"));
        assert_eq!(outcome("=", "int4", "text"), Outcome::Nothing);
        assert_eq!(outcome("=", "varchar", "text"), Outcome::Gives("bool"));
        assert_eq!(outcome("-", "timestamptz", "timestamptz"), Outcome::Gives("interval"));
        assert_eq!(outcome("@@", "text", "text"), Outcome::Unknown);
        assert_eq!(outcome("=", "citext", "text"), Outcome::Unknown);
        assert!(cannot_assign("text", "int4") && !cannot_assign("int4", "text"));
        assert!(cannot_cast("uuid", "int4") && !cannot_cast("text", "int4"));
    }
}
