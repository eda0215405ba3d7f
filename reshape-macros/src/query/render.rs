//! Problems in a statement, as the build script's diagnostics look.
//!
//! A macro cannot point into a string literal, so the message carries the line of the statement with the words underlined.

use std::fmt::Write as _;
use std::ops::Range;

use syn::LitStr;

/// A statement and what is wrong with it so far.
pub(super) struct Statement<'a> {
    literal: &'a LitStr,
    sql: &'a str,
    problems: Vec<String>,
}

impl<'a> Statement<'a> {
    pub(super) fn new(literal: &'a LitStr, sql: &'a str) -> Self {
        Self { literal, sql, problems: Vec::new() }
    }

    /// Something is wrong with the bytes `range` of the statement.
    pub(super) fn problem(
        &mut self,
        code: &str,
        range: Range<usize>,
        message: &str,
        help: Option<&str>,
    ) {
        let text = self.told(code, range, message, help);
        self.problems.push(text);
    }

    /// What is wrong with the bytes `range`, in words.
    pub(super) fn told(
        &self,
        code: &str,
        range: Range<usize>,
        message: &str,
        help: Option<&str>,
    ) -> String {
        let start = self.boundary(range.start);
        let end = self.boundary(range.end).max(start);
        let line_start = self.sql[..start].rfind('\n').map_or(0, |newline| newline + 1);
        let line_end = self.sql[start..].find('\n').map_or(self.sql.len(), |length| start + length);
        let number = self.sql[..start].matches('\n').count() + 1;
        let line = self.sql[line_start..line_end].trim_end().replace('\t', " ");
        let before = self.sql[line_start..start].chars().count();
        let length = self.sql[start..end.min(line_end)].trim_end().chars().count().max(1);
        let gutter = number.to_string().len();
        let mut text = format!("[{code}] {message}");
        let _ = write!(
            text,
            "\n{0:gutter$}--> statement, line {number}, column {1}\n{0:gutter$} |\n{number} | {line}\n{0:gutter$} | {0:before$}{2}",
            "",
            before + 1,
            "^".repeat(length),
        );
        with_help(text, gutter, help)
    }

    /// Something is wrong with all of it.
    pub(super) fn whole(&mut self, code: &str, message: &str, help: Option<&str>) {
        self.problems.push(with_help(format!("[{code}] {message}"), 1, help));
    }

    /// All problems as one error at the literal, if there are any.
    pub(super) fn result(&self) -> syn::Result<()> {
        let mut errors =
            self.problems.iter().map(|text| syn::Error::new(self.literal.span(), text));
        let Some(mut first) = errors.next() else { return Ok(()) };
        errors.for_each(|error| first.combine(error));
        Err(first)
    }

    fn boundary(&self, offset: usize) -> usize {
        let mut offset = offset.min(self.sql.len());
        while !self.sql.is_char_boundary(offset) {
            offset -= 1;
        }
        offset
    }
}

fn with_help(mut text: String, gutter: usize, help: Option<&str>) -> String {
    if let Some(help) = help {
        let _ = write!(text, "\n{:gutter$} = help: {help}", "");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rendered(sql: &str, range: Range<usize>) -> String {
        let literal = LitStr::new(sql, proc_macro2::Span::call_site());
        let mut statement = Statement::new(&literal, sql);
        statement.problem("R0302", range, "there is no column `nam`", Some("did you mean `name`?"));
        statement.result().unwrap_err().to_string()
    }

    #[test]
    fn the_word_is_underlined_in_its_line() {
        insta::assert_snapshot!(rendered("SELECT nam FROM users", 7..10), @r"
        [R0302] there is no column `nam`
         --> statement, line 1, column 8
          |
        1 | SELECT nam FROM users
          |        ^^^
          = help: did you mean `name`?
        ");
        insta::assert_snapshot!(rendered("SELECT id,\n\tößnam\nFROM users", 12..19), @r"
        [R0302] there is no column `nam`
         --> statement, line 2, column 2
          |
        2 |  ößnam
          |  ^^^^^
          = help: did you mean `name`?
        ");
    }

    #[test]
    fn no_range_panics() {
        for (start, end) in [(0, 0), (3, 99), (99, 100), (4, 2)] {
            assert!(rendered("ä\nö", start..end).contains("statement, line"));
        }
        assert!(rendered("", 0..0).contains("column 1"));
    }
}
