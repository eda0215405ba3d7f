//! Rust identifiers for tables, columns and values.
//!
//! **Invariant:** valid for every name.

use std::collections::HashSet;

use unicode_ident::{is_xid_continue, is_xid_start};

/// The identifiers of one scope.
#[derive(Debug, Default)]
pub(super) struct Taken(HashSet<String>);

impl Taken {
    pub(super) fn with(reserved: &[&str]) -> Self {
        Self(reserved.iter().map(|&ident| ident.to_owned()).collect())
    }

    /// The identifier, with a number behind it if it is taken.
    pub(super) fn take(&mut self, ident: &str) -> String {
        let mut candidate = ident.to_owned();
        let mut number = 2;
        while !self.0.insert(candidate.clone()) {
            let plain = ident.strip_prefix("r#").unwrap_or(ident);
            candidate = format!("{plain}_{number}");
            number += 1;
        }
        candidate
    }
}

/// `user_accounts` becomes `UserAccounts`; `first` comes before what cannot begin an identifier.
pub(super) fn camel(name: &str, first: char) -> String {
    let ident = beginning(&words(name).map(capitalised).collect::<String>(), first);
    // The one keyword in upper camel case.
    if ident == "Self" { "Self_".to_owned() } else { ident }
}

/// `userAccounts` becomes `useraccounts`, `user-accounts` `user_accounts`.
pub(super) fn module(name: &str, first: char) -> String {
    let words: Vec<String> = words(name).map(str::to_lowercase).collect();
    keyword(beginning(&words.join("_"), first))
}

/// `first-name` becomes `FIRST_NAME`.
pub(super) fn constant(name: &str) -> String {
    let words: Vec<String> = words(name).map(str::to_uppercase).collect();
    beginning(&words.join("_"), 'C')
}

/// The column's own name wherever that is possible.
pub(super) fn field(name: &str) -> String {
    let ident: String = name.chars().map(|c| if is_xid_continue(c) { c } else { '_' }).collect();
    if ident.chars().all(|c| c == '_') {
        return format!("column{ident}");
    }
    let begins = ident.starts_with('_') || ident.starts_with(is_xid_start);
    keyword(if begins { ident } else { format!("_{ident}") })
}

/// Upper case may be another alphabet's letter and a mark that no identifier takes.
fn beginning(ident: &str, first: char) -> String {
    let mut ident: String = ident.chars().filter(|char| is_xid_continue(*char)).collect();
    if !ident.starts_with(is_xid_start) {
        ident.insert(0, first);
    }
    ident
}

fn keyword(ident: String) -> String {
    if ["self", "Self", "super", "crate"].contains(&ident.as_str()) {
        format!("{ident}_")
    } else if KEYWORDS.contains(&ident.as_str()) {
        format!("r#{ident}")
    } else {
        ident
    }
}

fn words(name: &str) -> impl Iterator<Item = &str> {
    name.split(|char: char| char == '_' || !is_xid_continue(char)).filter(|word| !word.is_empty())
}

fn capitalised(word: &str) -> String {
    let mut chars = word.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}

/// Of every edition.
const KEYWORDS: [&str; 48] = [
    "abstract", "as", "async", "await", "become", "box", "break", "const", "continue", "do", "dyn",
    "else", "enum", "extern", "false", "final", "fn", "for", "gen", "if", "impl", "in", "let",
    "loop", "macro", "match", "mod", "move", "mut", "override", "priv", "pub", "ref", "return",
    "static", "struct", "trait", "true", "try", "type", "typeof", "unsafe", "unsized", "use",
    "virtual", "where", "while", "yield",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_are_readable() {
        assert_eq!(camel("user_accounts", 'T'), "UserAccounts");
        assert_eq!(camel("2fa", 'T'), "T2fa");
        assert_eq!(module("User Accounts", 't'), "user_accounts");
        assert_eq!(module("0003_split-name", 'v'), "v0003_split_name");
        assert_eq!(module("type", 't'), "r#type");
        assert_eq!(constant("first-name"), "FIRST_NAME");
        assert_eq!(field("firstName"), "firstName");
        assert_eq!(field("type"), "r#type");
        assert_eq!(field("self"), "self_");
        assert_eq!(field("2nd"), "_2nd");
        assert_eq!(field("größe in cm"), "größe_in_cm");
    }

    #[test]
    fn every_name_gives_an_identifier() {
        for name in ["", "_", "__", "-", "self", "Self", "🦀", "1🦀2", "'; --", "ŉ", "日本語", "\0"]
        {
            for ident in [camel(name, 'T'), module(name, 't'), constant(name), field(name)] {
                assert!(syn::parse_str::<syn::Ident>(&ident).is_ok(), "{name:?} gives {ident:?}");
            }
        }
    }

    #[test]
    fn what_is_taken_gets_a_number() {
        let mut taken = Taken::with(&["TABLE"]);
        assert_eq!(taken.take("TABLE"), "TABLE_2");
        assert_eq!(taken.take("r#type"), "r#type");
        assert_eq!(taken.take("r#type"), "type_2");
    }
}
