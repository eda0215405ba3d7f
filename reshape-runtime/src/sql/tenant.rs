//! Sets of migrations whose tables are in a schema of their own: one of each tenant.
//!
//! Such a set is called `@<schema>`, or `<set>@<schema>` if it has a name besides. The schema is part of the name, so that whoever has the name has
//! the schema: nothing has to be remembered, and one tenant's migrations cannot be run on the tables of another.
//!
//! **Invariant:** pure; a name without the mark means the default schema, as it always did.

use super::names::{DEFAULT_NAMESPACE, DEFAULT_SCHEMA, METADATA_SCHEMA};

/// What stands between the name of a set and its schema.
pub const MARK: char = '@';

/// The schema of the set's tables that say none.
pub fn schema_of(namespace: &str) -> &str {
    namespace.split_once(MARK).map_or(DEFAULT_SCHEMA, |(_, schema)| schema)
}

/// The set's name, whatever its schema.
pub fn set_of(namespace: &str) -> &str {
    match namespace.split_once(MARK) {
        Some(("", _)) => DEFAULT_NAMESPACE,
        Some((set, _)) => set,
        None => namespace,
    }
}

/// Whether the set's versions show all tables of its schema that no other set owns, and not only those that its migrations name.
pub fn shows_all(namespace: &str) -> bool {
    set_of(namespace) == DEFAULT_NAMESPACE
}

/// The same set in that schema.
pub fn in_schema(namespace: &str, schema: &str) -> String {
    match (set_of(namespace), schema) {
        (set, DEFAULT_SCHEMA) => set.to_owned(),
        (DEFAULT_NAMESPACE, schema) => format!("{MARK}{schema}"),
        (set, schema) => format!("{set}{MARK}{schema}"),
    }
}

/// The set `wanted`, in the schema of the set `now` unless it names one itself.
pub fn renamed(now: &str, wanted: &str) -> String {
    if wanted.contains(MARK) { wanted.to_owned() } else { in_schema(wanted, schema_of(now)) }
}

/// What an entry of `requires` may mean by a set: that of the same schema, and the one that all share.
pub fn meant(own: &str, set: &str) -> Vec<String> {
    let near = renamed(own, set);
    if near == set { vec![near] } else { vec![near, set.to_owned()] }
}

/// An SQL expression for [`schema_of`].
pub fn schema_of_sql(namespace: &str) -> String {
    format!(
        "CASE WHEN pg_catalog.strpos({namespace}, '{MARK}') > 0 \
           THEN pg_catalog.substr({namespace}, pg_catalog.strpos({namespace}, '{MARK}') + 1) ELSE '{DEFAULT_SCHEMA}' END"
    )
}

/// What is wrong with the part after the mark, and what to do.
pub fn problem(namespace: &str) -> Option<(String, &'static str)> {
    let (set, schema) = namespace.split_once(MARK)?;
    if schema.is_empty() {
        Some((
            format!("the set of migrations `{namespace}` has a `{MARK}` and no schema after it"),
            "say which schema its tables are in, or leave it out",
        ))
    } else if schema == DEFAULT_SCHEMA || set == DEFAULT_NAMESPACE {
        Some((
            format!(
                "the set of migrations `{namespace}` is called `{}`",
                in_schema(namespace, schema)
            ),
            "use that name: a set has but one",
        ))
    } else if is_reserved(schema) {
        Some((
            format!("the schema `{schema}` cannot have a set of migrations of its own"),
            "it belongs to Postgres or to the versions of a set: choose another one",
        ))
    } else {
        None
    }
}

fn is_reserved(schema: &str) -> bool {
    let prefixes = ["pg_", "migration_", "reshape_"];
    [METADATA_SCHEMA, "information_schema"].contains(&schema)
        || prefixes.iter().any(|prefix| schema.starts_with(prefix))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_says_the_set_and_the_schema() {
        for (set, schema, name) in [
            ("default", "public", "default"),
            ("default", "t1", "@t1"),
            ("auth", "public", "auth"),
            ("auth", "t1", "auth@t1"),
            ("default", "a@b", "@a@b"),
        ] {
            assert_eq!(in_schema(set, schema), name);
            assert_eq!((set_of(name), schema_of(name)), (set, schema));
            assert_eq!(problem(name), None);
        }
        assert_eq!(in_schema("auth@t1", "t2"), "auth@t2");
        assert_eq!(renamed("@t1", "auth"), "auth@t1");
        assert_eq!(renamed("auth@t1", "default"), "@t1");
        assert_eq!(renamed("auth", "@t1"), "@t1");
        assert_eq!(meant("@t1", "auth"), ["auth@t1", "auth"]);
        assert_eq!(meant("default", "auth"), ["auth"]);
    }

    #[test]
    fn a_schema_that_is_not_for_tables_is_refused() {
        for name in ["auth@", "@public", "default@t1", "@pg_toast", "@reshape", "@migration_1"] {
            assert!(problem(name).is_some(), "{name}");
        }
    }
}
