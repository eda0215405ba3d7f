//! The tokens of SQL, and its statements: as much as hazards ask for.
//!
//! A parser would know more, and would refuse what a newer Postgres, an extension or PL/pgSQL adds. What a statement does to which table stands in its
//! first words, so these are enough.
//!
//! **Invariant:** takes any text, in linear time; what is no SQL gives tokens that no rule knows.

use std::ops::Range;

/// A token: no blank, no comment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Token<'a> {
    pub(super) kind: Kind,
    pub(super) text: &'a str,
    pub(super) start: usize,
}

/// The kinds of tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A keyword or a name without quotes.
    Word,
    /// A name in quotes.
    Quoted,
    /// A string constant of any kind.
    String,
    /// One character of anything else.
    Other,
}

impl Token<'_> {
    /// Whether it is that keyword, given in lower case.
    pub(super) fn is(&self, keyword: &str) -> bool {
        self.kind != Kind::Quoted
            && self.kind != Kind::String
            && self.text.eq_ignore_ascii_case(keyword)
    }

    /// The name that it is, as Postgres keeps it.
    pub(super) fn name(&self) -> Option<String> {
        match self.kind {
            Kind::Word => Some(self.text.to_lowercase()),
            Kind::Quoted => Some(self.text[1..].trim_end_matches('"').replace("\"\"", "\"")),
            Kind::String | Kind::Other => None,
        }
    }

    pub(super) fn range(&self) -> Range<usize> {
        self.start..self.start + self.text.len()
    }
}

/// The statements of a script, each with at least one token.
pub(super) fn statements(sql: &str) -> Vec<Vec<Token<'_>>> {
    let mut statements = vec![Vec::new()];
    let mut depth = 0_usize;
    // `BEGIN ATOMIC … END` of a function has semicolons, and so may have CASE … END in it.
    let mut blocks = 0_usize;
    for token in tokens(sql) {
        let current: &mut Vec<Token<'_>> = statements.last_mut().expect("never empty");
        match token.text {
            "(" => depth += 1,
            ")" => depth = depth.saturating_sub(1),
            ";" if depth == 0 && blocks == 0 => {
                statements.push(Vec::new());
                continue;
            }
            _ => {
                let after_begin = current.last().is_some_and(|last| last.is("begin"));
                let opens = token.is("atomic") && after_begin || token.is("case") && blocks > 0;
                blocks += usize::from(opens);
                blocks -= usize::from(token.is("end") && blocks > 0);
            }
        }
        current.push(token);
    }
    statements.retain(|statement| !statement.is_empty());
    statements
}

fn tokens(sql: &str) -> Vec<Token<'_>> {
    let mut tokens = Vec::new();
    let mut at = 0;
    while let Some(c) = sql[at..].chars().next() {
        let rest = &sql[at..];
        let (kind, length) = token(rest, c);
        if let Some(kind) = kind {
            tokens.push(Token { kind, text: &rest[..length], start: at });
        }
        at += length;
    }
    tokens
}

/// The kind, none for what is left out, and the length in bytes, at least one character.
fn token(rest: &str, c: char) -> (Option<Kind>, usize) {
    if c.is_whitespace() {
        return (None, c.len_utf8());
    }
    if rest.starts_with("--") {
        return (None, rest.find('\n').unwrap_or(rest.len()));
    }
    if rest.starts_with("/*") {
        return (None, comment(rest));
    }
    match c {
        '"' => (Some(Kind::Quoted), delimited(rest, 1, '"', false)),
        '\'' => (Some(Kind::String), delimited(rest, 1, '\'', false)),
        '$' => match dollar(rest) {
            Some(length) => (Some(Kind::String), length),
            None => (Some(Kind::Other), 1),
        },
        _ if is_word(c) => {
            let length = rest.find(|c: char| !is_word(c) && c != '$').unwrap_or(rest.len());
            // E'…' has backslashes, the others none.
            let quote = rest[length..].starts_with('\'');
            match &rest[..length] {
                "e" | "E" if quote => (Some(Kind::String), delimited(rest, length + 1, '\'', true)),
                "b" | "B" | "x" | "X" | "n" | "N" if quote => {
                    (Some(Kind::String), delimited(rest, length + 1, '\'', false))
                }
                _ => (Some(Kind::Word), length),
            }
        }
        _ => (Some(Kind::Other), c.len_utf8()),
    }
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_' || !c.is_ascii() && !c.is_whitespace()
}

/// The length of what ends with a `quote` that is not doubled; all of the text if there is none.
fn delimited(text: &str, open: usize, quote: char, backslashes: bool) -> usize {
    let mut characters = text.char_indices().skip_while(|(at, _)| *at < open).peekable();
    while let Some((at, c)) = characters.next() {
        if c == '\\' && backslashes {
            characters.next();
        } else if c == quote && characters.next_if(|(_, next)| *next == quote).is_none() {
            return at + 1;
        }
    }
    text.len()
}

/// The length of a comment, which may contain others.
fn comment(text: &str) -> usize {
    let bytes = text.as_bytes();
    let (mut at, mut depth) = (2, 1_usize);
    while depth > 0 && at < bytes.len() {
        match bytes.get(at..at + 2) {
            Some(b"/*") => (at, depth) = (at + 2, depth + 1),
            Some(b"*/") => (at, depth) = (at + 2, depth - 1),
            _ => at += 1,
        }
    }
    // An open end: the whole of it, up to a boundary.
    if depth > 0 { text.len() } else { at }
}

/// The length of a dollar-quoted string, if one begins here.
fn dollar(text: &str) -> Option<usize> {
    let end = text[1..].find('$')? + 2;
    let tag = &text[1..end - 1];
    let is_tag = tag.chars().all(is_word) && !tag.starts_with(|c: char| c.is_ascii_digit());
    is_tag.then(|| match text[end..].find(&text[..end]) {
        Some(close) => close + 2 * end,
        None => text.len(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(sql: &str) -> Vec<String> {
        let text = |statement: &Vec<Token<'_>>| {
            statement.iter().map(|token| token.text).collect::<Vec<_>>().join(" ")
        };
        statements(sql).iter().map(text).collect()
    }

    #[test]
    fn semicolons_in_strings_comments_and_bodies_end_nothing() {
        assert_eq!(
            split("SELECT ';', E'\\';', $a$;$a$, \";\" -- ;\n; /* ; /* ; */ */ SELECT $1;;"),
            ["SELECT ';' , E'\\';' , $a$;$a$ , \";\"", "SELECT $ 1"]
        );
        let body = "CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT CASE WHEN true THEN 1 END; SELECT 2; END";
        assert_eq!(split(&format!("{body}; COMMIT")).len(), 2);
        assert_eq!(
            split("CREATE RULE r AS ON INSERT TO t DO (SELECT 1; SELECT 2); COMMIT").len(),
            2
        );
    }

    #[test]
    fn any_text_has_tokens() {
        for sql in [
            "",
            "'",
            "\"",
            "$",
            "$a",
            "$a$",
            "/*",
            "/* /* */",
            "E'\\",
            "é$é",
            "'é",
            "--",
            "\u{0}",
            "日本;語",
        ] {
            let found = statements(sql);
            for token in found.iter().flatten() {
                assert_eq!(&sql[token.range()], token.text, "{sql:?}");
            }
        }
    }
}
