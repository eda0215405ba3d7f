//! How an expression may name a table in its sub-selects.
//!
//! **Invariant:** as in the module above, what is no mention may count as one, and never the other way round.

use super::{
    before_dot, code, ends_with_name, field, has_name, has_unicode_escape, is_word, places,
};

/// How an expression may name a table.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Named {
    /// By its name alone, among the relations of a sub-select.
    pub(crate) alone: bool,
    /// With its schema before it.
    pub(crate) with_schema: bool,
}

/// Words after a relation that are no alias of it.
const NO_ALIAS: &[&str] = &[
    "as",
    "cross",
    "except",
    "fetch",
    "for",
    "full",
    "group",
    "having",
    "inner",
    "intersect",
    "join",
    "left",
    "limit",
    "natural",
    "offset",
    "on",
    "order",
    "right",
    "tablesample",
    "union",
    "using",
    "where",
    "window",
];

/// Whether `expression` may have sub-selects.
pub(crate) fn has_sub_select(expression: &str) -> bool {
    ["select", "table"].into_iter().any(|word| super::says(expression, word))
}

/// How `expression` may name the table `name` of `schema`.
pub(crate) fn relation(expression: &str, schema: &str, name: &str) -> Named {
    let code = code(expression);
    let escaped = has_unicode_escape(expression);
    let mut named = Named { alone: escaped, with_schema: false };
    for (start, _) in places(&code, name) {
        match before_dot(&code[..start]) {
            Some(qualifier) => named.with_schema |= ends_with_name(qualifier, schema),
            None => named.alone |= is_relation(&code[..start]),
        }
    }
    named
}

/// Whether `expression` may read a column `name`, of whatever table; one that is not named may be read all the same.
pub(crate) fn reads_column(expression: &str, name: &str) -> bool {
    has_unicode_escape(expression) || has_name(&code(expression), name)
}

/// Whether a column of the table `name` may be read without being named: with the whole row, `*` or NATURAL.
pub(crate) fn reads_rows(expression: &str, name: &str) -> bool {
    let code = code(expression);
    let lower = code.to_lowercase();
    let says_all = ["natural", "table"].into_iter().any(|word| super::says(expression, word));
    if has_unicode_escape(expression) || says_all || has_star(&lower) {
        return true;
    }
    let relations = places(&code, name)
        .into_iter()
        .filter(|(start, _)| is_relation(unquoted(&code[..*start])))
        .map(|(_, end)| end);
    let aliases: Vec<Alias> =
        relations.chain(joins(&code, name)).filter_map(|end| alias(&code, end)).collect();
    if aliases.iter().any(|alias| alias.has_columns) {
        return true;
    }
    let declared: Vec<usize> = aliases.iter().map(|alias| alias.at).collect();
    let mut names = vec![name.to_owned()];
    names.extend(aliases.into_iter().map(|alias| alias.name));
    names.iter().any(|name| {
        places(&code, name).into_iter().any(|(start, end)| {
            let before = unquoted(&code[..start]);
            let comma = before.ends_with(',');
            let is_named_there = is_relation(before) && !comma || declared.contains(&start);
            !is_named_there && before_dot(before).is_none() && field(&code[end..]).is_none()
        })
    })
}

/// Another name of a relation.
struct Alias {
    name: String,
    /// Where it stands.
    at: usize,
    /// Its columns have other names, too, by their order: `AS z(a, b)`.
    has_columns: bool,
}

/// Where joins in parentheses end that are of the table `name`, among others.
fn joins(code: &str, name: &str) -> Vec<usize> {
    let mut open = Vec::new();
    let mut found = Vec::new();
    for (at, c) in code.char_indices() {
        match c {
            '(' => open.push(at),
            ')' => found.extend(open.pop().map(|start| (start, at))),
            _ => {}
        }
    }
    found.retain(|(start, end)| {
        let inner = &code[start + 1..*end];
        let is_query = ["select", "values", "with", "table"]
            .into_iter()
            .any(|word| strip_word(inner.trim_start(), word).is_some());
        !is_query
            && is_relation(&code[..*start])
            && !places(inner, "join").is_empty()
            && !places(inner, name).is_empty()
    });
    found.into_iter().map(|(_, end)| end + 1).collect()
}

/// The alias of a relation that ends at `end`.
fn alias(code: &str, end: usize) -> Option<Alias> {
    let rest = code[end..].trim_start_matches('"');
    let rest = strip_word(rest.trim_start(), "as").unwrap_or(rest).trim_start();
    let quoted = rest.strip_prefix('"');
    let rest = quoted.unwrap_or(rest);
    let length = match quoted {
        Some(rest) => rest.find('"')?,
        None => rest.find(|c| !is_word(c)).unwrap_or(rest.len()),
    };
    let word = &rest[..length];
    let name = if quoted.is_some() { word.to_owned() } else { word.to_lowercase() };
    let is_alias = !word.is_empty() && (quoted.is_some() || !NO_ALIAS.contains(&name.as_str()));
    let after = rest[length..].trim_start_matches('"').trim_start();
    let has_columns = after.starts_with('(');
    is_alias.then(|| Alias { name, at: code.len() - rest.len(), has_columns })
}

fn strip_word<'a>(text: &'a str, word: &str) -> Option<&'a str> {
    let (start, rest) = text.split_at_checked(word.len())?;
    (start.eq_ignore_ascii_case(word) && !rest.starts_with(is_word)).then_some(rest)
}

/// Whether a name that follows `before` may be one of a relation: `FROM`, a join, or another relation and a comma.
fn is_relation(before: &str) -> bool {
    let before = unquoted(before).trim_end_matches(|c: char| c == '(' || c.is_whitespace());
    before.ends_with(',')
        || ["from", "join", "only", "table"].into_iter().any(|word| ends_with_word(before, word))
}

/// Without the quotation mark that the name begins with.
fn unquoted(before: &str) -> &str {
    before.strip_suffix('"').unwrap_or(before).trim_end()
}

fn ends_with_word(text: &str, word: &str) -> bool {
    let start = text.len().checked_sub(word.len());
    let end = start.and_then(|start| text.split_at_checked(start));
    end.is_some_and(|(rest, end)| end.eq_ignore_ascii_case(word) && !rest.ends_with(is_word))
}

/// Whether a `*` stands for columns: it multiplies after a value, and `count(*)` counts rows. After `DISTINCT ON (…)` it may do either.
fn has_star(code: &str) -> bool {
    let is_distinct = !places(code, "distinct").is_empty();
    code.match_indices('*').any(|(at, _)| {
        let before = code[..at].trim_end();
        before.ends_with(['.', ','])
            || is_distinct && before.ends_with(')')
            || ["select", "distinct", "all"].into_iter().any(|word| ends_with_word(before, word))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn alone(sql: &str) -> bool {
        relation(sql, "public", "b").alone
    }

    #[test]
    fn relations_follow_from_and_joins() {
        assert!(alone("(SELECT x FROM b)") && alone("(select x from\n\"b\" z)"));
        assert!(alone("(SELECT x FROM c JOIN b ON true)") && alone("(SELECT 1 FROM c, b)"));
        assert!(alone("(SELECT x FROM ((b) JOIN c ON true))") && alone("(TABLE b)"));
        assert!(!alone("(SELECT b FROM c)") && !alone("(SELECT b.x FROM c AS b)"));
        assert!(!alone("(SELECT count(b) FROM c)") && !alone("(SELECT x FROM public.b)"));
        assert!(!alone("(SELECT xfrom b)") && !alone("(SELECT 'FROM b' FROM c)"));
        assert!(relation("(SELECT x FROM \"public\" . b)", "public", "b").with_schema);
        assert!(!relation("(SELECT c.b FROM c)", "public", "b").with_schema);
        assert!(!relation("(SELECT x FROM b)", "public", "b").with_schema);
    }

    #[test]
    fn whole_rows_are_noticed() {
        let reads = |sql: &str| reads_rows(sql, "b");
        assert!(reads("(SELECT * FROM b)") && reads("(SELECT to_jsonb(b) FROM b)"));
        assert!(reads("(SELECT z.* FROM b z)") && reads("(SELECT to_jsonb(z) FROM b AS z)"));
        assert!(reads("(SELECT to_jsonb(z) FROM b \"z\")") && reads("(SELECT 1, * FROM b)"));
        assert!(reads("(SELECT x FROM c NATURAL JOIN b)") && reads("(TABLE b)"));
        assert!(reads("(SELECT DISTINCT ON (b.id) * FROM b)") && reads("(SELECT ALL * FROM b)"));
        assert!(reads("(SELECT p FROM b AS z(i, p))") && reads("(SELECT p FROM b \"z\" (i, p))"));
        assert!(reads("(SELECT p FROM (c JOIN b ON true) AS z (i, p))"));
        assert!(reads("(SELECT to_jsonb(z) FROM ((c JOIN b ON true)) z)"));
        assert!(!reads("(SELECT z.x FROM (c JOIN b ON true) z WHERE z.x = 1)"));
        assert!(!reads("(SELECT x FROM (SELECT x FROM c JOIN b ON true) z (i) ORDER BY z)"));
        assert!(!reads("(SELECT x FROM b, unnest(b.x) u (i) WHERE (b.x) IN (1))"));
        assert!(!reads("(SELECT (b.x) * 2 FROM b)") && !reads("(SELECT DISTINCT x * 2 FROM b)"));
        assert!(
            !reads("(SELECT count(*) * 2 FROM b)") && !reads("(SELECT x FROM b WHERE b.x = 1)")
        );
        assert!(!reads("(SELECT z.x FROM b z WHERE z.x > 1)"));
        assert!(!reads("(SELECT x FROM b JOIN c ON b.x = c.x)"));
    }
}
