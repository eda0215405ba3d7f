//! The functions that Postgres has.
//!
//! `functions.txt` lists the names of `pg_proc` in PostgreSQL 14 to 18 together, and those that only the grammar knows (`g`). For each name that can be called from
//! SQL: the kinds and volatilities of its overloads, whether they return sets (`*` all, `?` some), their result where it is one and the same, and `!` where
//! all are strict. Made, server by server, with:
//!
//! ```sql
//! SELECT proname, string_agg(DISTINCT prokind::text, ''), string_agg(DISTINCT provolatile::text, ''), bool_or(proretset), bool_and(proretset),
//!        CASE WHEN count(DISTINCT prorettype) = 1 AND min(t.typtype) NOT IN ('p') THEN min(t.typname) END, bool_and(proisstrict)
//!   FROM pg_proc JOIN pg_type t ON t.oid = prorettype WHERE pronamespace = 'pg_catalog'::regnamespace AND prokind <> 'p' GROUP BY proname
//! ```
//!
//! without those that take or return `internal` or `cstring`, which are listed by name alone.

use crate::name::nearest;

const FUNCTIONS: &str = include_str!("functions.txt");

/// What all functions of one name have in common.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Function {
    /// All of them are aggregates, or some of them and the others window functions.
    pub(crate) aggregate: bool,
    /// All of them are window functions.
    pub(crate) window: bool,
    /// Some of them are ordinary functions.
    pub(crate) ordinary: bool,
    /// All of them return sets.
    pub(crate) set: bool,
    /// None of them is immutable.
    pub(crate) changes: bool,
    /// All of them return this type.
    pub(crate) result: Option<&'static str>,
}

/// The function `name`, if there is one.
pub(crate) fn find(name: &str) -> Option<Function> {
    let line = line(name)?;
    let mut words = line.split(' ').skip(1);
    let kinds = words.next().unwrap_or("x");
    let volatility = words.next().unwrap_or("i");
    let set = words.next().unwrap_or("?");
    let result = words.next().filter(|name| *name != "-" && !name.starts_with('_'));
    Some(Function {
        aggregate: matches!(kinds, "a" | "aw"),
        window: kinds == "w",
        ordinary: !matches!(kinds, "a" | "w" | "aw"),
        set: set == "*",
        changes: !volatility.contains('i'),
        result,
    })
}

/// The line of `functions.txt` that begins with `name`; the lines are sorted by their bytes.
fn line(name: &str) -> Option<&'static str> {
    let (mut from, mut to) = (0, FUNCTIONS.len());
    while from < to {
        let middle = from + (to - from) / 2;
        let start = FUNCTIONS[..middle].rfind('\n').map_or(0, |at| at + 1).max(from);
        let end = FUNCTIONS[middle..].find('\n').map_or(FUNCTIONS.len(), |at| middle + at);
        let line = &FUNCTIONS[start..end];
        match line.split(' ').next().unwrap_or(line).cmp(name) {
            std::cmp::Ordering::Equal => return Some(line),
            std::cmp::Ordering::Less => from = end + 1,
            std::cmp::Ordering::Greater => to = start,
        }
    }
    None
}

/// The function that `name` is surely a slip of. Databases have functions that no migration speaks of, so only what is within one letter of a
/// common function, or two of a long one, counts.
pub(crate) fn slip(name: &str) -> Option<&'static str> {
    let limit = match name.chars().count() {
        0..=3 => return None,
        4..=8 => 1,
        _ => 2,
    };
    let letters = |name: &str| name.replace(|c: char| c.is_ascii_digit() || c == '_', "");
    nearest(name, COMMON.iter().copied())
        .filter(|near| near.len() > 3 && strsim::osa_distance(name, near) <= limit)
        .filter(|near| letters(near) != letters(name))
        // `lowers`, `rounds`: a name that goes on is a name of its own.
        .filter(|near| !name.starts_with(near) && !near.starts_with(name))
        .and_then(|near| COMMON.iter().copied().find(|common| *common == near))
}

/// Functions that people write by hand.
const COMMON: &[&str] = &[
    "array_agg",
    "array_append",
    "array_length",
    "array_position",
    "array_remove",
    "array_to_string",
    "btrim",
    "cardinality",
    "ceil",
    "ceiling",
    "char_length",
    "character_length",
    "clock_timestamp",
    "coalesce",
    "concat",
    "concat_ws",
    "count",
    "date_part",
    "date_trunc",
    "encode",
    "decode",
    "extract",
    "floor",
    "format",
    "gen_random_uuid",
    "generate_series",
    "greatest",
    "initcap",
    "json_agg",
    "json_build_object",
    "jsonb_agg",
    "jsonb_build_array",
    "jsonb_build_object",
    "jsonb_array_elements",
    "jsonb_array_length",
    "jsonb_each",
    "jsonb_object_keys",
    "jsonb_set",
    "jsonb_strip_nulls",
    "jsonb_typeof",
    "least",
    "length",
    "lower",
    "ltrim",
    "make_date",
    "make_interval",
    "nextval",
    "nullif",
    "octet_length",
    "overlay",
    "position",
    "random",
    "regexp_match",
    "regexp_matches",
    "regexp_replace",
    "regexp_split_to_array",
    "repeat",
    "replace",
    "reverse",
    "round",
    "row_number",
    "rtrim",
    "split_part",
    "starts_with",
    "statement_timestamp",
    "string_agg",
    "string_to_array",
    "substr",
    "substring",
    "timezone",
    "to_char",
    "to_date",
    "to_json",
    "to_jsonb",
    "to_number",
    "to_timestamp",
    "to_tsquery",
    "to_tsvector",
    "translate",
    "trunc",
    "unnest",
    "upper",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_sorted_and_every_name_is_found() {
        let names: Vec<&str> =
            FUNCTIONS.lines().map(|line| line.split(' ').next().unwrap_or(line)).collect();
        assert!(names.windows(2).all(|pair| pair[0] < pair[1]));
        for name in names {
            assert!(find(name).is_some(), "{name}");
        }
        assert!(find("cealesce").is_none() && find("").is_none() && find("~").is_none());
    }

    #[test]
    fn slips_are_only_what_is_next_to_certain() {
        assert_eq!(slip("cealesce"), Some("coalesce"));
        assert_eq!(slip("uper"), Some("upper"));
        assert_eq!(slip("jsonb_buld_object"), Some("jsonb_build_object"));
        for fine in [
            "slugify",
            "loweru",
            "uuid_generate_v4",
            "rounds",
            "to_slug",
            "concat2",
            "f",
            "crypt",
            "unaccent",
        ] {
            assert_eq!(slip(fine), None, "{fine}");
        }
    }
}
