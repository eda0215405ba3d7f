//! The checksum of a migration: SHA-256 over what it does, not over how it is written.
//!
//! **Invariant:** formatting, comments, TOML or JSON, the order of keys, and line endings do not matter. The JSON is written from the
//! model's types directly, never through `serde_json::Value`, whose order of keys depends on the features of other crates.

use std::io::{self, Write};

use reshape_runtime::model::Action;
use serde::Serialize;
use serde_json::ser::{CharEscape, CompactFormatter, Formatter, Serializer};

/// The checksum of a migration's actions, in lower-case hexadecimal.
pub(crate) fn checksum(actions: &[Action]) -> String {
    sha256(&canonical(actions))
}

/// The same from the actions' [`line`]s.
pub(crate) fn checksum_of_lines(lines: &[String]) -> String {
    sha256(format!("[{}]", lines.join(",")).as_bytes())
}

/// What a checksum is computed from: the canonical JSON of one action, on one line.
pub(crate) fn line(action: &Action) -> String {
    String::from_utf8(canonical(action)).expect("JSON of strings is UTF-8")
}

/// SHA-256 in lower-case hexadecimal.
pub(crate) fn sha256(bytes: &[u8]) -> String {
    let hash = hmac_sha256::Hash::hash(bytes);
    hash.iter().fold(String::with_capacity(64), |mut hex, byte| {
        hex.push_str(&format!("{byte:02x}"));
        hex
    })
}

fn canonical(model: &(impl Serialize + ?Sized)) -> Vec<u8> {
    let mut json = Vec::new();
    let mut serializer = Serializer::with_formatter(&mut json, LineFeeds::default());
    model
        .serialize(&mut serializer)
        .expect("the model's keys are strings and a `Vec` takes every byte");
    json
}

/// Compact JSON in which every `\r\n` of a string is `\n`: a checkout on another platform is the same migration.
#[derive(Default)]
struct LineFeeds {
    compact: CompactFormatter,
    /// A `\r` that is not written yet, since a `\n` may follow.
    held: bool,
}

impl LineFeeds {
    fn release<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        if std::mem::take(&mut self.held) {
            self.compact.write_char_escape(writer, CharEscape::CarriageReturn)?;
        }
        Ok(())
    }
}

impl Formatter for LineFeeds {
    fn write_string_fragment<W: ?Sized + Write>(
        &mut self,
        writer: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        if !fragment.is_empty() {
            self.release(writer)?;
        }
        self.compact.write_string_fragment(writer, fragment)
    }

    fn write_char_escape<W: ?Sized + Write>(
        &mut self,
        writer: &mut W,
        escape: CharEscape,
    ) -> io::Result<()> {
        match escape {
            CharEscape::CarriageReturn => {
                self.release(writer)?;
                self.held = true;
                Ok(())
            }
            CharEscape::LineFeed => {
                self.held = false;
                self.compact.write_char_escape(writer, escape)
            }
            other => {
                self.release(writer)?;
                self.compact.write_char_escape(writer, other)
            }
        }
    }

    fn end_string<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.release(writer)?;
        self.compact.end_string(writer)
    }
}

#[cfg(test)]
mod tests {
    use reshape_runtime::model::{Custom, Str};

    use super::*;

    fn custom(start: &str) -> [Action; 1] {
        let start = Some(Str::Owned(start.to_owned()));
        [Action::Custom(Custom { start, complete: None, abort: None, reverts: None })]
    }

    #[test]
    fn the_canonical_form_is_fixed() {
        let json = canonical(custom("a\r\nb\r\r\nc\rd\\r\ne\r").as_slice());
        let expected = r#"[{"type":"custom","start":"a\nb\r\nc\rd\\r\ne\r"}]"#;
        assert_eq!(String::from_utf8(json).unwrap(), expected);
        // A checksum is stored in databases: it must never change.
        let expected = "dc856642cd7515ce57dbd0d237097b244b60a0d28bc3f771bdca410c2f24d800";
        assert_eq!(checksum(&custom("SELECT 1")), expected);
    }

    #[test]
    fn a_checksum_can_be_computed_from_lines() {
        let actions = [custom("a\r\nb"), custom("c")].concat();
        let lines: Vec<String> = actions.iter().map(line).collect();
        assert!(lines.iter().all(|line| !line.contains('\n')));
        assert_eq!(checksum_of_lines(&lines), checksum(&actions));
        assert_eq!(checksum_of_lines(&[]), checksum(&[]));
    }

    #[test]
    fn line_endings_do_not_matter_and_everything_else_does() {
        assert_eq!(checksum(&custom("a\r\nb")), checksum(&custom("a\nb")));
        assert_ne!(checksum(&custom("a\rb")), checksum(&custom("a\nb")));
        assert_ne!(checksum(&custom("a\n\nb")), checksum(&custom("a\nb")));
    }
}
