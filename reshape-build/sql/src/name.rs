//! Identifiers as the catalog has them, and which of them one is a slip of.

/// The longest name that Postgres keeps, in bytes.
const MAX_IDENTIFIER: usize = 63;

/// An identifier as the catalog has it: unquoted, or in lower case, and cut where Postgres cuts it. `None` for one with escapes.
pub(crate) fn fold(token: &str) -> Option<String> {
    let mut name = if let Some(quoted) = token.strip_prefix('"') {
        quoted.strip_suffix('"')?.replace("\"\"", "\"")
    } else if token.contains(['"', '\'']) {
        return None;
    } else {
        token.to_ascii_lowercase()
    };
    let mut end = MAX_IDENTIFIER.min(name.len());
    while !name.is_char_boundary(end) {
        end -= 1;
    }
    name.truncate(end);
    Some(name)
}

/// The name as SQL has to write it.
pub(crate) fn quote(name: &str) -> String {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    let simple = name.chars().all(plain) && !name.starts_with(|c: char| c.is_ascii_digit());
    if simple && !name.is_empty() {
        name.to_owned()
    } else {
        format!("\"{}\"", name.replace('"', "\"\""))
    }
}

/// The candidate that `name` is most likely a slip of: a third of its letters may differ, or their case.
pub(crate) fn nearest<'n>(
    name: &str,
    candidates: impl IntoIterator<Item = &'n str>,
) -> Option<&'n str> {
    let lower = name.to_lowercase();
    let limit = (name.chars().count() / 3).max(1);
    candidates
        .into_iter()
        .map(|candidate| (strsim::osa_distance(&lower, &candidate.to_lowercase()), candidate))
        .filter(|(distance, candidate)| *distance <= limit && *distance < candidate.chars().count())
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// `` `a`, `b` and `c` ``; of many only the first.
pub(crate) fn list(names: &[&str]) -> String {
    const SHOWN: usize = 12;
    let mut quoted: Vec<String> =
        names.iter().take(SHOWN).map(|name| format!("`{name}`")).collect();
    if names.len() > SHOWN {
        return format!("{}, … ({} in all)", quoted.join(", "), names.len());
    }
    match quoted.pop() {
        None => String::new(),
        Some(last) if quoted.is_empty() => last,
        Some(last) => format!("{} and {last}", quoted.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_folded_as_postgres_folds_them() {
        assert_eq!(fold("Name").as_deref(), Some("name"));
        assert_eq!(fold("\"Na\"\"me\"").as_deref(), Some("Na\"me"));
        assert_eq!(fold("U&\"x\""), None);
        assert_eq!(fold(&"ü".repeat(40)).map(|name| name.len()), Some(62));
    }
}
