//! Domains as types of new columns.
//!
//! ADD COLUMN of a domain with constraints rewrites the table under an exclusive lock, even where the value is NULL, and so does every
//! other way to give a column such a type. A domain's default is that of the column, unless the column says otherwise.

use crate::plan::batch::Batch;
use crate::plan::facts::{Facts, LiveDomain};
use crate::plan::lineage::Table;
use crate::plan::{Refusal, assemble};
use crate::sql::names::DEFAULT_SCHEMA;

/// The domain that `data_type` names, as the migrator's `search_path` finds it; none for an array of one.
pub(crate) fn find<'a>(facts: &'a Facts, data_type: &str) -> Option<&'a LiveDomain> {
    let parts = parts(data_type)?;
    let named = |schema: &str, name: &str| {
        facts.domains.iter().find(|domain| domain.schema == schema && domain.name == name)
    };
    match &parts[..] {
        [name] => std::iter::once(facts.home())
            .chain(facts.search_path.iter().map(String::as_str))
            .chain([DEFAULT_SCHEMA])
            .find_map(|schema| named(schema, name)),
        [schema, name] => named(schema, name),
        _ => None,
    }
}

/// The default that a column of the type has if it has none of its own.
pub(crate) fn default<'a>(facts: &'a Facts, data_type: &str) -> Option<&'a str> {
    find(facts, data_type)?.default.as_deref()
}

/// No shadow column may have a type that makes Postgres rewrite the table.
pub(crate) fn require_unconstrained(batch: &Batch<'_>, table: &Table) -> Result<(), Refusal> {
    for column in table.shadows() {
        let data_type = &table.values[column.value].data_type;
        let Some(domain) = find(batch.facts(), data_type).filter(|domain| domain.constrained)
        else {
            continue;
        };
        let refusal = batch.refuse(format!(
            "column `{}` of {} cannot get the type `{data_type}`, a domain with constraints: Postgres would rewrite the \
             table under an exclusive lock",
            column.name,
            assemble::shown(table)
        ));
        return Err(Refusal { action: None, ..refusal }.with_help(format!(
            "give the column the type `{}`, and the table a check (`add_check`) in place of the domain's",
            unconstrained(batch.facts(), domain)
        )));
    }
    Ok(())
}

/// The type that the domain is made of in the end, or a domain on the way there that has no constraints.
fn unconstrained<'a>(facts: &'a Facts, domain: &'a LiveDomain) -> &'a str {
    match find(facts, &domain.base).filter(|base| base.constrained) {
        Some(base) => unconstrained(facts, base),
        None => &domain.base,
    }
}

/// The parts of a type's name; `None` if it is more than a name.
fn parts(data_type: &str) -> Option<Vec<String>> {
    let mut parts = Vec::new();
    let mut rest = data_type.trim();
    loop {
        let (part, after) = if let Some(quoted) = rest.strip_prefix('"') {
            let mut name = String::new();
            let mut chars = quoted.char_indices().peekable();
            let end = loop {
                match chars.next()? {
                    (_, '"') if chars.next_if(|(_, c)| *c == '"').is_some() => name.push('"'),
                    (at, '"') => break at + 1,
                    (_, c) => name.push(c),
                }
            };
            (name, &quoted[end..])
        } else {
            let word = |c: char| c.is_alphanumeric() || c == '_' || c == '$';
            let end = rest.find(|c| !word(c)).unwrap_or(rest.len());
            (rest[..end].to_lowercase(), &rest[end..])
        };
        if part.is_empty() {
            return None;
        }
        parts.push(part);
        match after.trim_start().strip_prefix('.') {
            Some(more) => rest = more.trim_start(),
            None if after.trim().is_empty() => return Some(parts),
            None => return None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::parts;

    #[test]
    fn names_have_parts() {
        let of = |sql| parts(sql).map(|parts| parts.join("|"));
        assert_eq!(of("Tag").as_deref(), Some("tag"));
        assert_eq!(of(" \"My.s\" . \"a\"\"b\" ").as_deref(), Some("My.s|a\"b"));
        assert_eq!(of("tag[]"), None);
        assert_eq!(of("numeric(3)"), None);
        assert_eq!(of("double precision"), None);
        assert_eq!(of("\"open"), None);
    }
}
