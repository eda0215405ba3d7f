//! The inverse of SQL of the user's own.

use super::Missing;
use crate::action::Action;
use crate::model::{Custom, Reverts};
use crate::plan::mention::code;

/// What `start` created goes in contract, when its users are gone; what `complete` removed comes back in expand, before its users are there.
pub(super) fn inverse(a: &Custom) -> Result<Vec<Action>, Missing> {
    if a.start.is_none() && a.complete.is_none() {
        return Ok(Vec::new());
    }
    let Some(Reverts { start, complete }) = &a.reverts else {
        return Err(Missing::new(
            "custom SQL has no `reverts`, so nobody knows how to take it back",
            "write a migration that leads to what is wanted, and start that; `reverts` has to be there before a migration is applied",
        ));
    };
    let again = start.as_ref().and(a.complete.clone());
    Ok(vec![Action::Custom(Custom {
        start: start.clone(),
        complete: complete.clone(),
        abort: again,
        reverts: None,
    })])
}

/// The tables of the default schema that the SQL creates, as far as that can be seen.
pub(super) fn creates(sql: &str) -> Vec<String> {
    let code = code(sql).replace(['(', ';'], " ");
    let words: Vec<&str> = code.split_whitespace().collect();
    let is = |at: usize, word: &str| words.get(at).is_some_and(|w| w.eq_ignore_ascii_case(word));
    let mut tables = Vec::new();
    for at in (0..words.len()).filter(|at| is(*at, "create")) {
        let at = if is(at + 1, "unlogged") { at + 2 } else { at + 1 };
        if !is(at, "table") {
            continue;
        }
        let at = if is(at + 1, "if") && is(at + 2, "not") { at + 4 } else { at + 1 };
        let Some(name) = words.get(at) else { continue };
        let name = name.strip_prefix("public.").unwrap_or(name);
        match name.strip_prefix('"').and_then(|name| name.strip_suffix('"')) {
            Some(quoted) => tables.push(quoted.replace("\"\"", "\"")),
            None => tables.push(name.to_lowercase()),
        }
    }
    tables
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn created_tables_are_seen() {
        let sql = "CREATE TABLE a(id int); create unlogged table if not exists public.B AS SELECT 1; \
                   -- CREATE TABLE c (id int)\n CREATE INDEX ON d (e); CREATE TABLE \"E\"(x text DEFAULT 'CREATE TABLE f')";
        assert_eq!(creates(sql), ["a", "b", "E"]);
    }
}
