//! The corpus in `tests/cases`: folders of migrations that are good, and folders that are bad in one way each, with everything that
//! is said about it in `expected.snap` beside the files.

use std::fs;
use std::panic::catch_unwind;
use std::path::{Path, PathBuf};

fn cases(kind: &str) -> Vec<PathBuf> {
    let folder = Path::new("../tests/cases").join(kind);
    let mut cases: Vec<PathBuf> = fs::read_dir(folder)
        .expect("the corpus is part of the repository")
        .map(|entry| entry.expect("the folder stays").path())
        .filter(|path| path.is_dir())
        .collect();
    cases.sort();
    assert!(!cases.is_empty(), "no case in {kind}");
    cases
}

#[test]
fn good_migrations_have_no_problem() {
    for case in cases("good") {
        if let Err(problems) = reshape_build::load(&[&case]) {
            panic!("{}:\n{problems}", case.display());
        }
    }
}

#[test]
fn bad_migrations_are_explained() {
    // Every case is looked at, not only those before the first that fails.
    let failed: Vec<PathBuf> =
        cases("bad").into_iter().filter(|case| catch_unwind(|| explain(case)).is_err()).collect();
    assert!(failed.is_empty(), "{failed:#?}");
}

fn explain(case: &Path) {
    let Err(problems) = reshape_build::load(&[case]) else {
        panic!("{}: no problem found", case.display())
    };
    let text = problems.to_string();
    for problem in &problems {
        // What editors go by must agree with what people read.
        let place = format!("{}:{}:{}", problem.file, problem.line, problem.column);
        assert!(
            text.contains(&place) || (problem.line, problem.column) == (1, 1),
            "{place} is not in\n{text}"
        );
    }
    let folder = format!("{}/", case.display());
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path(fs::canonicalize(case).expect("the case exists"));
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!("expected", text.replace(&folder, "")));
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
