//! What a statement does, and to which table, as far as its words say.
//!
//! **Invariant:** a statement that is not understood is none of those asked for.

use std::ops::Range;

use super::token::{Kind, Token};

/// A name with its schema, and where it stands.
#[allow(clippy::struct_field_names, reason = "there is no other word for it")]
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Name {
    pub(super) schema: Option<String>,
    pub(super) name: String,
    pub(super) span: Range<usize>,
}

/// A statement, or a part of one.
#[derive(Clone, Copy, Debug)]
pub(super) struct Statement<'a> {
    pub(super) tokens: &'a [Token<'a>],
}

impl<'a> Statement<'a> {
    /// Whether it begins with these keywords; one in brackets, `[unique]`, may be missing, and `a|b` is either.
    pub(super) fn begins(&self, pattern: &str) -> bool {
        self.after(pattern).is_some()
    }

    /// What follows these keywords, if it begins with them.
    pub(super) fn after(&self, pattern: &str) -> Option<Self> {
        let mut tokens = self.tokens;
        for word in pattern.split_whitespace() {
            let optional = word.strip_prefix('[').and_then(|word| word.strip_suffix(']'));
            let matches = tokens
                .first()
                .is_some_and(|token| optional.unwrap_or(word).split('|').any(|w| token.is(w)));
            if matches {
                tokens = &tokens[1..];
            } else if optional.is_none() {
                return None;
            }
        }
        Some(Self { tokens })
    }

    /// The place of the first of these keywords, in a row and outside parentheses.
    pub(super) fn find(&self, pattern: &str) -> Option<usize> {
        let mut depth = 0_usize;
        for (place, token) in self.tokens.iter().enumerate() {
            match token.text {
                "(" => depth += 1,
                ")" => depth = depth.saturating_sub(1),
                _ if depth == 0 && (Self { tokens: &self.tokens[place..] }).begins(pattern) => {
                    return Some(place);
                }
                _ => {}
            }
        }
        None
    }

    /// Whether it has these keywords in a row, outside parentheses.
    pub(super) fn has(&self, pattern: &str) -> bool {
        self.find(pattern).is_some()
    }

    /// What follows the first of these keywords.
    pub(super) fn past(&self, pattern: &str) -> Option<Self> {
        let place = self.find(pattern)?;
        Self { tokens: &self.tokens[place..] }.after(pattern)
    }

    /// The name at its beginning.
    pub(super) fn name(&self) -> Option<Name> {
        let first = self.tokens.first()?;
        let mut name = Name { schema: None, name: first.name()?, span: first.range() };
        let mut rest = &self.tokens[1..];
        while let [dot, next, ..] = rest {
            let (".", Some(part)) = (dot.text, next.name()) else { break };
            name.schema = Some(std::mem::replace(&mut name.name, part));
            name.span.end = next.range().end;
            rest = &rest[2..];
        }
        Some(name)
    }

    /// The names at its beginning, separated by commas.
    pub(super) fn names(&self) -> Vec<Name> {
        let parts = self.parts();
        parts.iter().filter_map(|part| part.after("[only]")?.name()).collect()
    }

    /// Its parts between commas that are outside parentheses.
    pub(super) fn parts(&self) -> Vec<Self> {
        let mut depth = 0_usize;
        let mut parts = Vec::new();
        let mut begin = 0;
        for (place, token) in self.tokens.iter().enumerate() {
            match token.text {
                "(" | "[" => depth += 1,
                ")" | "]" => depth = depth.saturating_sub(1),
                "," if depth == 0 => {
                    parts.push(Self { tokens: &self.tokens[begin..place] });
                    begin = place + 1;
                }
                _ => {}
            }
        }
        parts.push(Self { tokens: &self.tokens[begin..] });
        parts
    }

    /// The table of ALTER TABLE, and what is done to it.
    pub(super) fn alter_table(&self) -> Option<(Name, Vec<Self>)> {
        let rest = self.after("alter table [if] [exists] [only]")?;
        let table = rest.name()?;
        let end = rest.tokens.iter().position(|token| token.start >= table.span.end);
        let rest = Self { tokens: &rest.tokens[end.unwrap_or(rest.tokens.len())..] };
        let rest = match rest.tokens.first() {
            Some(star) if star.text == "*" => Self { tokens: &rest.tokens[1..] },
            _ => rest,
        };
        Some((table, rest.parts()))
    }

    /// What follows ADD, and the constraint's name if it is given one, in a part of ALTER TABLE.
    pub(super) fn added_constraint(&self) -> Option<Self> {
        let rest = self.after("add")?;
        let named = rest.after("constraint");
        Some(named.map_or(rest, |named| Self { tokens: named.tokens.get(1..).unwrap_or_default() }))
    }

    /// The table that CREATE TABLE, or SELECT INTO's equal CREATE TABLE AS, makes.
    pub(super) fn creates_table(&self) -> Option<Name> {
        let kinds =
            "create [global|local] [temporary|temp|unlogged|foreign] table [if] [not] [exists]";
        self.after(kinds)?.name()
    }

    /// From its first to its last token.
    pub(super) fn span(&self) -> Range<usize> {
        match (self.tokens.first(), self.tokens.last()) {
            (Some(first), Some(last)) => first.start..last.range().end,
            _ => 0..0,
        }
    }

    /// The words outside parentheses and quotes, in lower case.
    pub(super) fn words(&self) -> impl Iterator<Item = String> + 'a {
        let words = self.tokens.iter().filter(|token| token.kind == Kind::Word);
        words.map(|token| token.text.to_lowercase())
    }
}

#[cfg(test)]
mod tests {
    use super::super::token::statements;
    use super::*;

    #[test]
    fn a_table_and_its_changes_are_found() {
        let sql = "ALTER TABLE IF EXISTS ONLY a.\"B c\" * ADD x int DEFAULT f(1, 2), DROP COLUMN y";
        let tokens = &statements(sql)[0];
        let (table, changes) = Statement { tokens }.alter_table().unwrap();
        assert_eq!((table.schema.as_deref(), table.name.as_str()), (Some("a"), "B c"));
        assert_eq!(&sql[table.span], "a.\"B c\"");
        assert_eq!(changes.len(), 2);
        assert!(changes[1].begins("drop [column] y"));
        assert_eq!(&sql[changes[0].span()], "ADD x int DEFAULT f(1, 2)");
    }
}
