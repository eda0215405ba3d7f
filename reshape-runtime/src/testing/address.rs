//! Connection strings whose sessions use a version.

use std::fmt::Write as _;

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use super::admin::without_parameter;
use crate::sql::ident::ident;

/// The connection string of the same database, for sessions that find their tables in `schema`. `given` are the options that it has.
pub(super) fn with_search_path(url: &str, given: Option<&str>, schema: &str) -> String {
    // Of two some libraries take the last one, others both.
    let mut url = without_parameter(url, "options");
    let options = options(given, schema);
    // Writing to a String does not fail.
    if url.contains("://") {
        let separator = if url.contains('?') { '&' } else { '?' };
        let _ =
            write!(url, "{separator}options={}", utf8_percent_encode(&options, NON_ALPHANUMERIC));
    } else {
        let quoted = options.replace('\\', "\\\\").replace('\'', "\\'");
        let _ = write!(url, " options='{quoted}'");
    }
    url
}

/// The server's options that are given, and the version's. A value ends at a space, unless that is escaped.
pub(super) fn options(given: Option<&str>, schema: &str) -> String {
    let value = ident(schema).replace('\\', "\\\\").replace(' ', "\\ ");
    let given = given.map_or_else(String::new, |given| format!("{given} "));
    format!("{given}-c search_path={value}")
}
