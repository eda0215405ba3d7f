//! Generated names.
//!
//! **Invariant:** a generated name fits in 63 bytes, is the same in every run, and, where it stands in a user's
//! schema, contains `__reshape`.

/// What Postgres keeps of an identifier, in bytes (`NAMEDATALEN - 1`); it truncates the rest without an error.
pub const MAX_IDENTIFIER: usize = 63;

/// The longest migration name, in bytes, for which `migration_<name>` is a whole identifier.
pub const MAX_MIGRATION_NAME: usize = MAX_IDENTIFIER - "migration_".len();

/// The schema of tables that say none.
pub const DEFAULT_SCHEMA: &str = "public";

/// The schema of our metadata and functions.
pub const METADATA_SCHEMA: &str = "reshape";

/// The column that says which version inserted a row; NULL at rest.
pub const ORIGIN: &str = "__reshape_origin";

/// A relation for people: with its schema unless that is the default one.
pub fn shown(schema: &str, name: &str) -> String {
    if schema == DEFAULT_SCHEMA { name.to_owned() } else { format!("{schema}.{name}") }
}

/// The set of migrations that has no name of its own.
pub const DEFAULT_NAMESPACE: &str = "default";

/// What stands between the name of a set and that of a migration.
const SEPARATOR: char = '/';

/// A version of a set: the migration's name, with the set's before it unless that is the default one. Two sets may have
/// migrations of the same name.
pub fn version(namespace: &str, migration: &str) -> String {
    if namespace == DEFAULT_NAMESPACE {
        migration.to_owned()
    } else {
        format!("{namespace}{SEPARATOR}{migration}")
    }
}

/// The migration of a [`version`] of the set.
pub fn migration_of<'v>(namespace: &str, version: &'v str) -> &'v str {
    if namespace == DEFAULT_NAMESPACE {
        return version;
    }
    let rest = version.strip_prefix(namespace);
    rest.and_then(|rest| rest.strip_prefix(SEPARATOR)).unwrap_or(version)
}

/// The set and the migration that an entry of `requires` names; `None` for a migration of the same set.
pub fn required(entry: &str) -> Option<(&str, &str)> {
    entry.split_once(SEPARATOR)
}

/// Whether a set can be called so: what is wrong with it, and what to do.
pub fn namespace_problem(namespace: &str) -> Option<(String, &'static str)> {
    // `migration_`, the name, the separator, and at least one byte of a migration's name.
    const MOST: usize = MAX_MIGRATION_NAME - 2;
    if namespace.is_empty() {
        Some((String::from("the name of a set of migrations is empty"), "give it one, or none"))
    } else if namespace.contains(SEPARATOR) {
        Some((
            format!("the name of a set of migrations, `{namespace}`, contains a `{SEPARATOR}`"),
            "that is what stands between the name of the set and that of a migration: use another character",
        ))
    } else if let Some(problem) = super::tenant::problem(namespace) {
        Some(problem)
    } else if namespace.len() > MOST {
        let bytes = namespace.len();
        Some((
            format!("the name of a set of migrations, `{namespace}`, has {bytes} bytes"),
            "it is part of the name of every version's schema, which has 63: use a short one",
        ))
    } else {
        None
    }
}

/// Whether the schema of the set's version would be cut off: by Postgres, without a word.
pub fn is_too_long(namespace: &str, migration: &str) -> bool {
    let before =
        if namespace == DEFAULT_NAMESPACE { 0 } else { namespace.len() + SEPARATOR.len_utf8() };
    before + migration.len() > MAX_MIGRATION_NAME
}

/// The schema of a version's outer views, which clients use.
pub fn version_schema(version: &str) -> String {
    format!("migration_{version}")
}

/// The schema of a version's inner views, which nobody names.
pub fn inner_schema(version: &str) -> String {
    format!("reshape_{version}")
}

/// A generated name in a user's schema: `__reshape_<parts>`, with a hash in place of what does not fit.
pub fn generated(parts: &[&str]) -> String {
    fit(&format!("__reshape_{}", parts.join("_")))
}

/// `name` if it fits, else its beginning and a hash of all of it.
pub fn fit(name: &str) -> String {
    if name.len() <= MAX_IDENTIFIER {
        return name.to_owned();
    }
    let hash = format!("_{:016x}", fnv1a(name.as_bytes()));
    let mut end = MAX_IDENTIFIER - hash.len();
    while !name.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}{hash}", &name[..end])
}

/// FNV-1a, 64 bits: short, stable over releases and platforms, which `std`'s hasher does not promise.
pub fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_of_a_named_set_carries_its_name() {
        assert_eq!(version(DEFAULT_NAMESPACE, "1_a"), "1_a");
        assert_eq!(version("auth", "1_a"), "auth/1_a");
        assert_eq!(migration_of("auth", "auth/1_a"), "1_a");
        assert_eq!(migration_of(DEFAULT_NAMESPACE, "auth/1_a"), "auth/1_a");
        assert!(!is_too_long("auth", &"x".repeat(48)) && is_too_long("auth", &"x".repeat(49)));
    }

    #[test]
    fn the_name_of_a_set_is_checked() {
        assert_eq!(namespace_problem("auth"), None);
        for bad in ["", "a/b", &"x".repeat(52)] {
            assert!(namespace_problem(bad).is_some(), "{bad}");
        }
    }

    #[test]
    fn long_names_fit_and_stay_apart() {
        let a = generated(&["é".repeat(40).as_str(), "a"]);
        let b = generated(&["é".repeat(40).as_str(), "b"]);
        assert!(a.len() <= MAX_IDENTIFIER && b.len() <= MAX_IDENTIFIER);
        assert_ne!(a, b);
        assert!(a.starts_with("__reshape_é"));
    }
}
