//! Rust identifiers for migrations.
//!
//! **Invariant:** valid for every name; types are unique in the set, and so are constants, which the macros put into a module of
//! their own.

use std::collections::HashSet;

use unicode_ident::{is_xid_continue, is_xid_start};

/// Names that the generated module uses itself, and the one keyword in upper camel case.
const RESERVED: [&str; 8] = [
    "Self",
    "Migration",
    "Migrations",
    "MIGRATIONS",
    "SET",
    "LATEST",
    "VERSION_SCHEMA",
    "SCHEMA_QUERY",
];

/// The identifiers given so far.
#[derive(Default)]
pub(super) struct Idents {
    types: HashSet<String>,
    constants: HashSet<String>,
}

impl Idents {
    /// `0001_create-users` becomes `M0001CreateUsers`.
    pub(super) fn type_name(&mut self, name: &str) -> String {
        let camel: String = words(name).map(capitalised).collect();
        unique(&mut self.types, &camel)
    }

    /// `0001_create-users` becomes `M0001_CREATE_USERS`.
    pub(super) fn const_name(&mut self, name: &str) -> String {
        let upper: Vec<String> = words(name).map(str::to_uppercase).collect();
        unique(&mut self.constants, &upper.join("_"))
    }
}

fn unique(taken: &mut HashSet<String>, ident: &str) -> String {
    // Upper case may be another alphabet's letter and a mark that no identifier takes.
    let mut ident: String = ident.chars().filter(|char| is_xid_continue(*char)).collect();
    if !ident.chars().next().is_some_and(is_xid_start) {
        ident.insert(0, 'M');
    }
    let mut candidate = ident.clone();
    let mut number = 2;
    while RESERVED.contains(&candidate.as_str()) || !taken.insert(candidate.clone()) {
        candidate = format!("{ident}_{number}");
        number += 1;
    }
    candidate
}

fn words(name: &str) -> impl Iterator<Item = &str> {
    name.split(|char: char| char == '_' || !is_xid_continue(char)).filter(|word| !word.is_empty())
}

fn capitalised(word: &str) -> String {
    let mut chars = word.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_are_readable() {
        let mut idents = Idents::default();
        assert_eq!(idents.type_name("0001_create-users"), "M0001CreateUsers");
        assert_eq!(idents.const_name("0001_create-users"), "M0001_CREATE_USERS");
        assert_eq!(idents.type_name("über größe"), "ÜberGröße");
        assert_eq!(idents.const_name("über größe"), "ÜBER_GRÖSSE");
    }

    #[test]
    fn identifiers_are_unique() {
        let mut idents = Idents::default();
        assert_eq!(idents.type_name("a-b"), "AB");
        assert_eq!(idents.type_name("a_b"), "AB_2");
        assert_eq!(idents.type_name("a b"), "AB_3");
        assert_eq!(idents.type_name("1"), "M1");
        assert_eq!(idents.type_name("01"), "M01");
        assert_eq!(idents.const_name("1"), "M1");
        assert_eq!(idents.const_name("M1"), "M1_2");
        assert_eq!(idents.const_name("latest"), "LATEST_2");
        assert_eq!(idents.type_name("self"), "Self_2");
    }

    #[test]
    fn every_name_gives_an_identifier() {
        let mut idents = Idents::default();
        for name in
            ["", "_", "-", "self", "Self", "🦀", "1🦀2", "'; DROP", "ŉ", "日本語", "\0", "ﬁx"]
        {
            for ident in [idents.type_name(name), idents.const_name(name)] {
                assert!(syn::parse_str::<syn::Ident>(&ident).is_ok(), "{name:?} gives {ident:?}");
            }
        }
    }
}
