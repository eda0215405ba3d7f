//! Which names an SQL expression may refer to.
//!
//! **Invariant:** never misses a reference. A word in a string or a comment counts as one too: that costs a needless
//! recomputation, while a missed reference would lose a write. Names are resolved by Postgres, not here.

/// Whether `expression` may refer to the column `name` of the table `table`.
pub(crate) fn mentions(expression: &str, table: &str, name: &str) -> bool {
    whole_row(expression, table) || has_unicode_escape(expression) || has_name(expression, name)
}

/// Whether `expression` may refer to a whole row of `table`, as in `to_jsonb(users)` or `users.*`.
pub(crate) fn whole_row(expression: &str, table: &str) -> bool {
    occurrences(expression, table).any(|end| {
        let rest = expression[end..].trim_start_matches('"').trim_start();
        match rest.strip_prefix('.') {
            Some(field) => field.trim_start().starts_with('*'),
            None => true,
        }
    })
}

/// `U&"\0061"` spells a name without showing it.
fn has_unicode_escape(expression: &str) -> bool {
    expression.as_bytes().windows(3).any(|w| w.eq_ignore_ascii_case(b"u&\""))
}

fn has_name(expression: &str, name: &str) -> bool {
    occurrences(expression, name).next().is_some()
}

/// Where `name` stands as a word of its own, quoted or not: the offsets of its ends.
fn occurrences<'a>(expression: &'a str, name: &str) -> impl Iterator<Item = usize> + 'a {
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
                        found.push(at);
                    }
                    start = None;
                }
                _ => {}
            }
        }
    } else {
        found.extend(expression.match_indices(&quoted).map(|(at, _)| at + quoted.len()));
    }
    found.into_iter()
}

/// What an unquoted identifier is made of.
fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_' || c == '$' || !c.is_ascii()
}

#[cfg(test)]
mod tests {
    use super::*;

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
    fn a_whole_row_mentions_every_column() {
        assert!(mentions("to_jsonb(users)", "users", "name"));
        assert!(mentions("to_jsonb(users.*)", "users", "name"));
        assert!(mentions("to_jsonb(\"users\")", "users", "name"));
        assert!(!mentions("users.id + 1", "users", "name"));
        assert!(!mentions("\"users\".id + 1", "users", "name"));
    }

    #[test]
    fn an_escaped_name_may_be_any() {
        assert!(mentions("U&\"\\006eame\"", "users", "name"));
    }
}
