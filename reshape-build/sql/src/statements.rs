//! SQL that is run as it is.
//!
//! **Invariant:** names in it are not looked up. Which statements run before, in which `search_path`, and what triggers and `DO` blocks create, is not known
//! here.

use crate::expression::Checked;
use crate::parse::parse;

/// Checks a list of statements: whether they parse.
pub fn statements(sql: &str) -> Checked {
    match parse(sql, "", "") {
        Some(Err(finding)) => Checked { findings: vec![finding], data_type: None },
        Some(Ok(_)) | None => Checked::default(),
    }
}
