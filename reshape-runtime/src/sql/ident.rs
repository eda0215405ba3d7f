//! Quoting.
//!
//! **Invariant:** every identifier and literal in generated SQL goes through here.

/// An identifier, always quoted: `a"b` becomes `"a""b"`.
pub fn ident(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// A qualified name: `"schema"."name"`.
pub fn qualified(schema: &str, name: &str) -> String {
    format!("{}.{}", ident(schema), ident(name))
}

/// A list of identifiers: `"a", "b"`.
pub fn idents<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    names.into_iter().map(ident).collect::<Vec<_>>().join(", ")
}

/// A string literal, right whatever `standard_conforming_strings` says: with a backslash it is written as `E'…'`.
pub fn literal(text: &str) -> String {
    let quoted = text.replace('\'', "''");
    if quoted.contains('\\') {
        format!("E'{}'", quoted.replace('\\', "\\\\"))
    } else {
        format!("'{quoted}'")
    }
}

/// A dollar-quoted body; the tag is lengthened until the body does not contain it.
pub fn dollar(body: &str) -> String {
    let mut tag = String::from("$reshape$");
    while body.contains(&tag) {
        tag.insert(tag.len() - 1, '_');
    }
    format!("{tag}{body}{tag}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_are_doubled() {
        assert_eq!(ident("a\"b"), "\"a\"\"b\"");
        assert_eq!(literal("it's"), "'it''s'");
        assert_eq!(literal("a\\b'"), "E'a\\\\b'''");
    }

    #[test]
    fn a_body_cannot_end_its_own_dollar_quote() {
        assert_eq!(dollar("x"), "$reshape$x$reshape$");
        assert_eq!(dollar("$reshape$"), "$reshape_$$reshape$$reshape_$");
    }
}
