//! String constants that are surely no value of the type that they are taken for.

use std::borrow::Cow;

use crate::types::Type;

/// Whether `text` is surely no value of the built-in type `data_type`.
pub(crate) fn is_invalid(text: &str, data_type: &Type) -> bool {
    let text = text.trim_matches([' ', '\t', '\n', '\r', '\x0b', '\x0c']);
    if data_type.array {
        return !text.starts_with(['{', '[']);
    }
    match &*data_type.name {
        // `0x1F` and `1_000` since PostgreSQL 16.
        "int2" | "int4" | "int8" => {
            let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
            !digits.starts_with(|c: char| c.is_ascii_digit())
                || !digits.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
                || (!digits.starts_with('0')
                    && !digits.chars().all(|c| c.is_ascii_digit() || c == '_'))
        }
        "numeric" | "float4" | "float8" => {
            let digits = text.strip_prefix(['+', '-']).unwrap_or(text).to_ascii_lowercase();
            let special = ["nan", "inf", "infinity"].contains(&digits.as_str());
            !special && !digits.starts_with(|c: char| c.is_ascii_digit() || c == '.')
        }
        "bool" => {
            let text = text.to_ascii_lowercase();
            let begins = |word: &str| !text.is_empty() && word.starts_with(&text);
            let on_off = matches!(text.as_str(), "on" | "of" | "off" | "1" | "0");
            !on_off && !["true", "false", "yes", "no"].into_iter().any(begins)
        }
        "uuid" => {
            let text = text.strip_prefix('{').and_then(|t| t.strip_suffix('}')).unwrap_or(text);
            let digits = text.chars().filter(|c| *c != '-');
            digits.clone().count() != 32 || !digits.clone().all(|c| c.is_ascii_hexdigit())
        }
        // Also `now`, `infinity`, `epoch`, `J2451187`: every date has a digit, or is one of the words.
        "date" | "timestamp" | "timestamptz" => {
            let words = ["now", "today", "tomorrow", "yesterday", "epoch", "infinity", "allballs"];
            let lower = text.to_ascii_lowercase();
            !text.contains(|c: char| c.is_ascii_digit())
                && !words.into_iter().any(|word| lower.contains(word))
        }
        "json" | "jsonb" => !text.starts_with(|c: char| {
            matches!(c, '{' | '[' | '"' | '-' | 't' | 'f' | 'n') || c.is_ascii_digit()
        }),
        _ => false,
    }
}

/// The text of a string constant; `None` for one whose meaning is not obvious.
pub(crate) fn text(token: &str) -> Option<Cow<'_, str>> {
    if let Some(inner) = token.strip_prefix('\'').and_then(|rest| rest.strip_suffix('\'')) {
        // With `standard_conforming_strings` off a backslash means something.
        return (!inner.contains('\\')).then(|| {
            if inner.contains('\'') { inner.replace("''", "'").into() } else { inner.into() }
        });
    }
    let rest = token.strip_prefix('$')?;
    let tag = &token[..=rest.find('$')? + 1];
    token[tag.len()..].strip_suffix(tag).map(Cow::Borrowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn invalid(text: &str, name: &'static str) -> bool {
        is_invalid(text, &Type::built_in(name))
    }

    #[test]
    fn only_what_no_server_takes_is_invalid() {
        for (fine, name) in [
            (" -12 ", "int4"),
            ("0x1F", "int8"),
            ("1_000", "int4"),
            ("1e3", "numeric"),
            (".5", "float8"),
            ("-Infinity", "float8"),
            ("T", "bool"),
            ("of", "bool"),
            ("tru", "bool"),
            ("{a0eebc99-9c0b4ef8-bb6d6bb9-bd380a11}", "uuid"),
            ("now", "timestamptz"),
            ("J2451187", "date"),
            ("null", "json"),
            ("anything", "text"),
            ("01:00", "time"),
        ] {
            assert!(!invalid(fine, name), "{fine} {name}");
        }
        for (bad, name) in [
            ("x", "int4"),
            ("", "int4"),
            ("1.5", "int4"),
            ("abc", "numeric"),
            ("maybe", "bool"),
            ("", "bool"),
            ("x", "uuid"),
            ("soon", "timestamptz"),
            ("", "jsonb"),
            ("hello", "jsonb"),
        ] {
            assert!(invalid(bad, name), "{bad} {name}");
        }
        assert!(is_invalid("a", &Type::built_in("text").array_of()));
    }

    #[test]
    fn the_text_of_a_constant() {
        assert_eq!(text("'it''s'").as_deref(), Some("it's"));
        assert_eq!(text("$x$a$$b$x$").as_deref(), Some("a$$b"));
        assert_eq!(text("'a\\b'"), None);
        assert_eq!(text("$1"), None);
    }
}
