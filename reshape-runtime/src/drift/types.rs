//! Types by what they mean: `int` is `integer`, `varchar(20)` is `character varying(20)`.
//!
//! **Invariant:** types differ only where that is certain; a spelling that is not understood here may mean anything.

use crate::schema::TypeName;

/// A type without the choice that SQL leaves for its spelling.
#[derive(Debug, PartialEq, Eq)]
struct Meaning {
    /// Postgres's short name of a built-in type, the last part of any other's name, in lower case.
    name: String,
    built_in: bool,
    /// What limits its values, where that is understood.
    modifiers: Option<String>,
    array: bool,
}

/// Whether the two surely are different types. `found` is what `format_type` prints under a bare `search_path`.
pub(super) fn surely_differ(expected: &str, found: &str) -> bool {
    let (Some(expected), Some(found)) = (meaning(expected), meaning(found)) else { return false };
    // `_text` is what the catalog calls `text[]`.
    if expected.name.starts_with('_') || found.name.starts_with('_') {
        return false;
    }
    let differ = expected.name != found.name || expected.built_in != found.built_in;
    differ
        || expected.array != found.array
        || expected.built_in && expected.modifiers != found.modifiers
}

/// The short name of a built-in type: `int4` for `integer`; none for an array.
pub(super) fn built_in(sql: &str) -> Option<String> {
    meaning(sql).filter(|meaning| meaning.built_in && !meaning.array).map(|meaning| meaning.name)
}

fn meaning(sql: &str) -> Option<Meaning> {
    let sql = sql.trim();
    let parsed = TypeName::parse(sql);
    let array = parsed.array;
    let other = |name: String| Some(Meaning { name, built_in: false, modifiers: None, array });
    // One byte, and no relation of `char`.
    if sql.contains("\"char\"") {
        let name = String::from("\"char\"");
        return Some(Meaning { name, built_in: true, modifiers: None, array });
    }
    let lower = sql.to_lowercase();
    if lower.starts_with("public.") || lower.starts_with("\"public\".") {
        return other(last_part(&parsed.base));
    }
    let Some(name) = parsed.built_in() else {
        let qualified = parsed.base.contains('.') && !parsed.base.contains(char::is_whitespace);
        return if parsed.simple || qualified { other(last_part(&parsed.base)) } else { None };
    };
    let modifiers = parsed.modifiers.as_deref().map(|text| text.replace(char::is_whitespace, ""));
    let (name, modifiers) = match (name, modifiers) {
        ("float8", Some(bits)) => {
            (if bits.parse::<u32>().ok()? <= 24 { "float4" } else { "float8" }, None)
        }
        ("numeric", Some(digits)) if !digits.contains(',') => ("numeric", Some(digits + ",0")),
        ("bpchar", None) if parsed.base != "bpchar" => ("bpchar", Some(String::from("1"))),
        ("bit", None) => ("bit", Some(String::from("1"))),
        // Postgres keeps six digits, whatever is asked for.
        ("time" | "timetz" | "timestamp" | "timestamptz" | "interval", Some(digits)) => {
            (name, Some(digits.parse::<u32>().ok()?.min(6).to_string()))
        }
        (name, modifiers) => (name, modifiers),
    };
    Some(Meaning { name: name.to_owned(), built_in: true, modifiers, array })
}

/// The name without its schema and quotation marks.
fn last_part(name: &str) -> String {
    let last = name.rsplit('.').next().unwrap_or(name);
    last.replace('"', "").to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spelling_is_no_difference() {
        for (expected, found) in [
            ("int", "integer"),
            ("INT4", "integer"),
            ("decimal(10)", "numeric(10,0)"),
            ("numeric( 10 , 2 )", "numeric(10,2)"),
            ("char", "character(1)"),
            ("bpchar", "bpchar"),
            ("\"char\"", "\"char\""),
            ("varchar (20)", "character varying(20)"),
            ("float(24)", "real"),
            ("float(25)", "double precision"),
            ("timestamptz(3)", "timestamp(3) with time zone"),
            ("timestamp(9)", "timestamp(6) without time zone"),
            ("bit", "bit(1)"),
            ("bit varying(8)", "bit varying(8)"),
            ("text ARRAY", "text[]"),
            ("int[3][3]", "integer[]"),
            ("_text", "text[]"),
            ("mood", "public.mood"),
            ("\"Mood\"[]", "public.\"Mood\"[]"),
            ("app.mood", "mood"),
            ("geometry(Point,4326)", "public.geometry(Point,4326)"),
            ("interval day to second", "interval day to second"),
            ("national character varying(10)", "character varying(10)"),
        ] {
            assert!(!surely_differ(expected, found), "{expected} and {found}");
        }
    }

    #[test]
    fn another_type_is_a_difference() {
        for (expected, found) in [
            ("int", "bigint"),
            ("text", "character varying"),
            ("varchar(20)", "character varying(30)"),
            ("varchar", "character varying(30)"),
            ("numeric(10,2)", "numeric(10,0)"),
            ("text", "text[]"),
            ("timestamptz", "timestamp without time zone"),
            ("timestamp", "timestamp(3) without time zone"),
            ("char", "\"char\""),
            ("mood", "text"),
            ("text", "public.citext"),
            ("json", "public.json"),
            ("mood", "public.status"),
        ] {
            assert!(surely_differ(expected, found), "{expected} and {found}");
        }
    }
}
