//! `explain`: what a rule is about.

use std::io::{self, Write as _};

use clap::Args;
use reshape_build::{Rule, rules};
use reshape_runtime::cli::Exit;
use reshape_runtime::rule::{Class, LintLevel};

use super::check::print;

/// Options of `explain`.
#[derive(Args, Debug)]
pub(crate) struct ExplainOptions {
    /// The rule, by its id or its name, e.g. `R0201` or `unknown-table`; without it, all are listed
    rule: Option<String>,
}

/// Prints the page of a rule, or the list.
pub(crate) fn explain(options: &ExplainOptions) -> Exit {
    let Some(text) = &options.rule else {
        print(&Rule::ALL.iter().map(|rule| line(*rule)).collect::<String>());
        return Exit::Done;
    };
    if let Some(rule) = Rule::parse(text) {
        print(rules::page(rule));
        return Exit::Done;
    }
    let names = Rule::ALL.iter().map(|rule| rule.name());
    let near = reshape_build::nearest(text, names).map(|name| format!("did you mean `{name}`?"));
    let help = near.unwrap_or_else(|| String::from("`reshape explain` lists them"));
    let _ = writeln!(io::stderr(), "error: there is no rule `{text}`\n  help: {help}");
    Exit::Usage
}

fn line(rule: Rule) -> String {
    let level = match rule.class() {
        Class::Error => "error",
        Class::Hazard(LintLevel::Deny) => "deny",
        Class::Hazard(LintLevel::Warn) => "warn",
        Class::Hazard(LintLevel::Allow) => "allow",
    };
    format!("{}  {:<32}  {level:<5}  {}\n", rule.id(), rule.name(), rule.summary())
}
