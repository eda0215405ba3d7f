//! The corpus in `tests/cases`.
//!
//! `good/<name>` is a folder of migrations without a problem. `bad/<rule>/<case>` breaks that rule, once, and no other;
//! `expected.snap` beside its files is all that is said about it. A case is a folder of migrations, or has one called `migrations`, with what
//! belongs beside it: `reshape.toml`, `migrations.lock`. `several/<name>` has more than one defect: all of them are found at once.

use std::fs;
use std::panic::catch_unwind;
use std::path::{Path, PathBuf};

use reshape_build::{Diagnostics, Rule};

fn folders(folder: &Path) -> Vec<PathBuf> {
    let mut folders: Vec<PathBuf> = fs::read_dir(folder)
        .expect("the corpus is part of the repository")
        .map(|entry| entry.expect("the folder stays").path())
        .filter(|path| path.is_dir())
        .collect();
    folders.sort();
    assert!(!folders.is_empty(), "no case in {}", folder.display());
    folders
}

/// The folder of migrations of a case.
fn migrations(case: &Path) -> PathBuf {
    let inner = case.join("migrations");
    if inner.is_dir() { inner } else { case.to_owned() }
}

/// Every bad case, with the rule that it breaks.
fn bad() -> Vec<(Rule, PathBuf)> {
    let rules = folders(Path::new("../tests/cases/bad"));
    let cases = rules.iter().flat_map(|folder| {
        let name = folder.file_name().and_then(|name| name.to_str()).expect("a rule's name");
        let rule = Rule::parse(name).filter(|rule| rule.name() == name);
        let rule = rule.unwrap_or_else(|| panic!("`{name}` is no rule"));
        folders(folder).into_iter().map(move |case| (rule, case))
    });
    cases.collect()
}

#[test]
fn good_migrations_have_no_problem() {
    for case in folders(Path::new("../tests/cases/good")) {
        let (found, problems) = reshape_build::check(&[migrations(&case)]);
        assert!(problems.is_empty() && found.is_some(), "{}:\n{problems}", case.display());
    }
}

#[test]
fn bad_migrations_are_explained() {
    // Every case is looked at, not only those before the first that fails.
    let failed: Vec<PathBuf> = bad()
        .into_iter()
        .filter(|(rule, case)| catch_unwind(|| explain(*rule, case)).is_err())
        .map(|(_, case)| case)
        .collect();
    assert!(failed.is_empty(), "{failed:#?}");
}

fn explain(rule: Rule, case: &Path) {
    let (found, problems) = reshape_build::check(&[migrations(case)]);
    let text = problems.to_string();
    let rules: Vec<Rule> = problems.iter().map(|problem| problem.rule).collect();
    assert_eq!(rules, [rule], "{} breaks other rules than its own:\n{text}", case.display());
    assert_eq!(found.is_none(), problems.errors().next().is_some(), "{}", case.display());
    places_agree(&problems, &text);
    snapshot(case, &text);
}

fn snapshot(case: &Path, text: &str) {
    let folder = format!("{}/", case.display());
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path(fs::canonicalize(case).expect("the case exists"));
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!("expected", text.replace(&folder, "")));
}

#[test]
fn all_problems_are_found_at_once() {
    for case in folders(Path::new("../tests/cases/several")) {
        let (found, problems) = reshape_build::check(&[migrations(&case)]);
        assert!(found.is_none(), "{}", case.display());
        let text = problems.to_string();
        places_agree(&problems, &text);
        snapshot(&case, &text);
    }
}

/// What editors go by must agree with what people read.
fn places_agree(problems: &Diagnostics, text: &str) {
    for problem in problems {
        let place = format!("{}:{}:{}", problem.file, problem.line, problem.column);
        assert!(
            text.contains(&place) || (problem.line, problem.column) == (1, 1),
            "{place} is not in\n{text}"
        );
    }
}

#[test]
fn toml_and_json_are_the_same_migrations() {
    let toml = reshape_build::load(&["../tests/cases/good/all_actions_toml"]).unwrap();
    let json = reshape_build::load(&["../tests/cases/good/all_actions_json"]).unwrap();
    assert_eq!(toml, json);
}

#[test]
fn the_order_is_that_of_the_numbers() {
    let set = reshape_build::load(&["../tests/cases/good/order"]).unwrap();
    let names: Vec<&str> = set.migrations.iter().map(|m| m.name.as_ref()).collect();
    assert_eq!(names, ["1_first", "2_second", "10_third"]);
}
