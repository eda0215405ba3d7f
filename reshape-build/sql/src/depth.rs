//! What is nested too deeply to be looked at.
//!
//! **Invariant:** what passes can be parsed and walked on a stack of 2 MB in a debug build; the parser descends recursively.

/// How deep parentheses, brackets and `CASE` may be nested.
const NESTED: usize = 60;

/// How many words and signs there may be in a row, without a comma or parenthesis: each operator of a chain is a level of the tree.
const CHAIN: usize = 2000;

/// Whether `sql` is flat enough. What stands in strings and comments counts as well: it errs on the side of too deep.
pub(crate) fn is_flat(sql: &str) -> bool {
    let (mut nested, mut cases, mut chain, mut prefixes) = (0usize, 0usize, 0usize, 0usize);
    let bytes = sql.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        let start = at;
        let is_word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || !byte.is_ascii();
        while at < bytes.len() && is_word(bytes[at]) {
            at += 1;
        }
        if at > start {
            chain += 1;
            let word = &bytes[start..at];
            if word.eq_ignore_ascii_case(b"case") {
                cases += 1;
            } else if word.eq_ignore_ascii_case(b"end") {
                cases = cases.saturating_sub(1);
            }
            prefixes = if word.eq_ignore_ascii_case(b"not") { prefixes + 1 } else { 0 };
        } else {
            match bytes[at] {
                b'(' => {
                    nested += 1;
                    chain = 0;
                }
                b')' => {
                    nested = nested.saturating_sub(1);
                    chain = 0;
                }
                // A subscript is a level around what it is of: `a[1][1]` is two.
                b'[' => {
                    nested += 1;
                    chain += 1;
                }
                b']' => nested = nested.saturating_sub(1),
                b',' => chain = 0,
                b';' => (chain, nested, cases) = (0, 0, 0),
                byte if byte.is_ascii_whitespace() => {}
                b'+' | b'-' | b'~' | b'@' => {
                    chain += 1;
                    prefixes += 1;
                }
                _ => chain += 1,
            }
            at += 1;
        }
        if nested + cases > NESTED || chain > CHAIN || prefixes > NESTED {
            return false;
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::is_flat;

    #[test]
    fn what_people_write_is_flat() {
        assert!(is_flat("CASE WHEN ((a)) THEN lower(b) ELSE c[1] END"));
        assert!(is_flat(&"a = 1 OR ".repeat(500)));
        assert!(is_flat(&"(1, 2),".repeat(10_000)));
    }

    #[test]
    fn what_would_overflow_the_stack_is_not() {
        for deep in ["(", "[", "case when ", "not ", "- ", "a or ", "[1]", "[1:2]"] {
            assert!(!is_flat(&deep.repeat(3000)), "{deep}");
        }
    }
}
