//! From a place in the value of a string back to where that is written: behind quotes, escapes and trimmed line ends.
//!
//! **Invariant:** a guess is never made. What this module reads is compared with what the parser has read; if they differ, there
//! is no place.

use std::ops::Range;

use super::Format;
use crate::text::Span;

/// The place of the bytes `within` of the string `value`, which is written as `text`, quotes and all; relative to `text`.
pub(super) fn locate(
    text: &str,
    format: Format,
    value: &str,
    within: &Range<usize>,
) -> Option<Span> {
    if let Some(span) = verbatim(text, format, value, within) {
        return Some(span);
    }
    let pieces = match format {
        Format::Toml => toml(text),
        Format::Json => json(text),
    }?;
    let same = pieces.characters.iter().map(|piece| piece.value).eq(value.chars());
    if !same || within.start > within.end || within.end > value.len() {
        return None;
    }
    Some(pieces.find(within))
}

/// The same where the value is written as it is. There may be hundreds of places in one long string, and this looks at no character by itself.
fn verbatim(text: &str, format: Format, value: &str, within: &Range<usize>) -> Option<Span> {
    let quotes: &[&str] = match format {
        Format::Toml => &["\"\"\"", "'''", "\"", "'"],
        Format::Json => &["\""],
    };
    let quote = quotes.iter().find(|quote| text.starts_with(**quote))?;
    let content = text.get(quote.len()..)?.strip_suffix(quote)?;
    let first = if quote.len() == 3 { newline(content).unwrap_or_default() } else { 0 };
    let content = &content[first..];
    let escapes = quote.starts_with('"') && content.contains('\\');
    if escapes || content != value || value.get(within.clone()).is_none() {
        return None;
    }
    let start = quote.len() + first;
    Some(start + within.start..start + within.end)
}

/// A string as it is written, character by character of its value.
#[derive(Debug, Default)]
struct Pieces {
    characters: Vec<Piece>,
    /// Where the content begins, for a string without any.
    start: usize,
}

/// A character of the value, and where it is written.
#[derive(Debug)]
struct Piece {
    value: char,
    written: Span,
}

impl Pieces {
    fn find(&self, within: &Range<usize>) -> Span {
        let mut offset = 0;
        // Where the next character is written; between two, what is trimmed belongs to neither.
        let mut end = self.start;
        let mut found: Option<Span> = None;
        for Piece { value, written } in &self.characters {
            let next = offset + value.len_utf8();
            // An offset inside a character counts as its beginning.
            if next > within.start && found.is_none() {
                found = Some(written.start..written.start);
            }
            if offset >= within.end && found.is_some() {
                break;
            }
            if offset < within.end
                && let Some(found) = &mut found
            {
                found.end = written.end;
            }
            (offset, end) = (next, written.end);
        }
        found.unwrap_or(end..end)
    }
}

/// What is left to read of a string.
struct Reader<'a> {
    text: &'a str,
    at: usize,
    pieces: Pieces,
}

impl<'a> Reader<'a> {
    fn new(text: &'a str, at: usize) -> Self {
        Self { text, at, pieces: Pieces { characters: Vec::new(), start: at } }
    }

    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    /// A character that is written with `length` bytes.
    fn push(&mut self, value: char, length: usize) {
        self.pieces.characters.push(Piece { value, written: self.at..self.at + length });
        self.at += length;
    }

    /// A character that stands for itself.
    fn plain(&mut self) -> Option<()> {
        let next = self.rest().chars().next()?;
        self.push(next, next.len_utf8());
        Some(())
    }

    /// A number of hexadecimal digits behind the `skip` bytes ahead.
    fn hex(&self, skip: usize, digits: usize) -> Option<u32> {
        u32::from_str_radix(self.rest().get(skip..skip + digits)?, 16).ok()
    }
}

/// What TOML has four ways to write: <https://toml.io/en/v1.1.0#string>
fn toml(text: &str) -> Option<Pieces> {
    let quote = ["\"\"\"", "'''", "\"", "'"].into_iter().find(|quote| text.starts_with(quote))?;
    // An empty string begins with two quotes and has no third.
    let quote = if text.len() == 2 { &quote[..1] } else { quote };
    let end = text.strip_suffix(quote)?.len();
    let mut reader = Reader::new(text.get(..end).filter(|_| end >= quote.len())?, quote.len());
    let lines = quote.len() == 3;
    if lines && let Some(newline) = newline(reader.rest()) {
        reader.at += newline;
        reader.pieces.start = reader.at;
    }
    while !reader.rest().is_empty() {
        if quote.starts_with('"') && reader.rest().starts_with('\\') {
            toml_escape(&mut reader)?;
        } else {
            reader.plain()?;
        }
    }
    Some(reader.pieces)
}

fn toml_escape(reader: &mut Reader<'_>) -> Option<()> {
    let rest = reader.rest();
    let blank = |c: char| c == ' ' || c == '\t';
    let behind = rest.get(1..)?;
    if newline(behind.trim_start_matches(blank)).is_some() {
        // A backslash at the end of a line: it, the line end and all white space before the next text mean nothing.
        let text = behind.trim_start_matches(|c| blank(c) || c == '\n' || c == '\r');
        reader.at += rest.len() - text.len();
        return Some(());
    }
    let (value, length) = match behind.chars().next()? {
        'b' => ('\u{8}', 2),
        't' => ('\t', 2),
        'n' => ('\n', 2),
        'f' => ('\u{c}', 2),
        'r' => ('\r', 2),
        'e' => ('\u{1b}', 2),
        '"' => ('"', 2),
        '\\' => ('\\', 2),
        'x' => (char::from_u32(reader.hex(2, 2)?)?, 4),
        'u' => (char::from_u32(reader.hex(2, 4)?)?, 6),
        'U' => (char::from_u32(reader.hex(2, 8)?)?, 10),
        _ => return None,
    };
    reader.push(value, length);
    Some(())
}

fn newline(text: &str) -> Option<usize> {
    ["\n", "\r\n"].into_iter().find(|newline| text.starts_with(newline)).map(str::len)
}

fn json(text: &str) -> Option<Pieces> {
    let end = text.strip_suffix('"')?.len();
    let mut reader = Reader::new(text.get(..end).filter(|_| end > 0)?, 1);
    while !reader.rest().is_empty() {
        if !reader.rest().starts_with('\\') {
            reader.plain()?;
            continue;
        }
        let (value, length) = match reader.rest().chars().nth(1)? {
            'b' => ('\u{8}', 2),
            'f' => ('\u{c}', 2),
            'n' => ('\n', 2),
            'r' => ('\r', 2),
            't' => ('\t', 2),
            'u' => json_unicode(&reader)?,
            same @ ('"' | '\\' | '/') => (same, 2),
            _ => return None,
        };
        reader.push(value, length);
    }
    Some(reader.pieces)
}

/// `\u` and four digits; what does not fit into those is written as two surrogates.
fn json_unicode(reader: &Reader<'_>) -> Option<(char, usize)> {
    let first = reader.hex(2, 4)?;
    if let Some(value) = char::from_u32(first) {
        return Some((value, 6));
    }
    let second = reader.rest().get(6..8).filter(|escape| *escape == "\\u");
    let second = second.and_then(|_| reader.hex(8, 4))?;
    let units = [u16::try_from(first).ok()?, u16::try_from(second).ok()?];
    let value = char::decode_utf16(units).next()?.ok()?;
    Some((value, 12))
}

#[cfg(test)]
mod tests {
    use super::super::tree::{Node, Value};
    use super::super::{json as json_file, toml as toml_file};
    use super::*;

    /// The string in the file `key = <written>` as its parser reads it, and how it is written.
    fn parsed(format: Format, written: &str) -> Option<(String, String)> {
        let (file, tree) = match format {
            Format::Toml => {
                let file = format!("key = {written}\n");
                let tree = toml_file::parse(&file);
                (file, tree)
            }
            Format::Json => {
                let file = format!("{{\"key\": {written}}}");
                let tree = json_file::parse(&file);
                (file, tree)
            }
        };
        let Node { span, value } = tree.ok()?.get("key")?.clone();
        let Value::String(value) = value else { return None };
        Some((value, file[span].to_owned()))
    }

    /// What is pointed at, when the first `needle` of the value is to blame.
    fn pointed(format: Format, written: &str, needle: &str) -> String {
        let (value, text) = parsed(format, written).unwrap_or_else(|| panic!("{written}"));
        let start = value.find(needle).unwrap_or_else(|| panic!("{value:?} has no {needle:?}"));
        let span = locate(&text, format, &value, &(start..start + needle.len())).unwrap();
        text[span].to_owned()
    }

    fn toml_pointed(written: &str, needle: &str) -> String {
        pointed(Format::Toml, written, needle)
    }

    #[test]
    fn every_kind_of_toml_string() {
        for written in [
            "\"a wrong b\"",
            "'a wrong b'",
            "\"\"\"\na\n  wrong\n\"\"\"",
            "'''\r\na\r\n  wrong b\r\n'''",
            "\"\"\"a \"quoted\" 'wrong'\"\"\"\"",
            "\"\"\"wrong\"\"\"",
            "\"\\\"\\\\ \\u00e9\\U0001F600\\t wrong\"",
            "\"\"\"\\\n   \r\n  é \\\n\n   wrong \\\n\"\"\"",
            "\"\"\"\r\n\r\n\\n wrong\"\"\"",
        ] {
            assert_eq!(toml_pointed(written, "wrong"), "wrong", "{written}");
        }
    }

    #[test]
    fn every_escape_of_a_json_string() {
        for written in [
            "\"a wrong b\"",
            r#""\"\\\/\b\f\n\r\t\u00e9 wrong""#,
            r#""\ud83d\ude00 é wrong \ud83d\ude00""#,
        ] {
            assert_eq!(pointed(Format::Json, written, "wrong"), "wrong", "{written}");
        }
    }

    #[test]
    fn an_escape_is_pointed_at_as_a_whole() {
        assert_eq!(toml_pointed("\"a\\u00e9b\"", "é"), "\\u00e9");
        assert_eq!(pointed(Format::Json, r#""a\ud83d\ude00b""#, "😀"), r"\ud83d\ude00");
        // Half of it as well.
        let (value, text) = parsed(Format::Toml, "\"a\\u00e9b\"").unwrap();
        let span = locate(&text, Format::Toml, &value, &(2..3)).unwrap();
        assert_eq!(&text[span], "\\u00e9");
    }

    #[test]
    fn what_is_trimmed_is_not_pointed_at() {
        assert_eq!(toml_pointed("\"\"\"one \\\n   two\"\"\"", "one "), "one ");
        assert_eq!(toml_pointed("\"\"\"one \\\n   two\"\"\"", "two"), "two");
    }

    #[test]
    fn a_place_without_extent_is_where_the_text_would_be() {
        let at = |written: &str, at: usize| {
            let (value, text) = parsed(Format::Toml, written).unwrap();
            locate(&text, Format::Toml, &value, &(at..at)).unwrap()
        };
        assert_eq!(at("\"\"", 0), 1..1);
        assert_eq!(at("\"ab\"", 0), 1..1);
        assert_eq!(at("\"ab\"", 1), 2..2);
        assert_eq!(at("\"ab\"", 2), 3..3);
        assert_eq!(at("\"\"\"\nab\"\"\"", 2), 6..6);
        assert_eq!(at("\"\"\"\n\"\"\"", 0), 4..4);
    }

    #[test]
    fn what_is_not_in_the_value_has_no_place() {
        assert_eq!(locate("\"ab\"", Format::Toml, "ab", &(1..3)), None);
        assert_eq!(locate("\"ab\"", Format::Toml, "ax", &(1..2)), None);
        assert_eq!(locate("ab", Format::Toml, "ab", &(1..2)), None);
        assert_eq!(locate("\"", Format::Json, "", &(0..0)), None);
        assert_eq!(locate("", Format::Toml, "", &(0..0)), None);
    }

    /// Strings put together from everything that is special in one, compared with what the parsers make of them.
    #[test]
    fn whatever_a_parser_accepts_has_places() {
        const PARTS: [&str; 22] = [
            "a",
            "é",
            "😀",
            "\\n",
            "\\\\",
            "\\\"",
            "\\u00e9",
            "\\t",
            "\n",
            "\r\n",
            " ",
            "\t",
            "\\\n",
            "\\  \r\n ",
            "\"",
            "'",
            "\\ud83d\\ude00",
            "\\/",
            "\\U0001F600",
            "\\x41",
            "\\e",
            "\"\"",
        ];
        // A fixed sequence: the same strings with every run.
        let mut state = 0x2545_f491_u32;
        let mut random = move |below: usize| {
            state ^= state << 13;
            state ^= state >> 17;
            state ^= state << 5;
            state as usize % below
        };
        let mut accepted = 0;
        for _ in 0..3_000 {
            let content: String = (0..random(7)).map(|_| PARTS[random(PARTS.len())]).collect();
            let quotes = [("\"", Format::Toml), ("'", Format::Toml), ("\"\"\"", Format::Toml)];
            let more = [("'''", Format::Toml), ("\"", Format::Json)];
            for (quote, format) in quotes.into_iter().chain(more) {
                let written = format!("{quote}{content}{quote}");
                let Some((value, text)) = parsed(format, &written) else { continue };
                accepted += 1;
                let whole = locate(&text, format, &value, &(0..value.len()));
                assert!(whole.is_some(), "{format:?} {written:?} is {value:?}");
                for (at, char) in value.char_indices() {
                    let span = locate(&text, format, &value, &(at..at + char.len_utf8())).unwrap();
                    let shown = &text[span];
                    let plain = shown.chars().eq([char]);
                    assert!(plain || shown.starts_with('\\'), "{written:?}");
                }
            }
        }
        assert!(accepted > 2_000, "only {accepted}");
    }

    #[test]
    fn what_is_written_as_it_is_has_the_same_places() {
        let texts =
            ["\"\"\"\nSELECT 'ü' -- x\n\"\"\"", "'''\r\na\\b'''", "'a\\b'", "\"ab\"", "\"\""];
        for text in texts {
            let pieces = toml(text).unwrap();
            let value: String = pieces.characters.iter().map(|piece| piece.value).collect();
            for (start, end) in
                (0..=value.len()).flat_map(|s| (s..=value.len()).map(move |e| (s, e)))
            {
                let fast = verbatim(text, Format::Toml, &value, &(start..end));
                let whole = value.get(start..end).is_some();
                let same = whole.then(|| pieces.find(&(start..end)));
                assert_eq!(fast, same, "{text:?} {start}..{end}");
            }
        }
        assert_eq!(verbatim("\"a\\tb\"", Format::Toml, "a\tb", &(0..1)), None);
    }
}
