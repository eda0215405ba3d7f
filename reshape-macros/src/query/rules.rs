//! The codes of what can be wrong with a statement: `reshape explain R0609` tells more.
//!
//! **Invariant:** they are those of `reshape_runtime::Rule`, which this crate cannot depend on; each has its page.

use reshape_sql::Rule;

/// It is not one statement that can be checked.
pub(super) const STATEMENT: &str = "R0601";
/// The number of parameters.
pub(super) const PARAMETERS: &str = "R0602";
/// A column's name.
pub(super) const FIELD_NAME: &str = "R0603";
/// A column's Rust type.
pub(super) const FIELD_TYPE: &str = "R0604";
/// The type of the rows.
pub(super) const ROW_TYPE: &str = "R0605";

/// The code of what is wrong with the SQL itself.
pub(super) fn code(rule: Rule) -> &'static str {
    match rule {
        Rule::Syntax => "R0301",
        Rule::UnknownColumn => "R0302",
        Rule::AmbiguousColumn => "R0303",
        Rule::UnknownTable => "R0304",
        Rule::UnknownFunction => "R0305",
        Rule::TypeMismatch => "R0306",
        Rule::UnknownEnumValue => "R0307",
        Rule::NotAllowed => "R0308",
        Rule::Volatile => "R0309",
        Rule::MissingValue => "R0606",
        Rule::Generated => "R0607",
        Rule::Count => "R0608",
        Rule::Conflict => "R0609",
        Rule::Ungrouped => "R0610",
        Rule::TypeSchema => "R0611",
    }
}
