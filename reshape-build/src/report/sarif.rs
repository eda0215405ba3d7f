//! SARIF 2.1.0, which code hosts and editors read: <https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html>

use reshape_runtime::Rule;
use serde_json::{Value, json};

use super::json::level;
use crate::{Diagnostic, Diagnostics, Level, Location, rules};

/// A log with one run, ending with a newline. The rules that are broken are in it, each with its whole page as help.
pub fn sarif(problems: &Diagnostics) -> String {
    let mut broken: Vec<Rule> = problems.iter().map(|problem| problem.rule).collect();
    broken.sort_unstable();
    broken.dedup();
    let results: Vec<Value> = problems.iter().map(|problem| result(problem, &broken)).collect();
    let log = json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": {
                "name": "reshape",
                "version": env!("CARGO_PKG_VERSION"),
                "rules": broken.iter().map(|rule| described(*rule)).collect::<Vec<_>>(),
            }},
            "columnKind": "unicodeCodePoints",
            "results": results,
        }],
    });
    format!("{log:#}\n")
}

fn described(rule: Rule) -> Value {
    let page = rules::page(rule);
    let by_default = match rule.level() {
        reshape_runtime::rule::LintLevel::Deny => level(Level::Error),
        reshape_runtime::rule::LintLevel::Warn => level(Level::Warning),
        reshape_runtime::rule::LintLevel::Allow => "none",
    };
    json!({
        "id": rule.id(),
        "name": rule.name(),
        "shortDescription": { "text": rule.summary() },
        "help": { "text": page, "markdown": page },
        "defaultConfiguration": { "level": by_default },
    })
}

fn result(problem: &Diagnostic, rules: &[Rule]) -> Value {
    let mut text = problem.message.clone();
    for help in &problem.help {
        text.push_str(&format!("\nhelp: {help}"));
    }
    let related = problem.related_places().map(|(location, message)| {
        let mut place = place(location);
        place["message"] = json!({ "text": message });
        place
    });
    json!({
        "ruleId": problem.rule.id(),
        "ruleIndex": rules.iter().position(|rule| *rule == problem.rule),
        "level": level(problem.level),
        "message": { "text": text },
        "locations": [place(problem.location())],
        "relatedLocations": related.collect::<Vec<_>>(),
    })
}

fn place(location: Location<'_>) -> Value {
    let mut place = json!({ "artifactLocation": { "uri": uri(location.file) } });
    if let Some((start, end)) = location.range {
        place["region"] = json!({
            "startLine": start.0, "startColumn": start.1, "endLine": end.0, "endColumn": end.1
        });
    }
    json!({ "physicalLocation": place })
}

/// A relative path as a reference: everything but what a path may contain is escaped.
fn uri(path: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte);
    let escape = |byte: u8| {
        if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }
    };
    path.bytes().map(escape).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_a_reference() {
        assert_eq!(uri("migrations/1 é#.toml"), "migrations/1%20%C3%A9%23.toml");
    }
}
