//! Connection strings of a server's other databases, whose sessions may use a version.

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use crate::sql::ident::ident;

/// The connection string of the same database, for sessions that find their tables in `schema`. `given` are the options that it has.
pub(super) fn with_search_path(url: &str, given: Option<&str>, schema: &str) -> String {
    let options = options(given, schema);
    if !url.contains("://") {
        // Of two settings of the same key the last one counts.
        let quoted = options.replace('\\', "\\\\").replace('\'', "\\'");
        return format!("{url} options='{quoted}'");
    }
    // Of two parameters some libraries take the last one, others both.
    let url = without_parameter(url, "options");
    let separator = if url.contains('?') { '&' } else { '?' };
    format!("{url}{separator}options={}", utf8_percent_encode(&options, NON_ALPHANUMERIC))
}

/// The server's options that are given, and the version's. A value ends at a space, unless that is escaped.
pub(super) fn options(given: Option<&str>, schema: &str) -> String {
    let value = ident(schema).replace('\\', "\\\\").replace(' ', "\\ ");
    let given = given.map_or_else(String::new, |given| format!("{given} "));
    format!("{given}-c search_path={value}")
}

/// What `search_path` is set to for the sessions of a version; `None` are plain tables.
pub(super) fn search_path(schema: Option<&str>) -> String {
    schema.map_or_else(|| String::from("DEFAULT"), ident)
}

/// The connection string of another database on the same server. `name` needs no quotes.
pub(super) fn with_database(url: &str, name: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else {
        // Of two settings of the same key the last one counts.
        return format!("{url} dbname={name}");
    };
    // The database can be a parameter too, which would then count.
    let rest = without_parameter(rest, "dbname");
    let (address, parameters) = match rest.split_once('?') {
        Some((address, parameters)) => (address, format!("?{parameters}")),
        None => (rest.as_str(), String::new()),
    };
    // Before the slash that ends it an authority holds no other one: a socket's folder is percent-encoded.
    let authority = address.split_once('/').map_or(address, |(authority, _)| authority);
    format!("{scheme}://{authority}/{name}{parameters}")
}

/// A URL without the parameters of this name.
fn without_parameter(url: &str, name: &str) -> String {
    let Some((address, parameters)) = url.split_once('?') else { return url.to_owned() };
    let is_other =
        |parameter: &&str| parameter.split_once('=').map_or(*parameter, |(name, _)| name) != name;
    let others: Vec<&str> = parameters.split('&').filter(is_other).collect();
    if others.is_empty() { address.to_owned() } else { format!("{address}?{}", others.join("&")) }
}

#[cfg(test)]
mod tests {
    use super::with_database;

    #[test]
    fn the_database_of_a_url_is_replaced() {
        let replaced = |url: &str| with_database(url, "x");
        assert_eq!(replaced("postgres://me:pw@host:1/app"), "postgres://me:pw@host:1/x");
        assert_eq!(replaced("postgres://host"), "postgres://host/x");
        assert_eq!(
            replaced("postgresql://%2Frun%2Fpg/app?connect_timeout=3"),
            "postgresql://%2Frun%2Fpg/x?connect_timeout=3"
        );
        assert_eq!(replaced("postgres://host?user=a/b"), "postgres://host/x?user=a/b");
        assert_eq!(replaced("host=h dbname=app"), "host=h dbname=app dbname=x");
        assert_eq!(replaced("postgres://h/app?dbname=b&user=c"), "postgres://h/x?user=c");
        assert_eq!(replaced("postgres://h?dbname=b"), "postgres://h/x");
    }

    #[test]
    fn the_last_dbname_counts() {
        let config: postgres::Config = with_database("host=h dbname=app", "x").parse().unwrap();
        assert_eq!(config.get_dbname(), Some("x"));
    }
}
