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
    match parsed.errors().first() {
        None => Some(Ok(parsed.syntax_node())),
        Some(error) => Some(Err(finding(error, sql, prefix.len()))),
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
    let said = error.message();
    let mut message = String::from("the SQL does not parse: ");
    let mut characters = said.trim_end_matches('.').chars();
    message.extend(characters.next().map(|c| c.to_ascii_lowercase()));
    message.push_str(characters.as_str());
    Finding::new(Rule::Syntax, start..end, message)
}

fn boundary(sql: &str, mut at: usize) -> usize {
    while !sql.is_char_boundary(at) {
        at -= 1;
    }
    at
}
