//! Connection strings whose sessions use a version.

use std::fmt::Write as _;

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use crate::sql::ident::ident;

/// The connection string of the same database, for sessions that find their tables in `schema`.
pub(super) fn with_search_path(url: &str, schema: &str) -> String {
    let mut url = url.to_owned();
    let options = search_path(schema);
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

/// A server's option. Its value ends at a space, unless that is escaped.
pub(super) fn search_path(schema: &str) -> String {
    let value = ident(schema).replace('\\', "\\\\").replace(' ', "\\ ");
    format!("-c search_path={value}")
}
