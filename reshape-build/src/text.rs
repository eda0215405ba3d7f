//! The text of one file, and places in it.
//!
//! **Invariant:** a span is a byte range of [`Source::text`], on character boundaries; lines and columns exist only for people.

use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

/// A byte range of a source's text.
pub(crate) type Span = Range<usize>;

/// A file, or a folder that stands for one in a message.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Source {
    /// The path as people know it: relative to the package, with `/` on every platform.
    pub(crate) path: String,
    /// Its text without a byte order mark; empty if it could not be read.
    pub(crate) text: String,
}

impl Source {
    pub(crate) fn new(path: &Path, text: impl Into<String>) -> Arc<Self> {
        let mut text = text.into();
        if text.starts_with('\u{feff}') {
            text.drain(..'\u{feff}'.len_utf8());
        }
        Arc::new(Self { path: display(path), text })
    }

    /// The line and column of a byte offset, both from 1, the column in characters.
    pub(crate) fn position(&self, offset: usize) -> (usize, usize) {
        let before = &self.text[..self.floor(offset)];
        let line = before.matches('\n').count() + 1;
        let start = before.rfind('\n').map_or(0, |newline| newline + 1);
        (line, before[start..].chars().count() + 1)
    }

    /// The part of `span` that is on its first line: what is underlined of a value of several lines.
    pub(crate) fn first_line(&self, span: &Span) -> Span {
        let start = self.floor(span.start);
        let end = self.floor(span.end).max(start);
        let text = &self.text[start..end];
        start..start + text.find(['\n', '\r']).unwrap_or(text.len())
    }

    /// The text of a span.
    pub(crate) fn slice(&self, span: &Span) -> &str {
        let start = self.floor(span.start);
        &self.text[start..self.floor(span.end).max(start)]
    }

    /// The nearest character boundary at or before `offset`: parsers may point past the end or into a character.
    fn floor(&self, offset: usize) -> usize {
        let mut offset = offset.min(self.text.len());
        while !self.text.is_char_boundary(offset) {
            offset -= 1;
        }
        offset
    }
}

/// A path for people: `/` on every platform, so that messages and snapshots are the same everywhere.
pub(crate) fn display(path: &Path) -> String {
    let path = path.display().to_string();
    if std::path::MAIN_SEPARATOR == '/' { path } else { path.replace('\\', "/") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_count_characters_and_skip_the_byte_order_mark() {
        let source = Source::new(Path::new("a"), "\u{feff}é = \"ü\"\r\nb = 1\n");
        assert_eq!(source.position(0), (1, 1));
        assert_eq!(source.position(source.text.find("\"ü").unwrap()), (1, 5));
        assert_eq!(source.position(source.text.find('1').unwrap()), (2, 5));
        assert_eq!(source.position(1), (1, 1), "inside a character");
        assert_eq!(source.position(1000), (3, 1), "past the end");
    }

    #[test]
    fn only_the_first_line_of_a_span_is_shown() {
        let source = Source::new(Path::new("a"), "ab\r\ncd");
        assert_eq!(source.first_line(&(1..6)), 1..2);
        assert_eq!(source.first_line(&Span { start: 9, end: 3 }), 6..6, "never a panic");
    }
}
