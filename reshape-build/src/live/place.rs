//! Where in a migration a server's error has its cause.
//!
//! **Invariant:** a place is named only where there is no other one that it could be.

use reshape_runtime::schema::Segment;
use serde_json::Value;

use crate::diagnostic::Place;
use crate::file::File;

/// Keys whose values are SQL.
const SQL: [&str; 12] = [
    "up",
    "down",
    "value",
    "values",
    "where",
    "default",
    "generated",
    "expression",
    "start",
    "complete",
    "abort",
    "type",
];

/// A string of an action.
struct Snippet {
    action: usize,
    path: Vec<Segment>,
    text: String,
}

/// The place of a failure: the very word that the server quotes, if one snippet of the migration has it; or else the migration's only action.
pub(super) fn locate(file: &File, message: &str) -> Place {
    let Some(migration) = &file.migration else { return Place::whole(&file.source) };
    let mut snippets = Vec::new();
    for (action, what) in migration.actions.iter().enumerate() {
        if let Ok(value) = serde_json::to_value(what) {
            collect(&value, action, &mut Vec::new(), false, &mut snippets);
        }
    }
    for word in quoted(message) {
        let mut found = snippets.iter().flat_map(|snippet| {
            occurrences(&snippet.text, &word).map(move |range| (snippet, range))
        });
        if let (Some((snippet, range)), None) = (found.next(), found.next()) {
            return file.place(snippet.action, &snippet.path, Some(&range));
        }
    }
    if migration.actions.len() == 1 {
        return file.place(0, &[], None);
    }
    Place::whole(&file.source)
}

fn collect(
    value: &Value,
    action: usize,
    path: &mut Vec<Segment>,
    is_sql: bool,
    snippets: &mut Vec<Snippet>,
) {
    match value {
        Value::String(text) if is_sql => {
            snippets.push(Snippet { action, path: path.clone(), text: text.clone() });
        }
        Value::Object(object) => {
            for (key, value) in object {
                path.push(Segment::Key(key.clone().into()));
                // The type of an action is no SQL.
                let own = SQL.contains(&key.as_str()) && !(key == "type" && path.len() == 1);
                collect(value, action, path, is_sql || own, snippets);
                path.pop();
            }
        }
        Value::Array(values) => {
            for (index, value) in values.iter().enumerate() {
                path.push(Segment::Index(index));
                collect(value, action, path, is_sql, snippets);
                path.pop();
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// What a message of the server has in double quotes, and names before an argument list: `function lowr(text) does not exist`.
fn quoted(message: &str) -> Vec<String> {
    let mut words: Vec<String> = message.split('"').skip(1).step_by(2).map(str::to_owned).collect();
    for (start, _) in message.match_indices('(') {
        let before = &message[..start];
        let name = before.rsplit(|c: char| !(c.is_alphanumeric() || c == '_')).next();
        words.extend(name.filter(|name| name.len() > 1).map(str::to_owned));
    }
    words.retain(|word| !word.is_empty());
    words
}

/// Where `word` stands in `text` as a word of its own.
fn occurrences<'t>(
    text: &'t str,
    word: &'t str,
) -> impl Iterator<Item = std::ops::Range<usize>> + 't {
    let inside = |c: char| c.is_alphanumeric() || c == '_';
    text.match_indices(word).filter_map(move |(start, found)| {
        let end = start + found.len();
        let before = text[..start].chars().next_back().is_some_and(inside);
        let after = text[end..].chars().next().is_some_and(inside);
        let word_like = word.starts_with(inside) && word.ends_with(inside);
        (!word_like || (!before && !after)).then_some(start..end)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_messages_are_found() {
        assert_eq!(quoted("column \"a b\" does not exist"), ["a b"]);
        assert_eq!(quoted("function lowr(text) does not exist"), ["lowr"]);
        assert_eq!(quoted("the step `x` failed"), [""; 0]);
        assert_eq!(
            occurrences("a_b + b + \"b\"", "b").map(|r| r.start).collect::<Vec<_>>(),
            [6, 11]
        );
        assert_eq!(occurrences("a ;;", ";").count(), 2);
    }
}
