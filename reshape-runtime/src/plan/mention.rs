//! Which names an SQL expression may refer to.
//!
//! **Invariant:** never misses a reference: that would lose a write. What is none may count as one, but words in strings and comments do
//! not: a needless recomputation overwrites what a client of the other version wrote. Names are resolved by Postgres, not here.

use std::borrow::Cow;

mod relation;

pub(crate) use relation::{has_sub_select, locks_rows, reads_column, reads_rows, relation};

/// Whether `expression` may refer to the column `name` of the table `table`.
pub(crate) fn mentions(expression: &str, table: &str, name: &str) -> bool {
    has_unicode_escape(expression)
        || whole_row(expression, table)
        || has_name(&code(expression), name)
}

/// The same where the table has a column of its own name: that is what the name alone means then.
pub(crate) fn mentions_beside_namesake(expression: &str, table: &str, name: &str) -> bool {
    let code = code(expression);
    let all = occurrences(&code, table)
        .any(|end| field(&code[end..]).is_some_and(|field| field.starts_with('*')));
    has_unicode_escape(expression) || all || has_name(&code, name)
}

/// Whether `expression` may refer to a whole row of `table`, as in `to_jsonb(users)` or `users.*`.
pub(crate) fn whole_row(expression: &str, table: &str) -> bool {
    let code = code(expression);
    occurrences(&code, table)
        .any(|end| field(&code[end..]).is_none_or(|field| field.starts_with('*')))
}

/// Whether `expression` may say `name`, of whatever it is.
pub(crate) fn says(expression: &str, name: &str) -> bool {
    has_unicode_escape(expression) || occurrences(&code(expression), name).next().is_some()
}

/// Whether `expression`, which sees the columns of two tables, may refer to the column `name` of `table`. `hidden`: a column of that name
/// of the `other` table is what the name alone means. `namesake`: one of the two tables has a column called `table`.
pub(crate) fn mentions_beside(
    expression: &str,
    (table, namesake): (&str, bool),
    other: &str,
    (name, hidden): (&str, bool),
) -> bool {
    let code = code(expression);
    let row = |field: Option<&str>| match field {
        Some(field) => field.starts_with('*'),
        None => !namesake,
    };
    has_unicode_escape(expression)
        || occurrences(&code, table).any(|end| row(field(&code[end..])))
        || places(&code, name).into_iter().any(|(start, end)| {
            field(&code[end..]).is_none()
                && match before_dot(&code[..start]) {
                    None => !hidden,
                    Some(qualifier) => !ends_with_name(qualifier, other),
                }
        })
}

/// What stands before a qualified name, without the dot.
fn before_dot(text: &str) -> Option<&str> {
    text.trim_end_matches('"').trim_end().strip_suffix('.').map(str::trim_end)
}

/// Whether the last identifier of `text` is `name`.
fn ends_with_name(text: &str, name: &str) -> bool {
    let quoted = name.replace('"', "\"\"");
    if text.ends_with('"') {
        return text.ends_with(&format!("\"{quoted}\""));
    }
    let start = text.char_indices().rev().take_while(|(_, c)| is_word(*c)).last();
    start.is_some_and(|(at, _)| text[at..] == quoted || text[at..].to_lowercase() == quoted)
}

/// What follows the dot after a name.
fn field(rest: &str) -> Option<&str> {
    rest.trim_start_matches('"').trim_start().strip_prefix('.').map(str::trim_start)
}

/// The expression with every string constant and comment as a blank; the whole of it where one does not end.
pub(crate) fn code(expression: &str) -> Cow<'_, str> {
    let mut code = String::new();
    let mut rest = expression;
    while let Some(c) = rest.chars().next() {
        let length = match c {
            // A name in quotes may contain all of the others.
            '"' => rest[1..].find('"').map(|end| end + 2),
            '\'' => string(rest),
            '-' if rest.starts_with("--") => Some(rest.find(['\n', '\r']).unwrap_or(rest.len())),
            '/' if rest.starts_with("/*") => comment(rest),
            '$' if !code.ends_with(is_word) => dollar(rest),
            _ => Some(c.len_utf8()),
        };
        let Some(length) = length else { return Cow::Borrowed(expression) };
        let (token, after) = rest.split_at(length);
        let blank = length > 1 && matches!(c, '\'' | '-' | '/' | '$');
        code.push_str(if blank { " " } else { token });
        rest = after;
    }
    Cow::Owned(code)
}

/// The length of the string constant that `text` begins with; none for one with a backslash, whose meaning depends on settings.
fn string(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    let mut at = 1;
    loop {
        match (bytes.get(at)?, bytes.get(at + 1)) {
            (b'\'', Some(b'\'')) => at += 2,
            (b'\'', _) => return Some(at + 1),
            (b'\\', _) => return None,
            _ => at += 1,
        }
    }
}

/// The length of the comment, which may contain others.
fn comment(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    let (mut at, mut depth) = (2, 1);
    while depth > 0 {
        match bytes.get(at..at + 2)? {
            b"/*" => (at, depth) = (at + 2, depth + 1),
            b"*/" => (at, depth) = (at + 2, depth - 1),
            _ => at += 1,
        }
    }
    Some(at)
}

/// The length of the dollar-quoted constant, or that of the dollar if it begins none.
fn dollar(text: &str) -> Option<usize> {
    let Some(end) = text[1..].find(|c: char| !is_word(c) || c == '$').map(|end| end + 2) else {
        return Some(1);
    };
    if !text[..end].ends_with('$') || text[1..].starts_with(|c: char| c.is_ascii_digit()) {
        return Some(1);
    }
    text[end..].find(&text[..end]).map(|close| close + 2 * end)
}

/// `U&"\0061"` spells a name without showing it.
fn has_unicode_escape(expression: &str) -> bool {
    expression.as_bytes().windows(3).any(|w| w.eq_ignore_ascii_case(b"u&\""))
}

/// A name before a dot is a table's or a schema's: a field of a composite column needs parentheses, `(address).city`.
fn has_name(expression: &str, name: &str) -> bool {
    occurrences(expression, name).any(|end| field(&expression[end..]).is_none())
}

/// Where `name` stands as a word of its own, quoted or not: the offsets of its ends.
fn occurrences<'a>(expression: &'a str, name: &str) -> impl Iterator<Item = usize> + 'a {
    places(expression, name).into_iter().map(|(_, end)| end)
}

/// The same with their beginnings; a quotation mark does not count.
fn places(expression: &str, name: &str) -> Vec<(usize, usize)> {
    let quoted = name.replace('"', "\"\"");
    let plain = quoted.chars().all(is_word);
    let mut found = Vec::new();
    if plain {
        let mut start = None;
        for (at, c) in expression.char_indices().chain([(expression.len(), ' ')]) {
            match (is_word(c), start) {
                (true, None) => start = Some(at),
                (false, Some(from)) => {
                    let word = &expression[from..at];
                    if word == quoted || word.to_lowercase() == quoted {
                        found.push((from, at));
                    }
                    start = None;
                }
                _ => {}
            }
        }
    } else {
        found.extend(expression.match_indices(&quoted).map(|(at, _)| (at, at + quoted.len())));
    }
    found
}

/// What an unquoted identifier is made of.
fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_' || c == '$' || !c.is_ascii()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_and_comments_are_no_code() {
        let mentions = |sql| mentions(sql, "users", "name");
        assert!(!mentions("'name' || id"));
        assert!(!mentions("'it''s name' || id"));
        assert!(!mentions("id -- not name"));
        assert!(!mentions("id /* not /* the */ name */"));
        assert!(!mentions("$$name$$ || $x$ name $$ $x$"));
        assert!(!mentions("'users'"));
        assert!(mentions("'\\' || name || ''"));
        assert!(mentions("'--' || name"));
        assert!(mentions("\"'\" || name || \"'\""));
        assert!(mentions("1 -- '\n || name -- '"));
        assert!(mentions("a$b || name || c$b"));
        assert!(mentions("$1 || name || $1"));
        // Not one that Postgres accepts: better too much than too little.
        assert!(mentions("'name"));
        assert!(mentions("/* name"));
    }

    #[test]
    fn a_column_named_as_the_table_is_no_row() {
        assert!(mentions("upper(t)", "t", "name"));
        assert!(!mentions_beside_namesake("upper(t)", "t", "name"));
        assert!(mentions_beside_namesake("upper(t)", "t", "t"));
        assert!(mentions_beside_namesake("to_jsonb(t.*)", "t", "name"));
    }

    #[test]
    fn words_count_and_parts_of_words_do_not() {
        assert!(mentions("split_part(name, ' ', 1)", "users", "name"));
        assert!(mentions("lower(NAME)", "users", "name"));
        assert!(mentions("\"Name\"", "users", "Name"));
        assert!(!mentions("\"Name\"", "users", "name_"));
        assert!(!mentions("first_name || surname", "users", "name"));
        assert!(mentions("users.name", "users", "name"));
        assert!(mentions("\"first name\" || 'x'", "users", "first name"));
        assert!(mentions("\"a\"\"b\"", "users", "a\"b"));
    }

    #[test]
    fn a_name_before_a_dot_is_no_column() {
        assert!(!mentions_beside_namesake("1 - \"t\".\"qu\"\"ote\"", "t", "t"));
        assert!(!mentions_beside_namesake("t.a || t . b", "t", "t"));
        assert!(mentions_beside_namesake("t.t", "t", "t"));
        assert!(mentions("(address).city", "users", "address"));
    }

    #[test]
    fn a_whole_row_mentions_every_column() {
        assert!(mentions("to_jsonb(users)", "users", "name"));
        assert!(mentions("to_jsonb(users.*)", "users", "name"));
        assert!(mentions("to_jsonb(\"users\")", "users", "name"));
        assert!(!mentions("users.id + 1", "users", "name"));
        assert!(!mentions("\"users\".id + 1", "users", "name"));
    }

    #[test]
    fn names_of_two_tables() {
        let user = |sql, name| mentions_beside(sql, ("users", false), "profiles", (name, false));
        let profile =
            |sql, name, hidden| mentions_beside(sql, ("profiles", false), "users", (name, hidden));
        let sql = "profiles.user_id = users.id AND \"users\" . \"Email\" <> ''";
        assert!(user(sql, "id") && user(sql, "Email") && !user(sql, "user_id"));
        assert!(profile(sql, "user_id", true) && !profile(sql, "id", true));
        assert!(user("user_id = id", "id") && !profile("user_id = id", "id", true));
        assert!(profile("user_id = id", "user_id", false));
        assert!(user("to_jsonb(users)", "id") && !user("to_jsonb(profiles)", "id"));
        assert!(user("users.*", "id") && profile("PROFILES.id", "id", true));
        // An alias of a sub-select of the user's: it may be either.
        assert!(user("(SELECT x.id FROM users x)", "id") && profile("x.id", "id", true));
        assert!(!mentions_beside("id", ("users", true), "a", ("x", false)));
    }

    #[test]
    fn an_escaped_name_may_be_any() {
        assert!(mentions("U&\"\\006eame\"", "users", "name"));
    }
}
