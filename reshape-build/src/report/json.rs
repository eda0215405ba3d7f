//! One JSON document.

use serde_json::{Value, json};

use crate::{Diagnostic, Diagnostics, Level, Location};

/// An array with an object for each problem, ending with a newline:
///
/// ```json
/// {
///   "rule": "R0202", "name": "unknown-column", "level": "error",
///   "message": "table `users` has no column `emial`",
///   "help": ["did you mean `email`?"],
///   "file": "migrations/0002_email.toml",
///   "start": { "line": 4, "column": 10 }, "end": { "line": 4, "column": 17 },
///   "related": [{ "message": "created here", "file": "…", "start": { … }, "end": { … } }],
///   "rendered": "error[R0202]: table `users` has no column `emial`\n…"
/// }
/// ```
///
/// `level` is `error` or `warning`. Lines and columns count from 1, columns in characters; `end` is behind the last one. Where the whole file is
/// meant, `start` and `end` are null.
pub fn json(problems: &Diagnostics) -> String {
    let problems: Vec<Value> = problems.iter().map(problem).collect();
    format!("{:#}\n", Value::Array(problems))
}

fn problem(problem: &Diagnostic) -> Value {
    let mut value = place(problem.location());
    value["rule"] = problem.rule.id().into();
    value["name"] = problem.rule.name().into();
    value["level"] = level(problem.level).into();
    value["message"] = problem.message.as_str().into();
    value["help"] = problem.help.clone().into();
    let related = problem.related_places().map(|(location, message)| {
        let mut value = place(location);
        value["message"] = message.into();
        value
    });
    value["related"] = related.collect();
    value["rendered"] = problem.render(false).into();
    value
}

fn place(location: Location<'_>) -> Value {
    let point = |(line, column): (usize, usize)| json!({ "line": line, "column": column });
    let (start, end) = location.range.map_or((None, None), |(start, end)| (Some(start), Some(end)));
    json!({ "file": location.file, "start": start.map(point), "end": end.map(point) })
}

/// The word for a level, the same in all formats.
pub(super) fn level(level: Level) -> &'static str {
    match level {
        Level::Error => "error",
        Level::Warning => "warning",
    }
}
