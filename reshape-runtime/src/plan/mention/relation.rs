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
    /// As the type of its rows, in a cast.
    pub(crate) row_type: bool,
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
    let mut named = Named { alone: escaped, ..Named::default() };
    for (start, _) in places(&code, name) {
        let before = &code[..start];
        if let Some(qualifier) = before_dot(before) {
            named.with_schema |= ends_with_name(qualifier, schema);
        } else {
            named.alone |= is_relation(before);
            named.row_type |= is_type(before);
        }
    }
    named
}

/// Whether `expression` surely locks rows of the table `name`, in a query that has it by that name.
pub(crate) fn locks_rows(expression: &str, name: &str) -> bool {
    let code = code(expression);
    places(&code, "for").into_iter().any(|(start, end)| {
        let words: Vec<String> =
            code[end..].split_whitespace().take(3).map(str::to_lowercase).collect();
        let words: Vec<&str> = words.iter().map(|word| word.trim_end_matches(')')).collect();
        let strength = matches!(
            words[..],
            ["update" | "share", ..] | ["no", "key", "update"] | ["key", "share", ..]
        );
        let query = &code[opened(&code[..start]).map_or(0, |open| open + 1)..start];
        // With `OF` it may be about others. Where that has another name for this one, the server refuses it.
        let of = code[end..].split_once(')').map_or(&code[end..], |(rest, _)| rest);
        let is_meant = places(of, "of").is_empty() || !places(of, name).is_empty();
        // Rows of a sub-select among the relations are locked, too; those of one in an expression are not.
        let is_there = |(start, _): (usize, usize)| {
            let before = &query[..start];
            is_relation(before) && opened(before).is_none_or(|open| is_relation(&query[..open]))
        };
        strength && is_meant && places(query, name).into_iter().any(is_there)
    })
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

/// Whether a name that follows `before` is one of a type: `::`, or `AS` in a CAST.
fn is_type(before: &str) -> bool {
    let before = unquoted(before);
    let is_cast = || {
        let call = opened(before).map(|open| before[..open].trim_end());
        ends_with_word(before, "as") && call.is_some_and(|call| ends_with_word(call, "cast"))
    };
    before.ends_with("::") || is_cast()
}

/// Where the innermost parenthesis opens that `before` leaves open.
fn opened(before: &str) -> Option<usize> {
    let mut depth = 0_usize;
    before.char_indices().rev().find_map(|(at, c)| {
        match c {
            ')' => depth += 1,
            '(' if depth == 0 => return Some(at),
            '(' => depth -= 1,
            _ => {}
        }
        None
    })
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
    fn row_types_stand_in_casts() {
        let is_type = |sql: &str| relation(sql, "public", "b").row_type;
        assert!(is_type("(SELECT (z::b).x FROM b z)") && is_type("(SELECT NULL :: \"b\"[])"));
        assert!(is_type("(SELECT cast((z) AS b) FROM b z)") && is_type("(SELECT CAST(z as b[]))"));
        assert!(!is_type("(SELECT x AS b FROM c)") && !is_type("(SELECT cast(b AS text) FROM c)"));
        assert!(
            !is_type("(SELECT z FROM c AS b)") && !is_type("(SELECT cast((SELECT 1 AS b) AS int))")
        );
    }

    #[test]
    fn locks_are_those_of_the_query_around() {
        let locks = |sql: &str| locks_rows(sql, "b");
        assert!(
            locks("(SELECT x FROM b FOR SHARE)") && locks("(SELECT x FROM b z for no key update)")
        );
        assert!(locks("(SELECT x FROM b WHERE f(1) FOR KEY SHARE SKIP LOCKED)"));
        assert!(!locks("(SELECT x FROM b JOIN c ON true FOR SHARE OF c)"));
        assert!(locks("(SELECT x FROM c JOIN b ON true FOR SHARE OF b NOWAIT)"));
        assert!(locks("(SELECT x FROM (SELECT x FROM b) z FOR SHARE)"));
        assert!(!locks("(SELECT x FROM c WHERE EXISTS (SELECT 1 FROM b) FOR SHARE)"));
        assert!(
            !locks("(SELECT x FROM c FOR SHARE)") && !locks("(SELECT substring(x for 3) FROM b)")
        );
        assert!(!locks("(SELECT x FROM b) || (SELECT x FROM c FOR UPDATE)"));
        assert!(!locks("(SELECT x FROM c WHERE (SELECT x FROM b) = 'FOR SHARE')"));
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
