//! Defaults, as far as they can be compared without understanding SQL: constants, numbers from a sequence, calls without arguments.
//!
//! **Invariant:** anything else may be the same.

use super::types;

/// What a default says.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Value {
    /// No default, or NULL, which Postgres does not always keep.
    Nothing,
    /// A constant in quotation marks.
    Text(String),
    /// A number.
    Number(String),
    Bool(bool),
    /// A number from a sequence.
    Nextval,
    /// A function's name.
    Call(String),
    /// Something that mentions NULL, and may be it.
    PerhapsNothing,
    Other,
}

/// Whether the defaults of a column of that type surely are different. `found` is as `pg_get_expr` prints it.
pub(super) fn surely_differ(data_type: &str, expected: Option<&str>, found: Option<&str>) -> bool {
    use Value::{Bool, Call, Nextval, Nothing, Number, Other, PerhapsNothing, Text};

    let read = |sql: Option<&str>| sql.map_or(Nothing, value);
    match (read(expected), read(found)) {
        (Nothing, Nothing) | (PerhapsNothing, _) | (_, PerhapsNothing) => false,
        (Nothing, _) | (_, Nothing) => true,
        (Nextval, Nextval) | (Other, _) | (_, Other) => false,
        (Call(a), Call(b)) => a != b,
        (Nextval | Call(_), _) | (_, Nextval | Call(_)) => true,
        (a @ (Text(_) | Number(_) | Bool(_)), b) => constants_differ(data_type, &a, &b),
    }
}

fn constants_differ(data_type: &str, a: &Value, b: &Value) -> bool {
    let Some(known) = types::built_in(data_type) else { return false };
    match known.as_str() {
        "text" | "varchar" | "name" => {
            matches!((a, b), (Value::Text(a), Value::Text(b)) if a != b)
        }
        "bpchar" => {
            matches!((a, b), (Value::Text(a), Value::Text(b)) if a.trim_end() != b.trim_end())
        }
        "int2" | "int4" | "int8" | "numeric" => {
            matches!((decimal(a), decimal(b)), (Some(a), Some(b)) if a != b)
        }
        "bool" => matches!((truth(a), truth(b)), (Some(a), Some(b)) if a != b),
        // Dates, documents and the like have many spellings.
        _ => false,
    }
}

/// A number without what its value does not need: sign, whole part, fraction.
fn decimal(value: &Value) -> Option<(bool, String, String)> {
    let (Value::Text(text) | Value::Number(text)) = value else { return None };
    let text = text.trim();
    let (negative, digits) = match text.strip_prefix('-') {
        Some(rest) => (true, rest.trim_start()),
        None => (false, text.strip_prefix('+').unwrap_or(text).trim_start()),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let plain = |part: &str| part.chars().all(|c| c.is_ascii_digit());
    if !plain(whole) || !plain(fraction) || whole.is_empty() && fraction.is_empty() {
        return None;
    }
    let (whole, fraction) = (whole.trim_start_matches('0'), fraction.trim_end_matches('0'));
    let zero = whole.is_empty() && fraction.is_empty();
    Some((negative && !zero, whole.to_owned(), fraction.to_owned()))
}

fn truth(value: &Value) -> Option<bool> {
    match value {
        Value::Bool(truth) => Some(*truth),
        Value::Text(text) => match text.trim().to_lowercase().as_str() {
            "t" | "true" | "y" | "yes" | "on" | "1" => Some(true),
            "f" | "false" | "n" | "no" | "off" | "0" => Some(false),
            _ => None,
        },
        Value::Nothing
        | Value::Number(_)
        | Value::Nextval
        | Value::Call(_)
        | Value::PerhapsNothing
        | Value::Other => None,
    }
}

/// The function that a default calls without arguments.
pub(super) fn called(sql: &str) -> Option<String> {
    match value(sql) {
        Value::Call(name) => Some(name),
        _ => None,
    }
}

fn value(sql: &str) -> Value {
    let sql = bare(sql);
    if let Some(rest) = sql.strip_prefix('\'') {
        return text(rest).unwrap_or(Value::Other);
    }
    let lower = sql.to_lowercase();
    if lower.contains("nextval") {
        return if lower.starts_with("nextval") { Value::Nextval } else { Value::Other };
    }
    let (head, cast) = sql.split_once("::").unwrap_or((sql, ""));
    let head = bare(head);
    if !is_type(cast) {
        return other(&lower);
    }
    match head.to_lowercase().as_str() {
        "null" => return Value::Nothing,
        "true" => return Value::Bool(true),
        "false" => return Value::Bool(false),
        _ => {}
    }
    if decimal(&Value::Number(head.to_owned())).is_some() {
        return Value::Number(head.to_owned());
    }
    match head.strip_suffix(')').map(str::trim_end).and_then(|head| head.strip_suffix('(')) {
        Some(name) if cast.is_empty() && is_name(name.trim_end()) => {
            let name = name.trim_end().to_lowercase();
            Value::Call(name.rsplit('.').next().unwrap_or(&name).to_owned())
        }
        Some(_) | None => other(&lower),
    }
}

fn other(lower: &str) -> Value {
    if lower.contains("null") { Value::PerhapsNothing } else { Value::Other }
}

/// What follows the first quotation mark of a string constant, perhaps with a cast. A backslash means what settings say.
fn text(rest: &str) -> Option<Value> {
    let mut value = String::new();
    let mut chars = rest.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        match c {
            '\\' => return None,
            '\'' if chars.peek().is_some_and(|(_, next)| *next == '\'') => {
                chars.next();
                value.push('\'');
            }
            '\'' => {
                let after = rest[at + 1..].trim();
                let cast = after.strip_prefix("::").map(str::trim);
                let whole = after.is_empty() || cast.is_some_and(is_type);
                return whole.then_some(Value::Text(value));
            }
            c => value.push(c),
        }
    }
    None
}

/// Without the parentheses around all of it.
fn bare(sql: &str) -> &str {
    let mut sql = sql.trim();
    while let Some(inner) = sql.strip_prefix('(').and_then(|sql| sql.strip_suffix(')')) {
        if inner.contains(['(', ')', '\'']) {
            break;
        }
        sql = inner.trim();
    }
    sql
}

/// Whether it looks like the name of a type, and like nothing else.
fn is_type(sql: &str) -> bool {
    sql.chars().all(|c| {
        c.is_alphanumeric() || matches!(c, '_' | ' ' | '.' | '"' | '(' | ')' | '[' | ']' | ',')
    })
}

fn is_name(name: &str) -> bool {
    !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn differ(data_type: &str, expected: &str, found: &str) -> bool {
        let some = |sql: &'static str| (!sql.is_empty()).then_some(sql);
        let leak = |sql: &str| some(Box::leak(sql.to_owned().into_boxed_str()));
        surely_differ(data_type, leak(expected), leak(found))
    }

    #[test]
    fn a_spelling_is_no_difference() {
        for (data_type, expected, found) in [
            ("text", "'a'", "'a'::text"),
            ("varchar(5)", "'it''s'", "'it''s'::character varying"),
            ("int", "0", "0"),
            ("bigint", "0", "'0'::bigint"),
            ("int", "-1", "'-1'::integer"),
            ("int", "( -1 )", "(-1)"),
            ("numeric", "1.50", "1.5"),
            ("boolean", "'t'", "true"),
            ("boolean", "FALSE", "false"),
            ("text", "NULL", ""),
            ("text", "", "NULL::text"),
            ("text", "CAST(NULL AS text)", ""),
            ("timestamptz", "NOW()", "now()"),
            ("uuid", "public.uuid_generate_v4()", "public.uuid_generate_v4()"),
            ("int", "nextval('a')", "nextval('public.a_seq'::regclass)"),
            ("timestamptz", "CURRENT_TIMESTAMP", "CURRENT_TIMESTAMP"),
            ("jsonb", "'{\"a\":1}'", "'{\"a\": 1}'::jsonb"),
            ("date", "'today'", "'2026-01-01'::date"),
            ("mood", "'happy'", "'happy'::public.mood"),
            ("int", "1 + 1", "(1 + 1)"),
            ("text", "E'a\\n'", "'a\n'::text"),
            ("text", "('a' || 'b')", "('a'::text || 'b'::text)"),
        ] {
            assert!(!differ(data_type, expected, found), "{data_type}: {expected} and {found}");
        }
    }

    #[test]
    fn another_value_is_a_difference() {
        for (data_type, expected, found) in [
            ("text", "'a'", "'b'::text"),
            ("text", "'a'", ""),
            ("text", "", "'a'::text"),
            ("text", "lower('A')", ""),
            ("int", "0", "1"),
            ("int", "0", "'-1'::integer"),
            ("numeric", "0", "0.5"),
            ("boolean", "true", "false"),
            ("timestamptz", "now()", "clock_timestamp()"),
            ("int", "nextval('a')", "0"),
            ("uuid", "gen_random_uuid()", "'00000000-0000-0000-0000-000000000000'::uuid"),
        ] {
            assert!(differ(data_type, expected, found), "{data_type}: {expected} and {found}");
        }
    }
}
