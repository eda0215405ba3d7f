//! The commands that GitHub turns into annotations of a change.

use super::json::level;
use crate::{Diagnostic, Diagnostics};

/// A line for each problem, as in
/// [GitHub's workflow commands](https://docs.github.com/actions/reference/workflow-commands-for-github-actions#setting-an-error-message).
pub fn github(problems: &Diagnostics) -> String {
    problems.iter().map(line).collect()
}

fn line(problem: &Diagnostic) -> String {
    let location = problem.location();
    let mut properties = vec![("file", location.file.to_owned())];
    if let Some((start, end)) = location.range {
        properties.push(("line", start.0.to_string()));
        properties.push(("endLine", end.0.to_string()));
        // GitHub takes columns within one line only.
        if start.0 == end.0 {
            properties.push(("col", start.1.to_string()));
            properties.push(("endColumn", end.1.to_string()));
        }
    }
    properties.push(("title", format!("{} {}", problem.rule.id(), problem.rule.name())));
    let properties: Vec<String> =
        properties.iter().map(|(key, value)| format!("{key}={}", property(value))).collect();
    let mut message = problem.message.clone();
    for (location, told) in problem.related_places() {
        let line = location.range.map(|(start, _)| format!(":{}", start.0)).unwrap_or_default();
        message.push_str(&format!("\n{}{line}: {told}", location.file));
    }
    for help in &problem.help {
        message.push_str(&format!("\nhelp: {help}"));
    }
    format!("::{} {}::{}\n", level(problem.level), properties.join(","), data(&message))
}

fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_a_meaning_is_escaped() {
        assert_eq!(data("100%\r\n:,"), "100%25%0D%0A:,");
        assert_eq!(property("a:b,c%"), "a%3Ab%2Cc%25");
    }
}
