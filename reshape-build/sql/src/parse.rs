//! From text to a tree.

use squawk_syntax::syntax_error::SyntaxError;
use squawk_syntax::{SourceFile, SyntaxNode};

use crate::depth;
use crate::finding::{Finding, Rule};

/// The tree of a text, or why there is none; `None` if it is too deep to be looked at. `prefix` and `suffix` are put around it.
pub(crate) fn parse(sql: &str, prefix: &str, suffix: &str) -> Option<Result<SyntaxNode, Finding>> {
    // Ranges are of 32 bits.
    if !depth::is_flat(sql) || sql.len() > (1 << 24) || sql.contains('\0') {
        return None;
    }
    let text = [prefix, sql, suffix].concat();
    let parsed = SourceFile::parse(&text);
    let errors = parsed.errors();
    match errors.iter().find(|error| !is_of_precedence(error, &text)) {
        None => Some(Ok(parsed.syntax_node())),
        Some(error) => Some(Err(finding(error, sql, prefix.len()))),
    }
}

/// Whether the parser complains only because it gives operators another precedence than Postgres: the right side of `a IN (1) IN (true)` and of
/// `a = ANY (b) = c` is complete.
fn is_of_precedence(error: &SyntaxError, text: &str) -> bool {
    let start = usize::from(error.range().start());
    let (Some(before), Some(rest)) = (text.get(..start), text.get(start..)) else { return false };
    match error.message() {
        said if said.contains("a parenthesized value list") => rest.starts_with('('),
        said if said.ends_with("must follow an operator") => {
            before.trim_end().ends_with(|c: char| "=<>!~*+-/|&%^@#".contains(c))
        }
        _ => false,
    }
}

fn finding(error: &SyntaxError, sql: &str, base: usize) -> Finding {
    let at = |at: usize| at.saturating_sub(base).min(sql.len());
    let start = at(error.range().start().into());
    let mut end = at(error.range().end().into());
    // The parser reports where something is missing: after what it has read.
    let rest = &sql[boundary(sql, start)..];
    let blank = rest.len() - rest.trim_start().len();
    let mut start = boundary(sql, start);
    if end <= start {
        start += blank;
        let word = |c: char| c.is_alphanumeric() || c == '_';
        let rest = &sql[start..];
        let length = rest.find(|c| !word(c)).unwrap_or(rest.len());
        end = start + length.max(rest.chars().next().map_or(0, char::len_utf8));
    }
    let end = boundary(sql, end).max(start);
    let at_end = sql[start..].trim().is_empty();
    let message = format!("the SQL does not parse: {}", told(error.message(), at_end));
    let finding = Finding::new(Rule::Syntax, start..end, message);
    if sql[start..].starts_with(';') && base > 0 {
        return finding.help("it is one expression, and has no `;`");
    }
    finding
}

/// What the parser says, without the names that it has for tokens.
fn told(said: &str, at_end: bool) -> String {
    // An expression is parsed in parentheses.
    if said == "expected COMMA" {
        return String::from("expected `,` or `)`");
    }
    let mut words: Vec<String> = Vec::new();
    for word in said.trim_end_matches('.').split(' ') {
        let (word, comma) = match word.strip_suffix(',') {
            Some(word) => (word, ","),
            None => (word, ""),
        };
        let found = words.last().is_some_and(|last| last == "found");
        let spelled = match word {
            "R_PAREN" | "EOF" if found && at_end => String::from("the end"),
            "EOF" => String::from("the end"),
            "L_PAREN" => String::from("`(`"),
            "R_PAREN" => String::from("`)`"),
            "L_BRACK" => String::from("`[`"),
            "R_BRACK" => String::from("`]`"),
            "COMMA" => String::from("`,`"),
            "SEMICOLON" => String::from("`;`"),
            "EQ" => String::from("`=`"),
            "COLON" => String::from("`:`"),
            "DOT" => String::from("`.`"),
            "STAR" => String::from("`*`"),
            "IDENT" => String::from("a name"),
            "STRING" => String::from("a string"),
            "INT_NUMBER" | "NUMERIC_NUMBER" => String::from("a number"),
            word => match word.strip_suffix("_KW") {
                Some(keyword) => format!("`{keyword}`"),
                None => word.to_owned(),
            },
        };
        words.push(spelled + comma);
    }
    let told = words.join(" ");
    // A keyword is in capitals from its second letter on.
    if told.chars().nth(1).is_some_and(char::is_uppercase) {
        return told;
    }
    let mut characters = told.chars();
    characters.next().map(|c| c.to_ascii_lowercase()).into_iter().chain(characters).collect()
}

fn boundary(sql: &str, mut at: usize) -> usize {
    while !sql.is_char_boundary(at) {
        at -= 1;
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_about_sql_rather_than_about_the_parser() {
        assert_eq!(told("expected END_KW", true), "expected `END`");
        assert_eq!(
            told("expected an expression, found R_PAREN", true),
            "expected an expression, found the end"
        );
        assert_eq!(
            told("expected command, found CREATE_KW", false),
            "expected command, found `CREATE`"
        );
        assert_eq!(told("expected COMMA", false), "expected `,` or `)`");
        assert_eq!(told("SELECT ... INTO is not", false), "SELECT ... INTO is not");
        assert_eq!(told("Missing trailing `'` symbol", true), "missing trailing `'` symbol");
    }

    #[test]
    fn what_is_missing_is_pointed_at() {
        let at = |sql: &str| match parse(sql, "SELECT (\n", "\n)") {
            Some(Err(finding)) => sql[finding.range].to_owned(),
            other => panic!("{other:?}"),
        };
        assert_eq!(at("CASE\n WHEN THEN 1 END"), "THEN");
        assert_eq!(at("a = = b"), "=");
        assert_eq!(at("name ||"), "");
        assert_eq!(at("a IN b"), "b");
    }

    #[test]
    fn what_is_complete_may_be_followed_by_an_operator() {
        for fine in ["a = ANY (b) = c", "a IN (1) IN (true)", "a < ALL (b) <> (c = 1)"] {
            let parsed = parse(fine, "SELECT (", ")");
            assert!(matches!(parsed, Some(Ok(_))), "{fine}: {parsed:?}");
        }
        for wrong in ["ANY (b) = c", "a IN 1", "(ANY (b)) = c"] {
            assert!(matches!(parse(wrong, "SELECT (", ")"), Some(Err(_))), "{wrong}");
        }
    }
}
