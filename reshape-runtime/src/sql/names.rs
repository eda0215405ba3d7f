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

/// The schema of a version's outer views, which clients use.
pub fn version_schema(migration: &str) -> String {
    format!("migration_{migration}")
}

/// The schema of a version's inner views, which nobody names.
pub fn inner_schema(migration: &str) -> String {
    format!("reshape_{migration}")
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
    fn long_names_fit_and_stay_apart() {
        let a = generated(&["é".repeat(40).as_str(), "a"]);
        let b = generated(&["é".repeat(40).as_str(), "b"]);
        assert!(a.len() <= MAX_IDENTIFIER && b.len() <= MAX_IDENTIFIER);
        assert_ne!(a, b);
        assert!(a.starts_with("__reshape_é"));
    }
}
